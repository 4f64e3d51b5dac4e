//! The first three programs: how long they are, that the guides show them, and what they do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use pop3_std::Client;
use pop3_tokio::client::{ClientError, Retry};
use pop3_tokio::proto::MessageNumber;

use crate::support::{Folder, Mail, Printing, Running, Scripted, Server, mail, read, run};

/// A program, the number of lines that it may have, and the page that shows it.
const PROGRAMS: [(&str, usize, &str); 3] = [
    ("pop3-fetch/guide/client.rs", 15, "client.md"),
    ("pop3-fetch/guide/poller.rs", 40, "client.md"),
    ("pop3-tokio/guide/server.rs", 100, "backend.md"),
];

#[test]
fn they_are_short_and_the_guides_show_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, most, page) in PROGRAMS {
        let text = read(&root.join("../../crates").join(name));
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        assert!(lines <= most, "{name} has {lines} lines of code");
        assert!(
            text.lines().all(|line| line.len() <= 100),
            "{name}: the lines of rustfmt have 100 characters"
        );
        // The page begins with the code.
        let (_, shown) = text.split_once("\n\n").unwrap();
        let page = root.join("../../docs").join(page);
        assert!(read(&page).contains(shown), "{} has another text of {name}", page.display());
    }
}

/// A program that is a client, in a folder of its own. It trusts the certificate as one of the system.
fn client(program: &str, folder: &Folder, port: &str) -> Command {
    let mut command = Command::new(program);
    command.env("POP3_HOST", format!("localhost:{port}")).env("POP3_PASSWORD", "tanstaaf");
    command.env("SSL_CERT_FILE", folder.path("cert.pem")).env("XDG_STATE_HOME", folder.path("state"));
    command.current_dir(folder.path(""));
    command
}

/// How often each message is in the Maildir.
fn saved(folder: &Folder) -> BTreeMap<String, usize> {
    let mut messages = BTreeMap::new();
    for entry in fs::read_dir(folder.path("inbox/new")).unwrap() {
        *messages.entry(read(&entry.unwrap().path())).or_default() += 1;
    }
    messages
}

#[test]
fn the_client_lists_all_messages_and_saves_the_new_ones() {
    let folder = Folder::new();
    let (store, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n"]);
    let server = Server::in_tls(service, &folder);
    let program = env!("CARGO_BIN_EXE_first_client");
    let (good, out, errors) = run(&mut client(program, &folder, &server.port()));
    assert!(good, "{errors}");
    assert_eq!(out, "message 1: 17 octets\nmessage 2: 18 octets\n2 messages fetched (35 octets)\n");
    store.deliver("mrose", b"Subject: c\n\nz\n");
    let (good, out, errors) = run(&mut client(program, &folder, &server.port()));
    assert!(good && out.ends_with("\n1 message fetched (17 octets), 2 fetched earlier\n"), "{out}{errors}");
    let once = |text: &str| (text.to_owned(), 1);
    let expected = ["Subject: a\n\nx\n", "Subject: b\n\n.y\n", "Subject: c\n\nz\n"].map(once);
    assert_eq!(saved(&folder), expected.into());
    assert_eq!(store.messages("mrose").len(), 3);
}

#[test]
fn the_client_believes_no_certificate_that_the_system_does_not() {
    let folder = Folder::new();
    let (_, service) = mail(&[]);
    let server = Server::in_tls(service, &folder);
    let mut command = client(env!("CARGO_BIN_EXE_first_client"), &folder, &server.port());
    let (good, _, errors) = run(command.env("SSL_CERT_FILE", Folder::new().path("none.pem")));
    assert!(!good && errors.contains("Tls("), "{errors}");
}

#[test]
fn the_poller_remembers_what_it_has_saved_over_restarts() {
    let folder = Folder::new();
    let texts = ["Subject: a\r\n\r\nx\r\n", "Subject: b\r\n\r\ny\r\n"];
    // It can't delete anything: it says so at QUIT.
    let stubborn = move || Scripted {
        sizes: texts.iter().map(|text| text.len() as u64).collect(),
        give: move |index: usize| std::io::Cursor::new(texts[index]),
    };
    let server = Server::in_tls(Mail(move |_: &_| stubborn()), &folder);
    let account = format!("mrose@localhost:{}", server.port());
    let expected = [
        format!("{account}: 2 messages fetched (34 octets), 2 not deleted from the server"),
        format!("{account}: 0 messages fetched (0 octets), 2 not deleted from the server"),
    ];
    for expected in expected {
        let mut command = client(env!("CARGO_BIN_EXE_first_poller"), &folder, &server.port());
        // It would poll again after a minute, and is killed.
        assert_eq!(Printing::new(&mut command).line(), expected);
    }
    let expected = texts.map(|text| (text.replace('\r', ""), 1));
    assert_eq!(saved(&folder), expected.into());
}

#[test]
fn the_poller_deletes_what_it_has_saved() {
    let folder = Folder::new();
    let (store, service) = mail(&["Subject: a\n\nx\n"]);
    let server = Server::in_tls(service, &folder);
    let mut poller = Printing::new(&mut client(env!("CARGO_BIN_EXE_first_poller"), &folder, &server.port()));
    let line = poller.line();
    assert!(line.ends_with(": 1 message fetched (17 octets), 1 deleted from the server"), "{line}");
    assert_eq!((saved(&folder).len(), store.messages("mrose").len()), (1, 0));
}

#[test]
fn the_poller_ends_when_the_password_is_wrong() {
    let folder = Folder::new();
    let (_, service) = mail(&[]);
    let server = Server::in_tls(service, &folder);
    let mut command = client(env!("CARGO_BIN_EXE_first_poller"), &folder, &server.port());
    let (good, out, errors) = run(command.env("POP3_PASSWORD", "wrong"));
    assert!(!good && out.is_empty());
    let account = format!("mrose@localhost:{}", server.port());
    assert!(errors.starts_with(&format!("{account}: the session failed: the server refused ")), "{errors}");
}

/// The server, with two users, and two messages of the first one.
fn server(folder: &Folder) -> Running {
    for user in ["mrose", "other"] {
        fs::create_dir_all(folder.path("mail").join(user)).unwrap();
    }
    fs::write(folder.path("mail/mrose/a.eml"), "Subject: a\n\nx\n").unwrap();
    fs::write(folder.path("mail/mrose/b.eml"), "Subject: b\n\n.y\n").unwrap();
    fs::write(folder.path("mail/mrose/c.part"), "Subject: not comp").unwrap();
    fs::write(folder.path("passwords"), "mrose tanstaaf\nother a word\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_first_server"));
    let files = ["mail", "passwords", "cert.pem", "key.pem"];
    Running::new(command.arg("127.0.0.1:0").args(files).current_dir(folder.path("")))
}

