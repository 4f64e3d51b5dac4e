//! A whole system: two machines, the programs on them, and everything that can go wrong.

mod deliveries;
mod fetcher;
mod guesser;
mod hostile;
mod ledger;
mod log;
mod machine;
mod nemesis;
mod odd_server;
mod owner;
mod plan;
mod reader;
mod server;
mod totals;
mod visitor;

pub use fetcher::Fetcher;
pub use log::LogState;
pub use machine::UsersAre;
pub use odd_server::Oddity;
pub use plan::{Account, Plan};
pub use totals::Totals;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::Stop;
use pop3_fetch::FetchReport;
use pop3_proto::Quirk;
use pop3_serve::HostedServer;
use tracing::dispatcher;

use crate::network::Network;
use crate::process::{Alive, Process};
use crate::{Chance, Executor, Failure, Group, Sim, SimDisk};
use fetcher::Ran;
use guesser::Guess;
use ledger::Ledger;
use log::SimLog;

/// The result of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What has happened.
    pub totals: Totals,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The last lines of the trace.
    pub trace: Vec<String>,
    /// A number that differs if anything in the trace differs.
    pub digest: u64,
    /// The quirks of a server that departs from the protocol, as a client has seen them.
    pub quirks: Vec<Quirk>,
    /// The last calls on the disks of the server and the client, if it failed.
    pub disks: Option<[String; 2]>,
}

pub(crate) struct World {
    sim: Sim,
    network: Network,
    server_disk: SimDisk,
    client_disk: SimDisk,
    plan: Plan,
    ledger: Mutex<Ledger>,
    totals: Mutex<Totals>,
    running: Mutex<Running>,
    odd_maildrop: Mutex<odd_server::Maildrop>,
    guesses: Mutex<Vec<Guess>>,
    quirks: Mutex<Vec<Quirk>>,
    /// The end is near: nothing goes wrong any more, and nothing is started that is not asked for.
    is_calm: Arc<AtomicBool>,
}

/// How long those wait who do not hurry.
const PATIENCE: Duration = Duration::from_secs(600);

/// The processes that run.
#[derive(Default)]
struct Running {
    server: Option<Process>,
    hosted: Option<Arc<HostedServer>>,
    fetchers: BTreeMap<String, (Process, Stop)>,
    /// Nothing is started any more.
    over: bool,
    /// The sessions that the server has open.
    sessions: i64,
    /// Who has the maildrop of an account: the number of the turn, and whether its server is alive.
    held: BTreeMap<String, (u64, Alive)>,
    turns: u64,
}

/// The Maildir of a user.
fn maildir_of(account: &Account) -> PathBuf {
    Path::new("/mail").join(&account.name)
}

/// Does the run of a seed.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    run_with(seed, Plan::draw)
}

/// Does a run of a seed with another plan.
#[must_use]
pub fn run_with(seed: u64, plan: impl FnOnce(&Chance) -> Plan) -> Outcome {
    let chance = Chance::new(seed);
    let plan = plan(&chance.fork());
    let sim = Sim::new(chance.fork());
    let disk = |chance: &Chance| SimDisk::new(chance.fork(), sim.clock().clone());
    let world = Arc::new(World {
        network: Network::new(&sim),
        server_disk: disk(&chance),
        client_disk: disk(&chance),
        plan,
        ledger: Mutex::default(),
        totals: Mutex::default(),
        running: Mutex::default(),
        odd_maildrop: Mutex::default(),
        guesses: Mutex::default(),
        quirks: Mutex::default(),
        is_calm: Arc::default(),
        sim: sim.clone(),
    });
    sim.say(format_args!("seed {seed}: {}", world.plan));
    let own = Arc::clone(&world);
    sim.spawn(Group::NONE, "main", async move { own.main().await });
    let log = SimLog::start(&sim, world.plan.log, chance.fork(), &world.is_calm);
    let mut executor = Executor::new(&sim);
    let result = dispatcher::with_default(&log.dispatch, || executor.run_until_done("main"));
    world.check_log(&log.end());
    let result = sim.failure().map_or(result, Err);
    let failure = match result {
        Ok(left) if left.is_empty() => world.left_behind(),
        Ok(left) => Some(Failure(format!("these tasks have not ended: {}", left.join(", ")))),
        Err(failure) => Some(failure),
    };
    for disk in [&world.server_disk, &world.client_disk] {
        disk.set_hook(None);
    }
    let mut totals = *world.totals();
    totals.runs = 1;
    totals.steps = executor.steps();
    totals.most_jobs = executor.most_jobs() as u64;
    totals.seconds = sim.clock().elapsed().as_secs();
    totals.add_network(world.network.totals());
    let disks = failure.is_some().then(|| [world.server_disk.trace(), world.client_disk.trace()]);
    let quirks = core::mem::take(&mut *world.quirks());
    Outcome { totals, failure, quirks, trace: sim.trace().last(), digest: sim.trace().digest(), disks }
}

