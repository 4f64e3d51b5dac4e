//! A panic in a store or a service ends one session and nothing else, on every runtime.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::Cursor;
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use pop3_driver::Stop;
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_driver::store::{Blocking, Maildrop, Store};
use pop3_driver::tls::Role;
use pop3_proto::server::{Accepted, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection, UniqueId};

use crate::on_each_runtime;
use crate::runtime::Runtime;
use crate::server::{PATIENCE, Raw};

on_each_runtime!(a_panic_ends_its_session_and_no_other);

/// Panics at the place that the user name selects.
const PLACES: [&str; 6] = ["open", "fetch", "read", "commit", "drop", "ended"];

/// A store of maildrops with one message.
#[derive(Debug)]
struct Fragile {
    open: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Drop1 {
    name: String,
    open: Arc<AtomicUsize>,
}

struct Content(String, Cursor<&'static [u8]>);

impl Store for Fragile {
    type Maildrop = Drop1;

    fn open(
        &self,
        attempt: &LoginAttempt,
        _peer: &Peer,
        _context: &Context,
    ) -> Result<(Accepted, Drop1), Rejection> {
        let name = String::from_utf8_lossy(&attempt.name).into_owned();
        assert_ne!(name, "open", "a panic on purpose");
        self.open.fetch_add(1, Ordering::SeqCst);
        let mut snapshot = pop3_proto::Snapshot::new();
        snapshot.push(3, UniqueId::parse(b"1").expect("a unique-id"));
        Ok((snapshot.into(), Drop1 { name, open: Arc::clone(&self.open) }))
    }
}

impl Maildrop for Drop1 {
    type Message = Content;

    fn fetch(
        &mut self,
        _message: MessageNumber,
        _extent: Extent,
        _context: &Context,
    ) -> Result<Content, Rejection> {
        assert_ne!(self.name, "fetch", "a panic on purpose");
        Ok(Content(self.name.clone(), Cursor::new(b"a\n")))
    }

    fn commit(self, _deletions: &Deletions, _context: &Context) -> usize {
        assert_ne!(self.name, "commit", "a panic on purpose");
        0
    }
}

impl Drop for Drop1 {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        assert!(self.name != "drop" || thread::panicking(), "a panic on purpose");
    }
}

impl std::io::Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        assert_ne!(self.0, "read", "a panic on purpose");
        self.1.read(buffer)
    }
}

struct Policy<R> {
    config: Arc<ServerConfig>,
    store: Arc<Fragile>,
    told: Mutex<Sender<(bool, Option<String>)>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Service for Policy<R> {
    type Backend = Blocking<Fragile, R::Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), R::Pool::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(true))
    }

    fn ended(&self, _peer: &Peer, report: &SessionReport) {
        let told = (report.panicked, report.user.clone());
        assert_ne!(told, (false, Some("ended".to_owned())), "a panic on purpose");
        // The test may have ended.
        let _ = self.told.lock().expect("no panic while telling").send(told);
    }
}

async fn a_panic_ends_its_session_and_no_other<R: Runtime>() {
    let open = Arc::new(AtomicUsize::new(0));
    let (told, reports) = channel();
    let service = Arc::new(Policy::<R> {
        config: Arc::new(ServerConfig::default()),
        store: Arc::new(Fragile { open: Arc::clone(&open) }),
        told: told.into(),
        runtime: PhantomData,
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let stop = Stop::new();
    let thread = thread::spawn({
        let stop = stop.clone();
        move || R::serve(listener, Entrance::Plain, Role::None, service, stop)
    });
    let log_in = |name: &str| {
        let mut raw = Raw::connect(port);
        assert!(raw.line().starts_with("+OK"));
        assert!(raw.say(format!("USER {name}\r\n")).starts_with("+OK"));
        raw.send("PASS x\r\n");
        raw
    };
    let mut other = log_in("nobody");
    assert!(other.line().starts_with("+OK"));
    for place in PLACES {
        let mut raw = log_in(place);
        raw.bare();
        if place != "open" {
            assert!(raw.line().starts_with("+OK"), "{place}");
            match place {
                "fetch" | "read" => raw.send("RETR 1\r\n"),
                "drop" => raw.bare().get_ref().shutdown(Shutdown::Write).expect("the server is there"),
                _ => raw.send("QUIT\r\n"),
            }
        }
        let rest = String::from_utf8(raw.rest()).expect("text");
        // If the panic comes after QUIT, QUIT was already answered.
        assert_eq!(rest.starts_with("+OK"), place == "ended", "{place}: {rest}");
        let (panicked, user) = reports.recv_timeout(PATIENCE).expect("the session is reported");
        assert!(panicked, "{place}");
        assert!(user.is_none_or(|user| user == place));
        assert_eq!(open.load(Ordering::SeqCst), 1, "{place}: only the other maildrop is open");
        assert!(other.say("NOOP\r\n").starts_with("+OK"), "{place}");
    }
    assert!(other.say("RETR 1\r\n").starts_with("+OK"));
    assert_eq!((other.line(), other.line()), ("a\r\n".to_owned(), ".\r\n".to_owned()));
    assert!(other.say("QUIT\r\n").starts_with("+OK"));
    assert_eq!(reports.recv_timeout(PATIENCE).expect("a report"), (false, Some("nobody".to_owned())));
    stop.stop();
    thread.join().expect("no panic in the server").expect("no fault of the listener's");
}
