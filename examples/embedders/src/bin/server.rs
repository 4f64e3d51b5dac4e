//! A server whose mail is in a remote database. An in-memory database takes its place here.

use core::error::Error;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use pop3_tokio::Stop;
use pop3_tokio::backend::{Admission, Backend, Context, LoginAttempt};
use pop3_tokio::certificates;
use pop3_tokio::proto::server::{Accepted, Extent, ServerConfig};
use pop3_tokio::proto::{Deletions, MessageNumber, Octets, Rejection, Snapshot, UniqueId, dots};
use pop3_tokio::sasl::Mechanism;
use pop3_tokio::sasl::scram::{Hash, Keys};
use pop3_tokio::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_tokio::tls::Role;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

#[derive(Parser)]
struct Arguments {
    #[arg(default_value = "127.0.0.1:0")]
    address: SocketAddr,
    /// The certificate chain (PEM), for STLS.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// How many milliseconds each database query takes.
    #[arg(long, default_value_t = 5)]
    latency: u64,
    /// How many milliseconds a client waits for the database at most.
    #[arg(long, default_value_t = 10_000)]
    deadline: u64,
}

/// What the server needs from a database. Each call is a round trip.
trait Database: Send + Sync + 'static {
    /// Held by the session that has opened the maildrop of a user.
    type Lock: Send + 'static;
    fn user(&self, name: &str) -> impl Future<Output = io::Result<Option<User>>> + Send;
    /// `None` if another session holds it.
    fn lock(&self, user: u64) -> impl Future<Output = io::Result<Option<Self::Lock>>> + Send;
    fn list(&self, user: u64) -> impl Future<Output = io::Result<Vec<Row>>> + Send;
    fn content(&self, message: u64) -> impl Future<Output = io::Result<Option<Vec<u8>>>> + Send;
    /// Removes all of them in one transaction.
    fn delete(&self, messages: &[u64]) -> impl Future<Output = io::Result<()>> + Send;
}

#[derive(Clone)]
struct User {
    id: u64,
    keys: Keys,
    idle_timeout: Duration,
}

struct Row {
    id: u64,
    octets: Octets,
}

struct Session<D: Database> {
    config: Arc<ServerConfig>,
    database: Arc<D>,
    lock: Option<D::Lock>,
    rows: Vec<Row>,
}

fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Rejection {
    eprintln!("the database is unavailable: {}", error.into());
    Rejection::temporary("the database is unavailable")
}

/// Derives keys from passwords.
const ITERATIONS: u32 = 4096;

impl<D: Database> Backend for Session<D> {
    type Message = Cursor<Vec<u8>>;

    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain]
    }

    async fn scram_keys(&mut self, name: &str, hash: Hash, _: &Context) -> Result<Option<Keys>, Rejection> {
        let user = self.database.user(name).await.map_err(unavailable)?;
        Ok(user.map(|user| user.keys).filter(|keys| keys.hash() == hash))
    }

    async fn authenticate(&mut self, attempt: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        self.lock = None;
        let name = String::from_utf8_lossy(&attempt.name);
        let user = self.database.user(&name).await.map_err(unavailable)?;
        if !attempt.is_proved() {
            // An unknown name takes as long as a wrong password.
            let nobody = || Keys::decoy(Hash::Sha256, b"", &name, ITERATIONS);
            let keys = user.as_ref().map_or_else(nobody, |user| user.keys.clone());
            let password = attempt.password().cloned().ok_or_else(Rejection::credentials)?;
            let check = spawn_blocking(move || keys.verify_password(password.expose()));
            if !check.await.map_err(unavailable)? {
                return Err(Rejection::credentials());
            }
        }
        let user = user.ok_or_else(Rejection::credentials)?;
        let lock = self.database.lock(user.id).await.map_err(unavailable)?;
        self.lock = Some(lock.ok_or_else(Rejection::in_use)?);
        self.rows = self.database.list(user.id).await.map_err(unavailable)?;
        let mut snapshot = Snapshot::new();
        for row in &self.rows {
            let uid = row.id.to_string();
            snapshot.push(row.octets, UniqueId::parse(uid.as_bytes()).map_err(unavailable)?);
        }
        let mut accepted = Accepted::from(snapshot);
        let mut limits = self.config.limits;
        limits.idle_timeout = user.idle_timeout;
        accepted.limits = Some(Box::new(limits));
        Ok(accepted.into())
    }

    async fn fetch(
        &mut self,
        number: MessageNumber,
        _: Extent,
        _: &Context,
    ) -> Result<Self::Message, Rejection> {
        let gone = || Rejection::permanent("the message no longer exists");
        let row = self.rows.get(number.index()).ok_or_else(gone)?;
        let content = self.database.content(row.id).await.map_err(unavailable)?;
        content.map(Cursor::new).ok_or_else(gone)
    }

    async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
        let rows = deletions.iter().filter_map(|number| self.rows.get(number.index()));
        let messages: Vec<u64> = rows.map(|row| row.id).collect();
        let (database, lock) = (Arc::clone(&self.database), self.lock.take());
        // A task of its own holds the lock. This future may be dropped, but the removal must complete.
        let removal = tokio::spawn(async move {
            let removed = database.delete(&messages).await;
            drop(lock);
            removed
        });
        match removal.await {
            Ok(Ok(())) => 0,
            failed => {
                eprintln!("messages were not removed: {failed:?}");
                deletions.len()
            }
        }
    }
}

