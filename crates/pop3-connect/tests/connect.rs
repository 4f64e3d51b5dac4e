//! Connecting and logging in over real sockets, on every runtime, and the messages to users.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use pop3_connect::{
    ClientRuntime, ClientTask, ConnectErrorKind, CredentialKind, Dial, Login, Settings, Source, TlsMode, Url,
    Way,
};
use pop3_driver::client::{Client, ClientError, Retry};
use pop3_driver::{Stop, Transport};

const PASSWORD: &str = "tanstaaf and some spaces";

/// Everything that the features enable.
const RUNTIMES: &[ClientRuntime] = &[
    #[cfg(feature = "tokio")]
    ClientRuntime::Tokio,
    #[cfg(feature = "async-std")]
    ClientRuntime::AsyncStd,
    #[cfg(feature = "smol")]
    ClientRuntime::Smol,
    #[cfg(feature = "threads")]
    ClientRuntime::Threads,
];

/// A server for one connection that answers each line by this rule. What it received is available when the client has
/// left.
fn server(reply: impl Fn(&str) -> &'static str + Send + 'static) -> (Url, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3://mrose@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        (&stream).write_all(b"+OK ready\r\n").unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(&stream).lines() {
            let Ok(line) = line else { break };
            let answered = (&stream).write_all(reply(&line).as_bytes());
            lines.push(line);
            if answered.is_err() {
                break;
            }
        }
        lines
    });
    (Url::parse(&url).unwrap(), serving)
}

struct Stat(Login);

impl ClientTask for Stat {
    type Output = Result<u32, ClientError>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        self.0.log_in(&mut client).await?;
        let stat = client.stat().await?;
        client.quit().await?;
        Ok(stat.messages)
    }
}

fn stat(settings: &Settings, url: &Url, runtime: ClientRuntime) -> Result<u32, pop3_connect::ConnectError> {
    let dial = Dial::new(settings, url)?;
    let login = Login::new(settings, url, dial.place())?.unwrap();
    let dial = dial.for_login(&login);
    dial.run(runtime, Stat(login)).and_then(|result| result).map_err(|error| dial.explain(&error))
}

fn settings() -> Settings {
    Settings::new().with_password(Source::given(PASSWORD))
}

#[test]
fn a_url_and_a_password_lead_into_the_maildrop_on_every_runtime() {
    for &runtime in RUNTIMES {
        let (url, serving) = server(|line| match line {
            "CAPA" => "-ERR\r\n",
            "STAT" => "+OK 3 300\r\n",
            _ => "+OK\r\n",
        });
        assert_eq!(stat(&settings(), &url, runtime).unwrap(), 3, "{runtime:?}");
        let said = serving.join().unwrap();
        assert!(said.contains(&format!("PASS {PASSWORD}")), "{runtime:?}: {said:?}");
    }
}

#[test]
fn a_refused_login_has_a_kind_and_one_harmless_line() {
    for &runtime in RUNTIMES {
        for (reply, kind, retry, words) in [
            ("-ERR [IN-USE] \x1b[1mlocked\r\n", ConnectErrorKind::Later, Retry::Later, "try again later"),
            (
                "-ERR [AUTH] \x1b[1mno\r\n",
                ConnectErrorKind::Login,
                Retry::OtherCredentials,
                "password is wrong",
            ),
        ] {
            let (url, serving) = server(move |line| match line.split(' ').next() {
                Some("CAPA") => "+OK\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUSER\r\n.\r\n",
                Some("PASS") => reply,
                _ => "+OK\r\n",
            });
            let error = stat(&settings(), &url, runtime).unwrap_err();
            let text = error.to_string();
            assert_eq!((error.kind(), error.advice()), (kind, retry), "{runtime:?}: {text}");
            let place = format!("127.0.0.1:{} refused the login: ", url.port());
            assert!(text.starts_with(&place) && text.contains(words), "{runtime:?}: {text}");
            assert!(!text.contains('\x1b') && !text.contains("tanstaaf"), "{runtime:?}: {text}");
            serving.join().unwrap();
        }
    }
}

#[test]
fn nothing_secret_is_sent_where_tls_is_wanted_and_not_had() {
    for &runtime in RUNTIMES {
        let (url, serving) = server(|line| if line == "QUIT" { "+OK\r\n" } else { "-ERR no\r\n" });
        let settings = settings().with_tls(TlsMode::StartTls);
        let error = stat(&settings, &url, runtime).unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Connection);
        assert!(
            error.to_string().ends_with("(try tls=implicit, or tls=off on a network that you trust)"),
            "{error}"
        );
        let said = serving.join().unwrap();
        assert!(said.iter().all(|line| !line.contains("tanstaaf") && !line.contains("mrose")), "{said:?}");
    }
}

