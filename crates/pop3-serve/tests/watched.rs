//! What tells a program around the server how it is: the heartbeat, the counters and the spans.
#![cfg(all(feature = "tokio", feature = "log"))]

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use pop3_serve::{
    Heartbeat, LoginOutcome, Profile, ServeConfig, ServeError, Server, ServerRuntime, Stop, Table, User,
    UserName, Users,
};
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A source of users that does not answer while it is held.
#[derive(Debug)]
struct Held {
    users: Table,
    held: Mutex<bool>,
    changed: Condvar,
}

impl Users for Held {
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        drop(self.changed.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
        self.users.find(name)
    }

    fn profile(&self) -> Arc<Profile> {
        self.users.profile()
    }

    /// It lies, so that it holds up the thread of the session.
    fn may_block(&self) -> bool {
        false
    }
}

const PASSWORD: &str = "tanstaaf";

fn users() -> Table {
    Table::parse(format!("alice:{{PLAIN}}{PASSWORD}\n").as_bytes()).unwrap()
}

fn maildir() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(folder.path().join("alice").join(part)).unwrap();
    }
    folder
}

fn bound(folder: &TempDir, users: Arc<dyn Users>) -> (Server, SocketAddr) {
    let config = ServeConfig::new(folder.path()).listen("127.0.0.1:0".parse().unwrap());
    let server = Server::bind(config, users).unwrap();
    let (_, address) = server.addresses().next().unwrap();
    (server, address)
}

fn serving(server: Server, stop: &Stop) -> JoinHandle<Result<(), ServeError>> {
    let stop = stop.clone();
    thread::spawn(move || server.run(ServerRuntime::Tokio, &stop))
}

fn send(address: SocketAddr, commands: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    stream
}

fn replies(stream: TcpStream) -> Vec<String> {
    BufReader::new(stream).lines().map(Result::unwrap).collect()
}

#[test]
fn a_thread_that_hangs_is_noticed_and_so_is_its_return() {
    const LONG: Duration = Duration::from_millis(200);
    let folder = maildir();
    let users = Arc::new(Held { users: users(), held: Mutex::new(true), changed: Condvar::new() });
    let (server, address) = bound(&folder, users.clone());
    let heartbeat = Heartbeat::new(Duration::from_millis(5));
    let stop = Stop::new();
    let server = serving(server.with_heartbeat(heartbeat.clone()), &stop);
    let stream = send(address, &format!("USER alice\r\nPASS {PASSWORD}\r\nQUIT\r\n"));
    while heartbeat.silence() < LONG {
        thread::yield_now();
    }
    *users.held.lock().unwrap() = false;
    users.changed.notify_all();
    let replies = replies(stream);
    assert!(replies[2].starts_with("+OK"), "{replies:?}");
    while heartbeat.silence() >= LONG {
        thread::yield_now();
    }
    stop.stop();
    server.join().unwrap().unwrap();
    assert_eq!(heartbeat.silence(), Duration::ZERO, "no loop is left");
}

/// All that a subscriber is told, as text.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields(format!("span {}", attributes.metadata().name()));
        attributes.record(&mut fields);
        self.lines().push(fields.0);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields("record".to_owned());
        values.record(&mut fields);
        self.lines().push(fields.0);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).map_or("-", |span| span.name());
        let mut fields = Fields(format!("event in {span}:"));
        event.record(&mut fields);
        self.lines().push(fields.0);
    }
}

#[test]
fn spans_and_events_tell_of_sessions_and_of_no_secrets() {
    let told = Told::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(told.clone())).unwrap();
    let folder = maildir();
    let (server, address) = bound(&folder, Arc::new(users()));
    let (counters, stop) = (server.counters(), Stop::new());
    let server = serving(server, &stop);
    let wrong = "s3cr3t-but-wrong";
    let commands = format!("USER alice\r\nPASS {wrong}\r\nUSER alice\r\nPASS {PASSWORD}\r\nQUIT\r\n");
    let replies = replies(send(address, &commands));
    assert!(replies[4].starts_with("+OK"), "{replies:?}");
    while counters.read().ended == 0 {
        thread::yield_now();
    }
    stop.stop();
    server.join().unwrap().unwrap();
    let lines = told.lines().join("\n");
    for part in [
        "span pop3_session session=",
        "event in pop3_session: message=login refused session=",
        "event in pop3_session: message=login session=",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    assert!(!lines.contains(PASSWORD) && !lines.contains(wrong), "{lines}");
    let values = counters.read();
    assert_eq!(values.logins, [("USER", LoginOutcome::Accepted, 1), ("USER", LoginOutcome::Refused, 1)]);
    assert_eq!((values.accepted, values.ended, values.commands, values.panicked), (1, 1, 5, 0));
}
