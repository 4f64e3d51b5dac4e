//! Dialogues with the server: each recipient gets a reply of its own, and a message ends where all agree that it does.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use pop3_lmtp::{Envelope, Listener, LmtpConfig, Mailboxes, Refusal, Server};
use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};

/// What was delivered: recipient, sender, content.
type Delivered = (String, String, Vec<u8>);

/// Mailboxes in memory. Some are always full, broken, or wait until they may go on.
#[derive(Default)]
struct Memory {
    delivered: Mutex<Vec<Delivered>>,
    gate: Option<Semaphore>,
    /// A message of more octets can't be kept.
    room: Option<usize>,
}

struct Kept(Vec<u8>, Option<usize>);

impl io::Write for Kept {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.1.is_some_and(|room| self.0.len() + octets.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Mailboxes for Memory {
    type Mailbox = String;
    type Spool = Kept;
    type Message = Vec<u8>;

    async fn find(&self, address: &str) -> Result<String, Refusal> {
        match address.split('@').next() {
            Some("nobody") => Err(Refusal::no_mailbox("no such user")),
            _ => Ok(address.to_owned()),
        }
    }

    fn spool(&self) -> Kept {
        Kept(Vec::new(), self.room)
    }

    fn complete(&self, spool: Kept) -> io::Result<Vec<u8>> {
        Ok(spool.0)
    }

    async fn deliver(&self, mailbox: &String, envelope: &Envelope, message: &Vec<u8>) -> Result<(), Refusal> {
        match mailbox.split('@').next().unwrap() {
            "full" => return Err(Refusal::full("no more room")),
            "broken" => panic!("a test of what happens then"),
            _ => {}
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        self.delivered.lock().unwrap().push((mailbox.clone(), envelope.sender.clone(), message.clone()));
        Ok(())
    }
}

/// A server that ends when the value is dropped.
struct House {
    mailboxes: Arc<Memory>,
    address: SocketAddr,
    socket: tempfile::TempDir,
    stop: Option<watch::Sender<bool>>,
    server: Option<JoinHandle<()>>,
}

impl House {
    fn new(mailboxes: Memory, change: impl FnOnce(&mut LmtpConfig)) -> Self {
        let mailboxes = Arc::new(mailboxes);
        let mut config = LmtpConfig::new("mail.example");
        change(&mut config);
        let socket = tempfile::tempdir().unwrap();
        let path = socket.path().join("lmtp");
        let (stop, stopped) = watch::channel(false);
        let (bound, address) = std::sync::mpsc::channel();
        let server = Server::new(config, Arc::clone(&mailboxes));
        let server = thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let unix = tokio::net::UnixListener::bind(path).unwrap();
                bound.send(tcp.local_addr().unwrap()).unwrap();
                server.serve(vec![Listener::Tcp(tcp), Listener::Unix(unix)], stopped).await;
            });
        });
        let address = address.recv().unwrap();
        Self { mailboxes, address, socket, stop: Some(stop), server: Some(server) }
    }

    fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    fn delivered(&self) -> Vec<Delivered> {
        self.mailboxes.delivered.lock().unwrap().clone()
    }

    fn stop(&self) {
        self.stop.as_ref().unwrap().send(true).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.server.take().unwrap().join().unwrap();
    }
}

struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let mut client = Self { stream, reader };
        assert_eq!(client.reply(), "220 mail.example LMTP");
        client
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap();
    }

    /// The next reply, its lines joined with `|`.
    fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                return reply;
            }
            reply.push_str(line.strip_suffix("\r\n").unwrap());
            if line.as_bytes()[3] == b' ' {
                return reply;
            }
            reply.push('|');
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Begins a transaction with these recipients, of which each is accepted.
    fn begin(&mut self, recipients: &[&str]) {
        assert!(self.say("LHLO client.example").starts_with("250-"));
        assert!(self.say("MAIL FROM:<bob@x>").starts_with("250 2.1.0 "));
        for recipient in recipients {
            assert!(self.say(&format!("RCPT TO:<{recipient}>")).starts_with("250 2.1.5 "));
        }
        assert!(self.say("DATA").starts_with("354 "));
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0) | Err(_))
    }
}

