//! Settings that are replaced while a server runs.
#![cfg(all(
    feature = "tokio",
    feature = "async-std",
    feature = "smol",
    feature = "threads",
    feature = "self-signed"
))]

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use pop3_serve::{
    ConnectionLimits, Entrance, Listeners, ReloadableCertificate, ServeConfig, ServeError, ServeErrorKind,
    Server, ServerHandle, ServerRuntime, Stop, Table,
};
use tempfile::TempDir;

const RUNTIMES: [ServerRuntime; 4] =
    [ServerRuntime::Tokio, ServerRuntime::AsyncStd, ServerRuntime::Smol, ServerRuntime::Threads];

/// A server that runs, with the Maildirs of alice and bob.
struct House {
    mail: TempDir,
    config: ServeConfig,
    handle: ServerHandle,
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

fn users(lines: &str) -> Arc<Table> {
    Table::parse(lines.as_bytes()).unwrap().into()
}

const USERS: &str = "alice:{PLAIN}secret\nbob:{PLAIN}secret\n";

impl House {
    fn new(runtime: ServerRuntime, set: impl FnOnce(&mut ServeConfig)) -> Self {
        let mail = tempfile::tempdir().unwrap();
        for name in ["alice", "bob"] {
            for part in ["new", "cur", "tmp"] {
                fs::create_dir_all(mail.path().join(name).join(part)).unwrap();
            }
        }
        let mut config = ServeConfig::new(mail.path()).listen("127.0.0.1:0".parse().unwrap());
        set(&mut config);
        let server = Server::bind(config.clone(), users(USERS)).unwrap();
        let (handle, stop) = (server.handle(), Stop::new());
        let address = server.addresses().next().unwrap().1;
        let until = stop.clone();
        let thread = Some(thread::spawn(move || server.run(runtime, &until)));
        Self { mail, config, handle, address, stop, thread }
    }

    fn reload(&self, set: impl FnOnce(&mut ServeConfig)) {
        let mut config = self.config.clone();
        set(&mut config);
        assert_eq!(self.handle.reload(config, users(USERS)).unwrap(), []);
    }