impl World {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, add: impl FnOnce(&mut Totals)) {
        add(&mut self.totals());
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fetcher has begun a run.
    fn entered(&self, name: &str, process: &Process, stop: &Stop) {
        self.running().fetchers.insert(name.to_owned(), (process.clone(), stop.clone()));
    }

    /// A run of a fetcher is over.
    fn left(&self, name: &str) {
        let process = self.running().fetchers.remove(name);
        drop(process);
    }

    fn odd_maildrop(&self) -> MutexGuard<'_, odd_server::Maildrop> {
        self.odd_maildrop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quirks(&self) -> MutexGuard<'_, Vec<Quirk>> {
        self.quirks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guesses(&self) -> MutexGuard<'_, Vec<Guess>> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.running().over
    }

    fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    async fn main(self: Arc<Self>) {
        self.set_up();
        let server = Arc::clone(&self);
        if self.plan.oddities.is_empty() {
            self.sim.spawn(
                Group::NONE,
                "supervisor of the server",
                async move { server.keep_serving().await },
            );
        } else {
            self.sim.spawn(Group::NONE, "odd server", odd_server::serve(server));
        }
        let mut rounds = Vec::new();
        for fetcher in self.plan.fetchers.clone() {
            let own = Arc::clone(&self);
            let name = format!("rounds of {}", fetcher.name);
            let task = async move { own.fetch_again_and_again(&fetcher).await };
            rounds.push(self.sim.start(Group::NONE, name, task));
        }
        let actors = ["deliveries", "nemesis", "reader", "attacks", "guesses", "owner", "visitor"];
        for (task, name) in actors.into_iter().enumerate() {
            let own = Arc::clone(&self);
            rounds.push(self.sim.start(Group::NONE, name.to_owned(), async move {
                match task {
                    0 => own.deliver().await,
                    1 => own.go_wrong().await,
                    2 => own.read().await,
                    3 => own.attack().await,
                    4 => own.guess().await,
                    5 => own.look_for_mail().await,
                    _ => own.visit().await,
                }
            }));
        }
        for round in rounds {
            round.await;
        }
        self.calm_down().await;
    }

    /// Makes what is there before the first program starts.
    fn set_up(self: &Arc<Self>) {
        let actor = self.server_disk.actor();
        let users = self.plan.accounts.iter().chain([&self.plan.owner]);
        let names = users.map(maildir_of).chain([PathBuf::from("/mail/mallory")]);
        for maildir in names {
            for name in ["tmp", "new", "cur"] {
                if let Err(error) = actor.disk().make_folders(&maildir.join(name), 0o700) {
                    self.sim.fail(format!("can't make {}: {error}", maildir.display()));
                }
            }
        }
        self.server_disk.sync_all();
        for fetcher in &self.plan.fetchers {
            let above = fetcher.state.parent().unwrap_or(Path::new("/"));
            if let Err(error) = self.client_disk.actor().disk().make_folders(above, 0o700) {
                self.sim.fail(format!("can't make {}: {error}", above.display()));
            }
        }
        self.client_disk.sync_all();
        for disk in [&self.server_disk, &self.client_disk] {
            let sim = self.sim.clone();
            disk.set_hook(Some(Arc::new(move |_| sim.may_step_aside(20))));
        }
        if self.plan.tls {
            let users = self.plan.accounts.iter().chain([&self.plan.owner]);
            let passwords = users.map(|account| account.password.clone().into_bytes());
            self.network.set_secrets(passwords.collect());
        }
    }

    /// Keeps a server running.
    async fn keep_serving(self: Arc<Self>) {
        loop {
            let process = server::start(&self);
            self.count(|totals| totals.server_starts += 1);
            self.running().server = Some(process.clone());
            self.sim.say(format_args!("server: started"));
            // It never ends by itself.
            while process.is_alive() {
                self.sim.sleep(Duration::from_secs(1)).await;
                if self.running().server.is_none() {
                    process.kill();
                    return;
                }
            }
            self.server_ended();
            self.running().hosted = None;
            self.sim.say(format_args!("server: dead"));
            self.running().sessions = 0;
            let down = Duration::from_secs(self.sim.chance().below(120) as u64);
            if !self.is_calm() {
                self.sim.sleep(down).await;
            }
        }
    }

    async fn fetch_again_and_again(self: Arc<Self>, fetcher: &Fetcher) {
        while self.sim.clock().elapsed() < self.plan.chaos {
            fetcher.run_once(&self).await;
            let rest = usize::try_from(fetcher.rest.as_millis()).unwrap_or(1);
            self.sim.sleep(Duration::from_millis(1 + self.sim.chance().below(rest) as u64)).await;
        }
    }

    /// Ends all faults, lets each fetcher finish, and checks what must hold then.
    async fn calm_down(self: &Arc<Self>) {
        self.is_calm.store(true, Ordering::Relaxed);
        self.heal();
        self.sim.say(format_args!("all is calm now"));
        self.sim.sleep(Duration::from_secs(5)).await;
        for fetcher in self.plan.fetchers.clone() {
            self.finish(&fetcher).await;
        }
        // Sessions whose connection is frozen end by their timeouts.
        self.sim.sleep(Duration::from_secs(1_000)).await;
        let open = self.running().sessions;
        if open != 0 {
            self.sim.fail(format!("{open} sessions have not ended"));
        }
        let server = self.running().server.clone();
        if let Some(server) = server {
            let (files, locks) = server.holds();
            if (files, locks) != (0, 0) {
                self.sim.fail(format!("the server holds {files} files and {locks} locks without a session"));
            }
        }
        let hosted = self.running().hosted.take();
        if let Some(hosted) = hosted {
            let (places, users) = (hosted.connections(), hosted.users_logged_in());
            if (places, users) != (0, 0) {
                self.sim
                    .fail(format!("{places} places and the sessions of {users} users were not given back"));
            }
        }
        self.check_all();
        self.running().server = None;
        self.running().over = true;
        self.sim.sleep(Duration::from_secs(5)).await;
        if !self.plan.oddities.is_empty() {
            // The odd server looks whether it is over when somebody comes, and its sessions may sleep.
            let _ = self.network.connect(1, self.plan.port(), &Alive::always()).await;
            self.sim.sleep(Duration::from_secs(3_000)).await;
        }
    }

    /// Runs a fetcher until it has everything. Nothing keeps it from that.
    async fn finish(self: &Arc<Self>, fetcher: &Fetcher) {
        let is_well = |report: &FetchReport| report.left == 0 && report.is_well();
        for attempt in 0..8 {
            // A session whose client was killed may still have the maildrop.
            let ran = fetcher.run_once(self).await;
            match ran {
                Ran::Well(report) if is_well(&report) => return,
                Ran::Well(_) => {}
                Ran::Failed(_) | Ran::Killed => {
                    self.sim.sleep(Duration::from_secs(if attempt < 3 { 20 } else { 700 })).await;
                }
            }
        }
        let more = (self.plan.messages / 3) + 1;
        for _ in 0..more {
            if let Ran::Well(report) = fetcher.run_once(self).await
                && is_well(&report)
            {
                return;
            }
        }
        self.sim
            .fail(format!("{} does not come to an end, although nothing is wrong any more", fetcher.name));
    }

    /// What is left when everything has ended.
    fn left_behind(&self) -> Option<Failure> {
        let open = self.network.open_connections();
        if open > 0 {
            return Some(Failure(format!("{open} connections are open at the end")));
        }
        for (whose, disk) in [("server", &self.server_disk), ("client", &self.client_disk)] {
            let (files, locks) = (disk.descriptors(), disk.locks());
            if (files, locks) != (0, 0) {
                let held =
                    format!("{files} files and {locks} locks are held on the disk of the {whose} at the end");
                return Some(Failure(held));
            }
        }
        None
    }
}
