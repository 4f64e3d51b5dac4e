//! The server: the loop of the driver over the Maildir store.

use std::path::PathBuf;
use std::sync::Arc;

use pop3_disk::Disk;
use pop3_driver::Stop;
use pop3_driver::backend::{Context, LoginAttempt, Proof};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_driver::store::{Blocking, Maildrop, Store};
use pop3_maildir::{Maildir, MaildirConfig, MessageFile};
use pop3_proto::server::{Accepted, Close, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection};

use super::{Account, World, maildir_of};
use crate::network::{MALLORY, SERVER};
use crate::process::{Alive, Pool, Process};

/// The ports of the server, and when TLS starts on them.
pub(super) const PORTS: [(u16, Entrance); 2] = [(110, Entrance::Plain), (995, Entrance::Implicit)];

/// Starts a server.
pub(super) fn start(world: &Arc<World>) -> Process {
    let process = Process::start(&world.sim, &world.server_disk);
    let store = Users {
        disk: process.disk(),
        alive: process.alive(),
        config: world.plan.maildir.clone(),
        world: Arc::clone(world),
    };
    let service = Arc::new(Server { store: Arc::new(store), pool: process.pool(), world: Arc::clone(world) });
    for (port, entrance) in PORTS {
        let (listener, own) = (world.network.listen(port), process.clone());
        let (service, alive) = (Arc::clone(&service), process.alive());
        process.spawn(format!("listener {port}"), async move {
            loop {
                let (socket, address) = listener.accept(&alive).await;
                let peer = Peer::new(address, (SERVER, port).into());
                let service = Arc::clone(&service);
                service.world.count(|totals| totals.sessions += 1);
                service.world.running().sessions += 1;
                own.spawn(format!("session of {address}"), async move {
                    serve(socket, entrance, peer, &*service, &Stop::new()).await;
                });
            }
        });
    }
    process
}

/// The policy of the server.
struct Server {
    store: Arc<Users>,
    pool: Pool,
    world: Arc<World>,
}

impl Service for Server {
    type Backend = Blocking<Users, Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), self.pool.clone(), peer.clone());
        let mut config = ServerConfig::default();
        config.starttls = self.world.plan.tls;
        Ok(Welcome::new(Arc::new(config), backend).with_trusted(!self.world.plan.tls))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let world = &self.world;
        let (close, totals, user) = (report.close, report.totals, report.user.as_deref().unwrap_or("-"));
        world.sim.say(format_args!(
            "server: session of {peer} as {user} ended: {close}, {} retrieved, {} removed",
            totals.retrieved, totals.removed
        ));
        if report.panicked {
            world.sim.fail(format!("the session of {peer} panicked"));
        }
        if user == MALLORY.0 {
            world
                .sim
                .fail("the man in the middle is logged in: what was sent before TLS was believed after it");
        }
        if totals.removed > 0 && close != Close::Quit && world.plan.network_is_fair() {
            world
                .sim
                .fail(format!("the session of {peer} removed {} and ended with {close}", totals.removed));
        }
        world.running().sessions -= 1;
    }
}

/// The users and their Maildirs.
struct Users {
    disk: Arc<dyn Disk>,
    alive: Alive,
    config: MaildirConfig,
    world: Arc<World>,
}

impl Store for Users {
    type Maildrop = Watched;

    fn open(&self, attempt: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Watched), Rejection> {
        let name = str::from_utf8(&attempt.name).map_err(|_| Rejection::credentials())?;
        let known = self.world.plan.accounts.iter().find(|account| account.name == name);
        let (account, password) = match known {
            Some(account) => (Some(account.clone()), account.password.as_str()),
            None if name == MALLORY.0 => (None, MALLORY.1),
            None => return Err(Rejection::credentials()),
        };
        let is_right =
            matches!(&attempt.proof, Proof::Password(given) if given.same_octets(password.as_bytes()));
        if !is_right {
            return Err(Rejection::credentials());
        }
        let path = account.as_ref().map_or_else(|| PathBuf::from("/mail/mallory"), maildir_of);
        let mut inner = Maildir::open_on(&self.disk, &path, &self.config)?;
        let held = account.as_ref().map(|account| Held::begin(&self.world, account, self.alive.clone()));
        if let Some(account) = &account {
            self.world.check_server(account, "when its maildrop was opened");
        }
        let accepted = Accepted::from(inner.take_snapshot());
        Ok((accepted, Watched { held, inner, account, world: Arc::clone(&self.world) }))
    }
}

/// A session has the maildrop of an account, and no other session may have it.
struct Held {
    world: Arc<World>,
    name: String,
    turn: u64,
}

impl Held {
    fn begin(world: &Arc<World>, account: &Account, alive: Alive) -> Self {
        let mut running = world.running();
        running.turns += 1;
        let turn = running.turns;
        let before = running.held.insert(account.name.clone(), (turn, alive));
        drop(running);
        if before.is_some_and(|(_, other)| other.is_alive()) {
            world.sim.fail(format!("two sessions have the maildrop of {} at once", account.name));
        }
        Self { world: Arc::clone(world), name: account.name.clone(), turn }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut running = self.world.running();
        // A session of a server that was killed may end when another one has the maildrop.
        if running.held.get(&self.name).is_some_and(|(turn, _)| *turn == self.turn) {
            running.held.remove(&self.name);
        }
    }
}

/// An open Maildir, whose commits are watched.
struct Watched {
    /// It ends before the lock does.
    held: Option<Held>,
    inner: Maildir,
    account: Option<Account>,
    world: Arc<World>,
}

impl Maildrop for Watched {
    type Message = MessageFile;

    fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<MessageFile, Rejection>> {
        Maildrop::try_fetch(&mut self.inner, message, extent)
    }

    fn try_read(message: &mut MessageFile, buffer: &mut [u8]) -> std::io::Result<usize> {
        <Maildir as Maildrop>::try_read(message, buffer)
    }

    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<MessageFile, Rejection> {
        Maildrop::fetch(&mut self.inner, message, extent, context)
    }

    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        Maildrop::commits_on_the_spot(&self.inner, deletions)
    }

    fn commit(self, deletions: &Deletions, context: &Context) -> usize {
        let Self { held, inner, account, world } = self;
        // The lock ends in here, and others may have their turn before this returns.
        drop(held);
        if let Some(account) = &account {
            world.commit_begins(account, deletions.len());
        }
        let failed = Maildrop::commit(inner, deletions, context);
        if let Some(account) = &account {
            world.commit_ends(account);
        }
        failed
    }
}
