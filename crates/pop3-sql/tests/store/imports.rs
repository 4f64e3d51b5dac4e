//! Messages keep the unique-ids that clients know.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_sql::{SqlErrorKind, SqlImportedMessage};

use crate::database::{ALICE, Database, all, kind, message, name, number, open, quit};

crate::on_both!(
    imports_keep_unique_ids_and_order,
    what_a_client_has_deleted_does_not_come_back,
    an_import_is_all_or_none
);

async fn imports_keep_unique_ids_and_order(database: Database) {
    let node = database.node().await;
    let received = UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    let large = vec![b'z'; 700_000];
    let messages = vec![
        SqlImportedMessage::new("b", message(b"2")).with_received(received).with_seen(true),
        SqlImportedMessage::new("a", message(&large)),
        SqlImportedMessage::new("b", message(b"a longer one")),
        SqlImportedMessage::new("c", message(b"")),
    ];
    assert_eq!(node.store().import(&name(ALICE), messages).await.unwrap(), [true, true, false, true]);
    assert!(all(&node).await == [&b"2"[..], &large, b""]);
    let mut maildrop = open(&node).await.unwrap();
    let entries = maildrop.entries().await.unwrap();
    assert_eq!(entries.iter().map(|entry| &*entry.unique_id).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!((entries[0].received, entries[0].seen, entries[1].seen), (received, true, false));
    assert!(entries[1].received > SystemTime::now() - Duration::from_secs(300));
    assert_eq!(maildrop.take_snapshot().unique_id(number(2)).unwrap().as_bytes(), b"a");
}

async fn what_a_client_has_deleted_does_not_come_back(database: Database) {
    let node = database.node().await;
    let import = || async {
        let messages = ["a", "b"].map(|id| SqlImportedMessage::new(id, message(id.as_bytes())));
        node.store().import(&name(ALICE), messages.into()).await.unwrap()
    };
    assert_eq!(import().await, [true, true]);
    quit(open(&node).await.unwrap(), &[1]).await.unwrap();
    assert_eq!(import().await, [false, false]);
    assert_eq!(all(&node).await, [b"b"]);
}

async fn an_import_is_all_or_none(database: Database) {
    let node = database.node().await;
    let import = |ids: &[&str]| {
        let messages = ids.iter().map(|&id| SqlImportedMessage::new(id, message(b"x"))).collect();
        let node = &node;
        async move { node.store().import(&name(ALICE), messages).await }
    };
    assert_eq!(kind(import(&["a", "b c"]).await), SqlErrorKind::Invalid);
    assert_eq!(kind(import(&["a", &"x".repeat(71)]).await), SqlErrorKind::Invalid);
    assert!(all(&node).await.is_empty());
    let ids: Vec<String> = (0..250).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    assert!(import(&ids).await.unwrap().into_iter().all(|stored| stored));
    assert_eq!(all(&node).await.len(), 250);
}
