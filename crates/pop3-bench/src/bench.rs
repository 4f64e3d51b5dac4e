//! One run: threads, connections, the clock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pop3_connect::{ConnectError, Dial, Login, Settings, Source, Url};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};

use crate::plan::Plan;
use crate::process::cpu_time;
use crate::report::BenchReport;
use crate::tally::Tally;
use crate::worker::Worker;

/// A server and the accounts to use there.
#[derive(Clone, Debug)]
pub struct Bench {
    accounts: Vec<Account>,
}

/// How to reach the server, and how to log in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) dial: Dial,
    pub(crate) login: Login,
}

/// When a run ends.
#[derive(Debug)]
pub(crate) struct Limits {
    sessions: AtomicU64,
    end: Option<Instant>,
}

impl Bench {
    /// Creates a value for these accounts of one server. Connections take the accounts in turn, so use as many as there
    /// are connections if the server locks a maildrop. All accounts have the same password, which is read once.
    ///
    /// # Errors
    /// Returns an error if there is no account, or one without a user name, or if the settings cannot be met.
    pub fn new(settings: &Settings, accounts: &[Url]) -> Result<Self, ConnectError> {
        let mut settings = settings.clone();
        if settings.password.is_some()
            && let Some(first) = accounts.first()
        {
            let whose = format!("{}@{}", first.user().unwrap_or_default().escape_ascii(), first.host());
            settings.password = Some(Source::given(settings.read_password(&whose)?));
        }
        let account = |url: &Url| {
            let dial = Dial::new(&settings, url)?;
            let login = Login::new(&settings, url, dial.place())?.ok_or_else(|| {
                ConnectError::of_source("the URL contains no user name; write pop3://user@host")
            })?;
            Ok(Account { dial: dial.for_login(&login), login })
        };
        let accounts = accounts.iter().map(account).collect::<Result<Vec<_>, ConnectError>>()?;
        if accounts.is_empty() {
            return Err(ConnectError::of_source("there is no account to log in to"));
        }
        Ok(Self { accounts })
    }

    /// Runs the plan. Blocks until the last session has ended.
    ///
    /// # Errors
    /// Returns an error if nothing was run: the server is on another machine and [`Plan::remote`] is not set, the host
    /// cannot be found, the [process](Plan::server_process) does not exist, or there are no threads left. Errors of
    /// sessions are counted in the report.
    pub fn run(&self, plan: &Plan) -> io::Result<BenchReport> {
        if !plan.remote {
            self.require_loopback()?;
        }
        let cpu_before = plan.server_process.map(cpu_time).transpose()?;
        let began = Instant::now();
        let limits = Arc::new(Limits {
            sessions: AtomicU64::new(plan.sessions.unwrap_or(u64::MAX)),
            end: plan.duration.and_then(|duration| began.checked_add(duration)),
        });
        let connections = plan.connections.max(1);
        let threads = plan.threads.clamp(1, connections);
        let mut running = Vec::with_capacity(threads);
        for first in 0..threads {
            // The connections are dealt out to the threads in turn.
            let workers: Vec<_> = (first..connections)
                .step_by(threads)
                .filter_map(|index| self.accounts.get(index % self.accounts.len()))
                .map(|account| Worker::new(account.clone(), plan.clone(), Arc::clone(&limits)))
                .collect();
            running.push(thread::Builder::new().name(format!("bench-{first}")).spawn(|| run(workers))?);
        }
        let mut tally = Tally::new();
        for thread in running {
            match thread.join() {
                Ok(counted) => tally.add(counted?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let elapsed = began.elapsed();
        let cpu_after = plan.server_process.map(cpu_time).transpose()?;
        let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
        Ok(BenchReport::new(plan, tally, elapsed, cpu))
    }

    fn require_loopback(&self) -> io::Result<()> {
        for account in &self.accounts {
            let addresses = account.dial.addresses()?;
            if !addresses.iter().all(|address| address.ip().to_canonical().is_loopback()) {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!(
                        "{} is not on this machine; load is only for servers of your own",
                        account.dial.place()
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Runs the connections of one thread.
fn run(workers: Vec<Worker>) -> io::Result<Tally> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tally = LocalSet::new().block_on(&runtime, async {
        let mut running = JoinSet::new();
        for worker in workers {
            running.spawn_local(worker.run());
        }
        let mut tally = Tally::new();
        for counted in running.join_all().await {
            tally.add(counted);
        }
        tally
    });
    Ok(tally)
}

impl Limits {
    /// Takes one of the sessions that are left, if it may still begin.
    pub(crate) fn take_session(&self) -> bool {
        !self.is_over()
            && self
                .sessions
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    /// Whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}
