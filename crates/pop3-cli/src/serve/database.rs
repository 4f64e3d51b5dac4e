//! Maildrops in a database, which is opened once and stays open as long as the server runs.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use pop3_serve::{DecoyKey, Maildrops, NameRule, ServerHandle, Users, this_host};
use pop3_sql::{SqlConfig, SqlError, SqlNode, SqlStats, SqlStore, SqlUrl};
use tokio::runtime::{Builder, Runtime};
use tracing::{debug, info, warn};

use super::fault::Fault;
use super::metric::{Figure, Metric};
use crate::args::Serve;
use crate::args::store_url::StoreUrl;
use crate::database;
use crate::exit::Failure;

/// How often servers tell each other about failed logins.
const FAILURES_EVERY: Duration = Duration::from_secs(3);

/// The most addresses whose failed logins wait while the database does not answer.
const MOST_WAITING: usize = 10_000;

/// How long a server that begins waits for the database, and how long between two tries at most.
const AT_START: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long a server that ends waits for the database.
const GOODBYE: Duration = Duration::from_secs(2);

/// A database that is open, and what keeps its connections. All clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Database {
    node: Arc<SqlNode>,
    decoy_key: Arc<DecoyKey>,
    /// The runtimes that serve connections end with the server. What the database does goes on until all is done.
    runtime: Arc<Runtime>,
}

impl Database {
    /// Opens the database, and joins the servers that share it.
    pub(super) fn open(options: &Serve, store: &StoreUrl) -> Result<Self, Vec<Fault>> {
        let (url, config) = settings(options, store)?;
        let runtime = runtime().map_err(fault)?;
        let name = options.database.node.clone().unwrap_or_else(this_host);
        let joined = runtime.block_on(patiently(store, || join(&url, &config, &name)));
        let (node, decoy_key) = joined.map_err(|error| of_sql(store, error))?;
        info!(%store, node = name, "maildrops");
        Ok(Self { node, decoy_key: decoy_key.into(), runtime: Arc::new(runtime) })
    }

    /// Whether it can be opened. Creates nothing.
    pub(super) fn check(options: &Serve, store: &StoreUrl) -> Result<(), Vec<Fault>> {
        let (url, config) = settings(options, store)?;
        if let StoreUrl::Sqlite(file) = store
            && !file.exists()
        {
            // It is made by the server.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            return match folder.filter(|folder| !folder.is_dir()) {
                None => Ok(()),
                Some(folder) => {
                    let text =
                        format!("--store: the directory {} does not exist; create it", folder.display());
                    Err(fault(Failure::usage(text)))
                }
            };
        }
        let opened = runtime().map_err(fault)?.block_on(SqlStore::open(&url, config));
        opened.map(drop).map_err(|error| of_sql(store, error))
    }

    pub(super) fn maildrops(&self) -> Arc<dyn Maildrops> {
        Arc::clone(&self.node) as _
    }

    /// The users, with names according to this rule.
    pub(super) fn users(&self, names: NameRule) -> Arc<dyn Users> {
        self.node.users(names)
    }

    /// The key of salts that all servers on the database have.
    pub(super) fn decoy_key(&self) -> Arc<DecoyKey> {
        Arc::clone(&self.decoy_key)
    }

    /// Whether the database answers.
    pub(super) fn is_ready(&self) -> bool {
        self.node.is_ready()
    }

    /// What it has done, in numbers.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        figures(&self.node.store().stats(), self.is_ready(), self.node.open_maildrops())
    }

    /// Tells the other servers about failed logins, and this one about theirs, as long as it runs.
    pub(super) fn share_failures(&self, handle: ServerHandle) {
        let node = Arc::clone(&self.node);
        self.runtime.spawn(async move {
            let mut waiting = HashMap::new();
            loop {
                tokio::time::sleep(FAILURES_EVERY).await;
                exchange(&node, &handle, &mut waiting).await;
            }
        });
    }

    /// Leaves the servers that share the database. Call it when all sessions have ended.
    pub(super) fn leave(&self) {
        let left = self.runtime.block_on(async { tokio::time::timeout(GOODBYE, self.node.leave()).await });
        match left {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(error = pop3_text::reasons(&error), "the database was not told of the end")
            }
            Err(_) => warn!("the database was not told of the end: it did not answer"),
        }
    }
}

/// Opens the store and joins it.
async fn join(url: &SqlUrl, config: &SqlConfig, name: &str) -> Result<(Arc<SqlNode>, DecoyKey), SqlError> {
    let store = SqlStore::open(url, config.clone()).await?;
    let decoy_key = DecoyKey::from_octets(store.decoy_key().await?);
    Ok((store.join(name).await?, decoy_key))
}

