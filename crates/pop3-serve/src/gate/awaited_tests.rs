//! Users whose look-ups are awaited.

use core::future::{Future, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Mutex;

use pop3_certificates::Fingerprint;
use pop3_driver::wait;
use pop3_proto::Secret;

use super::*;
use crate::users::{AsyncUsers, UserName};
use crate::{BoxFuture, Profile, Table, User};

/// A database that counts look-ups, and answers none while it is slow.
#[derive(Debug)]
struct Database {
    table: Table,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<String>,
    slow: bool,
    down: bool,
}

impl Database {
    fn new(users: &str) -> Arc<Self> {
        Arc::new(Self { table: Table::parse(users.as_bytes()).unwrap(), state: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        core::mem::take(&mut self.state.lock().unwrap().asked)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl Users for Database {
    fn find(&self, _: &UserName) -> io::Result<Option<Arc<User>>> {
        panic!("it is awaited");
    }

    fn profile(&self) -> Arc<Profile> {
        self.table.profile()
    }

    fn as_async(&self) -> Option<&dyn AsyncUsers> {
        Some(self)
    }
}

impl AsyncUsers for Database {
    fn find<'a>(&'a self, name: &'a UserName) -> BoxFuture<'a, io::Result<Option<Arc<User>>>> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(name.as_str().to_owned());
        if state.slow {
            return Box::pin(pending());
        }
        let found = if state.down { Err(io::Error::other("down")) } else { self.table.find(name) };
        Box::pin(ready(found))
    }

    fn owners<'a>(&'a self, certificate: &'a Fingerprint) -> BoxFuture<'a, io::Result<Vec<UserName>>> {
        Box::pin(ready(self.table.owners(certificate)))
    }
}

fn gatekeeper(database: &Arc<Database>) -> Gatekeeper {
    let users = Arc::clone(database) as Arc<dyn Users>;
    Gatekeeper::new(users, DecoyKey::random().unwrap().into(), None).unwrap()
}

fn peer() -> Peer {
    Peer::new("192.0.2.1:4711".parse().unwrap(), "198.51.100.1:110".parse().unwrap())
}

fn until() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn password(name: &str, password: &str) -> Arc<LoginAttempt> {
    let proof = Proof::Password(Secret::new(password.as_bytes().to_vec()));
    Arc::new(LoginAttempt::new(name.as_bytes().to_vec(), proof))
}

#[test]
fn each_login_is_one_look_up_whoever_is_named() {
    const HASH: &str = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    let database = Database::new(&format!("alice:{{PLAIN}}secret\nbob:{HASH}\nanonymous:{{TOKEN}}\n"));
    let keeper = gatekeeper(&database);
    let check = |attempt: Arc<LoginAttempt>| wait(keeper.check(&attempt, &peer(), until()));
    for (name, secret, good) in [
        ("alice", "secret", true),
        ("bob", "password", true),
        ("bob", "wrong", false),
        ("nobody", "x", false),
    ] {
        let checked = check(password(name, secret));
        assert_eq!(checked.as_ref().is_ok_and(|user| user.name.as_str() == name), good, "{name} {checked:?}");
        assert_eq!(database.asked(), [name]);
    }
    // What is no name is not asked about.
    assert!(check(password("a/b", "x")).unwrap_err().is_of_credentials());
    assert!(database.asked().is_empty());
    let anonymous = Proof::Anonymous { trace: String::new() };
    check(Arc::new(LoginAttempt::new(Vec::new(), anonymous))).unwrap();
    assert_eq!(database.asked(), ["anonymous"]);
    // A database that fails is no failed login.
    database.set(|state| state.down = true);
    assert_eq!(keeper.take_failures(), [(ip(&peer()), 3)]);
    assert!(!check(password("alice", "wrong")).unwrap_err().is_of_credentials());
    assert!(keeper.take_failures().is_empty());
}

#[test]
fn scram_looks_up_once_for_both_steps() {
    let database = Database::new("alice:{PLAIN}secret\n");
    let keeper = gatekeeper(&database);
    let proved = Arc::new(LoginAttempt::new(b"alice".to_vec(), Proof::Scram));
    let known = |name: &str| wait(keeper.scram_keys_of(name, Hash::Sha256, &peer(), until())).unwrap().1;
    let user = known("alice");
    assert_eq!(database.asked(), ["alice"]);
    let user = wait(keeper.check_known(&proved, &peer(), until(), user)).unwrap();
    assert_eq!((user.name.as_str(), database.asked().len()), ("alice", 0));
    // Who is known for another name is looked up.
    assert!(known("nobody").is_none());
    let other = Arc::new(LoginAttempt::new(b"nobody".to_vec(), Proof::Scram));
    assert!(wait(keeper.check_known(&other, &peer(), until(), Some(user))).is_err());
    assert_eq!(database.asked(), ["nobody", "nobody"]);
}

// SEC-02: a slow database is no reason to refuse, and no failed login.
#[test]
fn logins_that_wait_for_a_look_up_cost_nothing() {
    let database = Database::new("alice:{PLAIN}secret\n");
    let keeper = gatekeeper(&database);
    database.set(|state| state.slow = true);
    let (attempt, client) = (password("alice", "wrong"), peer());
    {
        let mut checks: Vec<_> =
            (0..100).map(|_| Box::pin(keeper.check(&attempt, &client, until()))).collect();
        let mut context = Context::from_waker(Waker::noop());
        for check in &mut checks {
            assert!(check.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(database.asked().len(), 100, "all of them are looked up, on no thread");
    }
    // Nobody has learned anything of what was given up.
    assert!(keeper.take_failures().is_empty());
    database.set(|state| state.slow = false);
    assert!(wait(keeper.check(&password("alice", "secret"), &client, until())).is_ok());
    // What is checked counts, given up or not.
    assert!(wait(keeper.check(&attempt, &client, until())).unwrap_err().is_of_credentials());
    assert_eq!(keeper.take_failures(), [(ip(&client), 1)]);
    keeper.add_failures([(ip(&client), 2)]);
    let delay = wait(keeper.check(&attempt, &client, until())).unwrap_err().delay();
    assert!(delay >= Duration::from_secs(8), "{delay:?}");
    let mut check = pin!(keeper.check(&attempt, &client, until()));
    assert!(matches!(check.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_))));
}