fn log_in(server: &Running, folder: &Folder, name: &str, password: &str) -> Result<Client, ClientError> {
    let builder = Client::builder(&server.address.to_string()).ca_file(folder.path("cert.pem"));
    builder.login(name, password).connect()
}

#[test]
fn the_server_deletes_at_quit_and_not_before() {
    let folder = Folder::new();
    let mut server = server(&folder);
    let mut client = log_in(&server, &folder, "mrose", "tanstaaf").unwrap();
    let uids = client.uidl().unwrap();
    assert_eq!(uids.len(), 2);
    let number = |uid: &[u8]| uids.iter().find(|(_, of)| of == uid).map(|&(number, _)| number).unwrap();
    let mut content = Vec::new();
    let octets = client.retr(number(b"b.eml"), &mut content).unwrap();
    assert_eq!(
        (&*content, octets),
        (&b"Subject: b\r\n\r\n.y\r\n"[..], client.list_one(number(b"b.eml")).unwrap())
    );
    client.dele(number(b"a.eml")).unwrap();
    // The connection is lost.
    drop(client);
    assert!(server.line().contains("Some(\"mrose\"), "));
    let mut client = log_in(&server, &folder, "mrose", "tanstaaf").unwrap();
    assert_eq!(client.stat().unwrap().messages, 2);
    let uids = client.uidl().unwrap();
    let number = |uid: &[u8]| uids.iter().find(|(_, of)| of == uid).map(|&(number, _)| number).unwrap();
    client.dele(number(b"a.eml")).unwrap();
    client.quit().unwrap();
    assert!(server.line().ends_with("Some(\"mrose\"), quit"));
    let left = fs::read_dir(folder.path("mail/mrose")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["b.eml", "c.part"]);
}

#[test]
fn the_server_opens_a_maildrop_once_and_tells_nobody_who_exists() {
    let folder = Folder::new();
    let server = server(&folder);
    let first = log_in(&server, &folder, "mrose", "tanstaaf").unwrap();
    let in_use = log_in(&server, &folder, "mrose", "tanstaaf").unwrap_err();
    assert!(in_use.to_string().contains("[IN-USE]") && in_use.advice() == Retry::Later, "{in_use}");
    let mut other = log_in(&server, &folder, "other", "a word").unwrap();
    assert!(other.list().unwrap().is_empty());
    let wrong = log_in(&server, &folder, "mrose", "wrong").unwrap_err();
    for name in ["nobody", "..", "."] {
        let unknown = log_in(&server, &folder, name, "tanstaaf").unwrap_err();
        assert_eq!(unknown.to_string(), wrong.to_string());
        assert_eq!(unknown.advice(), Retry::OtherCredentials);
    }
    drop(first);
}

#[test]
fn an_interrupt_ends_the_server_and_removes_nothing() {
    let folder = Folder::new();
    let mut server = server(&folder);
    let mut client = log_in(&server, &folder, "mrose", "tanstaaf").unwrap();
    client.dele(MessageNumber::FIRST).unwrap();
    assert!(server.interrupt());
    assert!(server.line().ends_with("Some(\"mrose\"), stopped by the server"));
    assert!(client.noop().is_err());
    assert_eq!(fs::read_dir(folder.path("mail/mrose")).unwrap().count(), 3);
}
