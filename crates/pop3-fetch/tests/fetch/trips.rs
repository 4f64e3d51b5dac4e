//! How many round trips a run takes: a server over a transport that answers only when the client waits.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use pop3_driver::client::{Client, ClientOptions, Security};
use pop3_driver::tls::{TlsInfo, unavailable};
use pop3_driver::{Transport, wait};
use pop3_fetch::{Fetch, FetchOptions, FetchedMessage, Target};
use pop3_proto::Instant;

/// All that was sent is answered when the client has read the earlier answers and waits: one round trip.
struct Stepwise {
    case: Case,
    sent: Vec<u8>,
    answers: Vec<u8>,
    read: usize,
    trips: Arc<AtomicUsize>,
    /// Is told each command.
    asked: Option<Sender<String>>,
}

impl Stepwise {
    fn answer(&self, line: &str) -> Vec<u8> {
        let list = |row: &dyn Fn(usize) -> String| {
            let rows: String =
                (1..=self.case.messages).map(|number| format!("{number} {}\r\n", row(number))).collect();
            format!("+OK\r\n{rows}.\r\n").into_bytes()
        };
        let body = || {
            let line = b"0123456789abcde\r\n";
            let lines = self.case.size / line.len();
            [
                b"+OK\r\n",
                line.repeat(lines).as_slice(),
                &[b'x'].repeat(self.case.size % line.len()),
                b"\r\n.\r\n",
            ]
            .concat()
        };
        match line.split(' ').next().unwrap() {
            "CAPA" if self.case.pipelining => b"+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_vec(),
            "CAPA" => b"+OK\r\nUIDL\r\n.\r\n".to_vec(),
            "STAT" => format!("+OK {} {}\r\n", self.case.messages, self.case.messages * (self.case.size + 2))
                .into_bytes(),
            "LIST" => list(&|_| (self.case.size + 2).to_string()),
            "UIDL" => list(&|number| format!("u{}", if self.case.twins { number.max(2) } else { number })),
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
        if let Some(asked) = &self.asked {
            for line in str::from_utf8(octets).unwrap().lines() {
                let _ = asked.send(line.to_owned());
            }
        }
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

/// A server, and what is done with its messages.
#[derive(Clone, Copy)]
struct Case {
    messages: usize,
    size: usize,
    pipelining: bool,
    /// The first two messages have the same unique-id.
    twins: bool,
    delete: bool,
}

const PIPELINED: Case = Case { messages: 100, size: 4096, pipelining: true, twins: false, delete: false };

/// Passes a session on to the fetch. Returns the round trips behind the login.
fn session(case: Case, fetch: &mut Fetch, options: ClientOptions, asked: Option<Sender<String>>) -> usize {
    let trips = Arc::new(AtomicUsize::new(0));
    let answers = b"+OK hello\r\n".to_vec();
    let transport = Stepwise { case, sent: Vec::new(), answers, read: 0, trips: Arc::clone(&trips), asked };
    let deadline = Instant::EPOCH.after(core::time::Duration::from_secs(60));
    wait(async {
        let security = Security::TrustedPlaintext;
        let mut client = Client::open(transport, &security, options, deadline).await.unwrap();
        client.login(b"u", b"p").await.unwrap();
        trips.store(0, Ordering::Relaxed);
        fetch.run(client).await.unwrap();
    });
    trips.load(Ordering::Relaxed)
}

/// The round trips of a run behind the login, and then of one that finds nothing new.
fn trips(case: Case, options: &ClientOptions) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Mbox(folder.path().join("mbox"));
    let deleting = FetchOptions::new().with_delete(case.delete);
    let mut fetch = Fetch::open(&target, &folder.path().join("state"), "u@h", deleting).unwrap();
    // This server lists all messages again after they were deleted.
    [case.messages, if case.delete { case.messages } else { 0 }].map(|fetched| {
        let trips = session(case, &mut fetch, options.clone(), None);
        assert_eq!((fetch.report().fetched, fetch.report().failed), (fetched as u64, 0));
        trips
    })
}

#[test]
fn a_run_takes_few_round_trips_with_pipelining() {
    let options = ClientOptions::new();
    // Both listings, and QUIT.
    assert_eq!(trips(Case { messages: 0, ..PIPELINED }, &options), [2, 2]);
    // All of a small maildrop with what proves it; then QUIT, or DELE and QUIT.
    assert_eq!(trips(PIPELINED, &options), [3, 2]);
    assert_eq!(trips(Case { delete: true, ..PIPELINED }, &options), [3, 3]);
    // The commands of 4096 octets are sent at a time, as are those of DELE.
    let many = Case { messages: 1000, ..PIPELINED };
    let [first, second] = trips(many, &options);
    assert!(first <= 6 && second == 2, "{first} {second}");
    assert!(trips(Case { delete: true, ..many }, &options)[0] <= 8);
}

/// The next listing would not tell which of two messages with one unique-id is gone: so QUIT waits for the replies to
/// DELE, and for those to NOOP and STAT.
#[test]
fn quit_waits_where_a_unique_id_is_not_alone() {
    let twins = Case { twins: true, delete: true, ..PIPELINED };
    assert_eq!(trips(twins, &ClientOptions::new()), [2 + 4, 2 + 4]);
}

#[test]
fn what_is_requested_ahead_is_bounded_by_its_octets() {
    let large = Case { messages: 12, size: 1 << 20, ..PIPELINED };
    // A chunk is 8 MiB: two round trips for 12 MiB.
    assert_eq!(trips(large, &ClientOptions::new())[0], 4);
    // One message at a time, the last of a chunk with what proves it.
    assert_eq!(trips(large, &ClientOptions::new().with_max_octets_expected(1 << 20))[0], 2 + 12);
}

#[test]
fn without_pipelining_each_command_takes_one() {
    // LIST, UIDL, RETR, NOOP, STAT, QUIT.
    let case = Case { messages: 10, size: 100, pipelining: false, ..PIPELINED };
    assert_eq!(trips(case, &ClientOptions::new()), [2 + 10 + 2 + 1, 3]);
    // DELE, NOOP and STAT, too.
    assert_eq!(trips(Case { delete: true, ..case }, &ClientOptions::new())[0], 2 + 10 + 2 + 10 + 2 + 1);
}

/// A function may take long for each message, and so for many of them longer than the server waits for a command.
#[test]
fn a_slow_function_has_few_messages_to_take_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut fetch = Fetch::deliver_to(|_| Ok(()), &state, "u@h", FetchOptions::new()).unwrap();
    // 32 messages at a time.
    assert_eq!(session(PIPELINED, &mut fetch, ClientOptions::new(), None), 1 + 4 + 1);
}

/// A limit that is far away holds nothing up: the next messages are requested while the first ones are stored.
#[test]
fn with_a_limit_messages_are_requested_while_others_are_stored() {
    for limit in [100, 64] {
        let folder = tempfile::tempdir().unwrap();
        let (asking, asked) = channel::<String>();
        let mut is_first = true;
        let deliver = move |_: &mut FetchedMessage<'_>| {
            if core::mem::take(&mut is_first) {
                let mut asked = core::iter::from_fn(|| asked.recv_timeout(PATIENCE).ok());
                asked.find(|line| line == "RETR 33").ok_or(io::ErrorKind::TimedOut)?;
            }
            Ok(())
        };
        let options = FetchOptions::new().with_limit(Some(limit));
        let mut fetch = Fetch::deliver_to(deliver, &folder.path().join("state"), "u@h", options).unwrap();
        session(PIPELINED, &mut fetch, ClientOptions::new(), Some(asking));
        assert_eq!((fetch.report().fetched, fetch.report().left), (limit, 100 - limit));
    }
}

/// How long a test that fails waits.
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(10);

/// A run on any transport can be given to another thread; programs that are generic rely on it.
#[test]
fn a_run_on_any_transport_is_send() {
    fn is_send<T: Transport>(fetch: &mut Fetch, client: Client<T>) -> impl Future + Send {
        fetch.run(client)
    }
    let _ = is_send::<Stepwise>;
}
