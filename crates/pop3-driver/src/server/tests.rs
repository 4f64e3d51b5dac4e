//! How much memory a session takes while it waits for its client.

use std::io;
use std::sync::Arc;

use pop3_proto::server::ServerConnection;
use pop3_proto::{Channel, Instant, Rejection};

use super::drive::Session;
use super::*;
use crate::memory::MemoryStore;
use crate::store::{Blocking, Inline};
use crate::tls::{TlsInfo, unavailable};
use crate::transport::Clock;

/// A transport without a connection.
struct Nowhere(Clock);

impl Transport for Nowhere {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn read(&mut self, _: &mut [u8], _: Instant) -> io::Result<usize> {
        Ok(0)
    }

    async fn read_ahead(&mut self, _: &mut [u8], _: Instant) -> io::Result<usize> {
        Ok(0)
    }

    async fn write(&mut self, octets: &[u8], _: Instant) -> io::Result<usize> {
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

struct Anyone(Arc<MemoryStore>);

impl Service for Anyone {
    type Backend = Blocking<MemoryStore, Inline>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.0), Inline, peer.clone());
        Ok(Welcome::new(Arc::default(), backend))
    }

    fn ended(&self, _: &Peer, _: &SessionReport) {}
}

#[test]
fn a_session_that_waits_takes_little_memory() {
    let (service, stop) = (Anyone(Arc::default()), Stop::new());
    let admitted = |peer| {
        let admitted = crate::wait(admit(Nowhere(Clock::start()), Entrance::Plain, peer, &service));
        admitted.expect("everyone is accepted")
    };
    let [task, serving] = [(); 2].map(|()| admitted(Peer::without_address()));
    // The future of the task, and the one in a box within it. What is rare or busy is in boxes of its own.
    let task = size_of_val(&task.serve(&service, &stop));
    let serving = size_of_val(&serve_to_end(serving.parts, &service, &stop));
    let session = size_of::<Session<<Anyone as Service>::Backend>>();
    let peer = size_of::<Peer>();
    let sizes = format!("task {task}, serving {serving}, session {session}, peer {peer}");
    assert!(task <= 512 && serving <= 768 && session <= 832 && peer <= 144, "{sizes}");
    let connection = ServerConnection::new(Arc::default(), Channel::Plaintext, None, Instant::EPOCH);
    assert!(size_of_val(&connection) <= 416, "{}", size_of_val(&connection));
}
