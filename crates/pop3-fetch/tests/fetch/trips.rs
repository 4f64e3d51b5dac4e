//! How many round trips a run takes: a server over a transport that answers only when the client waits.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::io;
use std::sync::Arc;

use pop3_driver::client::{Client, ClientOptions, Security};
use pop3_driver::tls::{TlsInfo, unavailable};
use pop3_driver::{Transport, wait};
use pop3_fetch::{Fetch, FetchOptions, Target};
use pop3_proto::Instant;

/// All that was sent is answered when the client has read the earlier answers and waits: one round trip.
struct Stepwise {
    messages: usize,
    size: usize,
    pipelining: bool,
    sent: Vec<u8>,
    answers: Vec<u8>,
    read: usize,
    trips: Arc<AtomicUsize>,
}

impl Stepwise {
    fn answer(&self, line: &str) -> Vec<u8> {
        let list = |row: &dyn Fn(usize) -> String| {
            let rows: String =
                (1..=self.messages).map(|number| format!("{number} {}\r\n", row(number))).collect();
            format!("+OK\r\n{rows}.\r\n").into_bytes()
        };
        let body = || {
            let line = b"0123456789abcde\r\n";
            let lines = self.size / line.len();
            [b"+OK\r\n", line.repeat(lines).as_slice(), &[b'x'].repeat(self.size % line.len()), b"\r\n.\r\n"]
                .concat()
        };
        match line.split(' ').next().unwrap() {
            "CAPA" if self.pipelining => b"+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_vec(),
            "CAPA" => b"+OK\r\nUIDL\r\n.\r\n".to_vec(),
            "STAT" => format!("+OK {} {}\r\n", self.messages, self.messages * (self.size + 2)).into_bytes(),
            "LIST" => list(&|_| (self.size + 2).to_string()),
            "UIDL" => list(&|number| format!("u{number}")),
            "RETR" => body(),
            _ => b"+OK\r\n".to_vec(),
        }
    }
}

impl Transport for Stepwise {
    fn now(&self) -> Instant {
        Instant::EPOCH
    }

    async fn read(&mut self, buffer: &mut [u8], _: Instant) -> io::Result<usize> {
        if self.read == self.answers.len() {
            self.trips.fetch_add(1, Ordering::Relaxed);
            let sent = String::from_utf8(core::mem::take(&mut self.sent)).unwrap();
            self.answers = sent.lines().flat_map(|line| self.answer(line)).collect();
            self.read = 0;
        }
        let rest = &self.answers[self.read..];
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }

    async fn write(&mut self, octets: &[u8], _: Instant) -> io::Result<usize> {
        self.sent.extend_from_slice(octets);
        Ok(octets.len())
    }

    async fn flush(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, _: Instant) {}

    async fn close(&mut self, _: Instant) {}

    async fn secure(self, _: Instant) -> io::Result<Self> {
        Err(unavailable())
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }
}

/// The round trips of a run behind the login, and then of one that finds nothing new.
fn trips(messages: usize, size: usize, pipelining: bool, delete: bool) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Mbox(folder.path().join("mbox"));
    let options = FetchOptions::new().with_delete(delete);
    let mut fetch = Fetch::open(&target, &folder.path().join("state"), "u@h", options).unwrap();
    [messages as u64, if delete { messages as u64 } else { 0 }].map(|fetched| {
        let trips = Arc::new(AtomicUsize::new(0));
        let transport = Stepwise {
            messages,
            size,
            pipelining,
            sent: Vec::new(),
            answers: b"+OK hello\r\n".to_vec(),
            read: 0,
            trips: Arc::clone(&trips),
        };
        let security = Security::TrustedPlaintext;
        let deadline = Instant::EPOCH.after(core::time::Duration::from_secs(60));
        let report = wait(async {
            let mut client =
                Client::open(transport, &security, ClientOptions::new(), deadline).await.unwrap();
            client.login(b"u", b"p").await.unwrap();
            trips.store(0, Ordering::Relaxed);
            fetch.run(client).await.unwrap()
        });
        // This server lists all messages again after they were deleted.
        assert_eq!((report.fetched, report.failed), (fetched, 0));
        trips.load(Ordering::Relaxed)
    })
}

#[test]
fn a_run_takes_few_round_trips_with_pipelining() {
    // Both listings, and QUIT.
    assert_eq!(trips(0, 0, true, false), [2, 2]);
    // All of a small maildrop with what proves it; then QUIT, or DELE and QUIT.
    assert_eq!(trips(100, 4096, true, false), [3, 2]);
    assert_eq!(trips(100, 4096, true, true), [3, 3]);
    // The commands of 4096 octets are sent at a time, as are those of DELE.
    let [first, second] = trips(1000, 4096, true, false);
    assert!(first <= 6 && second == 2, "{first} {second}");
    assert!(trips(1000, 4096, true, true)[0] <= 8);
}

#[test]
fn what_is_requested_ahead_is_bounded_by_its_octets() {
    // A chunk is 8 MiB: two round trips for 12 MiB.
    assert_eq!(trips(12, 1 << 20, true, false)[0], 4);
}

#[test]
fn without_pipelining_each_command_takes_one() {
    // LIST, UIDL, RETR, NOOP, STAT, QUIT.
    assert_eq!(trips(10, 100, false, false), [2 + 10 + 2 + 1, 3]);
}

/// A run on any transport can be given to another thread; programs that are generic rely on it.
#[test]
fn a_run_on_any_transport_is_send() {
    fn is_send<T: Transport>(fetch: &mut Fetch, client: Client<T>) -> impl Future + Send {
        fetch.run(client)
    }
    let _ = is_send::<Stepwise>;
}
