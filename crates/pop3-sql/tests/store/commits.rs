//! QUIT removes all that was marked and nothing else, and says so only when it is certain.

use core::time::Duration;
use std::time::Instant;

use pop3_sql::{SqlErrorKind, SqlOpenOptions};

use crate::database::{ALICE, Database, all, begin_and_drop, deliver, kind, name, number, open, quit};

crate::on_both!(
    what_is_marked_is_removed,
    a_commit_goes_on_without_its_caller,
    messages_expire,
    without_days_retrieved_messages_are_removed,
);

crate::on_postgres!(
    a_lost_answer_is_looked_up,
    a_lost_request_is_repeated,
    a_commit_waits_for_the_database,
    an_unknown_outcome_is_told,
    a_late_commit_removes_nothing,
);

/// Messages `1` to `count` of alice, each with its number.
async fn fill(store: &pop3_sql::SqlStore, count: u32) {
    for at in 1..=count {
        deliver(store, &text(at)).await;
    }
}

fn text(at: u32) -> Vec<u8> {
    format!("Subject: {at}\n\n{at}\n").into_bytes()
}

async fn what_is_marked_is_removed(database: Database) {
    let node = database.node().await;
    fill(node.store(), 5).await;
    let maildrop = open(&node).await.unwrap();
    deliver(node.store(), &text(6)).await;
    let done = quit(maildrop, &[2, 4, 5]).await.unwrap();
    assert_eq!((done.removed, done.expired, done.looked_up), (3, 0, false));
    assert_eq!(all(&node).await, [text(1), text(3), text(6)]);
    assert_eq!(database.sql("SELECT count(*) FROM pop3_chunks").await, "3");
    // What somebody else has removed meanwhile does not count.
    let maildrop = open(&node).await.unwrap();
    database
        .sql("DELETE FROM pop3_messages WHERE unique_id = (SELECT min(unique_id) FROM pop3_messages)")
        .await;
    assert_eq!(quit(maildrop, &[1, 2, 3]).await.unwrap().removed, 2);
}

async fn a_commit_goes_on_without_its_caller(database: Database) {
    let node = database.node().await;
    fill(node.store(), 3).await;
    begin_and_drop(quit(open(&node).await.unwrap(), &[1, 2])).await;
    // The maildrop is free when the commit has ended.
    while node.open_maildrops() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(all(&node).await, [text(3)]);
}

async fn messages_expire(database: Database) {
    let node = database.node().await;
    fill(node.store(), 3).await;
    let options = SqlOpenOptions::new().with_expire(Some(7));
    let maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    let done = maildrop.remove([number(3)], [number(1), number(3)], None).await.unwrap();
    assert_eq!((done.removed, done.expired), (1, 0));
    assert_eq!(database.sql("SELECT count(*) FROM pop3_messages WHERE retrieved > 0").await, "1");
    // Eight days later, the one that was read goes. Its time began when it was read first.
    database.sql("UPDATE pop3_messages SET retrieved = retrieved - 8 * 86400000").await;
    let mut reading = options;
    reading.read_only = true;
    quit(node.open_maildrop(&name(ALICE), reading).await.unwrap(), &[]).await.unwrap();
    assert_eq!(all(&node).await.len(), 2);
    let maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    let done = maildrop.remove([], [number(2)], None).await.unwrap();
    assert_eq!((done.removed, done.expired), (0, 1));
    assert_eq!(all(&node).await, [text(2)]);
    // Who deletes nothing is told of no failure.
    let maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    database.sql("UPDATE pop3_maildrops SET token = token + 1").await;
    assert_eq!(maildrop.remove([], [number(1)], None).await.unwrap(), pop3_sql::SqlCommit::default());
    assert_eq!(database.sql("SELECT count(*) FROM pop3_commits").await, "1");
}

async fn without_days_retrieved_messages_are_removed(database: Database) {
    let node = database.node().await;
    fill(node.store(), 4).await;
    let options = SqlOpenOptions::new().with_expire(Some(0));
    let maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    let done = maildrop.remove([number(1)], [number(1), number(2)], None).await.unwrap();
    assert_eq!((done.removed, done.expired), (1, 1));
    assert_eq!(all(&node).await, [text(3), text(4)]);
}

async fn a_lost_answer_is_looked_up(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    fill(node.store(), 3).await;
    let maildrop = open(&node).await.unwrap();
    proxy.lose_answer("INSERT INTO pop3_commits");
    let done = quit(maildrop, &[1, 3]).await.unwrap();
    assert!(proxy.has_struck());
    assert_eq!((done.removed, done.looked_up), (2, true));
    assert_eq!(all(&node).await, [text(2)]);
}

async fn a_lost_request_is_repeated(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    fill(node.store(), 3).await;
    let maildrop = open(&node).await.unwrap();
    proxy.lose_request("INSERT INTO pop3_commits");
    let done = quit(maildrop, &[1, 3]).await.unwrap();
    assert!(proxy.has_struck());
    assert_eq!((done.removed, done.looked_up), (2, true));
    assert_eq!(all(&node).await, [text(2)]);
}

async fn a_commit_waits_for_the_database(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    fill(node.store(), 2).await;
    let maildrop = open(&node).await.unwrap();
    proxy.pause();
    proxy.cut();
    let commit = tokio::spawn(quit(maildrop, &[1]));
    tokio::task::yield_now().await;
    proxy.resume();
    assert_eq!(commit.await.unwrap().unwrap().removed, 1);
    assert_eq!(all(&node).await, [text(2)]);
}

async fn an_unknown_outcome_is_told(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    fill(node.store(), 2).await;
    let maildrop = open(&node).await.unwrap();
    // The request is lost, and there is no time to try again.
    proxy.lose_request("INSERT INTO pop3_commits");
    let deadline = Instant::now();
    let done = maildrop.remove([number(1)], [], Some(deadline)).await;
    assert_eq!(kind(done), SqlErrorKind::UnknownOutcome);
    // The lock is given back all the same.
    let left = loop {
        match open(&node).await {
            Ok(mut maildrop) => break maildrop.take_snapshot().len(),
            Err(error) => assert_eq!(error.kind(), SqlErrorKind::Locked),
        }
    };
    assert_eq!(left, 2);
}

async fn a_late_commit_removes_nothing(database: Database) {
    let (proxy, cut_off) = database.node_behind_proxy().await;
    let other = database.node().await;
    fill(other.store(), 3).await;
    let maildrop = open(&cut_off).await.unwrap();
    // The node is cut off in the middle of its QUIT. Its requests arrive when another session has come and gone.
    proxy.pause();
    let commit = tokio::spawn(async move {
        maildrop.remove([number(1), number(2)], [], Some(Instant::now() + Duration::from_secs(600))).await
    });
    database.sql("UPDATE pop3_nodes SET heartbeat = heartbeat - 31000").await;
    // The other one lives.
    let taken = loop {
        database.sql("UPDATE pop3_nodes SET heartbeat = heartbeat - 31000").await;
        if let Ok(maildrop) = open(&other).await {
            break maildrop;
        }
    };
    proxy.resume();
    assert_eq!(kind(commit.await.unwrap()), SqlErrorKind::LockLost);
    assert_eq!(quit(taken, &[3]).await.unwrap().removed, 1);
    assert_eq!(all(&other).await, [text(1), text(2)]);
    assert_eq!(all(&cut_off).await, [text(1), text(2)]);
}
