//! A delivery is whole and durable, or has not happened.

use pop3_sql::{DeliveryOptions, Quota, SqlErrorKind};

use crate::database::{ALICE, Database, HELLO, all, begin_and_drop, deliver, kind, message, name};

crate::on_both!(
    a_retry_is_recognised,
    a_quota_is_kept,
    deliveries_at_once_keep_the_quota,
    nobody_gets_mail_without_a_maildrop,
    a_delivery_goes_on_without_its_caller,
);

crate::on_postgres!(a_delivery_is_stored_once_if_the_answer_is_lost, a_delivery_that_is_cut_leaves_nothing);

async fn a_retry_is_recognised(database: Database) {
    let node = database.node().await;
    let store = node.store();
    let key = DeliveryOptions::new().with_key(b"\x00queue-id 1");
    let first = store.deliver(&name(ALICE), &message(HELLO), key).await.unwrap();
    let again = store.deliver(&name(ALICE), &message(b"other"), key).await.unwrap();
    assert!(first.stored && !again.stored);
    assert_eq!(first.unique_id, again.unique_id);
    // Another key, another user, another week.
    let other = DeliveryOptions::new().with_key(b"\x00queue-id 2");
    assert!(store.deliver(&name(ALICE), &message(HELLO), other).await.unwrap().stored);
    assert!(!store.has_maildrop(&name("bob")).await.unwrap());
    store.create_maildrop(&name("bob")).await.unwrap();
    assert!(store.has_maildrop(&name("bob")).await.unwrap());
    assert!(store.deliver(&name("bob"), &message(HELLO), key).await.unwrap().stored);
    database.sql("UPDATE pop3_deliveries SET at = at - 7 * 86400000").await;
    assert!(store.deliver(&name(ALICE), &message(HELLO), key).await.unwrap().stored);
    assert_eq!(all(&node).await.len(), 3);
    // Many at once.
    let key = DeliveryOptions::new().with_key(b"\x00queue-id 3");
    let (user, large) = (name(ALICE), message(&vec![b'x'; 1_000_000]));
    let all_at_once = (0..8).map(|_| store.deliver(&user, &large, key));
    let receipts = futures_util::future::join_all(all_at_once).await;
    let stored = receipts.into_iter().filter(|receipt| receipt.as_ref().unwrap().stored).count();
    assert_eq!((stored, all(&node).await.len()), (1, 4));
    for bad in [&b""[..], &[1; 129]] {
        let options = DeliveryOptions::new().with_key(bad);
        assert_eq!(kind(store.deliver(&user, &large, options).await), SqlErrorKind::Invalid);
    }
}

async fn a_quota_is_kept(database: Database) {
    let node = database.node().await;
    let (store, user) = (node.store(), name(ALICE));
    store.set_quota(&user, Quota::new(Some(2), None)).await.unwrap();
    deliver(store, HELLO).await;
    deliver(store, HELLO).await;
    let text = message(HELLO);
    let full = || store.deliver(&user, &text, DeliveryOptions::new());
    assert_eq!(kind(full().await), SqlErrorKind::OverQuota);
    store.set_quota(&user, Quota::new(None, Some(52 + 25))).await.unwrap();
    assert_eq!(kind(full().await), SqlErrorKind::OverQuota);
    store.set_quota(&user, Quota::new(Some(9), Some(52 + 26))).await.unwrap();
    deliver(store, HELLO).await;
    let (quota, usage) = store.quota(&user).await.unwrap();
    assert_eq!((quota, usage), (Quota::new(Some(9), Some(78)), Quota::new(Some(3), Some(78))));
    assert_eq!(all(&node).await.len(), 3);
    // What was refused may be sent again later, with the same key.
    let key = DeliveryOptions::new().with_key(b"later");
    assert_eq!(kind(store.deliver(&user, &message(HELLO), key).await), SqlErrorKind::OverQuota);
    store.set_quota(&user, Quota::default()).await.unwrap();
    assert!(store.deliver(&user, &message(HELLO), key).await.unwrap().stored);
}

async fn deliveries_at_once_keep_the_quota(database: Database) {
    let node = database.node().await;
    let (store, user) = (node.store(), name(ALICE));
    store.set_quota(&user, Quota::new(Some(3), None)).await.unwrap();
    let text = message(HELLO);
    let receipts = (0..10).map(|_| store.deliver(&user, &text, DeliveryOptions::new()));
    let receipts = futures_util::future::join_all(receipts).await;
    assert_eq!(receipts.iter().filter(|receipt| receipt.is_ok()).count(), 3);
    assert_eq!(all(&node).await.len(), 3);
}

async fn nobody_gets_mail_without_a_maildrop(database: Database) {
    let store = database.store().await;
    let delivered = store.deliver(&name("bob"), &message(HELLO), DeliveryOptions::new()).await;
    assert_eq!(kind(delivered), SqlErrorKind::NoMaildrop);
}

async fn a_delivery_goes_on_without_its_caller(database: Database) {
    let node = database.node().await;
    let (user, large) = (name(ALICE), message(&vec![b'x'; 1_000_000]));
    let key = DeliveryOptions::new().with_key(b"1");
    begin_and_drop(node.store().deliver(&user, &large, key)).await;
    // Whoever comes second waits for the first, and finds it.
    node.store().deliver(&user, &large, key).await.unwrap();
    assert_eq!(all(&node).await.len(), 1);
}

async fn a_delivery_is_stored_once_if_the_answer_is_lost(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    for (octets, lost) in [(10, true), (10, false), (2_000_000, true), (2_000_000, false)] {
        let text = vec![b'x'; octets];
        if lost {
            proxy.lose_answer("INSERT INTO pop3_messages");
        } else {
            proxy.lose_request("INSERT INTO pop3_messages");
        }
        let receipt = node.store().deliver(&name(ALICE), &message(&text), DeliveryOptions::new()).await;
        assert!(receipt.unwrap().stored && proxy.has_struck());
        assert!(all(&node).await == [text]);
        database.sql("DELETE FROM pop3_messages").await;
    }
}

async fn a_delivery_that_is_cut_leaves_nothing(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    let large = message(&vec![b'x'; 3_000_000]);
    let (store, user) = (node.store().clone(), name(ALICE));
    // The node dies in the middle: its runtime ends, and nobody repeats anything.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = store.url().clone();
    let dying = runtime.spawn(async move {
        let store = pop3_sql::SqlStore::open(&url, pop3_sql::SqlConfig::new()).await.unwrap();
        store.deliver(&user, &large, DeliveryOptions::new().with_key(b"k")).await
    });
    while database.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INTO pop3_chunks%' AND pid <> pg_backend_pid() AND datname = current_database()").await == "0" {
        if dying.is_finished() {
            break;
        }
    }
    runtime.shutdown_background();
    proxy.cut();
    let key = DeliveryOptions::new().with_key(b"k");
    // Whatever of it was there is gone, or all of it is there.
    let text = vec![b'x'; 3_000_000];
    node.store().deliver(&name(ALICE), &message(&text), key).await.unwrap();
    assert!(all(&node).await == [text]);
    let mut findings = 0;
    node.store().check(|_| findings += 1).await.unwrap();
    assert_eq!(findings, 0);
}
