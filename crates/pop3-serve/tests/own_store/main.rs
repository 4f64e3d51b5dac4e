//! A server over maildrops that are not Maildirs: the same rules hold, on every runtime.
#![cfg(all(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]

mod memory;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use pop3_serve::{LimitHit, LoginOutcome, MaildropError, ServeConfig, Server, ServerRuntime, Stop, Table};

use crate::memory::Memory;

const RUNTIMES: [ServerRuntime; 4] =
    [ServerRuntime::Tokio, ServerRuntime::AsyncStd, ServerRuntime::Smol, ServerRuntime::Threads];

/// A running server, which stops when this is dropped.
struct Running {
    address: SocketAddr,
    stop: Stop,
    counters: pop3_serve::Counters,
    server: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn new(memory: &Memory, runtime: ServerRuntime, set: impl FnOnce(&mut ServeConfig)) -> Self {
        let users =
            Table::parse(b"alice:{PLAIN}secret\nbob:{PLAIN}secret\nanonymous:{PLAIN}secret\n").unwrap();
        let mut config = ServeConfig::on(Arc::new(memory.clone())).listen("127.0.0.1:0".parse().unwrap());
        set(&mut config);
        let server = Server::bind(config, Arc::new(users)).unwrap();
        let address = server.addresses().next().unwrap().1;
        let (stop, counters) = (Stop::new(), server.counters());
        let until = stop.clone();
        let server = thread::spawn(move || server.run(runtime, &until).unwrap());
        Self { address, stop, counters, server: Some(server) }
    }

