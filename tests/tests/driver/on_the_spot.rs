//! What a store can give on the spot needs no visit to the pool, and for the rest there are few.

use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context as TaskContext, Poll, Waker};
use core::time::Duration;
use std::io::{self, Cursor, Read as _};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread;

use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_driver::store::{Blocking, BlockingPool, Maildrop, Pooled, Store};
use pop3_driver::{Stop, wait};
use pop3_proto::server::{Accepted, Close, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection, UniqueId, dots};
use pop3_tests::store::{content, wire as stuffed};

use crate::store::peer;
use crate::wire::Wire;

const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

/// Messages that are partly in memory, and what happened to them.
#[derive(Debug, Default)]
struct Shelf {
    messages: Vec<Vec<u8>>,
    /// How many more calls can be answered on the spot.
    warm: AtomicUsize,
    /// The most octets of a call on the spot.
    piece: usize,
    /// Whether a commit that removes nothing does not block.
    releases: bool,
    /// The messages that were opened in the pool.
    opened: Mutex<Vec<usize>>,
    /// How many messages are open.
    open: AtomicUsize,
    /// At the end of each visit to the pool: how many messages were opened so far, and how many are open.
    visits: Mutex<Vec<(usize, usize)>>,
    reports: Mutex<Vec<(Close, Option<String>)>>,
}

impl Shelf {
    fn new(messages: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { messages: messages.into_iter().collect(), piece: usize::MAX, ..Self::default() }
    }

    fn warm_for(self, calls: usize) -> Self {
        Self { warm: calls.into(), ..self }
    }

    /// Whether the next call can be answered on the spot.
    fn is_warm(&self) -> bool {
        let less = |calls: usize| calls.checked_sub(1);
        self.warm.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn message(self: &Arc<Self>, number: MessageNumber) -> Result<Book, Rejection> {
        let octets = self.messages.get(number.index()).filter(|octets| *octets != b"torn\r\n");
        let octets = octets.ok_or_else(|| Rejection::temporary("torn"))?.clone();
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Book { shelf: Arc::clone(self), octets: Cursor::new(octets) })
    }
}

struct Open(Arc<Shelf>);

struct Book {
    shelf: Arc<Shelf>,
    octets: Cursor<Vec<u8>>,
}

impl io::Read for Book {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.octets.read(buffer)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.shelf.open.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Library(Arc<Shelf>);

impl Store for Library {
    type Maildrop = Open;

    fn open(&self, _: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Open), Rejection> {
        let mut snapshot = pop3_proto::Snapshot::new();
        for (at, octets) in self.0.messages.iter().enumerate() {
            let uid = at.to_string();
            snapshot.push(dots::wire_size(octets), UniqueId::parse(uid.as_bytes()).unwrap());
        }
        Ok((snapshot.into(), Open(Arc::clone(&self.0))))
    }
}

impl Maildrop for Open {
    type Message = Book;

    fn try_fetch(&mut self, message: MessageNumber, _: Extent) -> Option<Result<Book, Rejection>> {
        self.0.is_warm().then(|| self.0.message(message))
    }

    fn try_read(message: &mut Book, buffer: &mut [u8]) -> io::Result<usize> {
        if !message.shelf.is_warm() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(message.shelf.piece);
        message.octets.read(&mut buffer[..most])
    }

    fn fetch(&mut self, message: MessageNumber, _: Extent, _: &Context) -> Result<Book, Rejection> {
        self.0.opened.lock().unwrap().push(message.index() + 1);
        self.0.message(message)
    }

    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        self.0.releases && deletions.is_empty()
    }

    fn commit(self, _: &Deletions, _: &Context) -> usize {
        0
    }
}

/// A pool that notes its visits.
#[derive(Clone)]
struct Counted(Arc<Shelf>);

