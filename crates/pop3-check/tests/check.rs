//! Checks of scripted servers, on each runtime.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use pop3_check::{
    Announced, Check, CheckReport, ClientRuntime, ConnectErrorKind, Finding, Settings, Source, Url,
};
use pop3_connect::TlsMode;
use serde_json::Value;

const RUNTIMES: [ClientRuntime; 4] =
    [ClientRuntime::Tokio, ClientRuntime::AsyncStd, ClientRuntime::Smol, ClientRuntime::Threads];

/// Answers this many connections, and returns what clients sent on them.
fn server(connections: usize, answer: fn(&str) -> &'static str) -> (Url, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3://support@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let serve = move |stream: TcpStream| {
        let mut said = Vec::new();
        (&stream).write_all(b"+OK ready\r\n").unwrap();
        for line in BufReader::new(&stream).lines() {
            let Ok(line) = line else { break };
            let reply = answer(&line);
            said.push(line);
            if reply.is_empty() || (&stream).write_all(reply.as_bytes()).is_err() {
                break;
            }
        }
        said
    };
    let work = move || (0..connections).map(|_| serve(listener.accept().unwrap().0)).collect();
    (Url::parse(&url).unwrap(), thread::spawn(work))
}

fn answer(line: &str) -> &'static str {
    match line {
        "CAPA" => "+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n.\r\n",
        "STAT" => "+OK 2 20\r\n",
        "LIST" => "-ERR no \x1b[1mlists\r\n",
        "UIDL" => "+OK\r\n1 a\r\n2 a\r\n.\r\n",
        "QUIT" => "",
        _ => "+OK\r\n",
    }
}

fn settings() -> Settings {
    Settings::new().with_password(Source::given("tanstaaf"))
}

fn json(report: &CheckReport) -> Value {
    report.json().parse().unwrap()
}

fn assert_seen(report: &CheckReport) {
    assert!(report.error.is_none(), "{:?}", report.error);
    assert_eq!(report.maildrop.map(|stat| (stat.messages, stat.octets)), Some((2, 20)));
    assert!(matches!(report.before_tls, Announced::NotAsked));
    assert_eq!(
        report.findings,
        [
            Finding::NoList(b"no \x1b[1mlists".to_vec()),
            Finding::UniqueIdTwice(b"a".to_vec()),
            Finding::HangUpAtQuit
        ]
    );
    let (text, json) = (report.to_string(), json(report));
    assert!(text.contains("logged in with    USER and PASS\n"), "{text}");
    assert!(!text.contains('\x1b') && !json.to_string().contains("u001b"), "{text}{json}");
    let names: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["no-list", "unique-id-twice", "hang-up-at-quit"]);
    assert_eq!((&json["maildrop"]["octets"], &json["error"]), (&20.into(), &Value::Null));
    assert_eq!(json["before_login"]["lines"][3], "PIPELINING");
}

#[test]
fn what_is_odd_is_found_on_each_runtime() {
    for runtime in RUNTIMES {
        let (url, server) = server(1, answer);
        assert_seen(&Check::new(&settings(), &url).unwrap().run(runtime));
        assert_eq!(server.join().unwrap()[0].last().unwrap(), "QUIT");
    }
}

#[test]
fn a_look_is_awaited_on_a_runtime_that_is_there() {
    let (url, server) = server(1, answer);
    let check = Check::new(&settings(), &url).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_seen(&runtime.block_on(check.look(pop3_tokio::connect)));
    server.join().unwrap();
}

/// TLS would begin on the second connection. Without it nothing secret is sent.
#[test]
fn without_tls_the_report_tells_what_was_seen_and_no_secret_was_sent() {
    let refuse = |line: &str| match line {
        "STLS" => "-ERR no\r\n",
        line => answer(line),
    };
    for runtime in RUNTIMES {
        let (url, server) = server(2, refuse);
        let settings = settings().with_tls(TlsMode::StartTls);
        let report = Check::new(&settings, &url).unwrap().run(runtime);
        assert_eq!(report.error.as_ref().map(|error| error.kind()), Some(ConnectErrorKind::Connection));
        assert_eq!(report.findings, [Finding::NoStls, Finding::PasswordsBeforeTls]);
        assert_eq!(json(&report)["error"]["kind"], "connection");
        assert!(report.greeting.is_none() && report.to_string().contains("before TLS        USER\n"));
        let said = server.join().unwrap();
        assert!(said.iter().flatten().all(|line| !line.contains("PASS")), "{said:?}");
    }
}

#[test]
fn where_nobody_listens_there_is_a_report_all_the_same() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = Url::parse(&format!("pop3://support@127.0.0.1:{free}")).unwrap();
    for runtime in RUNTIMES {
        let report = Check::new(&settings(), &url).unwrap().run(runtime);
        assert_eq!(report.error.as_ref().map(|error| error.kind()), Some(ConnectErrorKind::Connection));
        assert_eq!(report.to_string(), format!("server            127.0.0.1:{free}\n"));
        assert_eq!(json(&report)["before_login"], Value::Null);
    }
}
