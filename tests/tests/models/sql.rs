//! The interleavings of two clients on the SQL store, each client at a node of its own.

use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Instant;

use pop3_disk::{Disk, System};
use pop3_driver::store::Inline;
use pop3_serve::{HostedServer, Machine, NameRule, ServeConfig, UserName};
use pop3_sql::{DeliveryOptions, SpooledMessage, SqlConfig, SqlNode, SqlStore, SqlUrl};
use pop3_tests::model::{NAME, PASSWORD};
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

/// A database in a file, and two nodes with it. All histories are played in it, one after the other.
struct Sqlite {
    folder: TempDir,
    runtime: Runtime,
    nodes: [(Arc<SqlNode>, HostedServer); 2],
}

static SQLITE: LazyLock<Sqlite> = LazyLock::new(|| {
    let (folder, runtime) = (tempfile::tempdir().expect("a folder"), Runtime::new().expect("a runtime"));
    let url = SqlUrl::sqlite(folder.path().join("mail.db"));
    let node = |name: &str| {
        let joined = runtime.block_on(async {
            SqlStore::open(&url, SqlConfig::new()).await.expect("a store").join(name).await.expect("a node")
        });
        let mut config = ServeConfig::on(Arc::clone(&joined) as _);
        config.insecure_auth = true;
        let users = joined.users(NameRule::new());
        let server = HostedServer::new(Arc::new(Here), config, users, false).expect("a server");
        (joined, server)
    };
    let nodes = ["one", "two"].map(node);
    let form = format!("{{PLAIN}}{PASSWORD}");
    runtime.block_on(nodes[0].0.store().add_user(&user(), &[form])).expect("a user");
    Sqlite { folder, runtime, nodes }
});

fn user() -> UserName {
    UserName::parse(NAME.as_bytes()).expect("a name")
}

/// A maildrop in the database, as it is at the beginning of a history.
struct Table;

impl House for Table {
    fn new() -> Self {
        let store = SQLITE.nodes[0].0.store();
        SQLITE.runtime.block_on(async {
            store.remove_maildrop(&user(), true).await.expect("a maildrop that nobody has open");
            store.create_maildrop(&user()).await.expect("a maildrop");
            for message in MESSAGES {
                let message = Arc::new(SpooledMessage::read(text(message).as_bytes()).expect("a message"));
                store.deliver(&user(), &message, DeliveryOptions::new()).await.expect("a delivery");
            }
        });
        Self
    }

    fn session(&self, client: usize, pipe: Pipe) -> Task {
        session(SQLITE.nodes[client].1.service(Inline::default()), pipe)
    }

    fn left(&self) -> Vec<usize> {
        let database = rusqlite::Connection::open(SQLITE.folder.path().join("mail.db")).expect("a database");
        let select = "SELECT data FROM pop3_chunks c JOIN pop3_messages m ON m.id = c.message ORDER BY m.id";
        let mut select = database.prepare(select).expect("tables");
        let texts = select.query_map([], |row| row.get(0)).expect("rows");
        messages(texts.map(|text| text.expect("a message")))
    }

    /// A lock is released in the background where nobody waits for it.
    fn settle(&self, open: usize) {
        while SQLITE.nodes.iter().map(|(node, _)| node.open_maildrops()).sum::<usize>() > open {
            thread::yield_now();
        }
    }
}

// 1939-4.05, 1939-6.01
#[test]
fn two_clients_of_a_database() {
    play_all::<Table>(4, 200);
}
