//! Connections to PostgreSQL.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Notify;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Backoff;
use crate::config::SqlConfig;
use crate::error::{SqlError, SqlErrorKind};
use crate::stats::Counted;
use crate::url::Address;

/// Makes connections. After a failure, the next one is made after a while, so that a server that has just started is
/// not besieged.
pub(crate) struct Connector {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    failures: Mutex<Failures>,
    counted: Arc<Counted>,
}

struct Failures {
    backoff: Backoff,
    /// When the next connection may be made.
    until: Option<Instant>,
}

/// The longest wait before another connection is made.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Connector {
    pub(crate) fn new(
        address: &Address,
        config: &SqlConfig,
        counted: Arc<Counted>,
    ) -> Result<Self, SqlError> {
        let mut settings = address.config.clone();
        if settings.get_application_name().is_none() {
            settings.application_name("pop3");
        }
        if settings.get_connect_timeout().is_none() {
            settings.connect_timeout(config.connect_timeout);
        }
        // Soon enough notice a database that has vanished without a word.
        if settings.get_keepalives_idle() == tokio_postgres::Config::new().get_keepalives_idle() {
            settings.keepalives_idle(Duration::from_secs(10));
        }
        if settings.get_keepalives_interval().is_none() {
            settings.keepalives_interval(Duration::from_secs(5));
        }
        if settings.get_keepalives_retries().is_none() {
            settings.keepalives_retries(3);
        }
        if settings.get_tcp_user_timeout().is_none() {
            settings.tcp_user_timeout(Duration::from_secs(20));
        }
        let in_clear = settings.get_ssl_mode() == SslMode::Disable;
        let tls = if in_clear { None } else { Some(MakeRustlsConnect::new(tls(address)?)) };
        let failures = Failures { backoff: Backoff::new(LONGEST_WAIT), until: None };
        Ok(Self { config: settings, tls, failures: failures.into(), counted })
    }

    /// Connects, after the wait that former failures ask for. When the connection ends, `end` is told.
    pub(crate) async fn connect(&self, end: Option<Arc<Notify>>) -> Result<Client, SqlError> {
        let until = self.failures().until;
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
        let connected = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()).await.map(|(client, connection)| {
                tokio::spawn(drive(connection, end));
                client
            }),
            None => self.config.connect(NoTls).await.map(|(client, connection)| {
                tokio::spawn(drive(connection, end));
                client
            }),
        };
        self.counted.connected(connected.is_ok());
        let mut failures = self.failures();
        match connected {
            Ok(client) => {
                failures.backoff.reset();
                failures.until = None;
                Ok(client)
            }
            Err(error) => {
                failures.until = Some(Instant::now() + failures.backoff.next());
                Err(unreachable(error))
            }
        }
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves octets between a client and its server, until one of them leaves.
async fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>>,
    end: Option<Arc<Notify>>,
) {
    if let Err(error) = connection.await {
        tracing::debug!(error = pop3_text::reasons(&error), "a connection to the database has ended");
    }
    if let Some(end) = end {
        end.notify_one();
    }
}

/// Why there is no connection. Whoever operates the database may correct it at any time, so this is never final.
fn unreachable(error: tokio_postgres::Error) -> SqlError {
    let text = match error.code() {
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            "there is no such database; create it with createdb"
        }
        Some(code) if code.code().starts_with("28") => {
            "the database does not accept the user or the password"
        }
        _ => "the database can't be reached",
    };
    let text = format!("{text}: {}", pop3_text::reasons(&error));
    SqlError::unreachable(text).with_source(error)
}

fn tls(address: &Address) -> Result<ClientConfig, SqlError> {
    let mut roots = RootCertStore::empty();
    let authorities: Vec<CertificateDer<'static>> = match &address.authorities {
        Some(file) => {
            pop3_certificates::chain(file).map_err(|error| SqlError::unusable(error.to_string()))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return Err(SqlError::unusable(
            "no certificate authorities are known to verify the database with; install ca-certificates, or name a \
                file with sslrootcert",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| SqlError::unusable(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl Manager for Connector {
    type Type = Client;
    type Error = SqlError;

    async fn create(&self) -> Result<Client, SqlError> {
        self.connect(None).await
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<SqlError> {
        if client.is_closed() { Err(RecycleError::message("closed")) } else { Ok(()) }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// An error of a statement that was sent.
pub(crate) fn failed(error: tokio_postgres::Error) -> SqlError {
    let reasons = pop3_text::reasons(&error);
    let Some(state) = error.code().cloned() else {
        let text = format!("the connection to the database was lost: {reasons}");
        return SqlError::new(SqlErrorKind::UnknownOutcome, text).with_source(error);
    };
    let (kind, text) = match state.code() {
        "42P01" | "42703" => (SqlErrorKind::Schema, "the tables are missing or of another version"),
        // A lock, a statement or an idle transaction took too long; a deadlock; too many connections.
        "55P03" | "57014" | "25P03" | "40001" | "40P01" | "53300" => {
            (SqlErrorKind::Busy, "the database is busy")
        }
        // The server stops, has crashed or is starting; or it became a standby, which takes no changes.
        code if code.starts_with("57P") || code.starts_with("08") || code == "25006" => {
            (SqlErrorKind::Unreachable, "the database does not take statements at the moment")
        }
        _ => (SqlErrorKind::Database, "the database reports an error"),
    };
    SqlError::new(kind, format!("{text}: {reasons}")).with_source(error)
}
