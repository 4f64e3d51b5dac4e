//! A server with a store in memory, on a thread of its own.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::memory::{MemoryMaildrop, MemoryStore};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, timestamp};
use pop3_driver::store::{Blocking, Store};
use pop3_driver::tls::Role;
use pop3_driver::{LoginMethod, Stop};
use pop3_observer::Side;
use pop3_proto::server::{Accepted, Close, Limits, ServerConfig, SessionTotals};
use pop3_proto::{Channel, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use pop3_tests::observed::Watch;

use crate::certificates::Certificates;
use crate::overheard::{Other, Overheard};
use crate::runtime::Runtime;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not protected, and declared as trusted.
    Trusted,
    /// With STLS.
    Stls,
    /// From the first octet.
    Implicit,
}

/// How long anything may take that should take no time at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A report in a form that can be kept, and its peer.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) peer: Peer,
    pub(crate) user: Option<String>,
    pub(crate) method: Option<LoginMethod>,
    pub(crate) close: Close,
    pub(crate) error: Option<String>,
    pub(crate) totals: SessionTotals,
}

pub(crate) struct Server<R> {
    pub(crate) store: MemoryStore,
    /// Whether the store was told about TLS at the last login.
    pub(crate) in_tls: Arc<AtomicBool>,
    pub(crate) port: u16,
    pub(crate) stop: Stop,
    mode: Mode,
    reports: Receiver<Ended>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    runtime: PhantomData<fn() -> R>,
}

/// A watched client of this runtime.
pub(crate) type Talking<R> = Client<Overheard<<R as Runtime>::Socket>>;

impl<R: Runtime> Server<R> {
    /// A server with one user, `mrose` with the password `tanstaaf`, and an empty maildrop.
    pub(crate) fn start(mode: Mode) -> Self {
        Self::start_with(mode, Limits::default(), Certificates::good().server())
    }

    pub(crate) fn start_with(mode: Mode, limits: Limits, tls: Role) -> Self {
        let store = MemoryStore::new();
        let in_tls = Arc::new(AtomicBool::new(false));
        store.add_user("mrose", "tanstaaf");
        let (entrance, role) = match mode {
            Mode::Trusted => (Entrance::Plain, Role::None),
            Mode::Stls => (Entrance::Plain, tls),
            Mode::Implicit => (Entrance::Implicit, tls),
        };
        let mut config = ServerConfig::default();
        config.starttls = mode == Mode::Stls;
        config.limits = limits;
        let (told, reports) = channel();
        let service = Policy::<R> {
            config: config.into(),
            store: Watched { store: store.clone(), in_tls: Arc::clone(&in_tls) }.into(),
            trusted: mode == Mode::Trusted,
            told: told.into(),
            runtime: PhantomData,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        // A session that is only cut off then is reported too late.
        let stop = Stop::with_grace(2 * PATIENCE);
        let thread = thread::spawn({
            let stop = stop.clone();
            move || R::serve(listener, entrance, role, service.into(), stop)
        });
        Self { store, in_tls, port, stop, mode, reports, thread: Some(thread), runtime: PhantomData }
    }

    pub(crate) fn deliver(self, messages: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        for message in messages {
            self.store.deliver("mrose", message.as_ref());
        }
        self
    }

    /// How many messages the maildrop contains.
    pub(crate) fn left(&self) -> usize {
        self.store.messages("mrose").len()
    }

    /// What a client requests to talk to this server.
    pub(crate) fn security(&self) -> Security {
        match self.mode {
            Mode::Trusted => Security::TrustedPlaintext,
            Mode::Stls => Security::StartTls(Certificates::good().client("localhost")),
            Mode::Implicit => Security::Implicit(Certificates::good().client("localhost")),
        }
    }

    /// Our client. Both it and the server are watched.
    pub(crate) async fn try_connect(&self, security: Security) -> Result<Talking<R>, ClientError> {
        self.try_connect_by(self.port, security).await
    }

    /// The same through another port that forwards to this one.
    pub(crate) async fn try_connect_by(
        &self,
        port: u16,
        security: Security,
    ) -> Result<Talking<R>, ClientError> {
        R::connect_overheard(port, security, ClientOptions::new(), Other::Ours).await
    }

    pub(crate) async fn connect(&self) -> Talking<R> {
        self.try_connect(self.security()).await.expect("the server is there")
    }

    pub(crate) async fn log_in(&self) -> Talking<R> {
        let mut client = self.connect().await;
        client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
        client
    }

    /// A connection without a client, after the greeting.
    pub(crate) fn raw(&self) -> Raw {
        let mut raw = Raw::connect(self.port);
        assert!(raw.line().starts_with("+OK "));
        raw
    }

    /// The same after the login.
    pub(crate) fn raw_logged_in(&self) -> Raw {
        let mut raw = self.raw();
        assert!(raw.say("USER mrose\r\n").starts_with("+OK"));
        assert!(raw.say("PASS tanstaaf\r\n").starts_with("+OK"));
        raw
    }

    /// The report for the next session that ends.
    pub(crate) fn report(&self) -> Ended {
        self.reports.recv_timeout(PATIENCE).expect("a session has ended")
    }
}

impl<R> Drop for Server<R> {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().expect("no panic in the server").expect("no fault of the listener's");
        }
    }
}

