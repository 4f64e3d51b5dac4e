//! The models over the SQL store: the sessions of one client, and the interleavings of two, each at a node of its own.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Instant;

use pop3_disk::{Disk, System};
use pop3_driver::store::Inline;
use pop3_proto::MessageNumber;
use pop3_serve::{HostedServer, Machine, NameRule, ServeConfig, UserName};
use pop3_sql::{
    DeliveryOptions, SpooledMessage, SqlConfig, SqlErrorKind, SqlImportedMessage, SqlMaildrop, SqlNode,
    SqlOpenOptions, SqlStore, SqlUrl,
};
use pop3_test_postgres::Postgres;
use pop3_tests::model::{NAME, PASSWORD};
use pop3_tests::store::Message;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::pipe::{Pipe, Task};
use crate::two_clients::{House, MESSAGES, messages, play_all, session, text};

/// The machine of this process.
#[derive(Debug)]
struct Here;

impl Machine for Here {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn disk(&self) -> Arc<dyn Disk> {
        System::shared()
    }
}

/// A database, and nodes with it: two for the interleavings, which are played one after the other, and one for mailboxes.
struct Site {
    place: Place,
    runtime: Runtime,
    nodes: [(Arc<SqlNode>, HostedServer); 3],
}

/// Where the tables can be read past the store.
enum Place {
    Sqlite(TempDir),
    Postgres(tokio_postgres::Client),
}

static SQLITE: LazyLock<Site> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let url = SqlUrl::sqlite(folder.path().join("mail.db"));
    Site::new(Runtime::new().expect("a runtime"), &url, Place::Sqlite(folder))
});