struct Mail<D> {
    config: Arc<ServerConfig>,
    database: Arc<D>,
}

impl<D: Database> Service for Mail<D> {
    type Backend = Session<D>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Session<D>>, Rejection> {
        let (config, database) = (Arc::clone(&self.config), Arc::clone(&self.database));
        let session = Session { config: Arc::clone(&config), database, lock: None, rows: Vec::new() };
        let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
        Ok(Welcome::new(config, session).with_trusted(trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let method = report.method.map_or("-", |method| method.name());
        println!(
            "session={} peer={peer} user={:?} method={method} sent={} removed={} ended={:?} error={:?}",
            peer.session,
            report.user.as_deref().unwrap_or_default(),
            report.totals.retrieved,
            report.totals.removed,
            report.close.to_string(),
            report.error.as_ref().map(ToString::to_string).unwrap_or_default(),
        );
    }
}

/// The in-memory database: one user, two messages.
struct InMemory {
    latency: Duration,
    user: User,
    lock: Arc<Mutex<()>>,
    messages: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl InMemory {
    fn new(latency: Duration) -> Result<Self, Box<dyn Error>> {
        let keys = Keys::derive(Hash::Sha256, b"tanstaaf", b"salt of mrose's", ITERATIONS)?;
        let user = User { id: 1, keys, idle_timeout: Duration::from_secs(1800) };
        let texts = ["Subject: hello\n\nThe first message.\n", "Subject: dots\n\n.one\n..two\n.\n"];
        let messages = texts.iter().zip(1..).map(|(text, id)| (id, text.as_bytes().to_vec())).collect();
        Ok(Self { latency, user, lock: Arc::default(), messages: Mutex::new(messages) })
    }
}

impl Database for InMemory {
    type Lock = OwnedMutexGuard<()>;

    async fn user(&self, name: &str) -> io::Result<Option<User>> {
        sleep(self.latency).await;
        Ok((name == "mrose").then(|| self.user.clone()))
    }

    async fn lock(&self, _: u64) -> io::Result<Option<Self::Lock>> {
        sleep(self.latency).await;
        Ok(Arc::clone(&self.lock).try_lock_owned().ok())
    }

    async fn list(&self, _: u64) -> io::Result<Vec<Row>> {
        sleep(self.latency).await;
        let messages = self.messages.lock().await;
        Ok(messages.iter().map(|(&id, text)| Row { id, octets: dots::wire_size(text) }).collect())
    }

    async fn content(&self, message: u64) -> io::Result<Option<Vec<u8>>> {
        sleep(self.latency).await;
        Ok(self.messages.lock().await.get(&message).cloned())
    }

    async fn delete(&self, messages: &[u64]) -> io::Result<()> {
        sleep(self.latency).await;
        self.messages.lock().await.retain(|id, _| !messages.contains(id));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {}", pop3_tokio::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let role = match arguments.certificate.zip(arguments.key) {
        Some((chain, key)) => Role::Server(certificates::server_config_from_pem(chain, key)?),
        None => Role::None,
    };
    let mut config = ServerConfig::default();
    config.starttls = matches!(role, Role::Server(_));
    config.limits.store_timeout = Duration::from_millis(arguments.deadline);
    let database = Arc::new(InMemory::new(Duration::from_millis(arguments.latency))?);
    let service = Arc::new(Mail { config: Arc::new(config), database });
    let stop = Stop::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.stop();
        }
    });
    let address = arguments.address;
    let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    pop3_tokio::serve(listener, Entrance::Plain, role, service, stop).await;
    Ok(())
}
