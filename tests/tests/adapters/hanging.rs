//! Neither a store that hangs nor a client that does not read delays other sessions or the shutdown.

use core::marker::PhantomData;
use core::time::Duration;
use std::io::{self, Read};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use pop3_driver::Stop;
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_driver::store::{Blocking, BlockingPool, Maildrop, Store};
use pop3_driver::tls::Role;
use pop3_proto::server::{Accepted, Close, Extent, ServerConfig, SessionTotals};
use pop3_proto::{Deletions, MessageNumber, Rejection, UniqueId};

use crate::on_each_runtime;
use crate::runtime::{Runtime, Std};
use crate::server::{PATIENCE, Raw};

on_each_runtime!(
    a_login_that_hangs_is_given_up,
    a_message_that_hangs_is_given_up_and_the_maildrop_stays_locked,
    a_message_that_stops_is_cut,
    a_commit_that_hangs_is_not_lied_about_and_comes_to_its_end,
    no_store_holds_up_the_shutdown,
    no_client_holds_up_the_shutdown,
    a_store_learns_that_its_client_has_left,
);

/// Where a store hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Open,
    Fetch,
    /// After the first octets.
    Read,
    Commit,
    /// When it opens a maildrop, until nobody waits for that any longer.
    UntilLeft,
}

/// The events in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Hangs,
    /// The store noticed that nobody is waiting any longer.
    Left,
    Committed(usize),
    /// A maildrop was dropped.
    Released,
}

/// A store with one message for every user.
#[derive(Debug)]
struct Hanging {
    place: Place,
    released: (Mutex<bool>, Condvar),
    size: u64,
    events: Mutex<Sender<Event>>,
}

impl Hanging {
    fn tell(&self, event: Event) {
        // The test may have ended.
        let _ = self.events.lock().unwrap().send(event);
    }

    fn pass(&self, place: Place) {
        if self.place == place {
            self.tell(Event::Hangs);
            let released = self.released.0.lock().unwrap();
            drop(self.released.1.wait_while(released, |released| !*released).unwrap());
        }
    }

    fn release(&self) {
        *self.released.0.lock().unwrap() = true;
        self.released.1.notify_all();
    }
}

struct Open(Arc<Hanging>);

/// This many octets in lines of ten.
struct Content(Arc<Hanging>, u64);

/// The store of all sessions.
struct Shared(Arc<Hanging>);

impl Store for Shared {
    type Maildrop = Open;

    fn open(&self, _: &LoginAttempt, _: &Peer, context: &Context) -> Result<(Accepted, Open), Rejection> {
        self.0.pass(Place::Open);
        if self.0.place == Place::UntilLeft {
            self.0.tell(Event::Hangs);
            while !context.is_gone() && !context.has_finished() {
                thread::park_timeout(Duration::from_millis(2));
            }
            self.0.tell(Event::Left);
        }
        let mut snapshot = pop3_proto::Snapshot::new();
        snapshot.push(self.0.size, UniqueId::parse(b"1").unwrap()).unwrap();
        Ok((snapshot.into(), Open(Arc::clone(&self.0))))
    }
}

impl Maildrop for Open {
    type Message = Content;

    fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Content, Rejection> {
        self.0.pass(Place::Fetch);
        Ok(Content(Arc::clone(&self.0), self.0.size))
    }

    fn commit(self, deletions: &Deletions, _: &Context) -> usize {
        self.0.pass(Place::Commit);
        self.0.tell(Event::Committed(deletions.len()));
        0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.tell(Event::Released);
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let given = self.0.size - self.1;
        if given >= CHUNK {
            self.0.pass(Place::Read);
        }
        let count = buffer.len().min(usize::try_from(self.1).unwrap());
        for (octet, place) in buffer[..count].iter_mut().zip(given..) {
            *octet = b"12345678\r\n"[usize::try_from(place % 10).unwrap()];
        }
        self.1 -= count as u64;
        Ok(count)
    }
}

/// How much of a message the driver reads at once.
const CHUNK: u64 = 64 * 1024;

type Told = (Close, Option<String>, SessionTotals);

struct Policy<P> {
    config: Arc<ServerConfig>,
    store: Arc<Shared>,
    told: Mutex<Sender<Told>>,
    pool: PhantomData<fn() -> P>,
}

