//! AUTH with the core, the exchanges of `pop3-sasl`, and a store.

use core::pin::pin;
use core::task::{Context, Waker};
use std::io;
use std::sync::{Arc, Mutex};

use pop3_driver::Stop;
use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Sasl, Service, SessionReport, Welcome, serve};
use pop3_driver::store::{Blocking, Inline};
use pop3_proto::server::ServerConfig;
use pop3_proto::{Rejection, encode_base64};
use pop3_sasl::Mechanism;
use pop3_sasl::server::{TokenRefusal, TokenStatus};
use pop3_tests::store::Store;

use crate::store::{Place, Policy, peer};
use crate::wire::{Incoming, Wire};

/// A server with a store in memory, and the reports about its sessions.
struct House {
    store: MemoryStore,
    config: ServerConfig,
    sasl: Arc<Sasl>,
    key: Option<[u8; 32]>,
    users: Mutex<Vec<Option<String>>>,
}

impl House {
    fn new() -> Self {
        let store = MemoryStore::new();
        store.add_user("mrose", "tanstaaf");
        let mut config = ServerConfig::default();
        config.utf8 = true;
        config.utf8_user = true;
        Self { store, config, sasl: Arc::default(), key: None, users: Mutex::default() }
    }

    fn with_sasl(self, sasl: Sasl) -> Self {
        Self { sasl: sasl.into(), ..self }
    }

    fn with_key(self, key: [u8; 32]) -> Self {
        Self { key: Some(key), ..self }
    }

    /// A session with these lines. Returns the replies after the greeting.
    fn talk(self: &Arc<Self>, lines: &[&str]) -> Vec<String> {
        let octets: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.talk_in([octets.as_bytes().to_vec()])
    }

    fn talk_in(self: &Arc<Self>, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
        let wire = Wire::new(pieces.into_iter().map(Incoming::Octets));
        pop3_driver::wait(serve(
            wire.clone(),
            Entrance::Plain,
            peer(),
            &Served(Arc::clone(self)),
            &Stop::new(),
        ));
        wire.sent().lines().skip(1).map(str::to_owned).collect()
    }

    fn user(&self) -> Option<String> {
        self.users.lock().expect("no panic").pop().expect("a session has ended")
    }
}

struct Served(Arc<House>);

impl Service for Served {
    type Backend = Blocking<MemoryStore, Inline>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(self.0.store.clone().into(), Inline::default(), peer.clone());
        let welcome = Welcome::new(self.0.config.clone().into(), backend).with_trusted(true);
        let welcome = welcome.with_sasl(Arc::clone(&self.0.sasl));
        Ok(match self.0.key {
            Some(key) => welcome.with_decoy_key(key),
            None => welcome,
        })
    }

    fn ended(&self, _peer: &Peer, report: &SessionReport) {
        assert!(report.error.as_ref().is_none_or(|error| error.kind() != io::ErrorKind::Other), "{report:?}");
        self.0.users.lock().expect("no panic").push(report.user.clone());
    }
}

fn base64(octets: impl AsRef<[u8]>) -> String {
    String::from_utf8(encode_base64(octets.as_ref()).expose().clone()).expect("ASCII")
}

fn decoded(line: &str) -> String {
    let text = line.strip_prefix("+ ").expect("a challenge");
    let octets = pop3_proto::Base64::parse(text.as_bytes()).expect("base64").decode();
    String::from_utf8(octets.expose().clone()).expect("text")
}

// 6856-2.19, 6856-2.21, 6856-2.16
#[test]
fn typed_and_decoded_names_are_prepared_alike() {
    let house = House::new();
    house.store.add_user("IX", "p ss");
    let house = Arc::new(house);
    for (name, password) in [("IX", "p ss"), ("I\u{ad}X", "p\u{a0}ss"), ("\u{2168}", "p\u{a0}s\u{ad}s")] {
        let typed = house.talk(&[&format!("USER {name}"), &format!("PASS {password}"), "QUIT"]);
        assert!(typed[1].starts_with("+OK"), "{name:?}: {typed:?}");
        assert_eq!(house.user().as_deref(), Some("IX"));
        let decoded =
            house.talk(&[&format!("AUTH PLAIN {}", base64(format!("\0{name}\0{password}"))), "QUIT"]);
        assert!(decoded[0].starts_with("+OK"), "{name:?}: {decoded:?}");
        assert_eq!(house.user().as_deref(), Some("IX"));
    }
    // No name contains a private-use character, and no name is empty.
    for name in ["I\u{e000}X", "\u{ad}", "\u{fffd}"] {
        let replies = house.talk(&[&format!("USER {name}"), "PASS p ss", "QUIT"]);
        assert!(replies[1].starts_with("-ERR [AUTH] "), "{name:?}: {replies:?}");
        let replies = house.talk(&["USER IX", &format!("PASS {name}"), "QUIT"]);
        assert!(replies[1].starts_with("-ERR [AUTH] "), "{name:?}: {replies:?}");
    }
}

