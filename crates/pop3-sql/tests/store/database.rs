//! A database for one test.

use std::sync::Arc;

use pop3_proto::MessageNumber;
use pop3_serve::UserName;
use pop3_sql::{
    DeliveryOptions, DeliveryReceipt, SpooledMessage, SqlCommit, SqlConfig, SqlError, SqlErrorKind,
    SqlMaildrop, SqlNode, SqlOpenOptions, SqlStore, SqlUrl,
};
use pop3_test_postgres::{Postgres, Proxy};
use rusqlite::types::ValueRef;
use tempfile::TempDir;

/// A database, removed with the value.
pub(crate) struct Database {
    pub(crate) url: SqlUrl,
    place: Place,
}

enum Place {
    Sqlite(TempDir),
    Postgres(&'static Postgres, String),
}

pub(crate) const ALICE: &str = "alice";
pub(crate) const HELLO: &[u8] = b"Subject: hello\n\nHello!\n";

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = SqlUrl::sqlite(folder.path().join("mail.db"));
        let database = Self { url, place: Place::Sqlite(folder) };
        database.fill().await
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap()?;
        let name = tokio::task::spawn_blocking(|| server.create_database()).await.unwrap();
        let url: SqlUrl = server.url(&name).parse().unwrap();
        SqlStore::migrate(&url, SqlConfig::new()).await.unwrap();
        let database = Self { url, place: Place::Postgres(server, name) };
        Some(database.fill().await)
    }

    /// With a maildrop of alice.
    async fn fill(self) -> Self {
        self.store().await.create_maildrop(&name(ALICE)).await.unwrap();
        self
    }

    pub(crate) async fn store(&self) -> SqlStore {
        SqlStore::open(&self.url, SqlConfig::new().with_connections(4)).await.unwrap()
    }

    pub(crate) async fn node(&self) -> Arc<SqlNode> {
        self.store().await.join("test").await.unwrap()
    }

    /// A proxy to PostgreSQL, and the URL through it.
    pub(crate) fn proxy(&self) -> (Proxy, SqlUrl) {
        let Place::Postgres(server, name) = &self.place else { panic!("SQLite has no connections") };
        let proxy = Proxy::start(server.port());
        let url = Postgres::url_on(proxy.port(), name).parse().unwrap();
        (proxy, url)
    }

    /// A store and a node whose calls go through a proxy. The connection of the node itself does not.
    pub(crate) async fn node_behind_proxy(&self) -> (Proxy, Arc<SqlNode>) {
        let (proxy, url) = self.proxy();
        let config = SqlConfig::new().with_connections(4).with_node_url(self.url.clone());
        let store = SqlStore::open(&url, config).await.unwrap();
        (proxy, store.join("test").await.unwrap())
    }

    /// Runs SQL past the store, and returns the rows as text, with `|` between the columns.
    pub(crate) async fn sql(&self, text: &str) -> String {
        let text = text.to_owned();
        match &self.place {
            Place::Sqlite(folder) => {
                let connection = rusqlite::Connection::open(folder.path().join("mail.db")).unwrap();
                let mut statement = connection.prepare(&text).unwrap();
                let columns = statement.column_count();
                let mut rows = statement.query([]).unwrap();
                let mut lines = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    let cell = |column| match row.get_ref(column).unwrap() {
                        ValueRef::Null => String::new(),
                        ValueRef::Integer(number) => number.to_string(),
                        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                        ValueRef::Real(number) => number.to_string(),
                        ValueRef::Blob(octets) => format!("{octets:?}"),
                    };
                    lines.push((0..columns).map(cell).collect::<Vec<_>>().join("|"));
                }
                lines.join("\n")
            }
            Place::Postgres(server, name) => {
                let client = Self::client(server, name).await;
                let answer =
                    client.simple_query(&text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
                let line = |row: &tokio_postgres::SimpleQueryRow| {
                    (0..row.len())
                        .map(|column| row.get(column).unwrap_or_default())
                        .collect::<Vec<_>>()
                        .join("|")
                };
                let rows = answer.iter().filter_map(|one| {
                    if let tokio_postgres::SimpleQueryMessage::Row(row) = one {
                        Some(line(row))
                    } else {
                        None
                    }
                });
                rows.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// A connection to PostgreSQL, past the store.
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        let Place::Postgres(server, name) = &self.place else { panic!("SQLite has no connections") };
        Self::client(server, name).await
    }

    async fn client(server: &Postgres, name: &str) -> tokio_postgres::Client {
        let url = server.url(name);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        // It ends with the client.
        tokio::spawn(connection);
        client
    }

    /// Whether the lock of this incarnation of a node is held.
    pub(crate) async fn holds(&self, incarnation: i64) -> bool {
        match &self.place {
            Place::Sqlite(folder) => {
                folder.path().join("mail.db-nodes").join(format!("{incarnation:016x}")).exists()
            }
            Place::Postgres(..) => {
                let text = format!(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 \
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                        AND ((classid::bigint << 32) | objid::bigint) = {incarnation}"
                );
                self.sql(&text).await != "0"
            }
        }
    }

    /// Which node has alice's maildrop, as `|` and a token.
    pub(crate) async fn lock(&self) -> String {
        self.sql("SELECT lock_node, token FROM pop3_maildrops WHERE user_name = 'alice'").await
    }
}

pub(crate) fn name(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

pub(crate) fn message(octets: &[u8]) -> Arc<SpooledMessage> {
    SpooledMessage::read(octets).unwrap().into()
}

/// Delivers to alice.
pub(crate) async fn deliver(store: &SqlStore, octets: &[u8]) -> DeliveryReceipt {
    store.deliver(&name(ALICE), &message(octets), DeliveryOptions::new()).await.unwrap()
}

/// Opens alice's maildrop.
pub(crate) async fn open(node: &SqlNode) -> Result<SqlMaildrop, SqlError> {
    node.open_maildrop(&name(ALICE), SqlOpenOptions::new()).await
}

pub(crate) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// The whole content of a message.
pub(crate) async fn read(maildrop: &mut SqlMaildrop, at: u32) -> Result<Vec<u8>, SqlError> {
    let mut message = maildrop.message(number(at)).await?;
    let mut octets = Vec::new();
    loop {
        let chunk = message.chunk().await?;
        if chunk.is_empty() {
            return Ok(octets);
        }
        octets.extend_from_slice(&chunk);
    }
}

/// All messages of alice, in order.
pub(crate) async fn all(node: &SqlNode) -> Vec<Vec<u8>> {
    let mut maildrop = open(node).await.unwrap();
    let count = maildrop.take_snapshot().len();
    let mut messages = Vec::new();
    for at in 1..=count {
        messages.push(read(&mut maildrop, u32::try_from(at).unwrap()).await.unwrap());
    }
    maildrop.release().await.unwrap();
    messages
}

/// Ends a session as QUIT does, with these messages marked as deleted, and nothing retrieved.
pub(crate) async fn quit(maildrop: SqlMaildrop, deleted: &[u32]) -> Result<SqlCommit, SqlError> {
    maildrop.remove(deleted.iter().map(|&at| number(at)), [], None).await
}

pub(crate) fn kind<T: core::fmt::Debug>(result: Result<T, SqlError>) -> SqlErrorKind {
    result.unwrap_err().kind()
}

/// Polls a future once, and drops it: like a caller who leaves.
pub(crate) async fn begin_and_drop<F: Future>(future: F) {
    let mut future = Box::pin(future);
    core::future::poll_fn(|context| core::task::Poll::Ready(future.as_mut().poll(context).is_ready())).await;
}