    fn connect(&self) -> Session {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut session = Session { lines, stream, greeting: String::new() };
        session.greeting = session.line();
        session
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

struct Session {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    greeting: String,
}

impl Session {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn say(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.line()
    }

    fn log_in(&mut self, name: &str) -> String {
        self.say(&format!("USER {name}"));
        self.say("PASS secret")
    }

    fn capabilities(&mut self) -> String {
        let mut text = self.say("CAPA");
        while !text.ends_with("\r\n.\r\n") {
            text += &self.line();
        }
        text
    }

    /// The other side has closed the connection, whatever it said before.
    fn ends(&mut self) {
        let _ = self.lines.read_to_end(&mut Vec::new());
    }
}

#[test]
fn new_connections_get_the_new_settings_and_open_ones_keep_theirs() {
    for runtime in RUNTIMES {
        let house = House::new(runtime, |config| config.host = Some("one.example".into()));
        let (mut open, mut inside) = (house.connect(), house.connect());
        assert!(open.greeting.starts_with("+OK one.example"), "{runtime:?}");
        assert!(inside.log_in("bob").starts_with("+OK"));
        house.reload(|config| {
            config.host = Some("two.example".into());
            config.implementation = Some("words".into());
            (config.utf8, config.apop) = (true, true);
            config.login_delay = Some(Duration::from_secs(7));
            config.expire = Some(Some(31));
        });
        let mut new = house.connect();
        assert!(
            new.greeting.starts_with("+OK two.example") && new.greeting.contains('@'),
            "{}",
            new.greeting
        );
        let (old, new) = (open.capabilities(), new.capabilities());
        for word in ["IMPLEMENTATION words", "UTF8 USER", "LANG", "LOGIN-DELAY 7", "EXPIRE 31"] {
            assert!(new.contains(word) && !old.contains(word), "{runtime:?} {word}: {old} {new}");
        }
        // A session goes on as if nothing had happened.
        assert!(inside.say("STAT").starts_with("+OK 0"), "{runtime:?}");
        assert!(inside.say("QUIT").starts_with("+OK"), "{runtime:?}");
    }
}

/// A user who is removed must not get in by a connection from before.
#[test]
fn each_login_is_checked_against_the_new_users() {
    let house = House::new(ServerRuntime::Tokio, |_| ());
    let (mut first, mut second) = (house.connect(), house.connect());
    first.say("USER alice");
    let not_changed = house.handle.reload(house.config.clone(), users("alice:{PLAIN}new\n")).unwrap();
    assert_eq!(not_changed, []);
    assert!(first.say("PASS secret").starts_with("-ERR [AUTH]"));
    first.say("USER alice");
    assert!(first.say("PASS new").starts_with("+OK"));
    assert!(second.log_in("bob").starts_with("-ERR [AUTH]"));
}

#[test]
fn another_directory_of_maildrops_is_for_new_connections() {
    let house = House::new(ServerRuntime::Tokio, |_| ());
    let mut open = house.connect();
    let other = tempfile::tempdir().unwrap();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(other.path().join("alice").join(part)).unwrap();
    }
    fs::write(other.path().join("alice/new/1"), "Subject: a\n\nb\n").unwrap();
    house.reload(|config| config.maildrops = other.path().to_owned());
    assert!(house.connect().log_in("alice").starts_with("+OK"));
    let mut new = house.connect();
    while !new.log_in("alice").starts_with("+OK") {}
    assert!(new.say("STAT").starts_with("+OK 1 17"));
    assert!(open.log_in("alice").starts_with("+OK"));
    assert!(open.say("STAT").starts_with("+OK 0 0"));
}

#[test]
fn places_that_are_held_count_on() {
    for runtime in RUNTIMES {
        let two = ConnectionLimits::new(2, 2, 2);
        let house = House::new(runtime, |config| config.limits = two);
        let (mut alice, mut bob) = (house.connect(), house.connect());
        assert!(alice.log_in("alice").starts_with("+OK") && bob.log_in("bob").starts_with("+OK"));
        let refused = || house.connect().greeting.starts_with("-ERR [SYS/TEMP] too many");
        assert!(refused(), "{runtime:?}");
        house.reload(|config| config.limits = two);
        assert!(refused(), "{runtime:?}");
        house.reload(|config| config.limits = ConnectionLimits::new(3, 3, 3));
        let mut third = house.connect();
        assert!(third.greeting.starts_with("+OK"), "{runtime:?}");
        // Who has not logged in has to go. The others are beyond the limit, and stay.
        house.reload(|config| config.limits = ConnectionLimits::new(1, 1, 1));
        third.ends();
        assert!(refused(), "{runtime:?}");
        assert!(alice.say("NOOP").starts_with("+OK") && bob.say("NOOP").starts_with("+OK"), "{runtime:?}");
    }
}

// 2449-6.51
#[test]
fn the_last_logins_are_known_still() {
    let delay = Some(Duration::from_secs(3600));
    let house = House::new(ServerRuntime::Tokio, |config| config.login_delay = delay);
    let mut session = house.connect();
    assert!(session.log_in("alice").starts_with("+OK"));
    assert!(session.say("QUIT").starts_with("+OK"));
    house.reload(|config| (config.login_delay, config.apop) = (delay, true));
    assert!(house.connect().log_in("alice").starts_with("-ERR [LOGIN-DELAY]"));
}

#[test]
fn settings_that_can_not_be_used_change_nothing() {
    let house = House::new(ServerRuntime::Tokio, |_| ());
    let bad: [&dyn Fn(&mut ServeConfig); 3] = [
        &|config| config.maildrops = house.mail.path().join("none"),
        &|config| config.mechanisms = Some(pop3_serve::parse_mechanisms("external").unwrap()),
        &|config| config.listeners.push((Entrance::Implicit, house.address)),
    ];
    for set in bad {
        let mut config = house.config.clone();
        config.implementation = Some("new".into());
        set(&mut config);
        assert_eq!(config.check().len(), 1);
        house.handle.reload(config, users("")).unwrap_err();
        assert!(!house.connect().capabilities().contains("IMPLEMENTATION"));
        assert!(house.connect().log_in("alice").starts_with("+OK"));
    }
}

#[test]
fn tls_begins_and_ends_to_be_offered() {
    let certificate = Arc::new(ReloadableCertificate::self_signed("localhost").unwrap());
    for runtime in RUNTIMES {
        let house = House::new(runtime, |_| ());
        assert!(!house.connect().capabilities().contains("STLS"));
        house.reload(|config| config.certificate = Some(Arc::clone(&certificate)));
        let mut offered = house.connect();
        assert!(offered.capabilities().contains("STLS"), "{runtime:?}");
        house.reload(|config| config.certificate = None);
        assert!(!house.connect().capabilities().contains("STLS"), "{runtime:?}");
        // Who was offered it can still begin it.
        assert!(offered.say("STLS").starts_with("+OK"), "{runtime:?}");
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(certificate.chain());
        let client = pop3_driver::tls::client_config(roots).unwrap();
        let name = "localhost".try_into().unwrap();
        let mut tls = rustls::ClientConnection::new(client, name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut offered.stream).unwrap();
        }
        tls.writer().write_all(b"QUIT\r\n").unwrap();
        tls.complete_io(&mut offered.stream).unwrap();
        let mut reply = String::new();
        let mut stream = rustls::Stream::new(&mut tls, &mut offered.stream);
        stream.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("+OK"), "{runtime:?} {reply}");
    }
}