// 5802-6.03
#[test]
fn salts_of_users_who_do_not_exist_stay_the_same() {
    let salt = |house: &Arc<House>, name: &str| {
        let first = format!("AUTH SCRAM-SHA-256 {}", base64(format!("n,,n={name},r=abc")));
        let challenge = decoded(&house.talk(&[&first, "*"])[0]);
        challenge.split_once(",s=").expect("a salt").1.to_owned()
    };
    let house = |key: Option<u8>| {
        let house = House::new().with_sasl(Sasl::new().with_decoy_iterations(5000));
        Arc::new(match key {
            Some(key) => house.with_key([key; 32]),
            None => house,
        })
    };
    let one = salt(&house(Some(1)), "nobody");
    assert!(one.ends_with(",i=5000"), "{one}");
    // The same after a restart, different with another key, and also without a key.
    assert_eq!(salt(&house(Some(1)), "nobody"), one);
    assert_ne!(salt(&house(Some(2)), "nobody"), one);
    assert_ne!(salt(&house(Some(1)), "nobody else"), one);
    assert_eq!(salt(&house(None), "nobody"), salt(&house(None), "nobody"));
    // 5802-5.04
    let few = House::new().with_sasl(Sasl::new().with_decoy_iterations(1));
    assert!(salt(&few.into(), "nobody").ends_with(",i=4096"));
    let known = house(Some(1));
    assert_eq!(salt(&known, "mrose"), salt(&known, "mrose"));
    assert_eq!(
        salt(&known, "mrose").split_once(',').expect("both").0.len(),
        one.split_once(',').expect("both").0.len()
    );
}

