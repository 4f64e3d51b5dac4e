//! Clients and servers over streams that are not the adapter's TCP connections: Unix sockets, memory, TLS of
//! another library, and streams through a proxy.

mod blocking;
mod futures;
mod memory;
mod tokio;

use core::marker::PhantomData;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use pop3_driver::client::Client;
use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Peer, Service, SessionReport, Welcome};
use pop3_driver::store::Blocking;
use pop3_driver::{Stop, Transport};
use pop3_proto::server::{Close, ServerConfig};
use pop3_proto::{Channel, MessageNumber, Rejection};
use pop3_tests::configured;

use crate::runtime::Runtime;
use crate::server::PATIENCE;

/// The reports about a session.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    peer: String,
    user: Option<String>,
    tls: Option<String>,
    close: Close,
}

/// A service that accepts passwords in plain text only if this was declared.
struct House<R> {
    store: Arc<MemoryStore>,
    config: Arc<ServerConfig>,
    trusted: bool,
    told: Mutex<Sender<Told>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Service for House<R> {
    type Backend = Blocking<MemoryStore, R::Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), R::Pool::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(self.trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let told = Told {
            peer: peer.to_string(),
            user: report.user.clone(),
            tls: peer.tls.as_ref().map(|tls| tls.version.clone()),
            close: report.close,
        };
        self.told.lock().expect("no panic").send(told).expect("the test waits");
    }
}

/// Serves one connection on a thread.
struct Served {
    told: Receiver<Told>,
    stop: Stop,
    thread: JoinHandle<()>,
}

impl Served {
    /// Serves as requested: plain text is trusted, or STLS is offered.
    fn start<R: Runtime>(trusted: bool, serve: impl FnOnce(&House<R>, &Stop) + Send + 'static) -> Self {
        let store = MemoryStore::new();
        store.add_user("mrose", "tanstaaf");
        store.deliver("mrose", &[b"Subject: a\n\n", &[b'x'; 300_000][..], b"\n"].concat());
        let config = configured::<ServerConfig>(|it| it.starttls = !trusted).into();
        let (sender, told) = channel();
        let house = House { store: store.into(), config, trusted, told: sender.into(), runtime: PhantomData };
        let stop = Stop::new();
        let thread = thread::spawn({
            let stop = stop.clone();
            move || serve(&house, &stop)
        });
        Self { told, stop, thread }
    }

    /// The end, after a session of [`talk`].
    fn ended(self, tls: Option<&str>) {
        let told = self.told.recv_timeout(PATIENCE).expect("a report");
        let (user, tls) = (Some("mrose".to_owned()), tls.map(str::to_owned));
        assert_eq!(told, Told { peer: "-".to_owned(), user, tls, close: Close::Quit });
        self.thread.join().expect("no panic");
    }

    /// The end of a session in which the client is waiting, caused by the server.
    fn stopped(self) {
        self.stop.stop();
        let told = self.told.recv_timeout(PATIENCE).expect("a report");
        assert_eq!((told.user, told.close), (None, Close::Stopped));
        self.thread.join().expect("no panic");
    }
}

/// A session with more data than any buffer can hold.
async fn talk<T: Transport>(mut client: Client<T>, channel: Channel) {
    assert_eq!(client.channel(), channel);
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    let mut message = Vec::new();
    client.retr(MessageNumber::FIRST, &mut message).await.expect("a message");
    assert_eq!(message.len(), 300_000 + 16);
    client.quit().await.expect("the end");
}

/// A Unix socket in the file system, and its path.
fn unix() -> (tempfile::TempDir, UnixListener, impl FnOnce() -> UnixStream) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("pop3");
    let listener = UnixListener::bind(&path).expect("a socket");
    (folder, listener, move || UnixStream::connect(path).expect("it listens"))
}
