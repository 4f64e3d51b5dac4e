//! The server: the loop of the driver with the users, the limits, the log and the Maildirs of `pop3-serve`.

use core::future::Future;
use std::io;
use std::sync::Arc;

use pop3_driver::Stop;
use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt};
use pop3_driver::server::{Entrance, Peer, Place, Service, SessionReport, Welcome, serve};
use pop3_driver::tls::TlsInfo;
use pop3_proto::server::{Close, Extent, Limits};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use pop3_serve::{HostedServer, ServeConfig};

use super::log::LogState;
use super::machine::{Directory, SimMachine};
use super::{Account, World};
use crate::network::{Bounds, MALLORY, SERVER};
use crate::process::{Alive, Process};

/// The ports of the server, and when TLS starts on them.
pub(super) const PORTS: [(u16, Entrance); 2] = [(110, Entrance::Plain), (995, Entrance::Implicit)];

/// Starts a server.
pub(super) fn start(world: &Arc<World>) -> Process {
    let process = Process::start(&world.sim, &world.server_disk);
    let plan = &world.plan;
    let mut config = ServeConfig::new("/mail").with_limits(plan.limits);
    config.insecure_auth = !plan.tls;
    config.mechanisms = Some(plan.mechanisms.clone());
    let (machine, users) = (Arc::new(SimMachine::new(&process)), Arc::new(Directory::new(world)));
    let hosted = match HostedServer::new(machine, config, users, plan.tls) {
        Ok(hosted) => Arc::new(hosted),
        Err(error) => {
            world.sim.fail(format!("the server can't start: {error}"));
            return process;
        }
    };
    let service = Watching {
        service: hosted.service(process.pool()),
        alive: process.alive(),
        world: Arc::clone(world),
    };
    world.running().hosted = Some(hosted);
    let service = Arc::new(service);
    for (port, entrance) in PORTS {
        listen(world, &process, &service, port, entrance);
    }
    process
}

fn listen<S: Service>(
    world: &Arc<World>,
    process: &Process,
    service: &Arc<Watching<S>>,
    port: u16,
    entrance: Entrance,
) {
    let (listener, own, service) = (world.network.listen(port), process.clone(), Arc::clone(service));
    process.spawn(format!("listener {port}"), async move {
        loop {
            let (mut socket, address) = listener.accept(&service.alive).await;
            socket.set_bounds(bounds());
            let session = own.clone();
            let peer = Peer::new(address, (SERVER, port).into());
            let service = Arc::clone(&service);
            service.world.count(|totals| totals.sessions += 1);
            service.world.running().sessions += 1;
            own.spawn(format!("session of {address}"), async move {
                serve(socket, entrance, peer, &*service, &Stop::new()).await;
                service.world.check_descriptors(&session);
                service.world.running().sessions -= 1;
            });
        }
    });
}

/// What a session may have in its buffers, see `docs/limits.md`: a line of AUTH, and output up to the mark with one piece
/// of a message more, which may consist of line feeds.
fn bounds() -> Bounds {
    let limits = Limits::default();
    Bounds { input: limits.sasl_line + 2, output: limits.high_water + 2 * 128 * 1024 }
}

impl World {
    /// Checks that the server has no more files open than its sessions may have: the directory and the lock of the
    /// maildrop, the two directories in it, and a message.
    fn check_descriptors(&self, server: &Process) {
        let (files, _) = server.holds();
        let sessions = usize::try_from(self.running().sessions).unwrap_or_default();
        self.count(|totals| totals.most_files = totals.most_files.max(files as u64));
        if files > 6 * sessions + 16 {
            self.sim.fail(format!("the server has {files} files open for {sessions} sessions"));
        }
    }
}

/// The policy of the server, which is watched.
struct Watching<S> {
    service: S,
    alive: Alive,
    world: Arc<World>,
}

impl<S: Service> Service for Watching<S> {
    type Backend = Watched<S::Backend>;

    fn accept(&self, peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        self.service.accept(peer, end)
    }

    fn accept_failed(&self, error: &io::Error) {
        self.service.accept_failed(error);
    }

    fn expects_proxy(&self, peer: &Peer) -> bool {
        self.service.expects_proxy(peer)
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let welcome = self.service.connect(peer).await?;
        let (world, alive) = (Arc::clone(&self.world), self.alive.clone());
        let watched = Watched { held: None, inner: welcome.backend, account: None, world, alive };
        let mut own = Welcome::new(welcome.config, watched)
            .with_trusted(welcome.trusted)
            .with_trusted_proxy(welcome.trusted_proxy)
            .with_sasl(welcome.sasl);
        own.timestamp = welcome.timestamp;
        Ok(own)
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let world = &self.world;
        let (close, totals, user) = (report.close, report.totals, report.user.as_deref().unwrap_or("-"));
        world.sim.say(format_args!(
            "server: session of {peer} as {user} ended: {close}, {} retrieved, {} removed",
            totals.retrieved, totals.removed
        ));
        if report.panicked && world.plan.log != LogState::Panics {
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
        self.service.ended(peer, report);
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

/// A commit, which ends when this is dropped: it is done, or the server was killed, whose disk does nothing more.
struct Commit {
    world: Arc<World>,
    account: Account,
}

impl Commit {
    fn begin(world: &Arc<World>, account: Account, marked: usize) -> Self {
        world.commit_begins(&account, marked);
        Self { world: Arc::clone(world), account }
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.world.commit_ends(&self.account);
    }
}

/// The store of a session, whose logins and commits are watched.
struct Watched<B> {
    /// It ends before the lock does.
    held: Option<Held>,
    inner: B,
    account: Option<Account>,
    world: Arc<World>,
    alive: Alive,
}

impl<B: Backend> Backend for Watched<B> {
    type Message = B::Message;

    fn secured(&mut self, tls: &Arc<TlsInfo>) {
        self.inner.secured(tls);
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.inner.mechanisms()
    }

    fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Keys>, Rejection>> + Send {
        self.inner.scram_keys(name, hash, context)
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        self.inner.scram_refused(name)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.inner.may_act_for(user, other)
    }

    async fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        let name = String::from_utf8_lossy(&attempt.name).into_owned();
        let admission = self.inner.authenticate(attempt, context).await?;
        self.account = self.world.plan.accounts.iter().find(|account| account.name == name).cloned();
        if let Some(account) = &self.account {
            self.held = Some(Held::begin(&self.world, account, self.alive.clone()));
            self.world.check_server(account, "when its maildrop was opened");
        }
        Ok(admission)
    }

    fn try_fetch(&mut self, message: MessageNumber, extent: Extent) -> Option<Result<B::Message, Rejection>> {
        self.inner.try_fetch(message, extent)
    }

    fn expect(&mut self, messages: &[MessageNumber]) {
        self.inner.expect(messages);
    }

    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> impl Future<Output = Result<B::Message, Rejection>> + Send {
        self.inner.fetch(message, extent, context)
    }

    async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        // The lock ends in here, and others may have their turn before this returns.
        self.held = None;
        let Some(account) = self.account.take() else { return self.inner.commit(deletions, context).await };
        let _commit = Commit::begin(&self.world, account, deletions.len());
        self.inner.commit(deletions, context).await
    }
}