/// `None` if PostgreSQL is not installed.
static POSTGRES: LazyLock<Option<Site>> = LazyLock::new(|| {
    let (server, runtime) = (Postgres::shared()?, Runtime::new().expect("a runtime"));
    let text = server.url(&server.create_database());
    let url = text.parse().expect("a URL");
    let client = runtime.block_on(async {
        SqlStore::migrate(&url, SqlConfig::new()).await.expect("tables");
        let connected = tokio_postgres::connect(&text, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("a connection");
        tokio::spawn(connection);
        client
    });
    Some(Site::new(runtime, &url, Place::Postgres(client)))
});

impl Site {
    fn new(runtime: Runtime, url: &SqlUrl, place: Place) -> Self {
        let node = |name: &str| {
            let joined = runtime.block_on(async {
                SqlStore::open(url, SqlConfig::new())
                    .await
                    .expect("a store")
                    .join(name)
                    .await
                    .expect("a node")
            });
            let mut config = ServeConfig::on(Arc::clone(&joined) as _);
            config.insecure_auth = true;
            let users = joined.users(NameRule::new());
            let server = HostedServer::new(Arc::new(Here), config, users, false).expect("a server");
            (joined, server)
        };
        let nodes = ["one", "two", "mailboxes"].map(node);
        let form = format!("{{PLAIN}}{PASSWORD}");
        runtime.block_on(nodes[0].0.store().add_user(&user(), &[form])).expect("a user");
        Self { place, runtime, nodes }
    }

    /// The first chunks of the messages of a user.
    fn texts(&self, user: &str) -> Vec<Vec<u8>> {
        let select = "SELECT data FROM pop3_chunks c JOIN pop3_messages m ON m.id = c.message \
            JOIN pop3_maildrops d ON d.id = m.maildrop WHERE d.user_name = $1 AND seq = 0 ORDER BY m.id";
        match &self.place {
            Place::Sqlite(folder) => {
                let database = open(folder);
                let mut select = database.prepare(select).expect("tables");
                let texts = select.query_map([user], |row| row.get(0)).expect("rows");
                texts.map(|text| text.expect("a message")).collect()
            }
            Place::Postgres(client) => {
                let rows = self.runtime.block_on(client.query(select, &[&user])).expect("rows");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

fn open(folder: &TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join("mail.db")).expect("a database")
}

fn user() -> UserName {
    UserName::parse(NAME.as_bytes()).expect("a name")
}

/// A maildrop in one of the two, as it is at the beginning of a history.
struct Table<const POSTGRES_SQL: bool>(&'static Site);

impl<const POSTGRES_SQL: bool> House for Table<POSTGRES_SQL> {
    fn new() -> Self {
        let site = if POSTGRES_SQL { POSTGRES.as_ref().expect("PostgreSQL") } else { &*SQLITE };
        let store = site.nodes[0].0.store();
        site.runtime.block_on(async {
            store.remove_maildrop(&user(), true).await.expect("a maildrop that nobody has open");
            store.create_maildrop(&user()).await.expect("a maildrop");
            for message in MESSAGES {
                let message = Arc::new(SpooledMessage::read(text(message).as_bytes()).expect("a message"));
                store.deliver(&user(), &message, DeliveryOptions::new()).await.expect("a delivery");
            }
        });
        Self(site)
    }

    fn session(&self, client: usize, pipe: Pipe) -> Task {
        session(self.0.nodes[client].1.service(Inline::default()), pipe)
    }

    fn left(&self) -> Vec<usize> {
        messages(self.0.texts(NAME))
    }

    /// A lock is released in the background where nobody waits for it.
    fn settle(&self, open: usize) {
        while self.0.nodes[..2].iter().map(|(node, _)| node.open_maildrops()).sum::<usize>() > open {
            thread::yield_now();
        }
    }
}

/// A maildrop of its own in the database. Its calls block.
pub(crate) struct Mailbox(UserName);

impl Mailbox {
    pub(crate) fn new(messages: &[Message]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mailbox = Self(UserName::parse(format!("user{count}").as_bytes()).expect("a name"));
        let store = SQLITE.nodes[2].0.store();
        assert!(SQLITE.runtime.block_on(store.create_maildrop(&mailbox.0)).expect("a maildrop"));
        mailbox.import(messages);
        mailbox
    }

    /// Adds messages with these unique-ids.
    pub(crate) fn import(&self, messages: &[Message]) {
        let import = |message: &Message| {
            let content = SpooledMessage::read(&*message.stored).expect("a message");
            SqlImportedMessage::new(message.uid.clone(), Arc::new(content))
        };
        let messages = messages.iter().map(import).collect();
        let store = SQLITE.nodes[2].0.store();
        let stored = SQLITE.runtime.block_on(store.import(&self.0, messages)).expect("an import");
        assert!(!stored.contains(&false));
    }

    /// Opens it. The session before may be releasing it.
    pub(crate) fn open(&self) -> SqlMaildrop {
        loop {
            let opening = SQLITE.nodes[2].0.open_maildrop(&self.0, SqlOpenOptions::new());
            match SQLITE.runtime.block_on(opening) {
                Ok(maildrop) => return maildrop,
                Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked, "{error}"),
            }
        }
    }

    /// The unique-ids in it.
    pub(crate) fn uids(&self) -> Vec<String> {
        let Place::Sqlite(folder) = &SQLITE.place else { return Vec::new() };
        let database = open(folder);
        let select = "SELECT unique_id FROM pop3_messages m JOIN pop3_maildrops d ON d.id = m.maildrop \
            WHERE d.user_name = ?1 ORDER BY m.id";
        let mut select = database.prepare(select).expect("tables");
        let uids = select.query_map([self.0.as_str()], |row| row.get(0)).expect("rows");
        uids.map(|uid| uid.expect("a unique-id")).collect()
    }
}

/// The octets of a message.
pub(crate) fn read(maildrop: &mut SqlMaildrop, number: MessageNumber) -> Vec<u8> {
    SQLITE.runtime.block_on(async {
        let mut message = maildrop.message(number).await.expect("a message");
        let mut octets = Vec::new();
        loop {
            let chunk = message.chunk().await.expect("a chunk");
            if chunk.is_empty() {
                return octets;
            }
            octets.extend_from_slice(&chunk);
        }
    })
}

/// Removes messages, and returns how many.
pub(crate) fn remove(maildrop: SqlMaildrop, numbers: Vec<MessageNumber>) -> u64 {
    SQLITE.runtime.block_on(maildrop.remove(numbers, [], None)).expect("a commit").removed
}

// 1939-4.05, 1939-6.01
#[test]
fn two_clients_of_a_database() {
    play_all::<Table<false>>(4, 200);
}

// 1939-4.05, 1939-6.01
#[test]
fn two_clients_of_a_database_of_postgresql() {
    if POSTGRES.is_some() {
        play_all::<Table<true>>(3, 50);
    }
}
