//! What programs that embed the server rely on: users of their own, several servers, kinds of errors.
#![cfg(all(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pop3_serve::{
    ConnectionLimits, Entrance, Profile, ServeConfig, ServeError, ServeErrorKind, Server, ServerRuntime,
    Stop, User, UserName, Users,
};
use tempfile::TempDir;

const RUNTIMES: [ServerRuntime; 4] =
    [ServerRuntime::Tokio, ServerRuntime::AsyncStd, ServerRuntime::Smol, ServerRuntime::Threads];

/// A panel's database, which can be changed and can fail.
#[derive(Debug, Default)]
struct Database(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: HashMap<String, Arc<User>>,
    down: bool,
    /// How often a user was looked up.
    asked: usize,
}

impl Database {
    fn with(users: &[(&str, &[&str])]) -> Arc<Self> {
        let database = Self::default();
        for (name, forms) in users {
            let form = |user: User, form: &&str| user.with_form(form.as_bytes()).unwrap();
            let user = forms.iter().fold(User::new(), form);
            database.0.lock().unwrap().users.insert((*name).to_owned(), user.into());
        }
        database.into()
    }
}

impl Users for Database {
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.down { Err(io::Error::other("down")) } else { Ok(state.users.get(name.as_str()).cloned()) }
    }

    fn profile(&self) -> Arc<Profile> {
        Profile::of(self.0.lock().unwrap().users.values().map(|user| &**user)).into()
    }
}

/// A directory with Maildirs of one message each.
fn maildirs(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(folder.path().join(name).join(part)).unwrap();
        }
        fs::write(folder.path().join(name).join("new/1"), "Subject: a\n\nb\n").unwrap();
    }
    folder
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn config(folder: &TempDir) -> ServeConfig {
    ServeConfig::new(folder.path()).listen(local())
}

fn address(server: &Server) -> SocketAddr {
    let addresses: Vec<_> = server.addresses().collect();
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].0, Entrance::Plain);
    assert_ne!(addresses[0].1.port(), 0);
    addresses[0].1
}

/// Everything that a server sends in reply to these commands.
fn talk(address: SocketAddr, commands: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    BufReader::new(stream).lines().map(Result::unwrap).collect()
}

fn serving(
    server: Server,
    runtime: ServerRuntime,
    stop: &Stop,
) -> thread::JoinHandle<Result<(), ServeError>> {
    let stop = stop.clone();
    thread::spawn(move || server.run(runtime, &stop))
}

#[test]
fn users_of_a_database_log_in_on_every_runtime() {
    // Each waits for refusals, so they run beside each other.
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || users_of_a_database_log_in(runtime));
        }
    });
}

fn users_of_a_database_log_in(runtime: ServerRuntime) {
    const HASH: &str = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    let folder = maildirs(&["alice", "bob"]);
    let users = Database::with(&[("alice", &["{PLAIN}secret"]), ("bob", &[HASH])]);
    let server = Server::bind(config(&folder), users.clone()).unwrap();
    let (address, stop) = (address(&server), Stop::new());
    let server = serving(server, runtime, &stop);
    for (name, password, reply) in [
        ("alice", "secret", "+OK 1 17"),
        ("bob", "password", "+OK 1 17"),
        ("bob", "secret", "-ERR"),
        ("carol", "secret", "-ERR"),
    ] {
        let said = talk(address, &format!("USER {name}\r\nPASS {password}\r\nSTAT\r\nQUIT\r\n"));
        assert!(said[3].starts_with(reply), "{runtime:?} {name} {said:?}");
    }
    assert_eq!(users.0.lock().unwrap().asked, 4, "{runtime:?}: once for each login");
    // A user who is created while the server runs.
    let carol = User::new().with_form(b"{PLAIN}new").unwrap();
    users.0.lock().unwrap().users.insert("carol".into(), carol.into());
    let said = talk(address, "USER carol\r\nPASS new\r\nQUIT\r\n");
    assert!(said[2].starts_with("-ERR [SYS/PERM]"), "{runtime:?}: there is no Maildir: {said:?}");
    // If the database fails, the client is not to blame.
    users.0.lock().unwrap().down = true;
    let said = talk(address, "USER alice\r\nPASS secret\r\nQUIT\r\n");
    assert!(said[2].starts_with("-ERR [SYS/TEMP]"), "{runtime:?} {said:?}");
    stop.stop();
    server.join().unwrap().unwrap();
}

#[test]
fn servers_of_one_process_know_nothing_of_each_other() {
    let (one, two) = (maildirs(&["alice"]), maildirs(&["bob"]));
    let bind = |folder: &TempDir, name: &str| {
        let users = Database::with(&[(name, &["{PLAIN}secret"])]);
        let limits = ConnectionLimits::new(1, 1, 1);
        Server::bind(config(folder).with_limits(limits).with_host("mail.example"), users).unwrap()
    };
    let servers = [bind(&one, "alice"), bind(&two, "bob")];
    let addresses = [&servers[0], &servers[1]].map(address);
    let stops = [Stop::new(), Stop::new()];
    let [first, second] = servers;
    let threads =
        [serving(first, ServerRuntime::Tokio, &stops[0]), serving(second, ServerRuntime::Smol, &stops[1])];
    let login = |name: &str| format!("USER {name}\r\nPASS secret\r\nQUIT\r\n");
    assert!(talk(addresses[0], &login("alice"))[2].starts_with("+OK"));
    assert!(talk(addresses[1], &login("alice"))[2].starts_with("-ERR"));
    assert!(talk(addresses[1], &login("bob"))[0].contains("mail.example"));
    let [first, second] = threads;
    stops[0].stop();
    first.join().unwrap().unwrap();
    assert!(TcpStream::connect(addresses[0]).is_err(), "it has stopped");
    assert!(talk(addresses[1], &login("bob"))[2].starts_with("+OK"), "the other one goes on");
    stops[1].stop();
    second.join().unwrap().unwrap();
}

#[tokio::test]
async fn it_serves_on_the_tokio_that_is_there() {
    let folder = maildirs(&["alice"]);
    let users = Database::with(&[("alice", &["{PLAIN}secret"])]);
    let server = Server::bind(config(&folder), users).unwrap();
    let (address, stop) = (address(&server), Stop::new());
    let until = stop.clone();
    let serving = tokio::spawn(async move { server.serve(&until).await });
    let said = tokio::task::spawn_blocking(move || talk(address, "USER alice\r\nPASS secret\r\nQUIT\r\n"));
    assert!(said.await.unwrap()[2].starts_with("+OK"));
    stop.stop();
    serving.await.unwrap().unwrap();
}

#[test]
fn errors_say_what_kind_of_thing_has_failed() {
    let folder = maildirs(&[]);
    let kind = |config: ServeConfig| {
        let error = Server::bind(config, Database::with(&[])).map(drop).unwrap_err();
        assert!(!error.to_string().is_empty());
        (error.kind(), error.to_string())
    };
    let (missing, text) = kind(ServeConfig::new(folder.path().join("none")).listen(local()));
    assert!(missing == ServeErrorKind::Unusable && text.contains("none"), "{text}");
    let holder = TcpListener::bind(local()).unwrap();
    let (network, text) = kind(ServeConfig::new(folder.path()).listen(holder.local_addr().unwrap()));
    assert!(network == ServeErrorKind::Network && text.contains("127.0.0.1"), "{text}");
    let (no_certificate, text) = kind(ServeConfig::new(folder.path()).listen_tls(local()));
    assert!(no_certificate == ServeErrorKind::Unusable && text.contains("certificate"), "{text}");
}