/// The content behind the fields that the server adds.
fn content(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let rest = text
        .strip_prefix("Return-Path: <bob@x>\r\nReceived: from client.example by mail.example with LMTP id ");
    let (received, rest) = rest.unwrap_or_else(|| panic!("{text}")).split_once("+0000\r\n").unwrap();
    assert!(received.contains(";\r\n\t"), "{received}");
    rest.as_bytes().to_vec()
}

#[test]
fn each_recipient_has_a_reply_of_its_own() {
    let house = House::new(Memory::default(), |_| ());
    let mut client = house.connect();
    assert_eq!(
        client.say("LHLO client.example"),
        "250-mail.example|250-PIPELINING|250-8BITMIME|250-SMTPUTF8|250-ENHANCEDSTATUSCODES|250 SIZE 52428800"
    );
    assert!(client.say("MAIL FROM:<bob@x> SIZE=100 BODY=8BITMIME").starts_with("250 2.1.0 "));
    for (recipient, expected) in [
        ("alice@example.org", "250 2.1.5 "),
        ("nobody@example.org", "550 5.1.1 no such user"),
        ("full@x", "250 2.1.5 "),
        ("broken@x", "250 2.1.5 "),
        ("carol@x", "250 2.1.5 "),
    ] {
        assert!(client.say(&format!("RCPT TO:<{recipient}>")).starts_with(expected));
    }
    assert!(client.say("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n..\r\n.x\r\n\xff\n.\nz\r\n.\r\n");
    let replies = [(); 4].map(|()| client.reply());
    assert_eq!(replies[0], "250 2.0.0 <alice@example.org> delivered");
    assert_eq!(replies[1], "552 5.2.2 no more room");
    assert!(replies[2].starts_with("451 4.3.0 "), "{}", replies[2]);
    assert_eq!(replies[3], "250 2.0.0 <carol@x> delivered");
    let delivered = house.delivered();
    let recipients: Vec<_> =
        delivered.iter().map(|(recipient, sender, _)| (&recipient[..], &sender[..])).collect();
    assert_eq!(recipients, [("alice@example.org", "bob@x"), ("carol@x", "bob@x")]);
    for (.., message) in &delivered {
        assert!(message.ends_with(b"+0000\r\nSubject: x\r\n\r\n.\r\nx\r\n\xff\n.\nz\r\n"));
    }
    // The next message of the same connection.
    assert!(client.say("DATA").starts_with("503 5.5.1 "));
    assert!(client.say("MAIL FROM:<>").starts_with("250 "));
    assert!(client.say("QUIT").starts_with("221 2.0.0 "));
    assert!(client.is_closed());
}

#[test]
fn commands_out_of_their_order_and_without_meaning() {
    let house = House::new(Memory::default(), |config| {
        (config.max_octets, config.max_recipients) = (1000, 2);
    });
    let mut client = house.connect();
    for (line, expected) in [
        ("MAIL FROM:<a@b>", "503 5.5.1 "),
        ("EHLO a", "500 5.5.1 "),
        ("HELO a", "500 5.5.1 "),
        ("LHLO client.example", "250-"),
        ("RCPT TO:<a@x>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("MAIL FROM:<a@b> SIZE=1001", "552 5.3.4 "),
        ("MAIL FROM:<a@b> X", "555 5.5.4 "),
        ("MAIL FROM:<a@b>", "250 2.1.0 "),
        ("MAIL FROM:<a@b>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("RCPT TO:<nobody@x>", "550 5.1.1 "),
        ("DATA", "503 5.5.1 "),
        ("RCPT TO:<\u{e9}@b>", "553 5.6.7 "),
        ("RCPT TO:<one@x>", "250 2.1.5 "),
        ("RCPT TO:<two@x>", "250 2.1.5 "),
        ("RCPT TO:<three@x>", "452 4.5.3 "),
        ("RSET", "250 2.0.0 "),
        ("DATA", "503 5.5.1 "),
        ("NOOP", "250 2.0.0 "),
        ("VRFY a", "252 2.5.0 "),
        ("MAIL FROM:<\u{e9}@b> SMTPUTF8", "250 2.1.0 "),
        ("RCPT TO:<\u{e9}@b>", "250 2.1.5 "),
        ("LHLO again", "250-"),
        ("DATA", "503 5.5.1 "),
    ] {
        let reply = client.say(line);
        assert!(reply.starts_with(expected), "{line}: {reply}");
    }
    assert!(house.delivered().is_empty());
    // Too large a message is read to its end, and refused for each recipient.
    client.begin(&["one@x", "two@x"]);
    client.send(&[&b"x".repeat(100_000)[..], b"\r\n.\r\n"].concat());
    assert!(client.reply().starts_with("552 5.3.4 ") && client.reply().starts_with("552 5.3.4 "));
    assert!(client.say("NOOP").starts_with("250 "));
    // Whoever says nothing that has a meaning is sent away.
    let mut client = house.connect();
    for _ in 0..20 {
        assert!(client.say("GET / HTTP/1.1").starts_with("500 5.5.1 "));
    }
    assert!(client.reply().starts_with("421 4.7.0 ") && client.is_closed());
    assert!(house.delivered().is_empty());
}

#[test]
fn lines_that_are_none_end_the_connection() {
    let house = House::new(Memory::default(), |_| ());
    let long = format!("NOOP {}\r\n", "x".repeat(5000));
    for line in ["NOOP\n", "NO\rOP\r\n", "NOOP \0\r\n", "NOOP\nQUIT\r\n", &long, &"x".repeat(5000)] {
        let mut client = house.connect();
        client.send(line.as_bytes());
        let reply = client.reply();
        assert!(reply.starts_with("500 5.5.2 "), "{line:?}: {reply}");
        assert!(client.is_closed());
    }
}

/// A second message that is hidden in the first one is content, whatever its line ends look like.
#[test]
fn nothing_can_be_smuggled() {
    const HIDDEN: &str = "MAIL FROM:<eve@x>\r\nRCPT TO:<carol@x>\r\nDATA\r\nevil\r\n";
    let house = House::new(Memory::default(), |_| ());
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n.\r", "\r\n\0.\r\n"] {
        let mut client = house.connect();
        client.begin(&["alice@x"]);
        client.send(format!("a{end}{HIDDEN}.\r\n").as_bytes());
        assert!(client.reply().starts_with("250 2.0.0 <alice@x>"), "{end:?}");
        assert!(client.say("NOOP").starts_with("250 "));
    }
    let delivered = house.delivered();
    assert_eq!(delivered.len(), 7);
    assert!(delivered.iter().all(|(recipient, _, message)| {
        recipient == "alice@x" && message.windows(4).any(|window| window == b"evil")
    }));
}

#[test]
fn a_message_that_does_not_end_is_not_delivered() {
    let house = House::new(Memory::default(), |config| {
        config.content_timeout = Duration::from_millis(300);
        config.idle_timeout = Duration::from_millis(300);
    });
    for cut in ["", "Subject: x\r\n\r\nx", "x\r\n.", "x\r\n.\r"] {
        let mut client = house.connect();
        client.begin(&["alice@x"]);
        client.send(cut.as_bytes());
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(client.is_closed());
    }
    let mut client = house.connect();
    client.begin(&["alice@x"]);
    client.send(b"x");
    assert!(client.reply().starts_with("421 4.4.2 ") && client.is_closed());
    let mut client = house.connect();
    assert!(client.reply().starts_with("421 4.4.2 ") && client.is_closed());
    assert!(house.delivered().is_empty());
}

#[test]
fn without_room_the_client_tries_again() {
    let house = House::new(Memory { room: Some(100_000), ..Memory::default() }, |_| ());
    let mut client = house.connect();
    client.begin(&["alice@x", "carol@x"]);
    client.send(&[&b"x".repeat(1_000_000)[..], b"\r\n.\r\n"].concat());
    assert!(client.reply().starts_with("452 4.3.1 ") && client.reply().starts_with("452 4.3.1 "));
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("250 "));
    assert_eq!(house.delivered().len(), 1);
}

#[test]
fn a_delivery_that_takes_too_long_is_tried_again() {
    let memory = Memory { gate: Some(Semaphore::new(0)), ..Memory::default() };
    let house = House::new(memory, |config| config.delivery_timeout = Duration::from_millis(200));
    let mut client = house.connect();
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("451 4.3.0 "));
    house.mailboxes.gate.as_ref().unwrap().add_permits(9);
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("250 2.0.0 "));
}

