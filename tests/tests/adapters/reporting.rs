//! What the service learns about each connection, over real sockets.

use core::marker::PhantomData;
use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use pop3_driver::client::Credentials;
use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Place, Service, SessionId, SessionReport, Welcome};
use pop3_driver::store::{Blocking, BlockingPool as _};
use pop3_driver::tls::Role;
use pop3_driver::{LoginMethod, Stop};
use pop3_proto::Rejection;
use pop3_proto::server::{Close, ServerConfig};
use pop3_sasl::Mechanism;

use crate::runtime::Runtime;
use crate::server::{Mode, PATIENCE, Raw, Server};
use crate::{everywhere, on_each_runtime};

everywhere!(the_server_learns_which_name_was_asked_for);
on_each_runtime!(the_report_says_how_the_user_has_logged_in, who_is_turned_away_is_reported);

async fn the_server_learns_which_name_was_asked_for<R: Runtime>(mode: Mode) {
    let server = Server::<R>::start(mode);
    let client = server.log_in().await;
    let name = (mode != Mode::Trusted).then(|| "localhost".to_owned());
    assert_eq!(client.tls().and_then(|tls| tls.server_name), name);
    client.quit().await.expect("the end");
    assert_eq!(server.report().peer.tls.and_then(|tls| tls.server_name.clone()), name);
}

async fn the_report_says_how_the_user_has_logged_in<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted);
    let mut sessions = HashSet::new();
    let mut ended = |method| {
        let ended = server.report();
        assert_eq!((ended.method, ended.close), (method, Close::Quit));
        assert!(sessions.insert(ended.peer.session), "each session has an id of its own");
    };
    let mut client = server.connect().await;
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    client.quit().await.expect("the end");
    ended(Some(LoginMethod::User));
    let mut client = server.connect().await;
    client.login_apop(b"mrose", b"tanstaaf").await.expect("the secret is right");
    client.quit().await.expect("the end");
    ended(Some(LoginMethod::Apop));
    for mechanism in [Mechanism::Plain, Mechanism::CramMd5, Mechanism::ScramSha256] {
        let mut client = server.connect().await;
        let credentials = Credentials::new("mrose").with_password(b"tanstaaf".to_vec());
        client.authenticate(mechanism, &credentials).await.expect("the password is right");
        client.quit().await.expect("the end");
        ended(Some(LoginMethod::Auth(mechanism)));
    }
    let client = server.connect().await;
    client.quit().await.expect("the end");
    ended(None);
}

/// The calls of the service.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Asked(SessionId),
    Ended(SessionId, Close, Option<String>),
}

/// Refuses the first connection at once, and the second one after a slow look-up.
struct Doorman<R> {
    config: Arc<ServerConfig>,
    store: Arc<MemoryStore>,
    told: Mutex<(u32, Sender<Told>)>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Service for Doorman<R> {
    type Backend = Blocking<MemoryStore, R::Pool>;

    fn accept(&self, peer: &Peer, _end: &Stop) -> Result<Place, Rejection> {
        let (count, told) = &mut *self.told.lock().expect("no panic");
        told.send(Told::Asked(peer.session)).expect("the test waits");
        *count += 1;
        if *count == 1 { Err(Rejection::temporary("full")) } else { Ok(Place::none()) }
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let count = self.told.lock().expect("no panic").0;
        // A look-up that blocks, on a thread where this is allowed.
        let pool = R::Pool::default();
        let listed = pool.run(move || count == 2);
        if listed.await.map_err(|_| Rejection::temporary("no list"))? {
            return Err(Rejection::plain("you are on a list"));
        }
        let backend = Blocking::new(Arc::clone(&self.store), R::Pool::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(true))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let error = report.error.as_ref().map(|error| error.kind().to_string());
        let told = &self.told.lock().expect("no panic").1;
        // The test may have ended.
        let _ = told.send(Told::Ended(peer.session, report.close, error));
    }
}

async fn who_is_turned_away_is_reported<R: Runtime>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (told, heard) = channel();
    let store = Arc::new(MemoryStore::new());
    let config = ServerConfig::default().into();
    let service = Doorman::<R> { config, store, told: Mutex::new((0, told)), runtime: PhantomData };
    let stop = Stop::new();
    let server = thread::spawn({
        let stop = stop.clone();
        move || R::serve(listener, Entrance::Plain, Role::None, service.into(), stop)
    });
    let mut sessions = HashSet::new();
    for (said, close) in [
        ("-ERR [SYS/TEMP] full\r\n", Close::Refused),
        ("-ERR you are on a list\r\n", Close::Refused),
        ("+OK POP3 server ready\r\n", Close::PeerClosed),
    ] {
        let mut raw = Raw::connect(port);
        let line = raw.line();
        assert!(line == said || close == Close::PeerClosed && line.starts_with("+OK"), "{line}");
        drop(raw);
        let Told::Asked(session) = heard.recv_timeout(PATIENCE).expect("a question") else {
            panic!("asked first")
        };
        let ended = heard.recv_timeout(PATIENCE).expect("a report");
        assert_eq!(ended, Told::Ended(session, close, None));
        assert!(sessions.insert(session));
    }
    stop.stop();
    server.join().expect("no panic").expect("no fault of the listener's");
}
