//! Random walks on a model of the store, with several nodes: replies, messages and locks are what the model says.
//!
//! `PROPTEST_CASES=10000` makes the walks more.

mod reach;
mod steps;
mod world;

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pop3_proto::MessageNumber;
use pop3_serve::UserName;
use pop3_sql::{
    DeliveryOptions, Quota, SqlErrorKind, SqlImportedMessage, SqlMaildrop, SqlNode, SqlOpenOptions,
};
use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use tokio::runtime::Runtime;

use self::steps::{Step, Steps};
use self::world::{DELAY, Reply, Session, USERS, World, imported, size, text};
use crate::database::{Database, message, name};

/// What is taken for "never", while something that happens in the background is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The walks on SQLite.
const WALKS: u32 = 60;

const HOUR: u64 = 60 * 60 * 1000;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// The database of all walks on SQLite. Each walk has users of its own.
fn sqlite() -> Option<&'static Database> {
    static SHARED: OnceLock<Database> = OnceLock::new();
    Some(SHARED.get_or_init(|| runtime().block_on(Database::sqlite())))
}

fn postgres() -> Option<&'static Database> {
    static SHARED: OnceLock<Option<Database>> = OnceLock::new();
    SHARED.get_or_init(|| runtime().block_on(Database::postgres())).as_ref()
}

/// The store, as several processes use it.
struct Real {
    database: &'static Database,
    /// What makes the names of this walk its own.
    walk: usize,
    nodes: BTreeMap<usize, Arc<SqlNode>>,
    sessions: BTreeMap<usize, SqlMaildrop>,
    /// Of each unique-id the letter.
    letters: HashMap<String, u32>,
    long: BTreeSet<u32>,
}

impl Real {
    async fn new(database: &'static Database, world: &World) -> Self {
        static WALKS: AtomicUsize = AtomicUsize::new(0);
        let walk = WALKS.fetch_add(1, Ordering::Relaxed);
        let mut real = Self {
            database,
            walk,
            nodes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            letters: HashMap::new(),
            long: BTreeSet::new(),
        };
        for &node in world.nodes.keys() {
            real.join(node).await;
        }
        for user in 0..USERS {
            let store = database.store().await;
            store.create_maildrop(&real.user(user)).await.unwrap();
        }
        real
    }

    fn user(&self, user: usize) -> UserName {
        name(&format!("w{}u{user}", self.walk))
    }

    fn node_name(&self, node: usize) -> String {
        format!("w{}n{node}", self.walk)
    }

    async fn join(&mut self, node: usize) {
        let joined = self.database.store().await.join(&self.node_name(node)).await.unwrap();
        self.nodes.insert(node, joined);
    }

    /// The incarnation of a node.
    async fn incarnation(&self, node: usize) -> i64 {
        let name = self.node_name(node);
        let text = format!("SELECT incarnation FROM pop3_nodes WHERE node_name = '{name}'");
        self.database.sql(&text).await.parse().unwrap()
    }

    /// Sets the heartbeat of a node to so many milliseconds ago.
    async fn set_heartbeat(&self, node: usize, ago: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let (at, name) = (now - u128::from(ago), self.node_name(node));
        self.database
            .sql(&format!("UPDATE pop3_nodes SET heartbeat = {at} WHERE node_name = '{name}'"))
            .await;
    }

    async fn apply(&mut self, world: &World, step: &Step) {
        let reply = match step {
            Step::Deliver { user, key, long } => self.deliver(world, *user, *key, *long).await,
            Step::Import { user, ids, seen } => self.import(*user, ids, *seen).await,
            Step::Open { node, user, delay, expire } => {
                let given_up = Instant::now() + PATIENCE;
                loop {
                    let reply = self.open(world, *node, *user, *delay, *expire).await;
                    if reply != Reply::Locked || world.reply == reply || Instant::now() > given_up {
                        break reply;
                    }
                    // One that was silent itself is patient with others, and one that gives back a lock is not done.
                    self.database.sql("UPDATE pop3_nodes SET outage = 0, back = 0").await;
                }
            }
            Step::Retr { session, place } => self.retr(*session, *place).await,
            Step::Commit { session } => self.commit(*session, world.ended.as_ref()).await,
            Step::Join
            | Step::Quota { .. }
            | Step::Mark { .. }
            | Step::Reset { .. }
            | Step::Drop { .. }
            | Step::Kill { .. }
            | Step::Leave { .. }
            | Step::Silence { .. }
            | Step::Wake { .. }
            | Step::Pass(_) => {
                self.change(world, step).await;
                Reply::Done
            }
        };
        assert_eq!(reply, world.reply, "{step:?}");
        self.settle(world).await;
    }