impl BlockingPool for Counted {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let found = call();
        let seen = (self.0.opened.lock().unwrap().len(), self.0.open.load(Ordering::Relaxed));
        self.0.visits.lock().unwrap().push(seen);
        Ok(found)
    }
}

impl Service for Library {
    type Backend = Blocking<Self, Counted>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let store = Arc::new(Self(Arc::clone(&self.0)));
        let backend = Blocking::new(store, Counted(Arc::clone(&self.0)), peer.clone());
        Ok(Welcome::new(ServerConfig::default().into(), backend).with_trusted(true))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        let error = report.error.as_ref().map(ToString::to_string);
        self.0.reports.lock().unwrap().push((report.close, error));
    }
}

/// Counts how often a session asks to be polled again.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves a client that sends all of this at once. Returns what it receives, how often the pool was visited between
/// login and QUIT, and how often the session let others run.
fn session(shelf: &Arc<Shelf>, commands: &str) -> (Vec<u8>, usize, usize) {
    batches(shelf, &[&format!("{commands}QUIT\r\n")])
}

/// Serves a client that sends each of these when it has received the replies to what it sent before.
fn batches(shelf: &Arc<Shelf>, batches: &[&str]) -> (Vec<u8>, usize, usize) {
    let wire = Wire::new([LOGIN].iter().chain(batches).copied().map(Into::into));
    let (library, stop) = (Library(Arc::clone(shelf)), Stop::new());
    let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &library, &stop));
    let (wakes, mut turns) = (Arc::new(Wakes::default()), 0);
    let waker = Arc::clone(&wakes).into();
    while session.as_mut().poll(&mut TaskContext::from_waker(&waker)) == Poll::Pending {
        turns += 1;
        assert_eq!(wakes.0.load(Ordering::Relaxed), turns, "the session waits for nothing but its turn");
    }
    let longest = wire.state().writes.iter().map(Vec::len).max();
    assert!(longest <= Some(160 * 1024), "{longest:?} octets were gathered before they were sent");
    let sent = wire.state().writes.concat();
    let visits = shelf.visits.lock().unwrap().len() + usize::from(shelf.releases) - 2;
    (sent, visits, turns)
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (1..=count).map(|number| format!("Subject: {number}\n\n.{number}\n").into_bytes()).collect()
}

/// The replies to RETR of all messages.
fn replies(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut wanted = Vec::new();
    for message in messages {
        let content = content(message);
        wanted.extend(format!("+OK {} octets\r\n", content.len()).into_bytes());
        wanted.extend(stuffed(&content));
    }
    wanted
}

fn retrieve(messages: core::ops::RangeInclusive<usize>) -> String {
    messages.map(|number| format!("RETR {number}\r\n")).collect()
}

/// Whether these replies come before the one to QUIT.
fn ends_with(sent: &[u8], wanted: &[u8]) -> bool {
    let before = sent[..sent.len() - 1].iter().rposition(|&octet| octet == b'\n');
    before.is_some_and(|end| sent[..=end].ends_with(wanted))
}

#[test]
fn what_is_in_memory_is_sent_without_the_pool() {
    let shelf = Arc::new(Shelf::new(numbered(30)).warm_for(usize::MAX));
    let (sent, visits, _) = session(&shelf, &retrieve(1..=30));
    assert!(ends_with(&sent, &replies(&shelf.messages)));
    assert_eq!(visits, 0);
}

#[test]
fn what_is_not_in_memory_is_read_in_one_visit_for_all_that_is_asked_for() {
    let shelf = Arc::new(Shelf::new(numbered(30)));
    let (sent, visits, _) = session(&shelf, &retrieve(1..=30));
    assert!(ends_with(&sent, &replies(&shelf.messages)));
    // The time for it may be over on a busy machine, but each message is opened once.
    assert!((1..30).contains(&visits), "{visits}");
    assert_eq!(*shelf.opened.lock().unwrap(), (1..=30).collect::<Vec<_>>());
}