struct Policy<R: Runtime> {
    config: Arc<ServerConfig>,
    store: Arc<Watched>,
    trusted: bool,
    told: Mutex<Sender<Ended>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Service for Policy<R> {
    type Backend = Blocking<Watched, R::Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), R::Pool::default(), peer.clone());
        let welcome = Welcome::new(Arc::clone(&self.config), backend);
        let timestamp = timestamp("localhost").map_err(|_| Rejection::temporary("no random octets"))?;
        Ok(welcome.with_timestamp(timestamp).with_trusted(self.trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let ended = Ended {
            peer: peer.clone(),
            user: report.user.clone(),
            method: report.method,
            close: report.close,
            error: report.error.as_ref().map(ToString::to_string),
            totals: report.totals,
        };
        // The test may have ended.
        let _ = self.told.lock().expect("no panic while telling").send(ended);
    }
}

/// A store that records what it is told about the peer.
struct Watched {
    store: MemoryStore,
    in_tls: Arc<AtomicBool>,
}

impl Store for Watched {
    type Maildrop = MemoryMaildrop;

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.store.mechanisms()
    }

    fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        self.store.scram_keys(name, hash, peer, context)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.store.may_act_for(user, other)
    }

    fn open(
        &self,
        attempt: &LoginAttempt,
        peer: &Peer,
        context: &Context,
    ) -> Result<(Accepted, MemoryMaildrop), Rejection> {
        self.in_tls.store(peer.tls.is_some(), Ordering::SeqCst);
        self.store.open(attempt, peer, context)
    }
}

/// A connection that a test drives octet by octet.
pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
    /// Watches the other end of the connection, which is the side under test.
    watch: Watch,
}

impl Raw {
    pub(crate) fn connect(port: u16) -> Self {
        Self::new(TcpStream::connect(("127.0.0.1", port)).expect("the server listens"), Side::Server)
    }

    fn new(stream: TcpStream, tested: Side) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream), watch: Watch::new(tested, Channel::TrustedPlaintext) }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        let own = if self.watch.side() == Side::Server { Side::Client } else { Side::Server };
        self.watch.sent(own, octets.as_ref());
        self.stream.get_mut().write_all(octets.as_ref()).expect("the peer reads");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line of text");
        self.watch.sent(self.watch.side(), line.as_bytes());
        line
    }

    pub(crate) fn say(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.send(octets);
        self.line()
    }

    /// Everything that arrives until the peer closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the end of the stream");
        self.watch.sent(self.watch.side(), &rest);
        self.watch.ended(self.watch.side());
        rest
    }

    /// The socket, unwatched.
    pub(crate) fn bare(&mut self) -> &mut BufReader<TcpStream> {
        self.watch.look_away();
        &mut self.stream
    }

    /// The socket and its observer.
    pub(crate) fn into_parts(self) -> (TcpStream, Watch) {
        (self.stream.into_inner(), self.watch)
    }
}

/// A listener that passes each connection to a script. Returns the port and the result of the script.
pub(crate) fn script<T: Send + 'static>(
    script: impl FnOnce(Raw) -> T + Send + 'static,
) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (port, thread::spawn(move || script(Raw::new(listener.accept().expect("a connection").0, Side::Client))))
}