    async fn deliver(&mut self, world: &World, user: usize, key: Option<u8>, long: bool) -> Reply {
        let (letter, key) = (world.last_letter(), key.map(|key| [key]));
        let store = self.database.store().await;
        let options = key.as_ref().map_or(DeliveryOptions::new(), |key| DeliveryOptions::new().with_key(key));
        match store.deliver(&self.user(user), &message(&text(letter, long)), options).await {
            Ok(receipt) if receipt.stored => {
                let before = self.letters.insert(receipt.unique_id, letter);
                assert_eq!(before, None, "a unique-id came twice");
                self.long.extend(long.then_some(letter));
                Reply::Delivered(letter, true)
            }
            Ok(receipt) => Reply::Delivered(self.letters[&receipt.unique_id], false),
            Err(error) if error.kind() == SqlErrorKind::OverQuota => Reply::OverQuota,
            Err(error) => panic!("{error}"),
        }
    }

    async fn import(&mut self, user: usize, ids: &[u8], seen: bool) -> Reply {
        let import = |&id: &u8| {
            let unique_id = format!("{user}-{id}");
            self.letters.insert(unique_id.clone(), imported(id));
            SqlImportedMessage::new(unique_id, message(&text(imported(id), false))).with_seen(seen)
        };
        let messages = ids.iter().map(import).collect();
        let store = self.database.store().await;
        Reply::Imported(store.import(&self.user(user), messages).await.unwrap())
    }

