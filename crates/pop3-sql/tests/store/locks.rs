//! One session at a time, and no lock that stays.

use core::time::Duration;

use pop3_sql::{SqlErrorKind, SqlOpenOptions, SqlStore};

use crate::database::{ALICE, Database, HELLO, all, begin_and_drop, deliver, kind, name, open, quit, read};

crate::on_both!(
    a_maildrop_is_open_once,
    many_logins_at_once_give_one_session,
    a_lock_is_released_however_the_session_ends,
    a_node_without_heartbeat_is_gone,
    a_session_that_was_taken_over_removes_nothing,
    a_login_soon_after_another_waits,
    a_maildrop_that_does_not_exist_is_not_opened,
    a_maildrop_is_removed_when_nobody_has_it_open,
);

crate::on_postgres!(a_release_that_is_lost_is_repeated, a_login_that_has_waited_lists_what_is_left);

async fn a_maildrop_is_open_once(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    let maildrop = open(&one).await.unwrap();
    assert_eq!(kind(open(&one).await), SqlErrorKind::Locked);
    assert_eq!(kind(open(&two).await), SqlErrorKind::Locked);
    quit(maildrop, &[]).await.unwrap();
    let maildrop = open(&two).await.unwrap();
    assert_eq!(kind(open(&one).await), SqlErrorKind::Locked);
    maildrop.release().await.unwrap();
    assert_eq!(database.lock().await, "|2");
}

async fn many_logins_at_once_give_one_session(database: Database) {
    let nodes = [database.node().await, database.node().await, database.node().await];
    let logins: Vec<_> = (0..30)
        .map(|at| {
            let node = nodes[at % 3].clone();
            tokio::spawn(async move { open(&node).await })
        })
        .collect();
    // Each session stays open until all have tried.
    let mut open = Vec::new();
    for login in logins {
        match login.await.unwrap() {
            Ok(maildrop) => open.push(maildrop),
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked, "{error}"),
        }
    }
    assert_eq!(open.len(), 1);
}

async fn a_lock_is_released_however_the_session_ends(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    // The connection is lost.
    drop(open(&one).await.unwrap());
    wait_until_free(&database).await;
    drop(open(&two).await.unwrap());
    wait_until_free(&database).await;
    // The client leaves during the login: the call goes on without it.
    let (user, options) = (name(ALICE), SqlOpenOptions::new());
    for _ in 0..5 {
        begin_and_drop(one.open_maildrop(&user, options)).await;
        while one.open_maildrops() > 0 {
            tokio::task::yield_now().await;
        }
        wait_until_free(&database).await;
    }
    // The node ends.
    deliver(one.store(), HELLO).await;
    let maildrop = open(&two).await.unwrap();
    two.leave().await.unwrap();
    assert!(database.lock().await.starts_with('|'));
    let other = open(&one).await.unwrap();
    assert_eq!(kind(quit(maildrop, &[1]).await), SqlErrorKind::LockLost);
    quit(other, &[]).await.unwrap();
    assert_eq!(database.sql("SELECT count(*) FROM pop3_nodes").await, "1");
}

/// Asks the database until nobody has alice's maildrop.
async fn wait_until_free(database: &Database) {
    while !database.lock().await.starts_with('|') {
        tokio::task::yield_now().await;
    }
}

async fn a_node_without_heartbeat_is_gone(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    deliver(one.store(), HELLO).await;
    let maildrop = open(&one).await.unwrap();
    let owner = database.lock().await;
    let owner = owner.split('|').next().unwrap();
    // It is frozen, and has its lock still. Its heartbeat may be renewed meanwhile, so it is set again.
    let old = format!("UPDATE pop3_nodes SET heartbeat = heartbeat - 31000 WHERE incarnation = {owner}");
    let other = loop {
        database.sql(&old).await;
        match open(&two).await {
            Ok(maildrop) => break maildrop,
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked),
        }
    };
    assert_eq!(kind(quit(maildrop, &[1]).await), SqlErrorKind::LockLost);
    quit(other, &[]).await.unwrap();
    assert_eq!(all(&two).await, [HELLO]);
}