impl<P: BlockingPool + Default> Service for Policy<P> {
    type Backend = Blocking<Shared, P>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), P::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(true))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        let error = report.error.as_ref().map(ToString::to_string);
        // The test may have ended.
        let _ = self.told.lock().unwrap().send((report.close, error, report.totals));
    }
}

/// A server whose store hangs.
struct House {
    store: Arc<Hanging>,
    port: u16,
    stop: Stop,
    events: Receiver<Event>,
    reports: Receiver<Told>,
    /// Reports the end of serving.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

const GRACE: Duration = Duration::from_millis(100);

/// Long enough that nothing else times out first.
const NEVER: Duration = Duration::from_secs(3600);

impl House {
    fn new<R: Runtime, P: BlockingPool + Default>(place: Place, size: u64, store_timeout: Duration) -> Self {
        let (told, events) = channel();
        let store = Hanging { place, released: Default::default(), size, events: told.into() };
        let store = Arc::new(store);
        let mut config = ServerConfig::default();
        config.limits.store_timeout = store_timeout;
        config.limits.login_timeout = NEVER;
        config.limits.idle_timeout = NEVER;
        let (told, reports) = channel();
        let service = Policy::<P> {
            config: config.into(),
            store: Shared(Arc::clone(&store)).into(),
            told: told.into(),
            pool: PhantomData,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let stop = Stop::with_grace(GRACE);
        let (tell, ended) = channel();
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                let role = Role::None;
                R::serve_or_hand_over(listener, Entrance::Plain, role, service.into(), stop, async |taken| {
                    drop(taken);
                })
                .expect("no fault of the listener's");
                let _ = tell.send(());
            }
        });
        Self { store, port, stop, events, reports, ended, thread }
    }

    fn connect(&self) -> Raw {
        let mut raw = Raw::connect(self.port);
        assert!(raw.line().starts_with("+OK"));
        assert!(raw.say("USER a\r\n").starts_with("+OK"));
        raw
    }

    fn log_in(&self) -> Raw {
        let mut raw = self.connect();
        assert!(raw.say("PASS b\r\n").starts_with("+OK"));
        raw
    }

    fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("something happens in the store")
    }

    fn report(&self) -> Told {
        self.reports.recv_timeout(PATIENCE).expect("a session has ended")
    }

    fn end(self) {
        self.store.release();
        self.stop.stop();
        self.thread.join().expect("no panic in the server");
    }
}

const SHORT: Duration = Duration::from_millis(200);

const LATE: &str = "-ERR [SYS/TEMP] the mail store is not responding, try again later\r\n";

async fn a_login_that_hangs_is_given_up<R: Runtime>() {
    let house = House::new::<R, R::Patient>(Place::Open, 10, SHORT);
    let mut raw = house.connect();
    assert_eq!(raw.say("PASS b\r\n"), LATE);
    assert_eq!(house.event(), Event::Hangs);
    assert!(raw.say("CAPA\r\n").starts_with("+OK"), "the session goes on");
    while raw.line() != ".\r\n" {}
    assert!(raw.say("QUIT\r\n").starts_with("+OK"));
    let (close, error, totals) = house.report();
    assert_eq!((close, error, totals.failed_logins), (Close::Quit, None, 0));
    // What the store finally opens is released.
    house.store.release();
    assert_eq!(house.event(), Event::Released);
    house.end();
}

async fn a_message_that_hangs_is_given_up_and_the_maildrop_stays_locked<R: Runtime>() {
    let house = House::new::<R, R::Patient>(Place::Fetch, 10, SHORT);
    let mut raw = house.log_in();
    assert_eq!(raw.say("RETR 1\r\n"), LATE);
    assert_eq!(house.event(), Event::Hangs);
    // Further attempts do not block further threads.
    for _ in 0..3 {
        assert_eq!(raw.say("RETR 1\r\n"), "-ERR [SYS/TEMP] the maildrop can't be read at the moment\r\n");
    }
    assert!(raw.say("DELE 1\r\n").starts_with("+OK"));
    assert!(raw.say("QUIT\r\n").starts_with("-ERR"), "nothing can be removed");
    let (close, _, totals) = house.report();
    assert_eq!((close, totals.removed, totals.not_removed), (Close::Quit, 0, 1));
    // The maildrop stays locked as long as the store works on it.
    assert!(house.events.try_recv().is_err());
    house.store.release();
    assert_eq!(house.event(), Event::Released);
    house.end();
}