#[test]
fn listeners_stay_and_are_told() {
    let certificate = Arc::new(ReloadableCertificate::self_signed("localhost").unwrap());
    let tls = |config: &mut ServeConfig| {
        config.certificate = Some(Arc::clone(&certificate));
        config.listeners.push((Entrance::Implicit, "127.0.0.1:0".parse().unwrap()));
    };
    let house = House::new(ServerRuntime::Tokio, tls);
    let mut config = house.config.clone();
    config.listeners.truncate(1);
    config.listeners.push((Entrance::Plain, "127.0.0.2:0".parse().unwrap()));
    let not_changed = house.handle.reload(config.clone(), users(USERS)).unwrap();
    let lines: Vec<_> = not_changed.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "listen needs a restart: it is still 127.0.0.1:0, not 127.0.0.1:0, 127.0.0.2:0",
            "listen_tls needs a restart: it is still 127.0.0.1:0, not none"
        ]
    );
    // The listener for TLS is still there.
    config.certificate = None;
    let error = house.handle.reload(config, users(USERS)).unwrap_err();
    assert!(error.to_string().contains("needs a certificate"), "{error}");
}

// The sockets may have been bound before, or passed on, without a word in the settings.
#[test]
fn listeners_that_no_setting_names_are_told_as_well() {
    let mail = tempfile::tempdir().unwrap();
    let implicit = (Entrance::Implicit, "127.0.0.1:0".parse().unwrap());
    let listeners = Listeners::bind(&[implicit]).unwrap();
    let (_, address) = listeners.addresses().next().unwrap();
    let certificate = Arc::new(ReloadableCertificate::self_signed("localhost").unwrap());
    let config = ServeConfig::new(mail.path()).with_certificate(certificate);
    let server = Server::on(listeners, config.clone(), users(USERS)).unwrap();
    assert_eq!(server.handle().reload(config.clone(), users(USERS)), Ok(Vec::new()));
    let wanted = config.clone().listen_tls("127.0.0.2:0".parse().unwrap());
    let lines: Vec<_> =
        server.handle().reload(wanted, users(USERS)).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(lines, [format!("listen_tls needs a restart: it is still {address}, not 127.0.0.2:0")]);
    let mut without = config;
    without.certificate = None;
    let error = server.handle().reload(without, users(USERS)).unwrap_err();
    assert!(error.to_string().contains("needs a certificate"), "{error}");
}

#[test]
fn reloads_disturb_nobody_and_end_with_the_server() {
    for runtime in RUNTIMES {
        let house = House::new(runtime, |config| config.limits = ConnectionLimits::new(50, 50, 50));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let visit = |name: &'static str| {
                let (house, over) = (&house, &over);
                scope.spawn(move || {
                    let mut served = 0;
                    while !over.load(Ordering::Relaxed) || served == 0 {
                        let mut session = house.connect();
                        assert!(session.log_in(name).starts_with("+OK"), "{runtime:?}");
                        assert!(session.say("QUIT").starts_with("+OK"), "{runtime:?}");
                        session.ends();
                        served += 1;
                    }
                })
            };
            let visitors = [visit("alice"), visit("bob")];
            for round in 0..50 {
                house.reload(|config| {
                    config.apop = round % 2 == 0;
                    config.limits = ConnectionLimits::new(50 + round, 50, 50);
                });
            }
            over.store(true, Ordering::Relaxed);
            for visitor in visitors {
                visitor.join().unwrap();
            }
        });
        house.stop.stop();
        let error = house.handle.reload(house.config.clone(), users(USERS)).unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::Stopping, "{runtime:?}");
    }
}
