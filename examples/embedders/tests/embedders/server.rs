use std::process::Command;

use pop3_std::{Client, ClientOptions, Security};
use pop3_tokio::client::{ClientError, Credentials, LoginPolicy, Retry};
use pop3_tokio::proto::MessageNumber;

use crate::support::Running;

fn server(options: &[&str]) -> Running {
    Running::new(Command::new(env!("CARGO_BIN_EXE_server")).args(options))
}

fn connect(server: &Running) -> Client {
    let port = server.address.port();
    Client::connect("127.0.0.1", port, Security::TrustedPlaintext, ClientOptions::new()).unwrap()
}

fn log_in(client: &mut Client, password: &str) -> Result<String, ClientError> {
    let credentials = Credentials::new("mrose").with_password(password);
    client.login_with(&credentials, &LoginPolicy::default()).map(|method| method.to_string())
}

#[test]
fn a_message_is_removed_and_the_log_tells_of_it() {
    let mut server = server(&[]);
    let mut client = connect(&server);
    assert_eq!(log_in(&mut client, "tanstaaf").unwrap(), "SCRAM-SHA-256");
    let mut content = Vec::new();
    client.retr(MessageNumber::FIRST, &mut content).unwrap();
    assert_eq!(content, b"Subject: hello\r\n\r\nThe first message.\r\n");
    client.dele(MessageNumber::FIRST).unwrap();
    client.quit().unwrap();
    let line = server.line();
    assert!(line.starts_with("session=1 peer=127.0.0.1:"), "{line}");
    let rest = "user=\"mrose\" method=SCRAM-SHA-256 sent=1 removed=1 ended=\"quit\" error=\"\"";
    assert!(line.ends_with(rest), "{line}");

    let mut client = connect(&server);
    client.login(b"mrose", b"tanstaaf").unwrap();
    assert_eq!(client.uidl().unwrap(), [(MessageNumber::FIRST, b"2".to_vec())]);
    client.quit().unwrap();
    assert!(server.line().contains("method=USER sent=0 removed=0"));
}

#[test]
fn a_maildrop_is_open_once_and_free_when_its_session_is_lost() {
    let mut server = server(&[]);
    let mut first = connect(&server);
    log_in(&mut first, "tanstaaf").unwrap();
    let in_use = log_in(&mut connect(&server), "tanstaaf").unwrap_err();
    assert_eq!(in_use.advice(), Retry::Later, "{in_use}");
    assert!(in_use.to_string().contains("IN-USE"), "{in_use}");
    drop(first);
    // The log line of the session is written when the maildrop is released.
    while !server.line().contains("user=\"mrose\"") {}
    log_in(&mut connect(&server), "tanstaaf").unwrap();
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    let server = server(&[]);
    let wrong = log_in(&mut connect(&server), "wrong").unwrap_err();
    let plain = connect(&server).login(b"mrose", b"wrong").unwrap_err();
    let unknown = connect(&server).login(b"nobody", b"tanstaaf").unwrap_err();
    assert_eq!(plain.to_string(), unknown.to_string());
    for error in [wrong, plain, unknown] {
        assert_eq!(error.advice(), Retry::OtherCredentials, "{error}");
    }
}

#[test]
fn a_database_that_is_too_slow_is_a_fault_that_passes() {
    // The test does not wait for an hour.
    let server = server(&["--latency", "3600000", "--deadline", "100"]);
    let error = connect(&server).login(b"mrose", b"tanstaaf").unwrap_err();
    assert!(error.to_string().contains("[SYS/TEMP]"), "{error}");
    assert_eq!(error.advice(), Retry::Later);
}

#[test]
fn an_interrupt_ends_the_server_and_removes_nothing() {
    let mut server = server(&[]);
    let mut client = connect(&server);
    log_in(&mut client, "tanstaaf").unwrap();
    client.dele(MessageNumber::FIRST).unwrap();
    assert!(server.interrupt());
    assert!(server.line().contains("removed=0 ended=\"stopped by the server\""));
    assert!(client.noop().is_err());
}
