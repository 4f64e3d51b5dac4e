//! The users in the database are those of a users file.

use pop3_certificates::Fingerprint;
use pop3_serve::{NameRule, Users as _};
use pop3_sql::{SqlConfig, SqlErrorKind, SqlStore};

use crate::database::{ALICE, Database, kind, name};

crate::on_both!(
    users_are_added_changed_and_removed,
    users_own_certificates,
    nodes_share_a_key,
    tables_have_a_version
);

async fn users_are_added_changed_and_removed(database: Database) {
    let store = database.store().await;
    let bob = name("bob");
    store.add_user(&bob, &[&b"{PLAIN}se cret\xff"[..], b"{LOGIN-DELAY}60"]).await.unwrap();
    assert_eq!(kind(store.add_user(&bob, &[b"{TOKEN}"]).await), SqlErrorKind::Exists);
    for bad in [&b"nonsense"[..], b"{LOGIN-DELAY}60", b"{PLAIN}a\nb:{PLAIN}c", b"{PLAIN}"] {
        assert_eq!(kind(store.add_user(&name("eve"), &[bad]).await), SqlErrorKind::Invalid, "{bad:?}");
    }
    assert!(store.find_user(&name("eve")).await.unwrap().is_none());
    let user = store.find_user(&bob).await.unwrap().unwrap();
    assert_eq!(user.kind(), "password delay 60");
    // Its maildrop came along.
    assert_eq!(store.maildrops(None).await.unwrap(), [name(ALICE), bob.clone()]);
    assert_eq!(store.maildrops(Some(&name(ALICE))).await.unwrap(), core::slice::from_ref(&bob));

    let hash = b"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    store.set_password(&bob, &[hash]).await.unwrap();
    assert_eq!(store.list_users(None).await.unwrap(), [(bob.clone(), "hash".to_owned())]);
    assert!(store.find_user(&bob).await.unwrap().unwrap().kind().ends_with("delay 60"));
    assert_eq!(kind(store.set_password(&bob, &[b"{TOKEN}"]).await), SqlErrorKind::Invalid);
    assert_eq!(kind(store.set_password(&name("eve"), &[hash]).await), SqlErrorKind::NoUser);
    store.replace_user(&bob, &[b"{TOKEN}"]).await.unwrap();
    assert_eq!(store.list_users(None).await.unwrap()[0].1, "token");
    store.remove_user(&bob).await.unwrap();
    assert_eq!(kind(store.remove_user(&bob).await), SqlErrorKind::NoUser);
    assert_eq!(store.maildrops(None).await.unwrap().len(), 2);
}

async fn users_own_certificates(database: Database) {
    let node = database.node().await;
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let form = |print: &str| format!("{{CERT}}{print}");
    node.store().add_user(&name("bob"), &[form(&one), form(&two)]).await.unwrap();
    node.store().add_user(&name("eve"), &[form(&two)]).await.unwrap();
    let users = node.users(NameRule::new().with_fold(true));
    assert_eq!(users.name(b"BOB"), Some(name("bob")));
    let users = users.as_async().unwrap();
    assert_eq!(users.owners(&Fingerprint::new([0x11; 32])).await.unwrap(), [name("bob")]);
    assert_eq!(users.owners(&Fingerprint::new([0x22; 32])).await.unwrap(), [name("bob"), name("eve")]);
    node.store().replace_user(&name("bob"), &[form(&one)]).await.unwrap();
    node.store().remove_user(&name("eve")).await.unwrap();
    assert!(users.owners(&Fingerprint::new([0x22; 32])).await.unwrap().is_empty());
    assert!(users.find(&name("bob")).await.unwrap().is_some());
}

async fn nodes_share_a_key(database: Database) {
    let (one, two) = (database.store().await, database.store().await);
    let key = one.decoy_key().await.unwrap();
    assert_eq!(two.decoy_key().await.unwrap(), key);
    assert_ne!(key, [0; 32]);
    // The common properties are those of the users at the start of the node.
    one.add_user(&name("bob"), &[b"{PLAIN}secret"]).await.unwrap();
    let profile = database.node().await.users(NameRule::new()).profile();
    assert!(!profile.computes_hashes() && profile.makes_keys(pop3_sasl::scram::Hash::Sha256));
}

async fn tables_have_a_version(database: Database) {
    let store = database.store().await;
    let done = SqlStore::migrate(&database.url, SqlConfig::new()).await.unwrap();
    assert_eq!((done.from, done.to), (1, 1));
    database.sql("UPDATE pop3_schema SET version = 2").await;
    for error in [
        SqlStore::open(&database.url, SqlConfig::new()).await.unwrap_err(),
        SqlStore::migrate(&database.url, SqlConfig::new()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SqlErrorKind::Schema);
        assert!(error.to_string().contains("install a newer one"), "{error}");
    }
    drop(store);
}
