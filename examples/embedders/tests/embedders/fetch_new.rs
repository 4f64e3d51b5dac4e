use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::relay::Relay;
use crate::support::{Folder, Server, mail, read, run};

fn fetch_new(folder: &Folder, port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetch_new"));
    command.args(["127.0.0.1", "--port", port, "--user", "mrose", "--roots"]).arg(folder.path("cert.pem"));
    command.env("POP3_PASSWORD", "tanstaaf").env("XDG_STATE_HOME", folder.path("state"));
    command.arg(folder.path("mail"));
    command
}

/// How often each message is in the Maildir.
fn stored(folder: &Folder) -> BTreeMap<String, usize> {
    let mut messages = BTreeMap::new();
    for entry in fs::read_dir(folder.path("mail/new")).unwrap() {
        *messages.entry(read(&entry.unwrap().path())).or_default() += 1;
    }
    messages
}

fn once(messages: &[&str]) -> BTreeMap<String, usize> {
    messages.iter().map(|&message| (message.to_owned(), 1)).collect()
}

#[test]
fn only_new_messages_are_fetched_and_their_octets_are_shown() {
    let folder = Folder::new();
    let (store, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n"]);
    let server = Server::in_tls(service, &folder);
    let account = format!("mrose@127.0.0.1:{}", server.port());
    let (good, out, errors) = run(&mut fetch_new(&folder, &server.port()));
    assert!(good, "{errors}");
    assert_eq!(out, format!("{account}: 2 messages fetched (35 octets)\n"));
    // On a terminal, each line replaces those before the last carriage return.
    let lines: Vec<_> = errors.lines().map(|line| line.rsplit('\r').next().unwrap()).collect();
    let expected = [
        "message 1 (1 of 2): 17 of 17 octets, in all 17 of 35",
        "message 2 (2 of 2): 18 of 18 octets, in all 35 of 35",
    ];
    assert_eq!(lines, expected);
    assert_eq!(stored(&folder), once(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n"]));
    store.deliver("mrose", b"Subject: c\n\nz\n");
    let (good, out, errors) = run(&mut fetch_new(&folder, &server.port()));
    assert!(good && out.ends_with(": 1 message fetched (17 octets), 2 fetched earlier\n"), "{out}{errors}");
    assert_eq!(stored(&folder).len(), 3);
    assert_eq!(store.messages("mrose").len(), 3);
    let (good, out, errors) = run(fetch_new(&folder, &server.port()).arg("--delete"));
    assert!(
        good && out.ends_with(": 0 messages fetched (0 octets), 3 deleted from the server\n"),
        "{out}{errors}"
    );
    assert_eq!((stored(&folder).len(), store.messages("mrose").len()), (3, 0));
}

#[test]
fn after_a_connection_that_breaks_in_a_message_nothing_is_lost_and_nothing_comes_twice() {
    let folder = Folder::new();
    let large = format!("Subject: large\n\n{}", "sixteen octets.\n".repeat(20_000));
    let messages = ["Subject: a\n\nx\n", &large, "Subject: b\n\ny\n"];
    let (store, service) = mail(&messages);
    let server = Server::in_tls(service, &folder);
    // The connection is cut once, in the middle of the large message.
    let mut left = 200_000_usize;
    let relay = Relay::new(server.address, move |octets| {
        let before = left;
        left = left.saturating_sub(octets);
        before == 0 || left > 0
    });
    let (good, out, errors) = run(fetch_new(&folder, &relay.port()).arg("--delete"));
    assert!(!good && out.is_empty(), "{out}");
    assert!(errors.contains("\rmessage 2 (2 of 3): "), "{errors}");
    let last = errors.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("fetch_new: mrose@127.0.0.1:{}: the session failed: ", relay.port())),
        "{last}"
    );
    assert!(!stored(&folder).contains_key(&large));
    assert_eq!(store.messages("mrose").len(), 3);
    let (good, _, errors) = run(fetch_new(&folder, &relay.port()).arg("--delete"));
    assert!(good, "{errors}");
    assert_eq!(stored(&folder), once(&messages));
    assert_eq!(store.messages("mrose").len(), 0);
}

#[test]
fn errors_name_the_account() {
    let folder = Folder::new();
    // Nobody listens on this port any longer.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (good, _, errors) = run(&mut fetch_new(&folder, &port));
    assert!(!good);
    assert!(
        errors.starts_with(&format!("fetch_new: mrose@127.0.0.1:{port}: the connection failed: ")),
        "{errors}"
    );
}
