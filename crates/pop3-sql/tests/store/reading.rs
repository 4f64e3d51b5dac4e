//! What is delivered is read.

use core::time::Duration;

use pop3_sql::SqlOpenOptions;

use crate::database::{ALICE, Database, HELLO, all, deliver, kind, message, name, number, open, quit, read};
use pop3_sql::SqlErrorKind;

crate::on_both!(
    content_is_the_same_at_the_edges_of_chunks,
    the_snapshot_has_sizes_and_unique_ids,
    headers_in_ascii_have_their_own_sizes,
    short_messages_are_read_along,
    a_message_that_was_removed_is_not_sent,
    a_damaged_message_is_not_sent,
);

const CHUNK: usize = 256 * 1024;

async fn content_is_the_same_at_the_edges_of_chunks(database: Database) {
    let node = database.node().await;
    let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK + 3];
    let texts: Vec<Vec<u8>> = sizes
        .iter()
        .map(|&size| {
            (0..size).map(|at| if at % 77 == 76 { b'\n' } else { b'a' + (at / 77 % 26) as u8 }).collect()
        })
        .collect();
    for text in &texts {
        deliver(node.store(), text).await;
    }
    assert!(all(&node).await == texts);
}

async fn the_snapshot_has_sizes_and_unique_ids(database: Database) {
    let node = database.node().await;
    let receipts =
        [deliver(node.store(), HELLO).await, deliver(node.store(), b"A: b\r\n\r\n.\xff\r\n").await];
    let mut maildrop = open(&node).await.unwrap();
    let snapshot = maildrop.take_snapshot();
    assert_eq!((snapshot.len(), snapshot.size(number(1)), snapshot.size(number(2))), (2, Some(26), Some(12)));
    for (receipt, at) in receipts.iter().zip(1..) {
        assert!(receipt.stored && receipt.unique_id.len() == 32);
        assert_eq!(snapshot.unique_id(number(at)).unwrap().as_bytes(), receipt.unique_id.as_bytes());
    }
    let entries = maildrop.entries().await.unwrap();
    assert_eq!(entries[1].unique_id, receipts[1].unique_id);
    assert_eq!((entries[1].octets, entries[1].size, entries[1].seen), (12, 12, false));
    // Five minutes are room enough for any machine.
    assert!(entries[0].received.elapsed().unwrap() < Duration::from_secs(300));
    assert_eq!(kind(maildrop.message(number(3)).await), SqlErrorKind::NoMessage);
}

async fn headers_in_ascii_have_their_own_sizes(database: Database) {
    let node = database.node().await;
    let text = "Subject: Gr\u{fc}\u{df}e\n\nHello!\n".as_bytes();
    deliver(node.store(), text).await;
    let mut maildrop = open(&node).await.unwrap();
    assert_eq!(maildrop.take_snapshot().size(number(1)), Some(text.len() as u64 + 3));
    assert!(maildrop.needs_utf8(number(1)));
    quit(maildrop, &[]).await.unwrap();
    let options = SqlOpenOptions::new().with_ascii_headers(true);
    let mut maildrop = node.open_maildrop(&name(ALICE), options).await.unwrap();
    let sent = b"Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n\nHello!\n".len() as u64 + 3;
    assert_eq!(maildrop.take_snapshot().size(number(1)), Some(sent));
    // The content is the stored one. The server converts it.
    assert_eq!(read(&mut maildrop, 1).await.unwrap(), text);
}

async fn short_messages_are_read_along(database: Database) {
    let node = database.node().await;
    for at in 0..5 {
        deliver(node.store(), format!("Subject: {at}\n\n{at}\n").as_bytes()).await;
    }
    deliver(node.store(), b"").await;
    let mut maildrop = open(&node).await.unwrap();
    maildrop.expect(&[number(2), number(3), number(6), number(5)]);
    assert!(maildrop.try_message(number(2)).is_none());
    read(&mut maildrop, 1).await.unwrap();
    // Up to the one without a chunk.
    for (at, is_there) in [(2, true), (3, true), (4, false), (5, false), (6, false)] {
        let message = maildrop.try_message(number(at));
        assert_eq!(message.is_some(), is_there, "{at}");
        if let Some(mut message) = message {
            assert_eq!(message.chunk().await.unwrap(), format!("Subject: {0}\n\n{0}\n", at - 1).as_bytes());
            assert!(message.chunk().await.unwrap().is_empty());
        }
    }
    assert!(maildrop.try_message(number(2)).is_none(), "it was returned already");
    maildrop.expect(&[number(2)]);
    read(&mut maildrop, 1).await.unwrap();
    maildrop.expect(&[]);
    assert!(maildrop.try_message(number(2)).is_none(), "it was to be dropped");
    assert_eq!(read(&mut maildrop, 6).await.unwrap(), b"");
}

async fn a_message_that_was_removed_is_not_sent(database: Database) {
    let node = database.node().await;
    deliver(node.store(), &vec![b'x'; 4 * CHUNK]).await;
    deliver(node.store(), HELLO).await;
    let mut maildrop = open(&node).await.unwrap();
    let mut message = maildrop.message(number(1)).await.unwrap();
    message.chunk().await.unwrap();
    database.sql("DELETE FROM pop3_chunks").await;
    database.sql("DELETE FROM pop3_messages").await;
    // One more chunk may have been read in advance.
    let mut chunks = 1;
    let error = loop {
        match message.chunk().await {
            Ok(chunk) => assert!(!chunk.is_empty(), "the end of a message that is not complete"),
            Err(error) => break error,
        }
        chunks += 1;
    };
    assert_eq!(error.kind(), SqlErrorKind::NoMessage);
    assert!(chunks < 4);
    assert_eq!(kind(maildrop.message(number(2)).await), SqlErrorKind::NoMessage);
}

async fn a_damaged_message_is_not_sent(database: Database) {
    let node = database.node().await;
    let text = message(&vec![b'y'; CHUNK + 10]);
    node.store().deliver(&name(ALICE), &text, pop3_sql::DeliveryOptions::new()).await.unwrap();
    let mut findings = Vec::new();
    assert_eq!(node.store().check(|finding| findings.push(finding)).await.unwrap(), 1);
    assert_eq!(findings, []);
    database.sql("UPDATE pop3_messages SET octets = octets - 1").await;
    let mut maildrop = open(&node).await.unwrap();
    assert_eq!(kind(read(&mut maildrop, 1).await), SqlErrorKind::Invalid);
    node.store().check(|finding| findings.push(finding)).await.unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].user.as_deref(), Some(ALICE));
    assert!(findings[0].text.contains("262154") && !findings[0].harmless, "{findings:?}");
}
