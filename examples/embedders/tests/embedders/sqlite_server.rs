use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Instant;

use base64ct::{Base64, Encoding as _};
use pop3_std::Client;
use pop3_tokio::client::{ClientError, Retry};
use pop3_tokio::proto::MessageNumber;
use pop3_tokio::tls::rustls::{ClientConnection, StreamOwned};
use pop3_tokio::trust::Whom;
use rusqlite::{Connection, ErrorCode};

use crate::support::{Folder, Running, run};

/// A database with the user `mrose`, whose password is `tanstaaf`.
struct House(Folder);

impl House {
    fn new(messages: &[&str]) -> Self {
        let house = Self(Folder::new());
        house.task(&["user", "mrose", "--password", "tanstaaf"]);
        messages.iter().for_each(|message| house.deliver(message));
        house
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sqlite_server"));
        command.arg(self.0.path("mail.db"));
        command
    }

    fn task(&self, arguments: &[&str]) {
        let (good, _, error) = run(self.program().args(arguments));
        assert!(good, "{error}");
    }

    fn deliver(&self, message: &str) {
        let path = self.0.path("message.eml");
        fs::write(&path, message).unwrap();
        self.task(&["deliver", "mrose", path.to_str().unwrap()]);
    }

    fn serve(&self) -> Running {
        let (certificate, key) = (self.0.path("cert.pem"), self.0.path("key.pem"));
        let mut command = self.program();
        Running::new(command.arg("serve").arg("--certificate").arg(certificate).arg("--key").arg(key))
    }

    fn log_in(&self, server: &Running, name: &str, password: &str) -> Result<Client, ClientError> {
        let builder = Client::builder("localhost").port(server.address.port());
        builder.ca_file(self.0.path("cert.pem")).login(name, password).connect()
    }

    fn open(&self, server: &Running) -> Client {
        self.log_in(server, "mrose", "tanstaaf").unwrap()
    }

    /// A connection without a client: what it sends is up to the test.
    fn connect(&self, server: &Running) -> BufReader<StreamOwned<ClientConnection, TcpStream>> {
        let config = Whom::new().with_ca_file(Some(self.0.path("cert.pem"))).config().unwrap();
        let tls = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        BufReader::new(StreamOwned::new(tls, TcpStream::connect(server.address).unwrap()))
    }

    fn database(&self) -> Connection {
        Connection::open(self.0.path("mail.db")).unwrap()
    }

    fn count(&self) -> usize {
        self.database().query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap()
    }
}

fn dele_all(client: &mut Client) {
    for (number, _) in client.list().unwrap() {
        client.dele(number).unwrap();
    }
}

fn say(stream: &mut BufReader<StreamOwned<ClientConnection, TcpStream>>, line: &str) -> String {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_line(&mut reply).unwrap();
    reply
}

#[test]
fn a_client_logs_in_with_scram_and_with_nothing_but_the_password() {
    let house = House::new(&[]);
    let mut server = house.serve();
    house.open(&server).quit().unwrap();
    let line = server.line();
    assert!(line.contains("user=\"mrose\" method=SCRAM-SHA-256-PLUS"), "{line}");
    // A new password while the server is running.
    house.task(&["user", "mrose", "--password", "changed"]);
    let refused = |name, password| house.log_in(&server, name, password).err().unwrap();
    // Without SCRAM.
    let pass = |name, password| {
        let mut stream = house.connect(&server);
        stream.read_line(&mut String::new()).unwrap();
        say(&mut stream, &format!("USER {name}"));
        say(&mut stream, &format!("PASS {password}"))
    };
    // At the same time, as the server makes each of them wait.
    thread::scope(|scope| {
        let wrong = scope.spawn(|| refused("mrose", "tanstaaf"));
        let unknown = scope.spawn(|| refused("nobody", "changed"));
        let pass_wrong = scope.spawn(|| pass("mrose", "tanstaaf"));
        let pass_unknown = scope.spawn(|| pass("nobody", "changed"));
        let (wrong, unknown) = (wrong.join().unwrap(), unknown.join().unwrap());
        assert_eq!(wrong.advice(), Retry::OtherCredentials, "{wrong}");
        assert_eq!(wrong.to_string(), unknown.to_string());
        let (wrong, unknown) = (pass_wrong.join().unwrap(), pass_unknown.join().unwrap());
        assert!(wrong == unknown && wrong.starts_with("-ERR [AUTH]"), "{wrong} {unknown}");
    });
    assert!(pass("mrose", "changed").starts_with("+OK"));
    for name in ["mail.db", "mail.db-wal"] {
        let octets = fs::read(house.0.path(name)).unwrap();
        assert!(!octets.windows(7).any(|octets| octets == b"changed"), "{name}");
    }
}