async fn a_message_that_stops_is_cut<R: Runtime>() {
    let house = House::new::<R, R::Patient>(Place::Read, 200_000, SHORT);
    let mut raw = house.log_in();
    raw.send("RETR 1\r\n");
    raw.bare();
    let rest = raw.rest();
    assert!(rest.starts_with(b"+OK") && !rest.ends_with(b"\r\n.\r\n"));
    let (close, error, totals) = house.report();
    assert_eq!((close, totals.retrieved), (Close::BrokenMessage, 0));
    assert_eq!(error.as_deref(), Some("reading a message: the store did not answer in time"));
    house.end();
}

async fn a_commit_that_hangs_is_not_lied_about_and_comes_to_its_end<R: Runtime>() {
    let house = House::new::<R, R::Patient>(Place::Commit, 10, SHORT);
    let mut raw = house.log_in();
    assert!(raw.say("DELE 1\r\n").starts_with("+OK"));
    assert_eq!(
        raw.say("QUIT\r\n"),
        "-ERR [SYS/TEMP] the removal has not finished, check which messages are left\r\n"
    );
    let (close, _, totals) = house.report();
    assert_eq!((close, totals.removed, totals.unconfirmed), (Close::Quit, 0, 1));
    assert_eq!(house.event(), Event::Hangs);
    house.store.release();
    assert_eq!(house.event(), Event::Committed(1), "it is not left half done");
    house.end();
}

async fn no_store_holds_up_the_shutdown<R: Runtime>() {
    for (place, command) in [
        (Place::Open, "PASS b\r\n"),
        (Place::Fetch, "PASS b\r\nRETR 1\r\n"),
        (Place::Read, "PASS b\r\nRETR 1\r\n"),
        (Place::Commit, "PASS b\r\nDELE 1\r\nQUIT\r\n"),
    ] {
        let house = House::new::<R, R::Patient>(place, 200_000, NEVER);
        let mut raw = house.connect();
        raw.send(command);
        assert_eq!(house.event(), Event::Hangs);
        house.stop.stop();
        let (close, error, _) = house.report();
        assert_eq!(close, Close::Stopped, "{place:?}");
        assert_eq!(error.as_deref(), Some("still busy when the grace period of the shutdown ended"));
        house.ended.recv_timeout(PATIENCE).expect("serving has ended, though the store still hangs");
        raw.bare();
        raw.rest();
        house.end();
    }
}

async fn no_client_holds_up_the_shutdown<R: Runtime>() {
    // More than fits into the buffers of two sockets.
    let house = House::new::<R, R::Pool>(Place::Nowhere, 64_000_000, NEVER);
    let mut raw = house.log_in();
    assert!(raw.say("RETR 1\r\n").starts_with("+OK"));
    house.stop.stop();
    let (close, error, totals) = house.report();
    assert_eq!((close, totals.retrieved), (Close::Stopped, 0));
    assert_eq!(error.as_deref(), Some("still busy when the grace period of the shutdown ended"));
    house.ended.recv_timeout(PATIENCE).expect("serving has ended");
    house.end();
}

async fn a_store_learns_that_its_client_has_left<R: Runtime>() {
    for only_its_side in [true, false] {
        let house = House::new::<R, R::Patient>(Place::UntilLeft, 10, NEVER);
        let mut raw = house.connect();
        raw.send("PASS b\r\n");
        assert_eq!(house.event(), Event::Hangs);
        raw.bare();
        if only_its_side {
            raw.bare().get_ref().shutdown(Shutdown::Write).expect("the server is there");
        } else {
            drop(raw);
        }
        assert_eq!(house.event(), Event::Left);
        house.end();
    }
}

/// A call that blocks the thread of its session cannot be interrupted, but nobody waits for it.
#[test]
fn what_blocks_its_thread_is_left_behind_and_told_of_once() {
    let house = House::new::<Std, <Std as Runtime>::Pool>(Place::Open, 10, SHORT);
    let mut raw = house.connect();
    raw.send("PASS b\r\n");
    assert_eq!(house.event(), Event::Hangs);
    house.stop.stop();
    house.ended.recv_timeout(PATIENCE).expect("serving has ended");
    let (close, error, _) = house.report();
    assert_eq!(close, Close::Stopped);
    let error = error.expect("the reason");
    assert!(error.contains("abandoned"), "{error}");
    // Its connection is already shut down.
    raw.bare();
    assert!(raw.rest().is_empty());
    house.store.release();
    // The service is dropped with the last session, and has received no further report.
    assert_eq!(house.reports.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    house.end();
}
