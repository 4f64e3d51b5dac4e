//! The server with maildrops and users in a database.

use core::cell::Cell;
use core::time::Duration;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use pop3_test_postgres::{Postgres, Proxy};

use crate::changes::until;
use crate::monitoring::{ask, metrics_documented, metrics_port, types};
use crate::support::{House, PASSWORD, Raw, Server, code, errors, program};
use crate::talk::Talk;

const MESSAGE: &[u8] = b"Subject: a\n\n.x\n";

/// Runs a command, with this on standard input.
pub(crate) fn run(words: &[&str], input: &[u8]) -> Output {
    let mut command = program();
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn done(words: &[&str], input: &[u8]) {
    let output = run(words, input);
    assert!(output.status.success(), "{words:?}: {}", errors(&output));
}

/// Adds a user whose password is cheap to check.
fn add(url: &str, user: &str) {
    let words = ["user", "add", "--store", url, "--iterations", "4096", "--form", "scram-sha-256", user];
    done(&words, format!("{PASSWORD}\n").as_bytes());
}

/// A store with these users and a message for each.
fn make(url: &str, users: &[&str]) {
    done(&["store", "init", "--store", url], b"");
    for user in users {
        add(url, user);
        done(&["deliver", "--store", url, user], MESSAGE);
    }
}

fn sqlite(house: &House) -> String {
    format!("sqlite:{}", house.path("mail.db").display())
}

/// A server on this store that writes its log to this file.
fn server(house: &House, url: &str, log: &str, options: &[&str]) -> Command {
    let mut server = server_without_store(house, log);
    server.args(["--store", url]).args(options);
    server
}

fn server_without_store(house: &House, log: &str) -> Command {
    let mut server = program();
    server.args(["serve", "--allow-root", "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]);
    server.arg("--tls-cert").arg(house.path("cert.pem")).arg("--tls-key").arg(house.path("key.pem"));
    server.stdout(Stdio::piped()).stderr(fs::File::create(house.path(log)).unwrap());
    server
}

fn start(house: &House, url: &str, options: &[&str]) -> Server {
    house.start(&mut server(house, url, "log", options))
}

fn log_in(raw: &mut Raw, user: &str) -> String {
    raw.say(&format!("USER {user}"));
    raw.say(&format!("PASS {PASSWORD}"))
}

/// The reply to QUIT of a session that has read and removed the only message.
fn read_and_remove(server: &Server) -> String {
    let mut raw = server.connect();
    assert!(raw.log_in().starts_with("+OK"));
    assert_eq!(raw.say("STAT"), "+OK 1 18\r\n");
    assert!(raw.say("RETR 1").starts_with("+OK"));
    assert_eq!(
        [raw.line(), raw.line(), raw.line(), raw.line()],
        ["Subject: a\r\n", "\r\n", "..x\r\n", ".\r\n"]
    );
    assert!(raw.say("DELE 1").starts_with("+OK"));
    raw.say("QUIT")
}

/// The same on both databases.
fn serves(house: &House, url: &str) {
    make(url, &["alice", "bob"]);
    let server = start(house, url, &[]);
    assert!(read_and_remove(&server).starts_with("+OK"));
    // What is delivered while the server runs is there at the next login.
    let mut raw = server.connect();
    assert!(raw.log_in().starts_with("+OK"));
    done(&["deliver", "--store", url, "alice"], MESSAGE);
    assert_eq!(raw.say("STAT"), "+OK 0 0\r\n");
    let mut other = server.connect();
    assert!(other.log_in().starts_with("-ERR [IN-USE]"));
    assert!(log_in(&mut other, "bob").starts_with("+OK"));
    raw.say("QUIT");
    let mut raw = server.connect();
    assert!(raw.log_in().starts_with("+OK"));
    assert_eq!(raw.say("STAT"), "+OK 1 18\r\n");
    // A user who is added can log in, and a wrong password is one.
    add(url, "carol");
    assert!(log_in(&mut server.connect(), "carol").starts_with("+OK"));
    let wrong = server.connect().say("USER nobody");
    assert!(wrong.starts_with("+OK"));
    for (user, password) in [("nobody", PASSWORD), ("carol", "wrong")] {
        let mut raw = server.connect();
        raw.say(&format!("USER {user}"));
        assert!(raw.say(&format!("PASS {password}")).starts_with("-ERR [AUTH]"), "{user}");
    }
    // SCRAM, with the keys of the store.
    let url_of_server = server.url("pop3s");
    let to = house.to("dir");
    let fetched = house.fetch(&url_of_server, &["--to", &to, "--auth", "scram-sha-256"]).output().unwrap();
    assert_eq!(code(&fetched), 6, "the maildrop is in use: {}", errors(&fetched));
    raw.say("QUIT");
    let fetched = house.fetch(&url_of_server, &["--to", &to, "--auth", "scram-sha-256"]).output().unwrap();
    assert_eq!(code(&fetched), 0, "{}", errors(&fetched));
    assert_eq!(house.fetched().len(), 1);
    // Sessions that are open end, and so do their locks.
    assert!(server.ends_well());
    let log = house.log();
    assert!(!log.contains("abandoned") && !log.contains("was not told"), "{log}");
    let again = start(house, url, &[]);
    assert!(log_in(&mut again.connect(), "bob").starts_with("+OK"));
    assert!(again.ends_well());
    done(&["store", "check", "--store", url], b"");
}

#[test]
fn sqlite_is_served() {
    let house = House::new();
    let url = sqlite(&house);
    serves(&house, &url);
}

#[test]
fn postgresql_is_served() {
    let Some(url) = postgres() else { return };
    serves(&House::new(), &url);
}

#[test]
fn a_maildrop_is_open_on_one_of_two_nodes() {
    let house = House::new();
    let url = sqlite(&house);
    make(&url, &["alice"]);
    let mut one = house.start(&mut server(&house, &url, "log", &["--node", "one"]));
    let two = house.start(&mut server(&house, &url, "log2", &["--node", "two"]));
    let mut raw = one.connect();
    assert!(raw.log_in().starts_with("+OK"));
    assert!(two.connect().log_in().starts_with("-ERR [IN-USE]"));
    // Whoever is killed leaves no lock behind.
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    assert!(two.connect().log_in().starts_with("+OK"));
    assert!(two.ends_well());
}

#[test]
fn what_does_not_fit_together_is_told() {
    const UNREACHABLE: &str = "postgres://u:secret@127.0.0.1:1/d?sslmode=disable";
    let house = House::new();
    let url = sqlite(&house);
    let fail = |options: &[&str]| {
        let output =
            program().args(["serve", "--allow-root", "--check-config"]).args(options).output().unwrap();
        // A database that can't be reached is another fault than an option.
        let expected = if options.contains(&UNREACHABLE) { 3 } else { 2 };
        assert_eq!(code(&output), expected, "{options:?}");
        errors(&output)
    };
    let dir = house.path("mail").display().to_string();
    for (options, words) in [
        (vec!["--store", &url, "--maildrops", &dir], "cannot be used with"),
        (vec!["--store", &url, "--runtime", "smol"], "--runtime must be tokio"),
        (vec!["--store", &url, "--maildrop-path", "{user}/Maildir"], "--maildrop-path is for Maildirs"),
        (vec!["--store", &url, "--unique-ids", "dovecot"], "--unique-ids is for Maildirs"),
        (
            vec!["--store", "mysql://u:secret@h/d"],
            "--store: expected maildir:PATH, sqlite:FILE or postgres://",
        ),
        (vec!["--store", &format!("maildir:{dir}")], "--users is needed with Maildirs"),
        (
            vec!["--store", &format!("maildir:{dir}"), "--users", "u", "--node", "n"],
            "--node is for a database",
        ),
        (vec!["--store", "sqlite:/nowhere/mail.db"], "the directory /nowhere does not exist"),
        (vec!["--store", UNREACHABLE], "127.0.0.1"),
    ] {
        let said = fail(&options);
        assert!(said.contains(words) && !said.contains("secret"), "{options:?}: {said}");
    }
    // A check makes no file.
    let output =
        program().args(["serve", "--allow-root", "--check-config", "--store", &url]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(!house.path("mail.db").exists());
}

#[test]
fn another_store_needs_a_restart() {
    let house = House::new();
    let url = sqlite(&house);
    make(&url, &["alice"]);
    let write = |text: &str| {
        let base = "tls-cert = 'cert.pem'\ntls-key = 'key.pem'\nlisten = ['127.0.0.1:0']\nlisten-tls = ['127.0.0.1:0']\n";
        fs::write(house.path("pop3.toml.new"), [base, text].concat()).unwrap();
        fs::rename(house.path("pop3.toml.new"), house.path("pop3.toml")).unwrap();
    };
    write("store = 'sqlite:mail.db'\n");
    let mut command = program();
    command.args(["serve", "--allow-root", "--config"]).arg(house.path("pop3.toml"));
    command.stdout(Stdio::piped()).stderr(fs::File::create(house.path("log")).unwrap());
    let server = house.start(&mut command);
    let before = Cell::new(0);
    let reload = |text: &str| {
        write(text);
        server.signal("-HUP");
        before.set(before.get() + 1);
        until(&house, "the settings were read again", || {
            house.log().matches("reloaded the settings").count() == before.get()
        });
    };
    for other in ["store = 'postgres://u:secret@h/d'\n", "maildrops = 'mail'\nusers = 'users'\n"] {
        reload(other);
        let words = "store needs a restart: it is still sqlite:";
        until(&house, words, || house.log().matches(words).count() == before.get());
        // A users file takes effect at once, and the store stays.
        let mut raw = server.connect();
        assert!(raw.log_in().starts_with("+OK"), "{}", house.log());
        assert_eq!(raw.say("STAT"), "+OK 1 18\r\n");
        raw.say("QUIT");
    }
    // The users of the file have only what the file says.
    reload("store = 'sqlite:mail.db'\nusers = 'users'\nlogin-delay = 600\n");
    fs::write(house.path("users"), "alice:{PLAIN}other\n").unwrap();
    reload("store = 'sqlite:mail.db'\nusers = 'users'\n");
    assert!(server.connect().log_in().starts_with("-ERR [AUTH]"));
    let log = house.log();
    assert!(!log.contains("secret@") && !log.contains(":secret"), "{log}");
    assert!(server.ends_well());
}

#[test]
fn the_environment_names_a_store_and_other_programs_do_not_learn_it() {
    let house = House::new();
    let url = sqlite(&house);
    make(&url, &["alice"]);
    let seen = house.path("seen");
    let check = format!("env > {}; exit 0", seen.display());
    let mut server = server_without_store(&house, "log");
    server.args(["--check-command", &check]).env("POP3_STORE", &url).env("PGPASSWORD", "secret");
    let server = house.start(&mut server);
    let mut raw = server.connect();
    raw.say("USER alice");
    assert!(raw.say("PASS anything").starts_with("+OK"));
    // Who is not in the store is no user.
    let mut raw = server.connect();
    raw.say("USER nobody");
    assert!(raw.say("PASS anything").starts_with("-ERR [AUTH]"));
    let environment = fs::read_to_string(&seen).unwrap();
    assert!(environment.contains("POP3_USER=") && !environment.contains("POP3_STORE"), "{environment}");
    assert!(!environment.contains("PGPASSWORD"), "{environment}");
    assert!(server.ends_well());
}

#[test]
fn metrics_tell_of_the_database() {
    let house = House::new();
    let url = sqlite(&house);
    make(&url, &["alice"]);
    let server = start(&house, &url, &["--metrics", "127.0.0.1:0"]);
    let port = metrics_port(&house);
    assert!(read_and_remove(&server).starts_with("+OK"));
    let text = ask(port, "/metrics").1;
    assert_eq!(types(&text), metrics_documented());
    assert_eq!(ask(port, "/readyz"), (200, "ok\n".to_owned()));
    assert!(server.ends_well());
}

/// A new database on a server that all tests share; `None` where PostgreSQL is not installed.
fn postgres() -> Option<String> {
    let server = Postgres::shared()?;
    Some(server.url(&server.create_database()))
}

#[test]
fn a_database_that_does_not_answer_makes_the_server_unready_and_nobody_guilty() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.create_database();
    make(&server.url(&database), &["alice"]);
    let proxy = Proxy::start(server.port());
    let house = House::new();
    let server = start(&house, &Postgres::url_on(proxy.port(), &database), &["--metrics", "127.0.0.1:0"]);
    let port = metrics_port(&house);
    let is_ready = || ask(port, "/readyz").0 == 200;
    assert!(is_ready());
    assert!(server.connect().log_in().starts_with("+OK"));
    proxy.pause();
    proxy.cut();
    // The log tells of it, too.
    until(&house, "the server is not ready", || !is_ready());
    let reply = server.connect().log_in();
    assert!(reply.starts_with("-ERR [SYS/TEMP]"), "{reply}");
    proxy.resume();
    until(&house, "the server is ready", is_ready);
    assert!(server.connect().log_in().starts_with("+OK"));
    let text = ask(port, "/metrics").1;
    assert!(text.contains("pop3_logins_total{method=\"USER\",outcome=\"accepted\"} 2"), "{text}");
    assert!(!text.contains("outcome=\"refused\""), "{text}");
    assert!(server.ends_well());
}

#[test]
fn a_server_may_start_before_its_database() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.create_database();
    make(&server.url(&database), &["alice"]);
    let proxy = Proxy::start(server.port());
    let house = House::new();
    proxy.pause();
    let starting = thread::scope(|scope| {
        let started = scope.spawn(|| start(&house, &Postgres::url_on(proxy.port(), &database), &[]));
        // It has connected, and gets no answer.
        let log = || fs::read_to_string(house.path("log")).unwrap_or_default();
        until(&house, "the server tries again", || log().contains("is not there yet; trying again"));
        proxy.resume();
        started.join().unwrap()
    });
    assert!(starting.connect().log_in().starts_with("+OK"));
    assert!(starting.ends_well());
}

#[test]
fn failed_logins_are_known_on_the_other_node() {
    let Some(url) = postgres() else { return };
    let house = House::new();
    make(&url, &["alice"]);
    let serve = |log: &str| {
        house.start(&mut server(&house, &url, log, &["--node", log, "--proxy-from", "127.0.0.1"]))
    };
    let (one, two) = (serve("log"), serve("log2"));
    // How long the answer to a wrong password takes for a client with this address.
    let fail = |server: &Server, last: u8| {
        let mut talk = Talk::proxied(server.plain, last);
        talk.say("USER alice");
        let begun = Instant::now();
        assert!(talk.say("PASS wrong").starts_with("-ERR [AUTH]"));
        begun.elapsed()
    };
    let (addresses, one_node) = (1..=20, &one);
    thread::scope(|scope| {
        for last in addresses.clone() {
            scope.spawn(move || (fail(one_node, last), fail(one_node, last)));
        }
    });
    // The first failure there is the third one. Each address can be asked about once.
    let told = addresses.into_iter().find(|last| fail(&two, *last) >= Duration::from_secs(3));
    assert!(told.is_some(), "never told");
    // It is no reason to refuse.
    assert!(Talk::proxied(two.plain, 1).say("USER alice").starts_with("+OK"));
    assert!(one.ends_well() && two.ends_well());
}
