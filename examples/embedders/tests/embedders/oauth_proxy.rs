use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use pop3_std::{Client, Options, Security};
use pop3_tokio::client::{Credentials, Error, LoginPolicy, Mechanism, Retry};
use pop3_tokio::memory::MemoryStore;
use pop3_tokio::proto::MessageNumber;

use crate::support::{Folder, Running, Server, mail};

struct Scene {
    _folder: Folder,
    store: MemoryStore,
    provider: Option<Server>,
    proxy: Running,
}

/// A provider that knows only this mechanism, and the proxy in front of it.
fn scene(mechanism: Mechanism, messages: &[&str]) -> Scene {
    let folder = Folder::new();
    let (store, service) = mail(messages);
    store.add_token("mrose", "ya29.good");
    store.set_mechanisms(&[mechanism]);
    let provider = Server::in_tls(service, &folder);
    fs::create_dir(folder.path("tokens")).unwrap();
    fs::write(folder.path("tokens/Phone-1"), "ya29.good\n").unwrap();
    fs::write(folder.path("tokens/stale"), "ya29.stale\n").unwrap();
    fs::write(folder.path("secret"), "ya29.good\n").unwrap();
    let proxy = Running::new(
        Command::new(env!("CARGO_BIN_EXE_oauth_proxy"))
            .args(["127.0.0.1", "--port", &provider.port(), "--roots"])
            .arg(folder.path("cert.pem"))
            .arg("--tokens")
            .arg(folder.path("tokens")),
    );
    Scene { _folder: folder, store, provider: Some(provider), proxy }
}

impl Scene {
    fn connect(&self) -> Client {
        let port = self.proxy.address.port();
        Client::connect("127.0.0.1", port, Security::TrustedPlaintext, Options::new()).unwrap()
    }

    fn log_in(&self, password: &str) -> Error {
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
    let scene = scene(Mechanism::OAuthBearer, &["Subject: a\n\nx\n", &large]);
    let mut stream = TcpStream::connect(scene.proxy.address).unwrap();
    stream.write_all(b"USER mrose\r\nPASS Phone-1\r\nSTAT\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let large = large.replace('\n', "\r\n");
    let (before, after) = said.split_once(&large).unwrap();
    let lines: Vec<&str> = before.lines().collect();
    assert_eq!(lines.len(), 5, "{before}");
    assert!(lines[..4].iter().all(|line| line.starts_with("+OK")), "{before}");
    assert!(lines[3].starts_with("+OK 2 "), "{before}");
    assert!(after.starts_with(".\r\n+OK") && after.ends_with("\r\n"), "{after}");
    assert_eq!(scene.store.messages("mrose").len(), 1);
}

#[test]
fn a_client_that_goes_away_deletes_nothing() {
    let scene = scene(Mechanism::OAuthBearer, &["Subject: a\n\nx\n"]);
    let mut client = scene.connect();
    client.login(b"mrose", b"Phone-1").unwrap();
    client.dele(MessageNumber::FIRST).unwrap();
    drop(client);
    // The maildrop is free when the proxy has noticed.
    while scene.connect().login(b"mrose", b"Phone-1").is_err() {}
    assert_eq!(scene.store.messages("mrose").len(), 1);
}

#[test]
fn only_the_name_of_a_good_token_logs_in() {
    let mut scene = scene(Mechanism::OAuthBearer, &[]);
    for wrong in ["stale", "nothing", "../secret", "/", ".", "Phone-1\u{e9}"] {
        let error = scene.log_in(wrong);
        let expected = if wrong.is_ascii() { Retry::OtherCredentials } else { Retry::Never };
        assert_eq!(error.advice(), expected, "{wrong}: {error}");
    }
    assert!(scene.proxy.line().contains("user=None"));
    // A provider that can't be reached is a fault that passes.
    drop(scene.provider.take());
    let error = scene.log_in("Phone-1");
    assert_eq!(error.advice(), Retry::Later, "{error}");
}
