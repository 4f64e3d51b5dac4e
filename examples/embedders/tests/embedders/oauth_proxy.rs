use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use pop3_std::{Client, ClientOptions, Security};
use pop3_tokio::client::{ClientError, Credentials, LoginPolicy, Mechanism, Retry};
use pop3_tokio::memory::MemoryStore;
use pop3_tokio::proto::MessageNumber;

use crate::support::{Folder, Running, Server, mail};

struct Scene {
    _folder: Folder,
    store: MemoryStore,
    provider: Option<Server>,
    proxy: Running,
}

/// A provider that supports only this mechanism, and the proxy in front of it.
fn scene(mechanism: Mechanism, messages: &[&str]) -> Scene {
    let folder = Folder::new();
    let (store, service) = mail(messages);
    store.add_token("mrose", "ya29.good");
    store.set_mechanisms(&[mechanism]);
    let provider = Server::in_tls(service, &folder);
    let proxy = proxy(&folder, &provider.port(), Some(folder.path("cert.pem")));
    Scene { _folder: folder, store, provider: Some(provider), proxy }
}

/// A proxy for a provider on this port.
fn proxy(folder: &Folder, port: &str, roots: Option<PathBuf>) -> Running {
    fs::create_dir(folder.path("tokens")).unwrap();
    fs::write(folder.path("tokens/Phone-1"), "ya29.good\n").unwrap();
    fs::write(folder.path("tokens/stale"), "ya29.stale\n").unwrap();
    fs::write(folder.path("secret"), "ya29.good\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_oauth_proxy"));
    command.args(["127.0.0.1", "--port", port, "--tokens"]).arg(folder.path("tokens"));
    if let Some(roots) = roots {
        command.arg("--roots").arg(roots);
    }
    Running::new(&mut command)
}

/// Sends all of this at once, and returns everything that arrives until the connection ends.
fn talk(proxy: &Running, commands: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

impl Scene {
    fn connect(&self) -> Client {
        let port = self.proxy.address.port();
        Client::connect("127.0.0.1", port, Security::TrustedPlaintext, ClientOptions::new()).unwrap()
    }

    fn log_in(&self, password: &str) -> ClientError {
        self.connect().login(b"mrose", password.as_bytes()).unwrap_err()
    }
}

#[test]
fn an_old_client_reads_and_deletes_mail_of_the_provider() {
    for mechanism in [Mechanism::OAuthBearer, Mechanism::XOAuth2] {
        let mut scene = scene(mechanism, &["Subject: a\n\n.x\n", "Subject: b\n\ny\n"]);
        let mut client = scene.connect();
        let credentials = Credentials::new("mrose").with_password("Phone-1");
        let method = client.login_with(&credentials, &LoginPolicy::default()).unwrap();
        assert_eq!(method.to_string(), "PLAIN");
        let mut content = Vec::new();
        client.retr(MessageNumber::FIRST, &mut content).unwrap();
        assert_eq!(content, b"Subject: a\r\n\r\n.x\r\n");
        client.dele(MessageNumber::FIRST).unwrap();
        client.quit().unwrap();
        assert_eq!(scene.store.messages("mrose").len(), 1);
        let line = scene.proxy.line();
        assert!(line.starts_with("session=1 ") && line.contains("user=Some(\"mrose\")"), "{line}");
    }
}

#[test]
fn commands_that_came_with_the_login_reach_the_provider_in_their_order() {
    let large = "a line of a large message\n".repeat(40_000);
    // PLAIN with `mrose` and `Phone-1`.
    let logins = ["USER mrose\r\nPASS Phone-1\r\n", "AUTH PLAIN AG1yb3NlAFBob25lLTE=\r\n"];
    for (login, mechanism) in logins.into_iter().zip([Mechanism::OAuthBearer, Mechanism::XOAuth2]) {
        let scene = scene(mechanism, &["Subject: a\n\nx\n", &large]);
        let said = talk(&scene.proxy, &format!("{login}STAT\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n"));
        let large = large.replace('\n', "\r\n");
        let (before, after) = said.split_once(&large).unwrap();
        let lines: Vec<&str> = before.lines().collect();
        // The greeting, the login, STAT and RETR.
        assert_eq!(lines.len(), 3 + login.lines().count(), "{before}");
        assert!(lines.iter().all(|line| line.starts_with("+OK")), "{before}");
        assert!(lines[lines.len() - 2].starts_with("+OK 2 "), "{before}");
        assert!(after.starts_with(".\r\n+OK") && after.ends_with("\r\n"), "{after}");
        assert_eq!(scene.store.messages("mrose").len(), 1);
    }
}

#[test]
fn a_client_that_goes_away_deletes_nothing() {
    let scene = scene(Mechanism::OAuthBearer, &["Subject: a\n\nx\n"]);
    let mut client = scene.connect();
    client.login(b"mrose", b"Phone-1").unwrap();
    client.dele(MessageNumber::FIRST).unwrap();
    drop(client);
    // The maildrop is unlocked when the proxy has noticed.
    while scene.connect().login(b"mrose", b"Phone-1").is_err() {}
    assert_eq!(scene.store.messages("mrose").len(), 1);
}

#[test]
fn a_provider_that_goes_away_ends_the_connection() {
    let mut scene = scene(Mechanism::XOAuth2, &[]);
    let mut client = scene.connect();
    client.login(b"mrose", b"Phone-1").unwrap();
    client.noop().unwrap();
    drop(scene.provider.take());
    assert!(client.noop().is_err());
}

#[test]
fn only_the_name_of_a_good_token_logs_in() {
    let scene = scene(Mechanism::OAuthBearer, &[]);
    // All at the same time, because the server delays each of them.
    thread::scope(|scope| {
        for wrong in ["stale", "nothing", "../secret", "/", ".", "Phone-1\u{e9}"] {
            let scene = &scene;
            scope.spawn(move || {
                let error = scene.log_in(wrong);
                let expected = if wrong.is_ascii() { Retry::OtherCredentials } else { Retry::Never };
                assert_eq!(error.advice(), expected, "{wrong}: {error}");
            });
        }
    });
}

#[test]
fn a_client_whose_token_is_refused_is_told_so_and_may_try_another() {
    let refused_by = |mechanism| {
        let mut scene = scene(mechanism, &["Subject: a\n\nx\n"]);
        let commands = "USER mrose\r\nPASS stale\r\nUSER mrose\r\nPASS Phone-1\r\nSTAT\r\nQUIT\r\n";
        let said = talk(&scene.proxy, commands);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 7, "{said}");
        assert_eq!(lines[2], "-ERR [AUTH] invalid name or password", "{said}");
        assert_eq!(lines[4..6], ["+OK logged in", "+OK 1 17"], "{said}");
        assert!(scene.proxy.line().contains("user=Some(\"mrose\")"));
    };
    thread::scope(|scope| {
        scope.spawn(|| refused_by(Mechanism::OAuthBearer));
        scope.spawn(|| refused_by(Mechanism::XOAuth2));
    });
}

