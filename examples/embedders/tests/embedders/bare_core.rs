use std::process::Command;

use pop3_std::{Client, ClientOptions, Security};
use pop3_tokio::client::ClientError;

use crate::support::{Running, Server, mail, run};

fn bare_core() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bare_core"))
}

fn fetch(address: impl ToString) -> (bool, String, String) {
    run(bare_core().args(["fetch", &address.to_string()]))
}

#[test]
fn the_two_loops_understand_each_other() {
    let server = Running::new(bare_core().arg("serve"));
    let notice = "Subject: notice\r\n\r\nThe office is closed.\r\n.\r\n";
    for _ in 0..2 {
        assert_eq!(fetch(server.address), (true, notice.to_owned(), String::new()));
    }
}

#[test]
fn the_client_loop_reads_another_server() {
    let large = "a line of a large message\n".repeat(20_000);
    let (_, service) = mail(&["Subject: a\n\n.one\n..two\n", &large]);
    let server = Server::in_clear(service);
    let (good, out, _) = fetch(server.address);
    assert!(good);
    let expected = format!("Subject: a\r\n\r\n.one\r\n..two\r\n{}", large.replace('\n', "\r\n"));
    assert!(out == expected, "{} octets of {}", out.len(), expected.len());
}

#[test]
fn the_client_loop_tells_of_a_refusal() {
    let (store, service) = mail(&[]);
    store.add_user("mrose", "another");
    let server = Server::in_clear(service);
    let (good, out, errors) = fetch(server.address);
    assert!(!good && out.is_empty());
    assert!(errors.starts_with("bare_core: refused: [AUTH]"), "{errors}");
}

#[test]
fn the_server_loop_serves_another_client() {
    let server = Running::new(bare_core().arg("serve"));
    let connect = || {
        let port = server.address.port();
        Client::connect("127.0.0.1", port, Security::TrustedPlaintext, ClientOptions::new()).unwrap()
    };
    let refused = connect().login(b"mrose", b"wrong").unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "{refused}");
    let mut client = connect();
    client.login(b"mrose", b"tanstaaf").unwrap();
    let (number, octets) = client.list().unwrap()[0];
    let mut content = Vec::new();
    assert_eq!(client.retr(number, &mut content).unwrap(), octets);
    client.dele(number).unwrap();
    let refused = client.quit().unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "the notice stays: {refused}");
    assert_eq!(fetch(server.address).1.len() as u64, octets);
}