/// What SCRAM says of a user, the salt and the iterations, and the reply to a wrong proof.
fn scram(house: &House, server: &Running, name: &str) -> ([String; 2], String) {
    let mut stream = house.connect(server);
    stream.read_line(&mut String::new()).unwrap();
    let first = Base64::encode_string(format!("n,,n={name},r=client").as_bytes());
    let challenge = say(&mut stream, &format!("AUTH SCRAM-SHA-256 {first}"));
    let challenge = Base64::decode_vec(challenge.strip_prefix("+ ").unwrap().trim_end()).unwrap();
    let challenge = String::from_utf8(challenge).unwrap();
    let [nonce, salt, iterations] = challenge.split(',').collect::<Vec<_>>()[..] else {
        panic!("{challenge}")
    };
    let proof = Base64::encode_string(&[0; 32]);
    let last = Base64::encode_string(format!("c=biws,{nonce},p={proof}").as_bytes());
    ([salt.to_owned(), iterations.to_owned()], say(&mut stream, &last))
}

#[test]
fn a_name_that_nobody_has_looks_like_a_user() {
    let house = House::new(&[]);
    let server = house.serve();
    // Another process: a restart does not change the salt.
    let restarted = house.serve();
    let (user, nobody, later) = thread::scope(|scope| {
        let user = scope.spawn(|| scram(&house, &server, "mrose"));
        let nobody = scope.spawn(|| scram(&house, &server, "nobody"));
        let later = scope.spawn(|| scram(&house, &restarted, "nobody"));
        (user.join().unwrap(), nobody.join().unwrap(), later.join().unwrap())
    });
    let ([salt, iterations], refusal) = &user;
    let ([fake_salt, fake_iterations], fake_refusal) = &nobody;
    assert_eq!((salt.len(), iterations, refusal), (fake_salt.len(), fake_iterations, fake_refusal));
    assert!(salt != fake_salt && refusal.starts_with("-ERR [AUTH]"), "{user:?} {nobody:?}");
    assert_eq!(nobody, later);
}

#[test]
fn messages_of_all_lengths_are_sent_as_they_were_delivered() {
    let large = "Subject: large\n\n".to_owned() + &".a line with a dot\n".repeat(100_000);
    // As long as a part, and one octet less and more.
    let part = 64 * 1024;
    let messages = [&large, "Subject: a\r\n\r\nx", "", &large[..part], &large[..part - 1], &large[..=part]];
    let house = House::new(&messages);
    let server = house.serve();
    let mut client = house.open(&server);
    for ((number, octets), message) in client.list().unwrap().into_iter().zip(messages) {
        let mut content = Vec::new();
        client.retr(number, &mut content).unwrap();
        let lines = message.replace("\r\n", "\n").replace('\n', "\r\n");
        let end = if lines.is_empty() || lines.ends_with('\n') { "" } else { "\r\n" };
        assert!(content == (lines + end).as_bytes(), "message {number}");
        assert_eq!(octets, content.len() as u64);
    }
    client.quit().unwrap();
}

#[test]
fn quit_deletes_the_marked_messages_and_their_unique_ids_are_never_used_again() {
    let house = House::new(&["Subject: a\n\nx\n", "Subject: b\n\nx\n", "Subject: c\n\nx\n"]);
    let mut server = house.serve();
    let mut client = house.open(&server);
    assert_eq!(client.uidl().unwrap().len(), 3);
    client.dele(MessageNumber::FIRST).unwrap();
    client.dele(MessageNumber::new(3).unwrap()).unwrap();
    client.quit().unwrap();
    let line = server.line();
    assert!(line.ends_with("sent=0 removed=2 ended=\"quit\""), "{line}");
    house.deliver("Subject: d\n\nx\n");
    let mut client = house.open(&server);
    let uids: Vec<_> = client.uidl().unwrap().into_iter().map(|(_, uid)| uid).collect();
    assert_eq!(uids, [b"2", b"4"]);
    let parts: i64 = house.database().query_row("SELECT count(*) FROM parts", [], |row| row.get(0)).unwrap();
    assert_eq!(parts, 2);
}

#[test]
fn a_connection_that_is_cut_deletes_nothing_and_frees_the_maildrop() {
    let house = House::new(&["Subject: a\n\nx\n", "Subject: b\n\nx\n"]);
    let mut server = house.serve();
    let mut client = house.open(&server);
    dele_all(&mut client);
    let in_use = house.log_in(&server, "mrose", "tanstaaf").err().unwrap();
    assert_eq!(in_use.advice(), Retry::Later, "{in_use}");
    assert!(in_use.to_string().contains("IN-USE"), "{in_use}");
    drop(client);
    // The line of the session comes when the maildrop is free.
    while !server.line().contains("user=\"mrose\"") {}
    assert_eq!(house.open(&server).list().unwrap().len(), 2);
    assert_eq!(house.count(), 2);
}

