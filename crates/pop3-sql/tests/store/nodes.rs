//! Nodes come and go.

use core::time::Duration;

use pop3_sql::{SqlError, SqlErrorKind, SqlOpenOptions, SqlStore};

use crate::database::{ALICE, Database, HELLO, all, deliver, kind, name, open, quit, read};

crate::on_both!(
    a_node_that_has_died_is_replaced_at_once,
    who_was_away_waits_for_the_others,
    nodes_tell_each_other_of_failed_logins
);

crate::on_postgres!(
    a_node_whose_session_was_ended_is_not_robbed,
    a_lock_that_a_crash_brings_back_does_not_stay,
    a_node_that_lost_its_connection_keeps_its_maildrops,
    another_run_of_the_server_proves_nothing,
    a_login_is_repeated_if_the_answer_is_lost,
    a_lock_whose_answer_was_lost_does_not_stay,
    a_database_that_does_not_answer_holds_up_nobody_for_ever,
    dead_connections_of_the_pool_are_replaced,
);

/// Like a killed process, a node on a runtime that ends without a word.
async fn a_node_that_has_died_is_replaced_at_once(database: Database) {
    let url = database.url.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (node, maildrop) = runtime
        .spawn(async move {
            let store = SqlStore::open(&url, pop3_sql::SqlConfig::new()).await.unwrap();
            let node = store.join("dying").await.unwrap();
            let maildrop = open(&node).await.unwrap();
            (node, maildrop)
        })
        .await
        .unwrap();
    let other = database.node().await;
    deliver(other.store(), HELLO).await;
    assert_eq!(kind(open(&other).await), SqlErrorKind::Locked);
    runtime.shutdown_background();
    drop((maildrop, node));
    // The server notices by itself that the connection is closed.
    let taken = loop {
        match open(&other).await {
            Ok(maildrop) => break maildrop,
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked),
        }
    };
    assert_eq!(quit(taken, &[1]).await.unwrap().removed, 1);
}

async fn nodes_tell_each_other_of_failed_logins(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    let (v4, v6) = ("192.0.2.1".parse().unwrap(), "2001:db8::".parse().unwrap());
    assert!(one.exchange_failures(&[(v4, 3), (v6, 1)]).await.unwrap().is_empty());
    assert_eq!(two.exchange_failures(&[(v4, 2)]).await.unwrap(), [(v4, 3), (v6, 1)]);
    assert_eq!(one.exchange_failures(&[]).await.unwrap(), [(v4, 2)]);
    assert!(one.exchange_failures(&[]).await.unwrap().is_empty());
    assert!(two.exchange_failures(&[]).await.unwrap().is_empty());
}

async fn who_was_away_waits_for_the_others(database: Database) {
    let node = database.node().await;
    let own = database.sql("SELECT incarnation FROM pop3_nodes").await;
    // The database was away for a minute. This node is back, and the other one not yet.
    database.sql("UPDATE pop3_nodes SET heartbeat = heartbeat - 60000").await;
    while database.sql("SELECT count(*) FROM pop3_nodes WHERE outage > 55000").await == "0" {
        tokio::task::yield_now().await;
    }
    let other = "INSERT INTO pop3_nodes (incarnation, node_name, started, heartbeat, run) \
        SELECT 42, 'other', 0, heartbeat - 40000, run - 1 FROM pop3_nodes";
    database.sql(other).await;
    database.sql("UPDATE pop3_maildrops SET lock_node = 42").await;
    database.sql("UPDATE pop3_nodes SET back = heartbeat").await;
    assert_eq!(kind(open(&node).await), SqlErrorKind::Locked);
    database.sql(&format!("UPDATE pop3_nodes SET back = back - 60000 WHERE incarnation = {own}")).await;
    quit(open(&node).await.unwrap(), &[]).await.unwrap();
}

/// Ends the sessions that have a lock on an incarnation.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The connection of a node that has its lock.
const HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// How many nodes have their lock.
const HELD: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn a_node_whose_session_was_ended_is_not_robbed(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    deliver(one.store(), HELLO).await;
    let maildrop = open(&one).await.unwrap();
    for _ in 0..5 {
        database.sql(END).await;
        loop {
            assert_eq!(kind(open(&two).await), SqlErrorKind::Locked);
            if database.sql(HELD).await == "2" {
                break;
            }
        }
    }
    assert_eq!(quit(maildrop, &[1]).await.unwrap().removed, 1);
}

async fn a_lock_that_a_crash_brings_back_does_not_stay(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    let maildrop = open(&one).await.unwrap();
    let locked = database.lock().await;
    quit(maildrop, &[]).await.unwrap();
    // The database has crashed, and knows nothing of the release.
    let (owner, _) = locked.split_once('|').unwrap();
    database.sql(&format!("UPDATE pop3_maildrops SET lock_node = {owner}")).await;
    assert_eq!(kind(open(&two).await), SqlErrorKind::Locked);
    database.sql(END).await;
    let maildrop = loop {
        match open(&two).await {
            Ok(maildrop) => break maildrop,
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked),
        }
    };
    quit(maildrop, &[]).await.unwrap();
    assert_eq!(two.store().stats().takeovers, 0);
}