    /// All lines of the replies to these commands. The last one must end the session.
    fn talk(&self, commands: &str) -> Vec<String> {
        let mut client = self.client();
        client.say(commands);
        client.0.lines().map(Result::unwrap).collect()
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client(BufReader::new(stream))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        self.server.take().unwrap().join().unwrap();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn say(&mut self, commands: &str) {
        self.0.get_mut().write_all(commands.replace('\n', "\r\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Logs in as alice.
    fn log_in(&mut self) {
        self.say("USER alice\nPASS secret\n");
        let lines = [self.line(), self.line(), self.line()];
        assert!(lines.iter().all(|line| line.starts_with("+OK")), "{lines:?}");
    }
}

const TWO: [&str; 2] = ["Subject: a\n\n.b\n", "Subject: b\n\nc"];

#[test]
fn a_session_reads_and_removes_on_every_runtime() {
    for runtime in RUNTIMES {
        let memory = Memory::with(&[("alice", &TWO)]);
        let running = Running::new(&memory, runtime, |_| ());
        let said = running.talk("USER alice\nPASS secret\nLIST\nRETR 1\nTOP 2 0\nRETR 2\nDELE 1\nQUIT\n");
        let expected = [
            "1 18",
            "2 17",
            ".",
            "+OK",
            "Subject: a",
            "",
            "..b",
            ".",
            "+OK",
            "Subject: b",
            "",
            ".",
            "+OK",
            "Subject: b",
            "",
            "c",
            ".",
        ];
        let got: Vec<_> = said[4..said.len() - 2]
            .iter()
            .map(|line| if line.starts_with("+OK") { "+OK" } else { line.as_str() })
            .collect();
        assert_eq!(got, expected, "{runtime:?}");
        assert!(said[said.len() - 1].starts_with("+OK"), "{runtime:?} {said:?}");
        let left = memory.state(|state| (state.maildrops["alice"].len(), state.locked.len()));
        assert_eq!(left, (1, 0), "{runtime:?}");
        let said = running.talk("USER alice\nPASS secret\nUIDL\nQUIT\n");
        assert_eq!(said[4], "1 id1", "{runtime:?}");
        let values = running.counters.read();
        assert_eq!((values.listed, values.removed, values.measured), (3, 1, 0), "{runtime:?}");
        assert!(values.logins.contains(&("USER", LoginOutcome::Accepted, 2)), "{:?}", values.logins);
    }
}

#[test]
fn a_maildrop_is_locked_until_its_session_ends() {
    let memory = Memory::with(&[("alice", &TWO)]);
    let running = Running::new(&memory, ServerRuntime::Tokio, |config| config.limits.per_user = 2);
    let mut first = running.client();
    first.log_in();
    let said = running.talk("USER alice\nPASS secret\nQUIT\n");
    assert!(said[2].starts_with("-ERR [IN-USE]"), "{said:?}");
    // A connection that breaks releases the lock and removes nothing.
    first.say("DELE 1\n");
    assert!(first.line().starts_with("+OK"));
    drop(first);
    let mut second = loop {
        let mut client = running.client();
        client.say("USER alice\nPASS secret\n");
        if [client.line(), client.line(), client.line()][2].starts_with("+OK") {
            break client;
        }
    };
    second.say("STAT\n");
    assert_eq!(second.line(), "+OK 2 35");
}

#[test]
fn the_limit_of_a_user_holds_before_the_store_is_asked() {
    let memory = Memory::with(&[("alice", &TWO)]);
    let running = Running::new(&memory, ServerRuntime::Tokio, |config| config.limits.per_user = 1);
    let mut first = running.client();
    first.log_in();
    let said = running.talk("USER alice\nPASS secret\nQUIT\n");
    assert!(said[2].contains("too many sessions of this user"), "{said:?}");
    assert_eq!(memory.state(|state| state.logins.len()), 1);
    let values = running.counters.read();
    assert!(values.limits.contains(&(LimitHit::User, 1)), "{:?}", values.limits);
}

#[test]
fn who_does_not_ask_for_utf8_gets_headers_in_ascii() {
    const MESSAGES: [&str; 2] = ["Subject: \u{fc}\n\n\u{df}\n", "Subject: \u{e4}\n\nb\n"];
    let memory = Memory::with(&[("alice", &MESSAGES)]);
    let running = Running::new(&memory, ServerRuntime::Tokio, |config| config.utf8 = true);
    for (hello, subjects) in [
        ("", ["Subject: =?UTF-8?B?w7w=?=", "Subject: =?UTF-8?B?w6Q=?="]),
        ("UTF8\n", ["Subject: \u{fc}", "Subject: \u{e4}"]),
    ] {
        let said = running.talk(&format!("{hello}USER alice\nPASS secret\nLIST\nRETR 1\nRETR 2\nQUIT\n"));
        let said = &said[said.iter().position(|line| line.starts_with("1 ")).unwrap()..];
        for (index, subject) in subjects.iter().enumerate() {
            let listed: usize = said[index].split_once(' ').unwrap().1.parse().unwrap();
            let start = said.iter().position(|line| line == subject).unwrap();
            let lines = said[start..].iter().take_while(|line| *line != ".");
            let sent: usize = lines.map(|line| line.len() + 2).sum();
            assert_eq!(listed, sent, "{said:?}");
        }
    }
}

#[test]
fn the_store_learns_what_holds_for_the_session() {
    let memory = Memory::with(&[("alice", &TWO), ("anonymous", &TWO)]);
    let running = Running::new(&memory, ServerRuntime::Tokio, |config| {
        config.login_delay = Some(Duration::from_secs(600));
        config.expire = Some(Some(0));
        config.enforce_expiry = true;
        config.mechanisms = Some(vec![pop3_sasl::Mechanism::Anonymous]);
    });
    // What was retrieved expires at once, though not marked.
    let said = running.talk("USER alice\nPASS secret\nRETR 1\nQUIT\n");
    assert!(said.last().unwrap().starts_with("+OK"), "{said:?}");
    // The session of ANONYMOUS removes nothing.
    let said = running.talk("AUTH ANONYMOUS =\nRETR 1\nDELE 1\nQUIT\n");
    assert!(said.last().unwrap().starts_with("-ERR"), "{said:?}");
    memory.state(|state| {
        let alice = &state.logins[0];
        assert_eq!((alice.login_delay.as_secs(), alice.expire, alice.read_only), (600, Some(0), false));
        assert!(state.logins[1].read_only && alice.user.is_some() && !alice.ascii_headers);
        assert_eq!((state.maildrops["alice"].len(), state.maildrops["anonymous"].len()), (1, 2));
        assert!(state.locked.is_empty());
    });
    // The delay holds without the store, too.
    let said = running.talk("USER alice\nPASS secret\nQUIT\n");
    assert!(said[2].starts_with("-ERR [LOGIN-DELAY]"), "{said:?}");
    assert_eq!(memory.state(|state| state.logins.len()), 2);
}

#[test]
fn a_fault_of_the_store_is_told_in_fixed_words() {
    let memory = Memory::with(&[("alice", &TWO)]);
    let running = Running::new(&memory, ServerRuntime::Tokio, |_| ());
    let down = || MaildropError::Temporary("db.internal refuses".to_owned());
    for (error, reply) in [
        (down(), "-ERR [SYS/TEMP] the maildrop can't be opened at the moment"),
        (MaildropError::Permanent("x".to_owned()), "-ERR [SYS/PERM] the maildrop can't be used"),
        (
            MaildropError::TooSoon(Duration::from_millis(1_001)),
            "-ERR [LOGIN-DELAY] too soon after the last login, wait 2 seconds",
        ),
        (MaildropError::Missing, "-ERR [SYS/PERM] there is no maildrop"),
    ] {
        memory.fail(error);
        assert_eq!(running.talk("USER alice\nPASS secret\nQUIT\n")[2], reply);
    }
    let mut client = running.client();
    client.log_in();
    memory.fail(down());
    client.say("RETR 2\n");
    assert_eq!(client.line(), "-ERR [SYS/TEMP] the message can't be read at the moment");
    memory.fail(MaildropError::Vanished);
    client.say("RETR 2\n");
    assert_eq!(client.line(), "-ERR [SYS/TEMP] the message no longer exists");
    // Nothing is removed, and the client learns it.
    client.say("DELE 1\nDELE 2\n");
    assert!(client.line().starts_with("+OK") && client.line().starts_with("+OK"));
    memory.fail(down());
    client.say("QUIT\n");
    assert!(client.line().starts_with("-ERR"));
    assert_eq!(memory.state(|state| state.maildrops["alice"].len()), 2);
    let refused = running.counters.read().logins;
    assert!(refused.contains(&("USER", LoginOutcome::NotOpened, 4)), "{refused:?}");
}
