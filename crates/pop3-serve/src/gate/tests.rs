use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{fs, io, thread};

use pop3_driver::wait;
use pop3_proto::{ResponseCode, Secret, apop};
use pop3_sasl::server::CramMd5;
use tracing::span;
use tracing::subscriber::{Subscriber, with_default};
use tracing::{Dispatch, Event, Metadata};

use super::*;
use crate::throttle::LONGEST_WAIT;
use crate::users::UserName;
use crate::{Profile, Table, User, UsersFile};

const USERS: &str = "alice:{PLAIN}secret\nbob:{TOKEN}\n";

fn gatekeeper(tokens: Option<&str>) -> Gatekeeper {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, USERS).unwrap();
    let users = UsersFile::load(&path).unwrap();
    let tokens = tokens.map(|command| ExternalCheck::command(command, Duration::from_secs(60)).into());
    Gatekeeper::new(Arc::new(users), DecoyKey::random().unwrap().into(), tokens).unwrap()
}

fn until() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn refused(keeper: &Gatekeeper, credentials: LoginAttempt, peer: &Peer) -> Rejection {
    wait(keeper.check(&Arc::new(credentials), peer, until())).unwrap_err()
}

fn peer() -> Peer {
    Peer::new("192.0.2.1:4711".parse().unwrap(), "198.51.100.1:110".parse().unwrap())
}

fn of(name: &str, proof: Proof) -> LoginAttempt {
    LoginAttempt::new(name.as_bytes().to_vec(), proof)
}

fn password(text: &str) -> Proof {
    Proof::Password(Secret::new(text.as_bytes().to_vec()))
}

// SEC-02: one connection can't have refusal after refusal as fast as it can ask.
#[test]
fn a_refused_client_is_delayed_too() {
    let keeper = gatekeeper(None);
    let tries = || (0..100).map(|_| refused(&keeper, of("alice", password("wrong")), &peer()));
    let turned_away: Vec<_> = tries().filter(|rejection| !rejection.is_of_credentials()).collect();
    assert!(turned_away.len() > 10, "{}", turned_away.len());
    assert!(turned_away.iter().all(|rejection| rejection.delay() >= LONGEST_WAIT));
    let keys = wait(keeper.scram_keys("alice", Hash::Sha256, &peer(), until())).unwrap_err();
    assert!(keys.delay() >= LONGEST_WAIT);
}

// SEC-02: a reload must not make guesses free.
#[test]
fn failures_are_counted_on_behind_a_reload() {
    let keeper = gatekeeper(None);
    let wrong = || refused(&keeper, of("alice", password("wrong")), &peer()).delay();
    for _ in 0..3 {
        let _ = wrong();
        let users = Table::parse(USERS.as_bytes()).unwrap();
        keeper.start_threads(Kind::Token).unwrap();
        let command = ExternalCheck::command("exit 1", Duration::from_secs(60));
        keeper.replace(Arc::new(users), None, None, Some(command.into()));
    }
    assert!(wrong() >= Duration::from_secs(8));
    // The command of the new settings is asked.
    let token = of("bob", Proof::Token(Secret::new(b"x".to_vec())));
    assert!(refused(&keeper, token, &peer()).is_of_credentials());
    // It holds for who has begun to log in before.
    keeper.replace(Arc::new(Table::parse(b"alice:{PLAIN}other\n").unwrap()), None, None, None);
    assert!(refused(&keeper, of("alice", password("secret")), &peer()).is_of_credentials());
}

// SEC-02: each kind of credentials is counted, so that no other kind makes up for it.
#[test]
fn failures_of_all_kinds_are_delayed_alike() {
    let keeper = gatekeeper(Some("exit 1"));
    let digest = || {
        let response = b"alice 00000000000000000000000000000000";
        Proof::CramMd5(CramMd5::parse(response, "<1@h>").unwrap())
    };
    let apop = || {
        let digest = apop::Digest::parse(&[b'0'; 32]).unwrap();
        Proof::Apop(apop::ApopProof::new(apop::Timestamp::parse(b"<1@h>").unwrap(), digest))
    };
    type Make = Box<dyn Fn() -> LoginAttempt>;
    let kinds: Vec<(&str, Make)> = vec![
        ("password", Box::new(move || of("alice", password("wrong")))),
        ("unknown", Box::new(move || of("nobody", password("secret")))),
        ("no password", Box::new(move || of("bob", password("secret")))),
        ("cram", Box::new(move || of("alice", digest()))),
        ("apop", Box::new(move || of("alice", apop()))),
        ("token", Box::new(move || of("bob", Proof::Token(Secret::new(b"t".to_vec()))))),
        ("certificate", Box::new(move || of("alice", Proof::Certificate))),
        ("proved, but gone", Box::new(move || of("nobody", Proof::Scram))),
        ("another", Box::new(|| of("alice", password("secret")).with_authorization(Some(b"bob".to_vec())))),
        (
            "proved, for another",
            Box::new(|| of("alice", Proof::Scram).with_authorization(Some(b"bob".to_vec()))),
        ),
    ];
    for (number, (kind, make)) in kinds.iter().enumerate() {
        let mut peer = peer();
        peer.address = Some((([192, 0, 2, 10 + number as u8]), 4711).into());
        let delays = [0; 3].map(|_| {
            let rejection = refused(&keeper, make(), &peer);
            assert!(rejection.is_of_credentials(), "{kind}");
            assert_eq!(rejection.text(), Rejection::credentials().text(), "{kind}");
            rejection.delay().as_secs()
        });
        assert_eq!(delays, [1, 2, 4], "{kind}");
    }
    // SCRAM, whose keys did not fit.
    let delays = [0; 3].map(|_| {
        assert!(wait(keeper.scram_keys("alice", Hash::Sha1, &peer(), until())).is_ok());
        keeper.scram_refused("alice", &peer()).delay().as_secs()
    });
    assert_eq!(delays, [1, 2, 4]);
}

