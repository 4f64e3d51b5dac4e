use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Cursor;
use std::process::Command;

use pop3_tokio::server::Peer;

use crate::support::{Folder, Mail, Scripted, Server, mail, read, run};

/// Writes each message to a file that has its id for a name, and a line into `log`.
const TICKETS: &str = r#"echo "$POP3_ID" >> "$0/log"; cat > "$0/$POP3_ID""#;

/// Takes half of what is handed over, and fails.
const BROKEN: &str = r#"echo failed >> "$0/log"; head -c 5; exit 1"#;

struct Desk {
    folder: Folder,
    server: Server,
}

impl Desk {
    fn poll(&self, keep: &str, script: &str) -> (bool, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticket_poller"));
        command.args(["127.0.0.1", "--user", "mrose", "--keep", keep, "--port", &self.server.port()]);
        command.env("POP3_PASSWORD", "tanstaaf").arg("--roots").arg(self.folder.path("cert.pem"));
        command.arg("--book").arg(self.folder.path("book"));
        fs::create_dir_all(self.folder.path("tickets")).unwrap();
        run(command.args(["--", "sh", "-c", script]).arg(self.folder.path("tickets")))
    }

    fn well(&self, keep: &str) {
        let (good, _, errors) = self.poll(keep, TICKETS);
        assert!(good && errors.is_empty(), "{errors}");
    }

    /// The ids in the order in which they were handed over.
    fn log(&self) -> Vec<String> {
        read(&self.folder.path("tickets/log")).lines().map(str::to_owned).collect()
    }

    fn tickets(&self) -> BTreeSet<String> {
        self.log().iter().map(|id| read(&self.folder.path(&format!("tickets/{id}")))).collect()
    }
}

fn expected(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| text.replace('\n', "\r\n")).collect()
}

#[test]
fn each_message_is_handed_over_once_and_deleted_when_it_is_time() {
    let (store, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n"]);
    let folder = Folder::new();
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    desk.well("1");
    store.deliver("mrose", b"Subject: c\n\nz\n");
    desk.well("1");
    desk.well("1");
    assert_eq!(desk.log().len(), 3);
    assert_eq!(desk.tickets(), expected(&["Subject: a\n\nx\n", "Subject: b\n\n.y\n", "Subject: c\n\nz\n"]));
    assert_eq!(store.messages("mrose").len(), 3);
    // They were handed over yesterday.
    let book = read(&desk.folder.path("book"));
    let today = book.split(' ').next().unwrap();
    let yesterday = (today.parse::<u32>().unwrap() - 1).to_string();
    let book: String = book.lines().map(|line| line.replacen(today, &yesterday, 1) + "\n").collect();
    fs::write(desk.folder.path("book"), book).unwrap();
    store.deliver("mrose", b"Subject: d\n\n!\n");
    desk.well("1");
    assert_eq!((store.messages("mrose").len(), desk.log().len()), (1, 4));
    desk.well("0");
    assert_eq!((store.messages("mrose").len(), desk.log().len()), (0, 4));
    assert_eq!(read(&desk.folder.path("book")), "", "what is deleted is forgotten");
}

#[test]
fn a_message_that_the_command_refuses_comes_again_and_nothing_is_deleted_before() {
    let (store, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\ny\n"]);
    let folder = Folder::new();
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    desk.well("0");
    store.deliver("mrose", b"Subject: c\n\nz\n");
    let (good, _, errors) = desk.poll("0", BROKEN);
    assert!(!good && errors.contains("message 3 is left for later"), "{errors}");
    assert!(errors.contains("ticket_poller: 1 messages were not handed over"), "{errors}");
    assert_eq!(store.messages("mrose").len(), 3);
    desk.well("0");
    assert_eq!((desk.log().len(), store.messages("mrose").len()), (4, 1));
    assert_eq!(read(&desk.folder.path(&format!("tickets/{}", desk.log()[3]))), "Subject: c\r\n\r\nz\r\n");
    desk.well("0");
    assert_eq!((desk.log().len(), store.messages("mrose").len()), (4, 0));
}

#[test]
fn a_note_that_was_torn_costs_no_message_and_keeps_its_id() {
    let (_, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\ny\n"]);
    let folder = Folder::new();
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    desk.well("1");
    let book = read(&desk.folder.path("book"));
    fs::write(desk.folder.path("book"), &book[..book.len() - 9]).unwrap();
    desk.well("1");
    let log = desk.log();
    assert_eq!((log.len(), &log[1]), (3, &log[2]));
    assert_eq!(read(&desk.folder.path("book")), book);
}

#[test]
fn a_session_whose_end_is_not_known_is_settled_by_the_next_listing() {
    let (store, service) = mail(&["Subject: a\n\nx\n", "Subject: b\n\ny\n"]);
    let folder = Folder::new();
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    desk.well("1");
    // It was killed behind DELE, and the server has not removed them.
    let mut book = read(&desk.folder.path("book"));
    let day = book.split(' ').next().unwrap().to_owned();
    for id in desk.log() {
        book.push_str(&format!("{day} deleting {id}\n"));
    }
    fs::write(desk.folder.path("book"), book).unwrap();
    desk.well("1");
    assert_eq!((desk.log().len(), store.messages("mrose").len()), (2, 2));
    desk.well("0");
    assert_eq!((desk.log().len(), store.messages("mrose").len()), (2, 0));
}

#[test]
fn the_command_sees_nothing_of_a_message_that_breaks_off() {
    let folder = Folder::new();
    let text = "Subject: a\r\n\r\nx\r\n";
    let service = Mail(move |_: &Peer| Scripted {
        sizes: vec![text.len() as u64 + 10],
        give: move |_| Cursor::new(text),
    });
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    let (good, _, errors) = desk.poll("0", TICKETS);
    assert!(!good && errors.starts_with("ticket_poller: "), "{errors}");
    assert!(!desk.folder.path("tickets/log").exists());
    assert_eq!(read(&desk.folder.path("book")), "");
}

#[test]
fn two_pollers_do_not_share_a_book() {
    let (_, service) = mail(&["Subject: a\n\nx\n"]);
    let folder = Folder::new();
    let desk = Desk { server: Server::in_tls(service, &folder), folder };
    let lock = File::create(desk.folder.path("book.lock")).unwrap();
    lock.lock().unwrap();
    let (good, _, errors) = desk.poll("1", TICKETS);
    assert!(!good && !desk.folder.path("tickets/log").exists(), "{errors}");
    drop(lock);
    desk.well("1");
    assert_eq!(desk.log().len(), 1);
}
