//! What happens to the database itself.

use std::sync::Arc;

use pop3_sql::{DeliveryOptions, SqlConfig, SqlErrorKind, SqlOpenOptions, SqlStore, SqlUrl};
use pop3_test_postgres::{Pooler, Postgres};

use crate::database::{ALICE, HELLO, all, deliver, kind, message, name, open, quit, read};

/// A server that nobody else uses, with a maildrop of alice.
async fn server(
    options: &'static [&'static str],
    files: Vec<(&'static str, String)>,
) -> Option<(Arc<Postgres>, SqlUrl)> {
    let server = tokio::task::spawn_blocking(move || Postgres::start_with(options, &files)).await.unwrap()?;
    let url: SqlUrl = server.url("postgres").parse().unwrap();
    SqlStore::migrate(&url, SqlConfig::new()).await.unwrap();
    let store = SqlStore::open(&url, SqlConfig::new()).await.unwrap();
    store.create_maildrop(&name(ALICE)).await.unwrap();
    Some((server.into(), url))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_power_failure_of_the_database() {
    let Some((server, url)) = server(&[], Vec::new()).await else { return };
    let store = SqlStore::open(&url, SqlConfig::new()).await.unwrap();
    let (one, two) = (store.join("one").await.unwrap(), store.join("two").await.unwrap());
    for at in 0..3 {
        deliver(&store, format!("{at}").as_bytes()).await;
    }
    let mut maildrop = open(&one).await.unwrap();
    server.kill();
    assert_eq!(kind(read(&mut maildrop, 1).await), SqlErrorKind::Unreachable);
    // The commit begins while the database is away, and ends when it is back.
    let commit = tokio::spawn(quit(maildrop, &[1, 2]));
    let restarting = Arc::clone(&server);
    tokio::task::spawn_blocking(move || restarting.restart()).await.unwrap();
    assert_eq!(commit.await.unwrap().unwrap().removed, 2);
    // No other node has taken the maildrop in between.
    assert_eq!(store.stats().takeovers, 0);
    assert_eq!(all(&two).await, [b"2"]);
    assert_eq!(all(&one).await, [b"2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poolers_in_transaction_mode_work() {
    let Some((server, direct)) = server(&[], Vec::new()).await else { return };
    let Some(pooler) = Pooler::start(server.port()) else { return };
    let pooled: SqlUrl = Postgres::url_on(pooler.port(), "postgres").parse().unwrap();
    let config = SqlConfig::new().with_connections(8).with_node_url(direct);
    let store = SqlStore::open(&pooled, config).await.unwrap();
    let node = store.join("behind a pooler").await.unwrap();
    let users: Vec<_> = (0..8).map(|at| name(&format!("user{at}"))).collect();
    let sessions = users.into_iter().map(|user| {
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            let store = node.store();
            store.add_user(&user, &["{PLAIN}secret"]).await.unwrap();
            let large = vec![b'x'; 700_000];
            for text in [&large[..], b"2", b"3"] {
                store.deliver(&user, &message(text), DeliveryOptions::new()).await.unwrap();
            }
            assert!(store.find_user(&user).await.unwrap().is_some());
            let mut maildrop = node.open_maildrop(&user, SqlOpenOptions::new()).await.unwrap();
            assert!(read(&mut maildrop, 1).await.unwrap() == large);
            assert_eq!(quit(maildrop, &[1, 3]).await.unwrap().removed, 2);
            let mut maildrop = node.open_maildrop(&user, SqlOpenOptions::new()).await.unwrap();
            assert_eq!(read(&mut maildrop, 1).await.unwrap(), b"2");
            maildrop.release().await.unwrap();
        })
    });
    for session in sessions.collect::<Vec<_>>() {
        session.await.unwrap();
    }
    node.leave().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_verified() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = vec![("server.crt", key.cert.pem()), ("server.key", key.signing_key.serialize_pem())];
    let Some((server, _)) = server(&["ssl=on"], files).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, key.cert.pem()).unwrap();
    let url = |host: &str, options: &str| -> SqlUrl {
        format!("postgres://postgres@{host}:{}/postgres?{options}", server.port()).parse().unwrap()
    };
    let trusted = format!("sslmode=verify-full&sslrootcert={}", file.display());
    let store = SqlStore::open(&url("localhost", &trusted), SqlConfig::new()).await.unwrap();
    deliver(&store, HELLO).await;
    assert_ne!(server.sql("postgres", "SELECT count(*) FROM pg_stat_ssl WHERE ssl"), "0");
    // Another name, and an authority that nobody knows.
    for url in [url("127.0.0.1", &trusted), url("localhost", "sslmode=require")] {
        let refused = SqlStore::open(&url, SqlConfig::new()).await.unwrap_err();
        assert!(matches!(refused.kind(), SqlErrorKind::Unreachable | SqlErrorKind::Unusable), "{refused}");
    }
}