/// Tries again for a while if the database does not answer: the machine may have started before it has.
async fn patiently<T, F: Future<Output = Result<T, SqlError>>>(
    store: &StoreUrl,
    open: impl Fn() -> F,
) -> Result<T, SqlError> {
    let begun = Instant::now();
    let mut wait = Duration::from_millis(250);
    loop {
        match open().await {
            Err(error) if error.is_temporary() && begun.elapsed() + wait < AT_START => {
                warn!(%store, %error, seconds = wait.as_secs_f32(), "the database is not there yet; trying again");
                tokio::time::sleep(wait).await;
                wait = LONGEST_WAIT.min(wait * 2);
            }
            opened => return opened,
        }
    }
}

fn figures(stats: &SqlStats, is_ready: bool, open: usize) -> Vec<Metric> {
    let gauge = |count: usize| Figure::Gauge(count as u64);
    vec![
        Metric::new("database_ready", "Whether the database answers: 1 or 0", gauge(is_ready.into())),
        Metric::new("database_maildrops_open", "Maildrops that this server has locked", gauge(open)),
        Metric::new(
            "database_connections_in_use",
            "Connections that a call uses",
            gauge(stats.connections_in_use),
        ),
        Metric::new("database_connections_open", "Connections that are open", gauge(stats.connections_open)),
        Metric::new("database_connections_max", "The maximum of connections", gauge(stats.connections_max)),
        Metric::new("database_calls_waiting", "Calls that wait for a connection", gauge(stats.calls_waiting)),
        Metric::new(
            "database_wait_seconds",
            "How long calls have waited for a connection",
            Figure::Histogram(stats.waits.clone()),
        ),
        Metric::new(
            "database_wait_timeouts",
            "Calls that got no connection in time",
            Figure::Counter(stats.wait_timeouts),
        ),
        Metric::new("database_connects", "Connections that were made", Figure::Counter(stats.connects)),
        Metric::new(
            "database_connect_failures",
            "Connections that could not be made",
            Figure::Counter(stats.connect_failures),
        ),
        Metric::new(
            "database_round_trip_seconds",
            "How long the database took, by purpose",
            Figure::Histograms("purpose", stats.trips.clone()),
        ),
        Metric::new(
            "database_round_trip_failures",
            "Round trips that have failed",
            Figure::Counter(stats.trip_failures),
        ),
        Metric::new(
            "database_lock_takeovers",
            "Locks that were taken over from servers that were gone",
            Figure::Counter(stats.takeovers),
        ),
        Metric::new(
            "database_locks_lost",
            "Commits that found their lock taken over, and removed nothing",
            Figure::Counter(stats.locks_lost),
        ),
        Metric::new(
            "database_outcomes_looked_up",
            "Commits whose outcome had to be looked up",
            Figure::Counter(stats.outcomes_looked_up),
        ),
    ]
}

/// One exchange. What could not be told is told next time. Nothing depends on it.
async fn exchange(node: &SqlNode, handle: &ServerHandle, waiting: &mut HashMap<IpAddr, u32>) {
    for (address, failures) in handle.take_failures() {
        if waiting.len() < MOST_WAITING || waiting.contains_key(&address) {
            let known = waiting.entry(address).or_insert(0_u32);
            *known = known.saturating_add(failures);
        }
    }
    let own: Vec<_> = waiting.iter().map(|(&address, &failures)| (address, failures)).collect();
    match node.exchange_failures(&own).await {
        Ok(others) => {
            waiting.clear();
            handle.add_failures(others);
        }
        Err(error) => {
            debug!(error = pop3_text::reasons(&error), "failed logins could not be shared");
        }
    }
}

/// The runtime of the connections to the database.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().thread_name("database").enable_all().build();
    runtime.map_err(|error| Failure::usage(format!("the threads for the database can't be started: {error}")))
}

/// The database that the options name, and how it is used.
fn settings(options: &Serve, store: &StoreUrl) -> Result<(SqlUrl, SqlConfig), Vec<Fault>> {
    let none = || fault(Failure::usage(format!("{store} is not a database")));
    let url = database::url(store).map_err(|error| of_sql(store, error))?.ok_or_else(none)?;
    let mut config = SqlConfig::new().with_connections(options.database.store_connections.into());
    if let Some(text) = &options.database.node_store {
        let of_node = |failure| vec![Fault::new("node-store", failure)];
        let store = text.url().map_err(of_node)?;
        let url = database::url(&store).map_err(|error| of_node(error.into()))?;
        let url = url.ok_or_else(|| of_node(Failure::usage("--node-store is not a database")))?;
        config = config.with_node_url(url);
    }
    Ok((url, config))
}

fn fault(failure: Failure) -> Vec<Fault> {
    vec![Fault::new("store", failure)]
}

/// Says which database it is about, if the error does not.
fn of_sql(store: &StoreUrl, error: SqlError) -> Vec<Fault> {
    let (failure, name) = (Failure::from(error), store.to_string());
    let message = failure.message();
    let text = if message.contains(&name) { message } else { format!("{name}: {message}") };
    fault(Failure::new(failure.exit(), text))
}