async fn a_node_that_lost_its_connection_keeps_its_maildrops(database: Database) {
    let (proxy, url) = database.proxy();
    let config = pop3_sql::SqlConfig::new().with_node_url(url);
    let store = SqlStore::open(&database.url, config).await.unwrap();
    let one = store.join("one").await.unwrap();
    deliver(&store, HELLO).await;
    let maildrop = open(&one).await.unwrap();
    let before = database.sql(HOLDER).await;
    assert_ne!(before, "");
    proxy.cut();
    // It comes back under the same number, on another connection, and maybe before anybody sees it gone.
    while ["", &before].contains(&&*database.sql(HOLDER).await) {
        tokio::task::yield_now().await;
    }
    let two = database.node().await;
    assert_eq!(kind(open(&two).await), SqlErrorKind::Locked);
    assert_eq!(quit(maildrop, &[1]).await.unwrap().removed, 1);
}

async fn another_run_of_the_server_proves_nothing(database: Database) {
    let node = database.node().await;
    let run = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";
    let put = |age: u32, run: &str| {
        format!(
            "INSERT INTO pop3_nodes (incarnation, node_name, started, heartbeat, run) SELECT 42, 'other', 0, (extract(epoch FROM now()) * 1000)::bigint - {age}, {run} \
                ON CONFLICT (incarnation) DO UPDATE SET heartbeat = excluded.heartbeat, run = excluded.run"
        )
    };
    // Another node has the maildrop, and nobody its lock: in another run of the server; in this one, a moment ago; in
    // this one, long ago; in another one, too long ago.
    let other = format!("{run} - 1");
    for (age, run, is_gone) in
        [(10_000, &*other, false), (0, run, false), (10_000, run, true), (40_000, &other, true)]
    {
        database.sql(&put(age, run)).await;
        database.sql("UPDATE pop3_maildrops SET lock_node = 42").await;
        match open(&node).await {
            Ok(maildrop) => {
                assert!(is_gone, "{age} {run}");
                quit(maildrop, &[]).await.unwrap();
            }
            Err(error) => assert!(!is_gone && error.kind() == SqlErrorKind::Locked, "{age} {run} {error}"),
        }
    }
    assert_eq!(node.store().stats().takeovers, 2);
}

async fn a_login_is_repeated_if_the_answer_is_lost(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    deliver(node.store(), HELLO).await;
    // A delay does not hit the same login twice.
    let options = SqlOpenOptions::new().with_login_delay(Duration::from_secs(600));
    proxy.lose_answer("UPDATE pop3_maildrops");
    let mut maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    assert!(proxy.has_struck());
    assert_eq!(read(&mut maildrop, 1).await.unwrap(), HELLO);
    assert_eq!(quit(maildrop, &[1]).await.unwrap().removed, 1);
    assert!(matches!(kind(node.open_maildrop(&name(ALICE), options).await), SqlErrorKind::TooSoon { .. }));
}

async fn a_lock_whose_answer_was_lost_does_not_stay(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    let other = database.node().await;
    // A request that was believed to be lost arrives late: the node has a lock, and no session knows of it.
    proxy.lose_request("UPDATE pop3_maildrops");
    let maildrop = open(&node).await.unwrap();
    assert!(proxy.has_struck());
    quit(maildrop, &[]).await.unwrap();
    let incarnation = database.sql("SELECT incarnation FROM pop3_nodes ORDER BY started LIMIT 1").await;
    database.sql(&format!("UPDATE pop3_maildrops SET lock_node = {incarnation}, token = token + 1")).await;
    assert_eq!(kind(open(&other).await), SqlErrorKind::Locked);
    let maildrop = loop {
        match open(&other).await {
            Ok(maildrop) => break maildrop,
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked),
        }
        tokio::task::yield_now().await;
    };
    quit(maildrop, &[]).await.unwrap();
}

async fn a_database_that_does_not_answer_holds_up_nobody_for_ever(database: Database) {
    let (proxy, url) = database.proxy();
    let config = pop3_sql::SqlConfig::new().with_connections(1).with_wait(Duration::from_millis(100));
    let store = SqlStore::open(&url, config).await.unwrap();
    proxy.pause();
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.ping().await }
    });
    // The only connection is in use from when its request has been sent.
    while kind_of_ping(&store).await != Some(SqlErrorKind::Busy) {}
    proxy.resume();
    // Each of the calls may be the one that has the connection.
    let is_busy = |error: SqlError| assert_eq!(error.kind(), SqlErrorKind::Busy);
    first.await.unwrap().unwrap_or_else(is_busy);
    while let Err(error) = store.ping().await {
        is_busy(error);
    }
}

async fn kind_of_ping(store: &SqlStore) -> Option<SqlErrorKind> {
    tokio::time::timeout(Duration::from_millis(300), store.ping()).await.ok()?.err().map(|error| error.kind())
}

async fn dead_connections_of_the_pool_are_replaced(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    deliver(node.store(), HELLO).await;
    let pings = (0..8).map(|_| node.store().ping());
    futures_util::future::join_all(pings).await.into_iter().for_each(Result::unwrap);
    proxy.cut();
    let database_sees = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'pop3'";
    database.sql(database_sees).await;
    assert_eq!(all(&node).await, [HELLO]);
}