async fn a_session_that_was_taken_over_removes_nothing(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    for _ in 0..3 {
        deliver(one.store(), HELLO).await;
    }
    let mut late = open(&one).await.unwrap();
    database.sql("UPDATE pop3_maildrops SET lock_node = NULL").await;
    let other = open(&two).await.unwrap();
    // It may read on, but not remove.
    assert_eq!(read(&mut late, 1).await.unwrap(), HELLO);
    assert_eq!(kind(quit(late, &[1, 2]).await), SqlErrorKind::LockLost);
    assert_eq!(kind(open(&one).await), SqlErrorKind::Locked, "the other session has lost its lock");
    assert_eq!(quit(other, &[3]).await.unwrap().removed, 1);
    assert_eq!(all(&one).await.len(), 2);
    // The same node may have it again, under another token.
    let late = open(&one).await.unwrap();
    database.sql("UPDATE pop3_maildrops SET token = token + 1").await;
    assert_eq!(kind(quit(late, &[1, 2]).await), SqlErrorKind::LockLost);
    // A lock of this node without a session is given back.
    wait_until_free(&database).await;
    assert_eq!(all(&two).await.len(), 2);
}

async fn a_login_soon_after_another_waits(database: Database) {
    let (one, two) = (database.node().await, database.node().await);
    let options = SqlOpenOptions::new().with_login_delay(Duration::from_secs(3600));
    let maildrop = one.open_maildrop(&name(ALICE), options).await.unwrap();
    assert_eq!(kind(two.open_maildrop(&name(ALICE), options).await), SqlErrorKind::Locked);
    quit(maildrop, &[]).await.unwrap();
    // On whatever node.
    let refused = kind(two.open_maildrop(&name(ALICE), options).await);
    let SqlErrorKind::TooSoon { wait } = refused else { panic!("{refused:?}") };
    assert!(wait <= Duration::from_secs(3600) && wait > Duration::from_secs(3000));
    // A login without a delay of its own is noted, too; one that changes nothing is not.
    quit(open(&one).await.unwrap(), &[]).await.unwrap();
    database.sql("UPDATE pop3_maildrops SET last_login = last_login - 3600000").await;
    let mut anonymous = options;
    anonymous.read_only = true;
    quit(two.open_maildrop(&name(ALICE), anonymous).await.unwrap(), &[]).await.unwrap();
    quit(two.open_maildrop(&name(ALICE), options).await.unwrap(), &[]).await.unwrap();
}

async fn a_maildrop_that_does_not_exist_is_not_opened(database: Database) {
    let node = database.node().await;
    let opened = node.open_maildrop(&name("bob"), SqlOpenOptions::new()).await;
    assert_eq!(kind(opened), SqlErrorKind::NoMaildrop);
    assert_eq!(node.open_maildrops(), 0);
}

async fn a_maildrop_is_removed_when_nobody_has_it_open(database: Database) {
    let node = database.node().await;
    let store: &SqlStore = node.store();
    deliver(store, HELLO).await;
    let maildrop = open(&node).await.unwrap();
    assert_eq!(kind(store.remove_maildrop(&name(ALICE), true).await), SqlErrorKind::Locked);
    quit(maildrop, &[]).await.unwrap();
    assert_eq!(store.remove_maildrop(&name(ALICE), false).await.unwrap(), 1);
    assert_eq!(all(&node).await.len(), 1);
    assert_eq!(store.remove_maildrop(&name(ALICE), true).await.unwrap(), 1);
    assert_eq!(kind(open(&node).await), SqlErrorKind::NoMaildrop);
    assert_eq!(kind(store.remove_maildrop(&name(ALICE), true).await), SqlErrorKind::NoMaildrop);
    assert_eq!(database.sql("SELECT count(*) FROM pop3_chunks").await, "0");
}

async fn a_release_that_is_lost_is_repeated(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    let other = database.node().await;
    let maildrop = open(&node).await.unwrap();
    proxy.lose_request("SET lock_node = NULL");
    drop(maildrop);
    // The node lives, so nobody takes the lock from it.
    wait_until_free(&database).await;
    assert!(proxy.has_struck());
    quit(open(&other).await.unwrap(), &[]).await.unwrap();
}

async fn a_login_that_has_waited_lists_what_is_left(database: Database) {
    let node = database.node().await;
    deliver(node.store(), HELLO).await;
    deliver(node.store(), b"Subject: second\n\n").await;
    // A commit of another session is under way, and has the row of the maildrop.
    let committing = database.connect().await;
    let commit = "BEGIN; UPDATE pop3_maildrops SET lock_node = NULL; \
        DELETE FROM pop3_messages WHERE id = (SELECT min(id) FROM pop3_messages)";
    committing.batch_execute(commit).await.unwrap();
    let login = tokio::spawn(async move { open(&node).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
        AND datname = current_database()";
    while database.sql(waiting).await == "0" {
        assert!(!login.is_finished());
    }
    committing.batch_execute("COMMIT").await.unwrap();
    let mut maildrop = login.await.unwrap().unwrap();
    assert_eq!(maildrop.take_snapshot().len(), 1);
    assert_eq!(read(&mut maildrop, 1).await.unwrap(), b"Subject: second\n\n");
}
