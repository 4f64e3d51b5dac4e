//! The machine of the server, and its users.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use pop3_disk::Disk;
use pop3_serve::{Checkers, Machine, Profile, Table, User, UserName, Users};

use super::{Plan, World};
use crate::Sim;
use crate::network::MALLORY;
use crate::process::Process;

/// How the users are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsersAre {
    /// In memory.
    Here,
    /// In a database that takes a while.
    Elsewhere,
    /// In a database that sometimes fails.
    Unreliable,
}

/// The machine of the server, as a process sees it.
#[derive(Debug)]
pub(super) struct SimMachine {
    process: Process,
    epoch: Instant,
}

impl SimMachine {
    pub(super) fn new(process: &Process) -> Self {
        Self { process: process.clone(), epoch: Instant::now() }
    }
}

impl Machine for SimMachine {
    fn now(&self) -> Instant {
        self.epoch + self.process.sim().clock().elapsed()
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.process.disk()
    }

    fn checkers(&self) -> Option<Arc<dyn Checkers>> {
        Some(Arc::new(SimCheckers { process: self.process.clone(), epoch: self.epoch }))
    }
}

/// Where credentials are checked: jobs of the process.
#[derive(Debug)]
struct SimCheckers {
    process: Process,
    epoch: Instant,
}

impl Checkers for SimCheckers {
    fn count(&self) -> usize {
        2
    }

    fn start(&self, work: Box<dyn FnOnce() + Send>) {
        self.process.start_job(work);
    }

    fn start_at(&self, time: Instant, work: Box<dyn FnOnce() + Send>) {
        let (sim, until) = (self.process.sim().clone(), time.saturating_duration_since(self.epoch));
        self.process.spawn("checks that wait", async move {
            sim.sleep_until(until).await;
            work();
        });
    }
}

/// The users of the server.
pub(super) struct Directory {
    sim: Sim,
    table: Table,
    are: UsersAre,
    /// Nothing fails any more.
    is_calm: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Directory {
    pub(super) fn new(world: &Arc<World>) -> Self {
        let Plan { accounts, users, .. } = &world.plan;
        let mut lines = format!("{}:{{PLAIN}}{}\n", MALLORY.0, MALLORY.1);
        for account in accounts.iter().chain([&world.plan.owner]) {
            lines += &format!("{}:{{PLAIN}}{}\n", account.name, account.password);
        }
        #[expect(clippy::expect_used, reason = "the names and passwords are plain")]
        let table = Table::parse(lines.as_bytes()).expect("bad users");
        let own = Arc::downgrade(world);
        let is_calm = move || own.upgrade().is_none_or(|world| world.is_calm());
        Self { sim: world.sim.clone(), table, are: *users, is_calm: Box::new(is_calm) }
    }
}

impl Users for Directory {
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        if self.are != UsersAre::Here {
            let most = *self.sim.chance().pick(&[1, 50, 500]);
            self.sim.pause(Duration::from_millis(self.sim.chance().below(most) as u64));
        }
        if self.are == UsersAre::Unreliable && self.sim.chance().per_mille(200) && !(self.is_calm)() {
            return Err(io::Error::other("the database is gone"));
        }
        self.table.find(name)
    }

    fn profile(&self) -> Arc<Profile> {
        self.table.profile()
    }

    fn may_block(&self) -> bool {
        self.are != UsersAre::Here
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("are", &self.are).finish_non_exhaustive()
    }
}
