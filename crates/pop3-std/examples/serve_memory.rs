//! A server with one maildrop in memory: user `mrose`, password `tanstaaf`.
//!
//! `cargo run -p pop3-std --example serve_memory`, then fetch from the address that it prints.

use std::sync::Arc;

use pop3_std::Pool;
use pop3_std::Stop;
use pop3_std::memory::MemoryStore;
use pop3_std::proto::Rejection;
use pop3_std::proto::server::ServerConfig;
use pop3_std::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_std::store::Blocking;
use pop3_std::tls::Role;

/// The policy: one store, passwords in clear from this machine only.
struct Memory {
    config: Arc<ServerConfig>,
    store: Arc<MemoryStore>,
}

impl Service for Memory {
    type Backend = Blocking<MemoryStore, Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), Pool::default(), peer.clone());
        let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        println!("{}, {peer}: {:?}, {}", peer.session, report.user, report.close);
    }
}

fn main() -> std::io::Result<()> {
    let store = MemoryStore::new();
    store.add_user("mrose", "tanstaaf");
    store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
    store.deliver("mrose", b"Subject: dots\n\n.one\n..two\n.\n");

    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    let service = Arc::new(Memory { config: ServerConfig::default().into(), store: store.into() });
    pop3_std::serve(listener, Entrance::Plain, &Role::None, &service, &Stop::new())
}