/// A log that panics, or that tells when it hangs and does so until it is let go.
enum BrokenLog {
    Panics,
    Hangs(Sender<()>, Mutex<Receiver<()>>),
}

impl Subscriber for BrokenLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        match self {
            Self::Panics => resume_unwind(Box::new("in the log")),
            Self::Hangs(told, gone) => {
                told.send(()).unwrap();
                let _ = gone.lock().unwrap().recv();
            }
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

// SEC-02: a log never decides anything.
#[test]
fn a_failure_counts_although_the_log_panics_or_hangs() {
    // While there is only one log, tracing asks that of the thread that is first at a place whether it is wanted there,
    // and that thread may be one of another test without a log.
    let _second = Dispatch::new(BrokenLog::Panics);
    let keeper = gatekeeper(None);
    let fail = || refused(&keeper, of("alice", password("wrong")), &peer()).delay().as_secs();
    let panicked = with_default(BrokenLog::Panics, || catch_unwind(AssertUnwindSafe(fail)));
    assert!(panicked.is_err());
    assert_eq!(fail(), 2);
    let ((told, hangs), (go, gone)) = (channel(), channel());
    thread::scope(|scope| {
        let hanging = scope.spawn(move || with_default(BrokenLog::Hangs(told, Mutex::new(gone)), fail));
        hangs.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(fail(), 8);
        drop(go);
        assert_eq!(hanging.join().unwrap(), 4);
    });
    // The same with SCRAM.
    let keeper = gatekeeper(None);
    let refuse = || keeper.scram_refused("alice", &peer()).delay().as_secs();
    assert!(with_default(BrokenLog::Panics, || catch_unwind(AssertUnwindSafe(refuse))).is_err());
    assert_eq!(refuse(), 2);
}

/// Users that can't be asked, or that block.
#[derive(Debug)]
struct Remote {
    users: Table,
    down: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Users for Remote {
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(thread);
        if self.down.load(Ordering::Relaxed) {
            return Err(io::Error::other("the database is down"));
        }
        self.users.find(name)
    }

    fn profile(&self) -> Arc<Profile> {
        self.users.profile()
    }
}

fn remote() -> (Arc<Remote>, Gatekeeper) {
    let users = Table::parse(USERS.as_bytes()).unwrap();
    let remote = Arc::new(Remote { users, down: false.into(), asked: Mutex::default() });
    let keeper = Gatekeeper::new(remote.clone(), DecoyKey::random().unwrap().into(), None).unwrap();
    (remote, keeper)
}

#[test]
fn users_that_may_block_are_asked_by_workers() {
    let (remote, keeper) = remote();
    let check = |credentials| wait(keeper.check(&Arc::new(credentials), &peer(), until()));
    assert_eq!(check(of("alice", password("secret"))).unwrap().name.as_str(), "alice");
    assert!(check(of("alice", password("wrong"))).is_err());
    assert!(check(of("nobody", password("secret"))).is_err());
    wait(keeper.scram_keys("alice", Hash::Sha256, &peer(), until())).unwrap();
    assert_eq!(check(of("alice", Proof::Scram)).unwrap().name.as_str(), "alice");
    let asked = remote.asked.lock().unwrap();
    assert_eq!(*asked, ["hash"; 5]);
}

#[test]
fn users_that_can_not_be_asked_cost_nobody_anything() {
    let (remote, keeper) = remote();
    remote.down.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        for proof in [password("secret"), Proof::Scram] {
            let rejection = refused(&keeper, of("alice", proof), &peer());
            assert_eq!(rejection.code(), Some(ResponseCode::SysTemp));
            assert!(!rejection.is_of_credentials() && rejection.delay().is_zero());
        }
    }
    let keys = wait(keeper.scram_keys("alice", Hash::Sha256, &peer(), until())).unwrap_err();
    assert_eq!(keys.code(), Some(ResponseCode::SysTemp));
    // Nothing was counted: the first wrong password is the first failure.
    remote.down.store(false, Ordering::Relaxed);
    assert_eq!(refused(&keeper, of("alice", password("wrong")), &peer()).delay().as_secs(), 1);
}

/// The digest of an empty secret is known to everybody.
#[test]
fn no_digest_logs_in_who_has_no_password() {
    let keeper = gatekeeper(Some("exit 1"));
    let timestamp = apop::Timestamp::parse(b"<1@h>").unwrap();
    for (name, secret) in [("bob", ""), ("bob", "secret"), ("nobody", ""), ("alice", ""), ("alice", "wrong")]
    {
        let digest = apop::Digest::new(&timestamp, secret.as_bytes());
        let proof = Proof::Apop(apop::ApopProof::new(timestamp.clone(), digest));
        assert!(refused(&keeper, of(name, proof), &peer()).is_of_credentials(), "{name} {secret}");
    }
    let digest = apop::Digest::new(&timestamp, b"secret");
    let proof = Proof::Apop(apop::ApopProof::new(timestamp, digest));
    assert!(wait(keeper.check(&Arc::new(of("alice", proof)), &peer(), until())).is_ok());
}