// 7628-3.02, 7628-3.03
#[test]
fn settings_of_tokens_are_heeded() {
    let refusal = TokenRefusal::new(TokenStatus::InsufficientScope).with_scope("mail");
    let sasl = Sasl::new().with_host("pop.example.com").with_port(995).with_token_refusal(refusal);
    let house = House::new().with_sasl(sasl);
    house.store.add_token("mrose", "good");
    let house = Arc::new(house);
    let auth = |host: &str, port: u16, token: &str| {
        let message = format!("n,,\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}");
        house.talk(&[&format!("AUTH OAUTHBEARER {}", base64(message)), "AQ==", "QUIT"])
    };
    assert!(auth("pop.example.com", 995, "good")[0].starts_with("+OK"));
    // The client did not send a name, but the token contains one.
    assert_eq!(house.user().as_deref(), Some("mrose"));
    assert!(auth("evil.example.com", 995, "good")[0].starts_with("-ERR malformed"));
    assert!(auth("pop.example.com", 110, "good")[0].starts_with("-ERR malformed"));
    let refused = auth("pop.example.com", 995, "bad");
    assert_eq!(decoded(&refused[0]), r#"{"status":"insufficient_scope","scope":"mail"}"#);
    assert!(refused[1].starts_with("-ERR [AUTH] "), "{refused:?}");
    // The first host is in the challenge of CRAM-MD5, which is different each time.
    let challenges: Vec<_> = (0..2).map(|_| decoded(&house.talk(&["AUTH CRAM-MD5", "*"])[0])).collect();
    assert!(challenges.iter().all(|challenge| challenge.ends_with("@pop.example.com>")), "{challenges:?}");
    assert_ne!(challenges[0], challenges[1]);
}

// 5034-4.14: however a long line is split, and whatever follows it.
#[test]
fn a_long_line_is_read_at_any_split() {
    let house = House::new();
    let token = "t".repeat(9_000);
    house.store.add_token("mrose", &token);
    let house = Arc::new(house);
    let message = base64(format!("user=mrose\u{1}auth=Bearer {token}\u{1}\u{1}"));
    let lines = format!("AUTH XOAUTH2\r\n{message}\r\nNOOP\r\nCAPA\r\nQUIT\r\n").into_bytes();
    for size in [1, 7, 2_047, 2_048, 2_049, 5_000, 20_000] {
        let replies = house.talk_in(lines.chunks(size).map(<[u8]>::to_vec));
        assert!(replies.len() > 8 && replies[1].starts_with("+OK maildrop"), "{size}: {replies:?}");
        assert!(replies.last().is_some_and(|last| last == "+OK bye"), "{size}: {replies:?}");
    }
    // A line over the limit is discarded, and the session continues.
    let mut lines = b"AUTH XOAUTH2\r\n".to_vec();
    lines.extend(core::iter::repeat_n(b'A', 50_000));
    lines.extend_from_slice(b"\r\nUSER mrose\r\nPASS tanstaaf\r\nQUIT\r\n");
    for size in [1_000, 2_048, 16_384, 100_000] {
        let replies = house.talk_in(lines.chunks(size).map(<[u8]>::to_vec));
        assert!(replies[1].starts_with("-ERR command line too long"), "{size}: {replies:?}");
        assert!(replies[3].starts_with("+OK maildrop"), "{size}: {replies:?}");
    }
}

// 5034-4.02, 5034-4.22
#[test]
fn the_store_says_what_is_offered() {
    let house = House::new();
    house.store.set_mechanisms(&[Mechanism::Plain, Mechanism::ScramSha256Plus, Mechanism::External]);
    let house = Arc::new(house);
    // Without TLS there is neither a channel binding nor a certificate.
    assert!(house.talk(&["CAPA"]).contains(&"SASL PLAIN".to_owned()));
    assert!(house.talk(&["AUTH SCRAM-SHA-256-PLUS"])[0].starts_with("-ERR "));
    house.store.set_mechanisms(&[]);
    assert!(!house.talk(&["CAPA"]).iter().any(|line| line.starts_with("SASL")));
    assert!(house.talk(&["AUTH PLAIN"])[0].starts_with("-ERR "));
}

// 2195-2.03, LOGIN-1.01
#[test]
fn a_store_that_says_nothing_offers_plain_and_login() {
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new(["CAPA\r\nAUTH CRAM-MD5\r\nAUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\nSTAT\r\n".into()]);
    policy.serve(&wire);
    assert!(wire.sent().contains("\r\nSASL PLAIN LOGIN\r\n"), "{}", wire.sent());
    assert!(wire.sent().ends_with("\r\n+OK 3 67\r\n"), "{}", wire.sent());
    let (user, ..) = policy.report();
    assert_eq!(user.as_deref(), Some("mrose"));
}

// 5034-4.16: waiting for a store does not delay other sessions, and a store that is given up is released.
#[test]
fn an_exchange_waits_for_its_store() {
    let policy = Policy::new(Store::fixture()).waiting(Place::Authenticate);
    let wire = Wire::new(["AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\nQUIT\r\n".into()]);
    let stop = Stop::new();
    {
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_pending());
        policy.serve(&Wire::new(["QUIT\r\n".into()]));
        assert_eq!(policy.seen().open, 1);
        policy.seen().waits = None;
        assert!(session.as_mut().poll(&mut context).is_ready());
    }
    assert!(
        wire.sent().ends_with("+OK maildrop has 3 messages (67 octets)\r\n+OK bye\r\n"),
        "{}",
        wire.sent()
    );
    assert_eq!(policy.seen().open, 0);
}

// 4505-2.01
#[test]
fn anonymous_is_off_unless_a_store_wants_it() {
    let house = Arc::new(House::new());
    assert!(house.talk(&["AUTH ANONYMOUS c2lyaGM="])[0].starts_with("-ERR "));
    house.store.let_in_anybody("mrose");
    assert!(house.talk(&["AUTH ANONYMOUS c2lyaGM="])[0].starts_with("+OK "));
    assert_eq!(house.user().as_deref(), Some("mrose"));
}