#[test]
fn only_what_is_asked_for_is_read() {
    let shelf = Arc::new(Shelf::new(numbered(9)));
    let commands = "RETR 2\r\nRETR 3\r\nNOOP\r\nDELE 5\r\nRETR 4\r\nRETR 5\r\nRETR 6\r\nTOP 7 0\r\nRETR 99\r\nretr 8\r\n";
    let (sent, ..) = session(&shelf, commands);
    let opened = shelf.opened.lock().unwrap().clone();
    assert_eq!(opened, [2, 3, 4, 5, 6, 7, 8], "none twice, and none that is not asked for");
    // Message 5 is deleted: it was read for nothing, and is not sent.
    assert!(sent.windows(5).any(|part| part == b"-ERR "));
    assert!(ends_with(&sent, &replies(&shelf.messages[7..8])));
    let is_sent = |number: usize| {
        let wanted = replies(&shelf.messages[number - 1..number]);
        sent.windows(wanted.len()).any(|part| part == wanted)
    };
    assert_eq!([2, 3, 4, 5, 6, 8].map(is_sent), [true, true, true, false, true, true]);
}

/// What is ready for a client that does not read holds no descriptors.
#[test]
fn a_message_that_is_read_to_its_end_is_closed_in_the_pool() {
    let shelf = Arc::new(Shelf::new(numbered(30)));
    session(&shelf, &retrieve(1..=30));
    let visits = shelf.visits.lock().unwrap();
    assert!(visits.iter().all(|&(_, open)| open == 0), "opened and open: {visits:?}");
}

/// [`expect`](pop3_driver::backend::Backend::expect) announces 64 messages at most.
#[test]
fn a_visit_reads_a_bounded_number_of_messages() {
    let shelf = Arc::new(Shelf::new(numbered(70)));
    let (sent, ..) = session(&shelf, &retrieve(1..=70));
    assert!(ends_with(&sent, &replies(&shelf.messages)));
    let opened: Vec<_> = shelf.visits.lock().unwrap().iter().map(|&(opened, _)| opened).collect();
    assert!(opened.windows(2).all(|pair| pair[1] - pair[0] <= 65), "{opened:?}");
}

#[test]
fn a_long_message_is_opened_once() {
    let long = b"0123456789\n".repeat(10_000);
    let shelf = Arc::new(Shelf::new([long.clone(), long]));
    let (sent, ..) = session(&shelf, &retrieve(1..=2));
    assert!(ends_with(&sent, &replies(&shelf.messages)));
    assert_eq!(*shelf.opened.lock().unwrap(), [1, 2]);
}

/// A session that waits for its client keeps no messages.
#[test]
fn what_was_read_for_nothing_is_forgotten() {
    let shelf = Arc::new(Shelf::new(numbered(2)));
    let (sent, ..) = batches(&shelf, &["DELE 2\r\nRETR 1\r\nRETR 2\r\n", "RSET\r\nRETR 2\r\nQUIT\r\n"]);
    assert!(ends_with(&sent, &replies(&shelf.messages[1..])));
    assert_eq!(*shelf.opened.lock().unwrap(), [1, 2, 2]);
}

/// A message that can't be opened is refused in its turn, and asked for once.
#[test]
fn a_message_that_fails_ahead_of_its_turn_is_refused_in_its_turn() {
    let mut messages = numbered(3);
    messages[1] = b"torn\r\n".to_vec();
    let shelf = Arc::new(Shelf::new(messages));
    let (sent, ..) = session(&shelf, &retrieve(1..=3));
    let mut wanted = replies(&shelf.messages[..1]);
    wanted.extend(b"-ERR [SYS/TEMP] torn\r\n");
    wanted.extend(replies(&shelf.messages[2..]));
    assert!(ends_with(&sent, &wanted), "{}", sent.escape_ascii());
    assert_eq!(*shelf.opened.lock().unwrap(), [1, 2, 3]);
}

