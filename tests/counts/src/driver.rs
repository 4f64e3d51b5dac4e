//! The server of the driver, over a transport and a store in memory.

use std::sync::Arc;

use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_driver::store::{Blocking, Inline, Store};
use pop3_driver::{Stop, wait};
use pop3_proto::Rejection;
use pop3_proto::server::{Close, ServerConfig};

use crate::wire::{Commands, Wire};
use crate::{MESSAGES, Scenario, commands, mail};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("driver/server stat", 10, |times| pipelined(times, &b"STAT\r\n".repeat(100))).allocating(1),
    Scenario::new("driver/server stat, one by one", 10, |times| one_by_one(times, &b"STAT\r\n".repeat(100))),
    Scenario::new("driver/server list and uidl", 100, |times| pipelined(times, b"LIST\r\nUIDL\r\n")),
    Scenario::new("driver/server retr", 5, |times| pipelined(times, &commands("RETR", ""))).allocating(4),
    Scenario::new("driver/server retr, one by one", 5, |times| one_by_one(times, &commands("RETR", "")))
        .allocating(300),
    Scenario::new("driver/server dele", 10, |times| {
        pipelined(times, &[&commands("DELE", "")[..], b"RSET\r\n"].concat())
    }),
    Scenario::new("driver/server session", 20, sessions).allocating(56),
];

/// Login and QUIT.
fn sessions(times: u32) {
    let store = in_memory(1);
    for _ in 0..times {
        session(store.clone(), Commands::new(b"", 0, false));
    }
}

fn pipelined(times: u32, commands: &[u8]) {
    session(in_memory(MESSAGES), Commands::new(commands, times, false));
}

fn one_by_one(times: u32, commands: &[u8]) {
    session(in_memory(MESSAGES), Commands::new(commands, times, true));
}

fn in_memory(messages: u32) -> MemoryStore {
    let store = MemoryStore::new();
    store.add_user("mrose", "tanstaaf");
    let mail = mail();
    for _ in 0..messages {
        store.deliver("mrose", &mail);
    }
    store
}

/// Serves this client from this store.
pub(crate) fn session<S: Store>(store: S, client: Commands) {
    let mail = Mail { store: Arc::new(store), config: Arc::new(ServerConfig::default()) };
    wait(serve(Wire(client), Entrance::Plain, Peer::without_address(), &mail, &Stop::new()));
}

struct Mail<S> {
    store: Arc<S>,
    config: Arc<ServerConfig>,
}

impl<S: Store> Service for Mail<S> {
    type Backend = Blocking<S, Inline>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), Inline::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(true))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        assert_eq!(report.close, Close::Quit);
    }
}
