//! A server whose users and messages are in one SQLite file.
//!
//! - The file contains no passwords, only keys for SCRAM-SHA-256. A client cannot find out whether a user exists.
//! - QUIT deletes all marked messages in one transaction. After a failure or a crash, all of them are still there.
//! - Messages are stored in parts, so no message is ever in memory as a whole.

mod database;
mod store;

use core::error::Error;
use core::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use pop3_tokio::certificates;
use pop3_tokio::proto::Rejection;
use pop3_tokio::proto::server::ServerConfig;
use pop3_tokio::server::{Entrance, Peer, Sasl, Service, SessionReport, Welcome};
use pop3_tokio::store::Blocking;
use pop3_tokio::tls::Role;
use pop3_tokio::{Pool, Stop};
use tokio::net::TcpListener;

use database::{Database, ITERATIONS};
use store::Mail;

#[derive(Parser)]
struct Arguments {
    /// The SQLite file. It is created if it does not exist.
    database: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Adds a user, or changes the password of a user.
    User {
        name: String,
        #[arg(long, env = "POP3_PASSWORD", hide_env_values = true)]
        password: String,
    },
    /// Delivers a message to a user. The server may be running.
    Deliver { name: String, message: PathBuf },
    /// Serves the maildrops over TLS.
    Serve {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The certificate chain (PEM).
        #[arg(long)]
        certificate: PathBuf,
        /// Its private key (PEM).
        #[arg(long)]
        key: PathBuf,
    },
}

/// What all sessions have in common.
struct Server {
    config: Arc<ServerConfig>,
    sasl: Arc<Sasl>,
    mail: Arc<Mail>,
}

impl Service for Server {
    /// Calls of SQLite block, so they run in tokio's pool of blocking threads.
    type Backend = Blocking<Mail, Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.mail), Pool::new(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_sasl(Arc::clone(&self.sasl)))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        println!(
            "session={} peer={peer} user={:?} method={} sent={} removed={} ended={:?}",
            peer.session,
            report.user.as_deref().unwrap_or_default(),
            report.method.map_or("-", |method| method.name()),
            report.totals.retrieved,
            report.totals.removed,
            report.close.to_string(),
        );
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sqlite_server: {}", pop3_tokio::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    let file = arguments.database.display().to_string();
    let database = Database::open(arguments.database).map_err(|error| format!("{file}: {error}"))?;
    match arguments.task {
        Task::User { name, password } => database.set_password(&name, &password),
        Task::Deliver { name, message } => database.deliver(&name, &message),
        Task::Serve { listen, certificate, key } => {
            let role = Role::Server(certificates::server_config_from_pem(certificate, key)?);
            let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
            serve(database, listener, role).await
        }
    }
}

async fn serve(
    database: Database,
    listener: TcpListener,
    role: Role,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let decoy_key = database.decoy_key()?;
    let sasl = Sasl::new().with_decoy_key(decoy_key).with_decoy_iterations(ITERATIONS);
    let mail = Arc::new(Mail::new(database, decoy_key));
    let server = Server { config: ServerConfig::default().into(), sasl: sasl.into(), mail };
    let stop = Stop::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.stop();
        }
    });
    println!("listening on {}", listener.local_addr()?);
    pop3_tokio::serve(listener, Entrance::Implicit, role, Arc::new(server), stop).await;
    Ok(())
}