#[test]
fn a_server_that_is_stopped_finishes_what_it_receives() {
    let memory = Memory { gate: Some(Semaphore::new(0)), ..Memory::default() };
    let house = House::new(memory, |_| ());
    let (mut idle, mut busy) = (house.connect(), house.connect());
    busy.begin(&["alice@x", "carol@x"]);
    busy.send(b"x\r\n");
    house.stop();
    assert!(idle.reply().starts_with("421 4.3.2 ") && idle.is_closed());
    busy.send(b"y\r\n.\r\n");
    house.mailboxes.gate.as_ref().unwrap().add_permits(9);
    assert_eq!(busy.reply(), "250 2.0.0 <alice@x> delivered");
    assert_eq!(busy.reply(), "250 2.0.0 <carol@x> delivered");
    assert!(busy.reply().starts_with("421 4.3.2 ") && busy.is_closed());
    assert_eq!(content(&house.delivered()[1].2), b"x\r\ny\r\n");
}

#[test]
fn others_wait_when_all_places_are_taken() {
    let house = House::new(Memory::default(), |config| config.max_connections = 1);
    let first = house.connect();
    let waiting = TcpStream::connect(house.address).unwrap();
    drop(first);
    let mut client = Client::new(waiting);
    assert!(client.say("NOOP").starts_with("250 "));
}