#[test]
fn a_provider_that_is_down_is_a_fault_that_passes() {
    let mut scene = scene(Mechanism::XOAuth2, &[]);
    drop(scene.provider.take());
    let error = scene.log_in("Phone-1");
    assert_eq!(error.advice(), Retry::Later, "{error}");
    assert!(error.to_string().contains("[SYS/TEMP] "), "{error}");
    assert!(scene.proxy.line().contains("user=None"));
}

#[test]
fn a_token_is_sent_over_verified_tls_only() {
    // The certificate of this provider is not trusted, so the handshake fails.
    let folder = Folder::new();
    let (store, service) = mail(&["Subject: a\n\nx\n"]);
    store.add_token("mrose", "ya29.good");
    let provider = Server::in_tls(service, &folder);
    let untrusting = proxy(&folder, &provider.port(), None);
    let said = talk(&untrusting, "USER mrose\r\nPASS Phone-1\r\nQUIT\r\n");
    assert!(said.contains("-ERR [SYS/PERM] the provider can't be used\r\n"), "{said}");

    // A provider without TLS receives the first message of a handshake, and no command.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let provider = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"+OK ready\r\n").unwrap();
        let mut said = Vec::new();
        // The connection may end with a reset.
        let _ = stream.read_to_end(&mut said);
        said
    });
    let folder = Folder::new();
    let plain = proxy(&folder, &port, Some(folder.path("cert.pem")));
    let said = talk(&plain, "USER mrose\r\nPASS Phone-1\r\nQUIT\r\n");
    assert!(said.contains("\r\n-ERR [SYS/"), "{said}");
    const HANDSHAKE: u8 = 22;
    let sent = provider.join().unwrap();
    assert_eq!(sent.first(), Some(&HANDSHAKE));
    assert!(!sent.windows(4).any(|octets| octets == b"AUTH" || octets == b"ya29"));
}