#[test]
fn texts_name_settings_as_the_caller_does() {
    let (url, serving) = server(|_| "-ERR no\r\n");
    let naming = |key: &str, value: Option<&str>| format!("<{key} {}>", value.unwrap_or_default());
    let settings = settings().with_tls(TlsMode::StartTls).with_naming(naming);
    let error = stat(&settings, &url, RUNTIMES[0]).unwrap_err();
    assert!(error.to_string().contains("(try <tls implicit>, or <tls off> on"), "{error}");
    serving.join().unwrap();
}

#[test]
fn the_switch_ends_the_wait_for_a_greeting_on_every_runtime() {
    for &runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("pop3://mrose@127.0.0.1:{}", listener.local_addr().unwrap().port());
        let stop = Stop::new();
        let switch = stop.clone();
        let (ended, end) = mpsc::channel::<()>();
        let serving = thread::spawn(move || {
            let (_stream, _): (TcpStream, _) = listener.accept().unwrap();
            switch.stop();
            // The connection is held open until the client has given up.
            let _ = end.recv();
        });
        let settings = settings().with_stop(stop);
        let dial = Dial::new(&settings, &Url::parse(&url).unwrap()).unwrap();
        let login = Login::new(&settings, &Url::parse(&url).unwrap(), dial.place()).unwrap().unwrap();
        let result = dial.run(runtime, Stat(login)).and_then(|result| result);
        assert!(matches!(result, Err(ClientError::Stopped)), "{runtime:?}: {result:?}");
        drop(ended);
        serving.join().unwrap();
    }
}

#[test]
fn who_is_asked_is_the_last_resort() {
    let url = Url::parse("pop3s://mrose@mail.example").unwrap();
    let asked =
        Source::asked("the terminal", |_| Err(pop3_connect::ConnectError::of_source("somebody was asked")));
    let settings = Settings::new().with_password(asked);
    let error = Login::new(&settings, &url, "mail.example:995").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ConnectErrorKind::Settings, "somebody was asked")
    );
    let own = Some(("cert.pem".into(), "key.pem".into()));
    let settings = settings.with_client_cert(own.clone());
    let login = Login::new(&settings, &url, "mail.example:995").unwrap().unwrap();
    assert_eq!(login.kind(), CredentialKind::Certificate);
    // If the password is named, the error shows its source.
    let settings = settings.with_password(Source::given(PASSWORD));
    assert_eq!(Login::new(&settings, &url, "").unwrap().unwrap().kind(), CredentialKind::Password);
    // A user name is not needed if nobody logs in.
    let nobody = Url::parse("pop3s://mail.example").unwrap();
    assert!(
        Login::new(&Settings::new().with_password(Source::given(PASSWORD)), &nobody, "").unwrap().is_none()
    );
}

#[test]
fn only_the_source_that_the_way_takes_is_read() {
    let url = Url::parse("pop3s://mrose@mail.example").unwrap();
    let unread = || Source::asked("nobody", |_| panic!("this source is not taken"));
    let with_token = Settings::new().with_password(unread()).with_token(Source::given("ya29"));
    assert_eq!(Login::new(&with_token, &url, "").unwrap().unwrap().kind(), CredentialKind::Token);
    let with_password = settings().with_token(unread()).with_auth(Way::User);
    assert_eq!(Login::new(&with_password, &url, "").unwrap().unwrap().kind(), CredentialKind::Password);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_connected() {
    let url = Url::parse("pop3s://mrose@mail.example").unwrap();
    let refused = |settings: Settings| {
        let error = Login::new(&settings, &url, "mail.example:995").unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Settings);
        error.to_string()
    };
    let bound = settings().with_require_binding(true).with_auth(Way::Apop);
    assert_eq!(
        refused(bound),
        "require_binding requires a -PLUS mechanism, and USER, PASS and APOP can't be bound to TLS"
    );
    assert_eq!(refused(Settings::new()), "no password for mrose@mail.example:995: give password");
    assert_eq!(
        refused(Settings::new().with_password(Source::given("a\nb"))),
        "the password from the settings contains NUL, CR or LF, which POP3 can't send"
    );
    assert!(refused(Settings::new().with_password(Source::file("/nowhere/x"))).contains("/nowhere/x"));
    assert!(refused(Settings::new().with_password(Source::command("exit 3"))).contains("exit status: 3"));
}

#[test]
fn a_command_does_not_get_what_is_hidden_from_it() {
    const LINE: &str = "echo \"x$CARGO_MANIFEST_DIR\"";
    let read = |source: Source| Settings::new().with_password(source).read_password("mrose").unwrap();
    assert_ne!(read(Source::command(LINE)).expose(), b"x", "cargo sets it");
    assert_eq!(read(Source::command(LINE).hiding("CARGO_MANIFEST_DIR")).expose(), b"x");
    assert!(!format!("{:?}", settings()).contains("tanstaaf"));
}