#[test]
fn a_unix_socket_serves_as_well() {
    let house = House::new(Memory::default(), |_| ());
    let mut stream = UnixStream::connect(house.socket.path().join("lmtp")).unwrap();
    stream.write_all(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n").unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).unwrap();
    assert!(replies.contains("250 2.0.0 <alice@x> delivered\r\n221 "), "{replies}");
    assert_eq!(house.delivered()[0].1, "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// However the octets of a session are split, the replies are the same, and so is what is delivered.
    #[test]
    fn splits_make_no_difference(cuts in prop::collection::vec(0_usize..600, 0..30)) {
        let mut session = String::from("LHLO client.example\r\n");
        for message in 0..3 {
            session += "MAIL FROM:<bob@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<full@x>\r\nDATA\r\n";
            session += &format!("Subject: {message}\r\n\r\n..\r\n.\n\r.\r\r\n...\r\n{}.\r\n", "x\r\n".repeat(message));
        }
        session += "QUIT\r\n";
        let house = House::new(Memory::default(), |_| ());
        let mut client = house.connect();
        let mut sorted: Vec<_> = cuts.into_iter().filter(|cut| *cut < session.len()).collect();
        sorted.sort_unstable();
        let mut last = 0;
        for cut in sorted.into_iter().chain([session.len()]) {
            client.send(&session.as_bytes()[last..cut]);
            last = cut;
        }
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..1 + 3 * 7 + 1 {
            *codes.entry(client.reply()[..3].to_owned()).or_default() += 1;
        }
        prop_assert!(client.is_closed());
        // For each message MAIL, two recipients and one delivery, besides the refusals.
        let expected = [("221", 1), ("250", 1 + 3 * 4), ("354", 3), ("550", 3), ("552", 3)];
        let expected: BTreeMap<_, _> = expected.map(|(code, count)| (code.to_owned(), count)).into();
        prop_assert_eq!(codes, expected);
        for (message, (recipient, sender, octets)) in house.delivered().into_iter().enumerate() {
            prop_assert_eq!((recipient.as_str(), sender.as_str()), ("alice@x", "bob@x"));
            let expected = format!("Subject: {message}\r\n\r\n.\r\n\n\r.\r\r\n..\r\n{}", "x\r\n".repeat(message));
            prop_assert_eq!(content(&octets), expected.as_bytes());
        }
        prop_assert_eq!(house.delivered().len(), 3);
    }
}
