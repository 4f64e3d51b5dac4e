use std::collections::BTreeSet;
use std::fs::File;
use std::io::Cursor;
use std::process::Command;

use pop3_tokio::memory::MemoryStore;
use pop3_tokio::server::{Peer, Service};
use rusqlite::Connection;

use crate::support::{Folder, Mail, Scripted, Server, mail, run};

struct Desk {
    folder: Folder,
    server: Server,
}

impl Desk {
    fn new(service: impl Service) -> Self {
        let folder = Folder::new();
        Self { server: Server::in_tls(service, &folder), folder }
    }

    fn with(messages: &[&str]) -> (MemoryStore, Self) {
        let (store, service) = mail(messages);
        (store, Self::new(service))
    }

    fn poll(&self, options: &[&str]) -> (bool, String) {
        let mut command = ticket_poller(&self.folder, &self.server.port());
        let (good, _, errors) = run(command.args(options));
        (good, errors)
    }

    fn well(&self, keep: &str) {
        let (good, errors) = self.poll(&["--keep", keep]);
        assert!(good && errors.is_empty(), "{errors}");
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path("tickets.db")).unwrap()
    }

    fn execute(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap();
    }

    fn tickets(&self) -> Vec<String> {
        texts(&self.database(), "SELECT CAST(message AS TEXT) FROM tickets ORDER BY number")
    }

    fn notes(&self) -> usize {
        texts(&self.database(), "SELECT note FROM notes").len()
    }
}

pub(crate) fn ticket_poller(folder: &Folder, port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticket_poller"));
    command.args(["127.0.0.1", "--port", port, "--user", "mrose", "--roots"]).arg(folder.path("cert.pem"));
    command.env("POP3_PASSWORD", "tanstaaf").arg("--database").arg(folder.path("tickets.db"));
    command
}

pub(crate) fn texts(database: &Connection, query: &str) -> Vec<String> {
    let mut select = database.prepare(query).unwrap();
    select.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn each_message_becomes_a_ticket_once_and_is_deleted_when_it_is_time() {
    let (store, desk) = Desk::with(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n"]);
    desk.well("1");
    store.deliver("mrose", b"Subject: c\n\nz\n");
    desk.well("1");
    desk.well("1");
    let expected = ["Subject: a\r\n\r\nx\r\n", "Subject: b\r\n\r\n.y\r\n", "Subject: c\r\n\r\nz\r\n"];
    assert_eq!(desk.tickets(), expected);
    assert_eq!(store.messages("mrose").len(), 3);
    // The tickets are a day old.
    desk.execute("UPDATE tickets SET day = day - 1");
    store.deliver("mrose", b"Subject: d\n\n!\n");
    desk.well("1");
    assert_eq!((store.messages("mrose").len(), desk.tickets().len()), (1, 4));
    desk.well("0");
    assert_eq!((store.messages("mrose").len(), desk.tickets().len()), (0, 4));
    assert_eq!(desk.notes(), 0, "what is deleted is forgotten");
    // With 0 days, the session that creates the ticket deletes the message.
    store.deliver("mrose", b"Subject: e\n\n!\n");
    desk.well("0");
    assert_eq!((store.messages("mrose").len(), desk.tickets().len(), desk.notes()), (0, 5, 0));
}

#[test]
fn a_message_that_the_database_refuses_comes_again_and_nothing_is_deleted_before() {
    let (store, desk) = Desk::with(&["Subject: a\n\nx\n", "Subject: b\n\ny\n"]);
    desk.well("1");
    store.deliver("mrose", b"Subject: c\n\nz\n");
    for table in ["tickets", "notes"] {
        desk.execute(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ));
        let (good, errors) = desk.poll(&["--keep", "0"]);
        let place = desk.folder.path("tickets.db");
        assert!(
            !good && errors.starts_with(&format!("ticket_poller: {}: no room", place.display())),
            "{errors}"
        );
        // There is neither a ticket without a note nor a note without a ticket.
        assert_eq!((store.messages("mrose").len(), desk.tickets().len(), desk.notes()), (3, 2, 2));
        desk.execute("DROP TRIGGER refuse");
    }
    desk.well("0");
    assert_eq!((store.messages("mrose").len(), desk.notes()), (0, 0));
    assert_eq!(desk.tickets()[2..], ["Subject: c\r\n\r\nz\r\n"]);
}

#[test]
fn a_session_whose_end_is_not_known_is_settled_by_the_next_listing() {
    let (store, desk) = Desk::with(&["Subject: a\n\nx\n", "Subject: b\n\ny\n"]);
    desk.well("1");
    // The poller was killed after DELE, and the server has not removed the messages.
    desk.execute("INSERT INTO notes (note) SELECT 'deleting ' || id FROM tickets");
    desk.well("1");
    assert_eq!((desk.tickets().len(), store.messages("mrose").len(), desk.notes()), (2, 2, 2));
    desk.well("0");
    assert_eq!((desk.tickets().len(), store.messages("mrose").len(), desk.notes()), (2, 0, 0));
}

#[test]
fn a_message_that_breaks_off_becomes_no_ticket() {
    let text = "Subject: a\r\n\r\nx\r\n";
    let desk = Desk::new(Mail(move |_: &Peer| Scripted {
        sizes: vec![text.len() as u64 + 10],
        give: move |_| Cursor::new(text),
    }));
    let (good, errors) = desk.poll(&["--keep", "0"]);
    assert!(!good && errors.starts_with("ticket_poller: 127.0.0.1: "), "{errors}");
    assert_eq!((desk.tickets().len(), desk.notes()), (0, 0));
}

#[test]
fn a_message_that_is_too_large_stays_and_the_others_become_tickets() {
    let large = format!("Subject: large\n\n{}", "sixteen octets.\n".repeat(10));
    let (store, desk) = Desk::with(&["Subject: a\n\nx\n", &large, "Subject: b\n\ny\n"]);
    let (good, errors) = desk.poll(&["--keep", "0", "--max-size", "100"]);
    assert!(good && errors == "message 2 is left on 127.0.0.1: it has 188 octets\n", "{errors}");
    let tickets: BTreeSet<_> = desk.tickets().into_iter().collect();
    assert_eq!(
        tickets,
        BTreeSet::from(["a\r\n\r\nx", "b\r\n\r\ny"].map(|text| format!("Subject: {text}\r\n")))
    );
    assert_eq!(store.messages("mrose").len(), 1);
}

#[test]
fn two_pollers_do_not_share_a_database() {
    let (_, desk) = Desk::with(&["Subject: a\n\nx\n"]);
    let lock = File::create(desk.folder.path("tickets.lock")).unwrap();
    lock.lock().unwrap();
    let (good, errors) = desk.poll(&[]);
    assert!(!good && errors.contains("another poller has the database"), "{errors}");
    assert!(!desk.folder.path("tickets.db").exists());
    drop(lock);
    desk.well("1");
    assert_eq!(desk.tickets().len(), 1);
}