#[test]
fn an_interrupt_ends_the_server_and_deletes_nothing() {
    let house = House::new(&["Subject: a\n\nx\n"]);
    let mut server = house.serve();
    let mut client = house.open(&server);
    dele_all(&mut client);
    assert!(server.interrupt());
    assert!(client.noop().is_err());
    assert_eq!(house.count(), 1);
}

#[test]
fn a_deletion_that_fails_deletes_nothing_and_the_client_is_told() {
    let house = House::new(&["Subject: a\n\nx\n", "Subject: b\n\nx\n", "Subject: c\n\nx\n"]);
    let failing = "CREATE TRIGGER failing BEFORE DELETE ON messages WHEN OLD.id = 2
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    house.database().execute_batch(failing).unwrap();
    let mut server = house.serve();
    let mut client = house.open(&server);
    dele_all(&mut client);
    let error = client.quit().unwrap_err();
    assert!(matches!(error, ClientError::Refused(_)), "{error}");
    assert_eq!(house.count(), 3);
    assert!(server.line().contains(" removed=0 "));
    house.database().execute_batch("DROP TRIGGER failing").unwrap();
    let mut client = house.open(&server);
    dele_all(&mut client);
    client.quit().unwrap();
    assert_eq!(house.count(), 0);
}

#[test]
fn a_message_that_somebody_deletes_while_it_is_sent_is_not_taken_for_complete() {
    // Larger than what the buffers of the sockets hold.
    let house = House::new(&[&"a line of a message\n".repeat(500_000)]);
    let server = house.serve();
    let mut stream = house.connect(&server);
    stream.read_line(&mut String::new()).unwrap();
    say(&mut stream, "USER mrose");
    say(&mut stream, "PASS tanstaaf");
    assert_eq!(say(&mut stream, "RETR 1"), "+OK 10500000 octets\r\n");
    house.database().execute_batch("DELETE FROM messages").unwrap();
    let mut content = Vec::new();
    stream.read_to_end(&mut content).unwrap();
    assert!(content.len() < 10_500_000 && !content.ends_with(b"\r\n.\r\n"), "{}", content.len());
}

#[test]
fn a_server_that_is_killed_while_it_deletes_has_deleted_nothing() {
    let house = House::new(&["Subject: a\n\nx\n", "Subject: b\n\nx\n", "Subject: c\n\nx\n"]);
    // The second deletion never ends.
    let endless = "CREATE VIEW endless AS
            WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers) SELECT n FROM numbers;
        CREATE TRIGGER hanging AFTER DELETE ON messages WHEN OLD.id = 2
        BEGIN SELECT max(n) FROM endless; END";
    let database = house.database();
    database.execute_batch(endless).unwrap();
    database.busy_timeout(Duration::from_millis(200)).unwrap();
    let server = house.serve();
    let mut client = house.open(&server);
    dele_all(&mut client);
    let quitting = thread::spawn(move || client.quit());
    // Once nobody else can write for so long, the server hangs in its transaction.
    let hangs = || match database.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
            true
        }
    };
    while !hangs() {}
    drop(server);
    assert!(quitting.join().unwrap().is_err());
    assert_eq!(house.count(), 3);
    // Nothing is left locked.
    database.execute_batch("DROP TRIGGER hanging").unwrap();
    let server = house.serve();
    let mut client = house.open(&server);
    dele_all(&mut client);
    client.quit().unwrap();
    assert_eq!(house.count(), 0);
}

#[test]
fn a_server_that_is_killed_at_any_time_has_deleted_all_or_nothing() {
    const MESSAGES: usize = 50;
    let house = House::new(&[]);
    let database = house.database();
    // The first server is not killed: it shows how long a QUIT takes.
    let mut takes = None;
    for round in 0..12 {
        let row = "INSERT INTO messages (user, octets) VALUES (1, 2);".repeat(MESSAGES);
        let parts = "INSERT INTO parts SELECT id, 0, x'0d0a' FROM messages";
        database.execute_batch(&format!("BEGIN; {row} {parts}; COMMIT")).unwrap();
        let server = house.serve();
        let mut client = house.open(&server);
        dele_all(&mut client);
        let begun = Instant::now();
        let quitting = thread::spawn(move || client.quit());
        if let Some(takes) = takes {
            thread::sleep(takes * round / 4);
            drop(server);
        }
        let quit = quitting.join().unwrap();
        takes.get_or_insert_with(|| begun.elapsed());
        let left = house.count();
        assert!(left == 0 || left == MESSAGES && quit.is_err(), "{left} messages are left after {quit:?}");
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        database.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM messages").unwrap();
    }
}
