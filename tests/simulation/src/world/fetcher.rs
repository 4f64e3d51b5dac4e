//! The fetcher: one process for each run, with the client of the driver.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use pop3_driver::client::{Client, ClientOptions, LoginPolicy};
use pop3_driver::{Stop, Transport as _};
use pop3_fetch::{Fetch, FetchError, FetchEvent, FetchOptions, FetchReport, Target};

use super::{Account, World};
use crate::process::Process;

/// Who fetches what.
#[derive(Clone, Debug)]
pub struct Fetcher {
    pub(super) name: String,
    pub(super) account: Account,
    pub(super) target: Target,
    pub(super) state: PathBuf,
    pub(super) delete: bool,
    pub(super) address: u8,
    /// The longest time between two runs.
    pub(super) rest: Duration,
    pub(super) limit: Option<u64>,
}

/// How a run has ended.
#[derive(Debug)]
pub(super) enum Ran {
    Well(FetchReport),
    Failed(String),
    /// Its process ended before.
    Killed,
}

impl Fetcher {
    /// Does one run in a process of its own.
    pub(super) async fn run_once(&self, world: &Arc<World>) -> Ran {
        let process = Process::start(&world.sim, &world.client_disk);
        let stop = Stop::new();
        world.entered(&self.name, &process, &stop);
        let task = session(self.clone(), Arc::clone(world), process.clone(), stop);
        let ran = match process.run(self.name.clone(), task).await {
            None => Ran::Killed,
            Some(Ok(report)) => Ran::Well(report),
            Some(Err(error)) => Ran::Failed(error),
        };
        world.left(&self.name);
        match &ran {
            Ran::Well(report) => {
                world.count(|totals| {
                    totals.runs_well += 1;
                    totals.fetched += report.fetched;
                });
                world.sim.say(format_args!("{}: {report}", self.name));
            }
            Ran::Failed(error) => {
                world.count(|totals| totals.runs_failed += 1);
                world.sim.say(format_args!("{}: failed: {error}", self.name));
            }
            Ran::Killed => {
                world.count(|totals| totals.runs_killed += 1);
                world.sim.say(format_args!("{}: killed", self.name));
            }
        }
        world.check_target(self);
        let holds = process.holds();
        if holds != (0, 0) {
            world
                .sim
                .fail(format!("{} has ended and holds {} files and {} locks", self.name, holds.0, holds.1));
        }
        process.kill();
        ran
    }
}

async fn session(
    fetcher: Fetcher,
    world: Arc<World>,
    process: Process,
    stop: Stop,
) -> Result<FetchReport, String> {
    let options =
        FetchOptions::new().with_delete(fetcher.delete).with_limit(fetcher.limit).with_stop(stop.clone());
    let (disk, target, state) = (process.disk(), fetcher.target.clone(), fetcher.state.clone());
    let account = fetcher.account.name.clone() + "@server";
    let open = move || Fetch::open_on(&disk, &target, &state, &account, options);
    let opened = process.job(open).await.ok_or("it ended")?;
    let (tell, name) = (Arc::clone(&world), fetcher.name.clone());
    let mut fetch = opened.map_err(told)?.on_event(move |event| {
        if let FetchEvent::Notice(notice) = event {
            tell.sim.say(format_args!("{name}: {notice}"));
        }
    });
    let report = fetch_with(&fetcher, &world, &process, stop, &mut fetch).await;
    // As at the end of a program, what is open is closed here.
    let _ = process.job(move || drop(fetch)).await;
    report
}

async fn fetch_with(
    fetcher: &Fetcher,
    world: &Arc<World>,
    process: &Process,
    stop: Stop,
    fetch: &mut Fetch,
) -> Result<FetchReport, String> {
    let port = world.plan.port();
    let mut options = ClientOptions::new().with_stop(stop);
    options.config.pipelining = !fetch.lost_synchronisation() && world.plan.pipelining;
    let socket = world.network.connect(fetcher.address, port, &process.alive()).await;
    let socket = socket.map_err(|error| format!("can't connect: {error}"))?;
    let deadline = socket.now().after(options.connect_timeout);
    let security = world.plan.security();
    let client = Client::open(socket, &security, options, deadline).await;
    let mut client = client.map_err(|error| format!("can't connect: {error}"))?;
    let account = &fetcher.account;
    let login = client.login_with(&account.credentials(), &LoginPolicy::default()).await;
    login.map_err(|error| format!("can't log in: {error}"))?;
    fetch.run(client).await.map_err(told)
}

fn told(error: FetchError) -> String {
    let mut text = error.to_string();
    let mut source = core::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    without_names(&text)
}

/// The text without the names of files that are made: they have random octets in them, and differ between two runs.
fn without_names(text: &str) -> String {
    let Some((before, name)) = text.split_once("/tmp/") else { return text.to_owned() };
    let end = name.find('"').unwrap_or(name.len());
    format!("{before}/tmp/...{}", without_names(&name[end..]))
}
