//! A server with mailboxes in memory, and a client that says what it is told to.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use pop3_lmtp::{Envelope, Listener, LmtpConfig, LmtpRefusal, LmtpServer, Mailboxes};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};

/// What was delivered: recipient, sender, content.
pub(crate) type Delivered = (String, String, Vec<u8>);

/// Mailboxes in memory. Some are always full, broken, or wait until they may go on.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) delivered: Mutex<Vec<Delivered>>,
    pub(crate) gate: Option<Semaphore>,
    /// A message of more octets can't be kept.
    pub(crate) room: Option<usize>,
}

pub(crate) struct Kept(Vec<u8>, Option<usize>);

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

    async fn find(&self, address: &str) -> Result<String, LmtpRefusal> {
        match address.split('@').next() {
            Some("nobody") => Err(LmtpRefusal::no_mailbox("no such user")),
            _ => Ok(address.to_owned()),
        }
    }

    fn spool(&self, fields: Vec<u8>) -> io::Result<Kept> {
        Ok(Kept(fields, self.room))
    }

    fn complete(&self, spool: Kept) -> io::Result<Vec<u8>> {
        Ok(spool.0)
    }

    async fn deliver(
        &self,
        mailbox: &String,
        envelope: &Envelope,
        message: &Vec<u8>,
    ) -> Result<(), LmtpRefusal> {
        match mailbox.split('@').next().unwrap() {
            "full" => return Err(LmtpRefusal::full("no more room")),
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
pub(crate) struct House {
    pub(crate) mailboxes: Arc<Memory>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: tempfile::TempDir,
    stop: Option<watch::Sender<bool>>,
    server: Option<JoinHandle<()>>,
}

impl House {
    pub(crate) fn new(mailboxes: Memory, change: impl FnOnce(&mut LmtpConfig)) -> Self {
        let mailboxes = Arc::new(mailboxes);
        let mut config = LmtpConfig::new("mail.example");
        change(&mut config);
        let socket = tempfile::tempdir().unwrap();
        let path = socket.path().join("lmtp");
        let (stop, stopped) = watch::channel(false);
        let (bound, address) = std::sync::mpsc::channel();
        let server = LmtpServer::new(config, Arc::clone(&mailboxes));
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

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.mailboxes.delivered.lock().unwrap().clone()
    }

    pub(crate) fn stop(&self) {
        self.stop.as_ref().unwrap().send(true).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.server.take().unwrap().join().unwrap();
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let mut client = Self { stream, reader };
        assert_eq!(client.reply(), "220 mail.example LMTP");
        client
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap();
    }

    /// The next reply, its lines joined with `|`.
    pub(crate) fn reply(&mut self) -> String {
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

    pub(crate) fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Begins a transaction with these recipients, of which each is accepted.
    pub(crate) fn begin(&mut self, recipients: &[&str]) {
        assert!(self.say("LHLO client.example").starts_with("250-"));
        assert!(self.say("MAIL FROM:<bob@x>").starts_with("250 2.1.0 "));
        for recipient in recipients {
            assert!(self.say(&format!("RCPT TO:<{recipient}>")).starts_with("250 2.1.5 "));
        }
        assert!(self.say("DATA").starts_with("354 "));
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0) | Err(_))
    }
}

/// The content behind the fields that the server adds.
pub(crate) fn content(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let rest = text
        .strip_prefix("Return-Path: <bob@x>\r\nReceived: from client.example by mail.example with LMTP id ");
    let (received, rest) = rest.unwrap_or_else(|| panic!("{text}")).split_once("+0000\r\n").unwrap();
    assert!(received.contains(";\r\n\t"), "{received}");
    rest.as_bytes().to_vec()
}
