//! A server with one maildrop in memory: user `mrose`, password `tanstaaf`.
//!
//! `cargo run -p pop3-tokio --example serve_memory`, then fetch from the address that it prints.

use std::sync::Arc;

use pop3_tokio::Pool;
use pop3_tokio::Stop;
use pop3_tokio::memory::MemoryStore;
use pop3_tokio::proto::Rejection;
use pop3_tokio::proto::server::ServerConfig;
use pop3_tokio::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_tokio::store::Blocking;
use pop3_tokio::tls::Role;

/// The policy: one store, passwords in clear from this machine only.
struct Memory {
    config: Arc<ServerConfig>,
    store: Arc<MemoryStore>,
}

impl Service for Memory {
    type Backend = Blocking<MemoryStore, Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), Pool::new(), peer.clone());
        let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        println!("{}, {peer}: {:?}, {}", peer.session, report.user, report.close);
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let store = MemoryStore::new();
    store.add_user("mrose", "tanstaaf");
    store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
    store.deliver("mrose", b"Subject: dots\n\n.one\n..two\n.\n");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let service = Memory { config: ServerConfig::default().into(), store: store.into() };
    pop3_tokio::serve(listener, Entrance::Plain, Role::None, service.into(), Stop::new()).await;
    Ok(())
}