    async fn open(
        &mut self,
        world: &World,
        node: usize,
        user: usize,
        delay: bool,
        expire: Option<u32>,
    ) -> Reply {
        let mut options = SqlOpenOptions::new().with_expire(expire);
        if delay {
            options = options.with_login_delay(Duration::from_millis(DELAY * HOUR));
        }
        let end = Instant::now() + PATIENCE;
        loop {
            // Those who are silent renew their heartbeats all the same.
            for (&node, _) in world.nodes.iter().filter(|(_, silent)| **silent) {
                self.set_heartbeat(node, 31_000).await;
            }
            let opened = self.nodes[&node].open_maildrop(&self.user(user), options).await;
            match opened.map_err(|error| error.kind()) {
                Ok(mut maildrop) => {
                    let snapshot = maildrop.take_snapshot();
                    let numbers = (0..snapshot.len()).filter_map(MessageNumber::from_index);
                    let listed = numbers.map(|number| {
                        let letter =
                            self.letters[&snapshot.unique_id(number).expect("a unique-id").to_string()];
                        let text = text(letter, self.long.contains(&letter));
                        assert_eq!(snapshot.size(number), Some(size(&text)));
                        letter
                    });
                    let letters = listed.collect();
                    self.sessions.insert(world.last_session(), maildrop);
                    return Reply::Opened(letters);
                }
                // A node that gives back a lock of which it is not sure keeps others away for a moment.
                Err(SqlErrorKind::Locked) if world.reply != Reply::Locked && Instant::now() < end => {
                    tokio::task::yield_now().await;
                }
                Err(SqlErrorKind::Locked) => return Reply::Locked,
                Err(SqlErrorKind::TooSoon { .. }) => return Reply::TooSoon,
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    async fn retr(&mut self, session: usize, place: usize) -> Reply {
        let maildrop = self.sessions.get_mut(&session).expect("a session");
        match crate::database::read(maildrop, u32::try_from(place).unwrap() + 1).await {
            Ok(octets) => {
                let digits = octets["Subject: ".len()..].split(|&octet| octet == b'\n').next().unwrap();
                let letter = core::str::from_utf8(digits).unwrap().parse().unwrap();
                assert!(octets == text(letter, self.long.contains(&letter)), "letter {letter} is altered");
                Reply::Content(letter)
            }
            Err(error) if error.kind() == SqlErrorKind::NoMessage => Reply::NoMessage,
            Err(error) => panic!("{error}"),
        }
    }

    async fn commit(&mut self, session: usize, ended: Option<&Session>) -> Reply {
        let (maildrop, ended) = (self.sessions.remove(&session).expect("a session"), ended.expect("its end"));
        let numbers = |places: &BTreeSet<usize>| -> Vec<MessageNumber> {
            places.iter().filter_map(|&place| MessageNumber::from_index(place)).collect()
        };
        match maildrop.remove(numbers(&ended.marked), numbers(&ended.retrieved), None).await {
            Ok(done) => Reply::Committed { removed: done.removed, expired: done.expired },
            Err(error) if error.kind() == SqlErrorKind::LockLost => Reply::LockLost,
            Err(error) => panic!("{error}"),
        }
    }

    /// What has no reply.
    async fn change(&mut self, world: &World, step: &Step) {
        match step {
            Step::Quota { user, messages, octets } => {
                let (store, quota) = (self.database.store().await, Quota::new(*messages, *octets));
                store.set_quota(&self.user(*user), quota).await.unwrap();
            }
            Step::Drop { session } => drop(self.sessions.remove(session)),
            Step::Join => self.join(world.last_node()).await,
            Step::Kill { node } => {
                let incarnation = self.incarnation(*node).await;
                self.nodes.remove(node);
                while self.database.holds(incarnation).await {
                    tokio::task::yield_now().await;
                }
            }
            Step::Leave { node } => {
                let node = self.nodes.remove(node).expect("a node");
                node.leave().await.unwrap();
            }
            Step::Wake { node } => self.set_heartbeat(*node, 0).await,
            Step::Pass(hours) => self.pass(hours * HOUR).await,
            // Only the model notes these, until the commit or the next login.
            Step::Mark { .. } | Step::Reset { .. } | Step::Silence { .. } => {}
            Step::Deliver { .. }
            | Step::Import { .. }
            | Step::Open { .. }
            | Step::Retr { .. }
            | Step::Commit { .. } => unreachable!("it has a reply"),
        }
    }

    /// Moves all times of this walk into the past.
    async fn pass(&self, time: u64) {
        let own = format!("SELECT id FROM pop3_maildrops WHERE user_name LIKE 'w{}u%'", self.walk);
        for (table, column, key) in [
            ("pop3_maildrops", "last_login", "id"),
            ("pop3_messages", "retrieved", "maildrop"),
            ("pop3_deliveries", "at", "maildrop"),
        ] {
            let text = format!("UPDATE {table} SET {column} = {column} - {time} WHERE {key} IN ({own})");
            self.database.sql(&text).await;
        }
    }

    /// Waits until messages and locks are what the model says.
    async fn settle(&self, world: &World) {
        let end = Instant::now() + PATIENCE;
        let expected = self.expected(world);
        loop {
            let found = self.found().await;
            let busy = |(at, node): (&usize, &Arc<SqlNode>)| {
                let open = world.sessions.values().filter(|session| session.node == *at).count();
                node.open_maildrops() > open
            };
            if found == expected && !self.nodes.iter().any(busy) {
                return;
            }
            // Only the release of a lock may still be under way.
            assert!(Instant::now() < end, "{found:#?} is not {expected:#?}");
            tokio::task::yield_now().await;
        }
    }

    /// Of each maildrop the node that has it, the token, and the letters, as the model says.
    fn expected(&self, world: &World) -> Vec<String> {
        let of_user = |(user, maildrop): (usize, &world::Maildrop)| {
            let owner = maildrop.owner.map(|node| self.node_name(node)).unwrap_or_default();
            let letters: Vec<u32> = maildrop.letters.iter().map(|letter| letter.number).collect();
            format!("{} {owner} {} {letters:?}", self.user(user).as_str(), maildrop.token)
        };
        world.maildrops.iter().enumerate().map(of_user).collect()
    }

    /// The same as it is in the tables.
    async fn found(&self) -> Vec<String> {
        let text = format!(
            "SELECT d.user_name, coalesce(n.node_name, ''), d.token, coalesce(m.unique_id, '') FROM pop3_maildrops d \
                LEFT JOIN pop3_nodes n ON n.incarnation = d.lock_node \
                LEFT JOIN pop3_messages m ON m.maildrop = d.id \
                WHERE d.user_name LIKE 'w{}u%' ORDER BY d.user_name, m.id",
            self.walk
        );
        let mut found: Vec<(String, Vec<u32>)> = Vec::new();
        for row in self.database.sql(&text).await.lines() {
            let (head, unique_id) = row.rsplit_once('|').unwrap();
            let head = head.replace('|', " ");
            if found.last().is_none_or(|(last, _)| *last != head) {
                found.push((head, Vec::new()));
            }
            let letters = &mut found.last_mut().unwrap().1;
            letters.extend((!unique_id.is_empty()).then(|| self.letters[unique_id]));
        }
        found.into_iter().map(|(head, letters)| format!("{head} {letters:?}")).collect()
    }
}

/// A walk on one of the two databases.
struct Walk<const POSTGRES: bool>;

impl<const POSTGRES: bool> StateMachineTest for Walk<POSTGRES> {
    type SystemUnderTest = Option<Real>;
    type Reference = Steps;

    fn init_test(world: &World) -> Option<Real> {
        let database = if POSTGRES { postgres() } else { sqlite() }?;
        Some(runtime().block_on(Real::new(database, world)))
    }

    fn apply(real: Option<Real>, world: &World, step: Step) -> Option<Real> {
        let mut real = real?;
        runtime().block_on(real.apply(world, &step));
        Some(real)
    }

    fn teardown(real: Option<Real>, _: World) {
        let Some(real) = real else { return };
        runtime().block_on(async {
            // However everything ends, no message is damaged, and no chunk belongs to none.
            drop(real.sessions);
            drop(real.nodes);
            let store = real.database.store().await;
            let mut findings = Vec::new();
            store.check(|finding| findings.push(finding)).await.unwrap();
            findings.retain(|finding| !finding.harmless);
            assert!(findings.is_empty(), "{findings:?}");
        });
    }
}

/// This many cases, unless the environment wants another number.
fn cases(cases: u32) -> Config {
    let mut config = Config { failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

prop_state_machine! {
    #![proptest_config(cases(WALKS))]

    #[test]
    fn sqlite_does_what_the_model_says(sequential 10..60 => Walk<false>);
}

prop_state_machine! {
    #![proptest_config(cases(15))]

    #[test]
    fn postgresql_does_what_the_model_says(sequential 10..60 => Walk<true>);
}
