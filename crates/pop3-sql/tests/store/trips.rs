//! How often a session waits for the database.

use core::time::Duration;

use pop3_test_postgres::Proxy;

use crate::database::{Database, HELLO, deliver, message, name, number, open, quit};

crate::on_postgres!(a_session_takes_few_round_trips, a_delivery_takes_two_round_trips);

/// Makes sure that a call sends this number of requests, all before it has the first answer: in one round trip.
async fn one_trip<T>(proxy: &Proxy, requests: u64, call: impl Future<Output = T>) -> T {
    let before = proxy.requests();
    proxy.hold_answers(requests);
    // Who waits for an answer too early waits for ever.
    let result = tokio::time::timeout(Duration::from_secs(60), call).await.expect("more round trips");
    assert_eq!(proxy.requests() - before, requests);
    result
}

async fn a_session_takes_few_round_trips(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    node.store().add_user(&name("bob"), &[b"{PLAIN}secret"]).await.unwrap();
    for _ in 0..3 {
        deliver(node.store(), HELLO).await;
    }
    deliver(node.store(), &vec![b'x'; 600_000]).await;
    // The login: one to find the user, one to lock the maildrop and to read the list.
    let user = one_trip(&proxy, 1, node.store().find_user(&name("bob"))).await.unwrap();
    assert!(user.is_some());
    let mut maildrop = one_trip(&proxy, 4, open(&node)).await.unwrap();
    // A RETR, and three of a pipeline.
    one_trip(&proxy, 1, maildrop.message(number(1))).await.unwrap();
    maildrop.expect(&[number(2), number(3)]);
    one_trip(&proxy, 1, maildrop.message(number(1))).await.unwrap();
    assert!(maildrop.try_message(number(2)).is_some() && maildrop.try_message(number(3)).is_some());
    // One of three chunks: one round trip for each.
    let before = proxy.requests();
    let mut large = maildrop.message(number(4)).await.unwrap();
    while !large.chunk().await.unwrap().is_empty() {}
    assert_eq!(proxy.requests() - before, 3);
    // QUIT with deletions, and without.
    let done = one_trip(&proxy, 6, quit(maildrop, &[1, 3])).await.unwrap();
    assert_eq!(done.removed, 2);
    let maildrop = one_trip(&proxy, 4, open(&node)).await.unwrap();
    one_trip(&proxy, 3, quit(maildrop, &[])).await.unwrap();
}

async fn a_delivery_takes_two_round_trips(database: Database) {
    let (proxy, node) = database.node_behind_proxy().await;
    let text = message(&vec![b'x'; 512 * 1024]);
    let before = proxy.requests();
    // The first finds the maildrop; the second has everything else.
    proxy.hold_answers(1);
    let delivered = node.store().deliver(&name("alice"), &text, pop3_sql::DeliveryOptions::new()).await;
    assert!(delivered.unwrap().stored);
    assert_eq!(proxy.requests() - before, 1 + 7);
}