/// Wherever the memory ends, the rest comes from the pool, and the client sees no difference.
#[test]
fn a_message_may_be_partly_in_memory() {
    let large: Vec<u8> = (0..12_000).flat_map(|line| format!(".{line}\n").into_bytes()).collect();
    let messages = vec![b"a\n".to_vec(), large.clone(), Vec::new(), large, b"z".to_vec()];
    for piece in [9_999, usize::MAX] {
        for warm in 0..20 {
            let shelf = Shelf { piece, ..Shelf::new(messages.clone()) }.warm_for(warm);
            let shelf = Arc::new(shelf);
            let (sent, visits, _) = session(&shelf, &retrieve(1..=5));
            assert!(ends_with(&sent, &replies(&shelf.messages)), "{warm} calls of {piece} octets");
            assert!(visits <= 12, "{warm} calls of {piece} octets: {visits}");
            assert_eq!(*shelf.reports.lock().unwrap(), [(Close::Quit, None)]);
        }
    }
}

#[test]
fn a_session_that_never_waits_lets_others_run() {
    let large = b"0123456789\n".repeat(200_000);
    let shelf = Arc::new(Shelf::new([large]).warm_for(usize::MAX));
    let (sent, visits, turns) = session(&shelf, "RETR 1\r\n");
    assert!(ends_with(&sent, &replies(&shelf.messages)));
    assert_eq!(visits, 0);
    assert!(turns >= 4, "a turn after each 512 KiB: {turns}");
    let shelf = Arc::new(Shelf::new(numbered(1)).warm_for(usize::MAX));
    let (.., turns) = session(&shelf, &"RETR 1\r\n".repeat(1_000));
    assert!(turns >= 15, "small messages are work as well: {turns}");
}

/// A pool that comes to its work when it is told so, or after a long time.
#[derive(Clone)]
struct Asleep(Arc<Mutex<Receiver<()>>>);

impl BlockingPool for Asleep {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (told, done) = (Arc::clone(&self.0), Arc::new(Mutex::new((None, None::<Waker>))));
        let desk = Arc::clone(&done);
        thread::spawn(move || {
            let _ = told.lock().unwrap().recv_timeout(Duration::from_secs(10));
            let result = call();
            let mut desk = desk.lock().unwrap();
            desk.0 = Some(result);
            desk.1.take().map(Waker::wake)
        });
        poll_fn(|context| {
            let mut done = done.lock().unwrap();
            done.1 = Some(context.waker().clone());
            done.0.take().map_or(Poll::Pending, |result| Poll::Ready(Ok(result)))
        })
        .await
    }
}

/// Otherwise one message that takes its time would hold up all sessions of the thread.
#[test]
fn a_session_does_not_wait_for_the_pool_with_its_thread() {
    let (tell, told) = channel();
    let mut pooled = Pooled::new(Asleep(Arc::new(Mutex::new(told))));
    pooled.opened(Open(Arc::new(Shelf::new(numbered(1)))));
    let context = Context::unbounded();
    let mut fetched = Box::pin(pooled.fetch(MessageNumber::FIRST, Extent::Whole, &context));
    assert!(fetched.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    tell.send(()).unwrap();
    assert!(wait(fetched).is_ok());
}

#[test]
fn a_session_that_removes_nothing_ends_without_the_pool() {
    for (commands, visits) in [("NOOP\r\n", 0), ("DELE 2\r\n", 1), ("DELE 2\r\nRSET\r\n", 0)] {
        let shelf = Arc::new(Shelf { releases: true, ..Shelf::new(numbered(3)) });
        let (sent, visited, _) = session(&shelf, commands);
        assert!(sent.ends_with(b"\r\n") && sent.starts_with(b"+OK"));
        assert_eq!(visited, visits, "{commands}");
        assert_eq!(shelf.reports.lock().unwrap()[0].0, Close::Quit);
    }
}
