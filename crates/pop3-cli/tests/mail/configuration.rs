//! The configuration file: `--config`, and SIGHUP.

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use crate::support::{House, RUNTIMES, Raw, Server, program};
use crate::talk::Talk;

/// What each file of these tests begins with.
pub(crate) const BASE: &str = "maildrops = 'mail'\nusers = 'users'\ntls-cert = 'cert.pem'\ntls-key = 'key.pem'\n\
    listen = ['127.0.0.1:0']\nlisten-tls = ['127.0.0.1:0']\n";

/// Writes the file as an editor does.
pub(crate) fn write(house: &House, text: &str) {
    fs::write(house.path("pop3.toml.new"), text).unwrap();
    fs::rename(house.path("pop3.toml.new"), house.path("pop3.toml")).unwrap();
}

pub(crate) fn start(house: &House, text: &str, options: &[&str]) -> Server {
    write(house, text);
    let mut server = program();
    server.args(["serve", "--allow-root", "--config"]).arg(house.path("pop3.toml")).args(options);
    server.stdout(Stdio::piped()).stderr(fs::File::create(house.path("log")).unwrap());
    house.start(&mut server)
}

/// Reloads this file, and waits until the log has these words once more.
fn reload_until(house: &House, server: &Server, text: &str, words: &str) {
    let count = || house.log().matches(words).count();
    let before = count();
    write(house, text);
    server.signal("-HUP");
    while count() == before {
        thread::yield_now();
    }
}

pub(crate) fn reload(house: &House, server: &Server, rest: &str) {
    reload_until(house, server, &[BASE, rest].concat(), "reloaded the settings");
}

/// A connection, and its greeting.
pub(crate) fn greeted(port: u16) -> (Raw, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut raw = Raw { reader: BufReader::new(stream.try_clone().unwrap()), stream };
    let greeting = raw.line();
    (raw, greeting)
}

fn capabilities(raw: &mut Raw) -> String {
    let mut text = raw.say("CAPA");
    while !text.ends_with("\r\n.\r\n") {
        text += &raw.line();
    }
    text
}

#[test]
fn a_file_is_enough_and_the_command_line_wins() {
    let house = House::new();
    let text = [BASE, "implementation = 'of the file'\napop = true\nhostname = 'file.example'\n"].concat();
    let server = start(&house, &text, &[]);
    let (mut raw, greeting) = greeted(server.plain);
    assert!(greeting.starts_with("+OK file.example") && greeting.contains('<'), "{greeting}");
    assert!(capabilities(&mut raw).contains("IMPLEMENTATION of the file"));
    assert!(raw.log_in().starts_with("+OK"));
    let mut talk = Talk::tls(&house, server.tls, None);
    assert!(talk.say("CAPA").starts_with("+OK"));
    drop((raw, talk));
    assert!(server.ends_well());
    let server = start(&house, &text, &["--apop=false", "--implementation", "of the line"]);
    let (mut raw, greeting) = greeted(server.plain);
    assert!(greeting.starts_with("+OK file.example") && !greeting.contains('<'), "{greeting}");
    assert!(capabilities(&mut raw).contains("IMPLEMENTATION of the line"));
    reload(&house, &server, "implementation = 'new'\napop = true\nhostname = 'new.example'\n");
    let (mut raw, greeting) = greeted(server.plain);
    assert!(greeting.starts_with("+OK new.example") && !greeting.contains('<'), "{greeting}");
    assert!(capabilities(&mut raw).contains("IMPLEMENTATION of the line"));
}

#[test]
fn sighup_changes_settings_on_each_runtime() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = start(&house, BASE, &["--runtime", runtime]);
        let (mut old, greeting) = greeted(server.plain);
        assert!(!greeting.contains("new.example") && !greeting.contains('<'), "{runtime}: {greeting}");
        reload(
            &house,
            &server,
            "hostname = 'new.example'\napop = true\nutf8 = true\nimplementation = 'new'\nlogin-delay = 7\n\
             expire = 31\nauth-mechanisms = 'plain'\ntoken-command = 'exit 1'\n",
        );
        let (mut new, greeting) = greeted(server.plain);
        assert!(greeting.starts_with("+OK new.example") && greeting.contains('<'), "{runtime}: {greeting}");
        let capabilities = [&mut old, &mut new].map(capabilities);
        for word in ["UTF8 USER", "IMPLEMENTATION new", "LOGIN-DELAY 7", "EXPIRE 31", "XOAUTH2"] {
            let there = capabilities.each_ref().map(|text| text.contains(word));
            assert_eq!(there, [false, true], "{runtime} {word}: {capabilities:?}");
        }
        assert_eq!(
            capabilities.each_ref().map(|text| text.contains("SCRAM")),
            [true, false],
            "{capabilities:?}"
        );
        // The old one goes on.
        assert!(old.log_in().starts_with("+OK"), "{runtime}");
        let log = house.log();
        let line = log.lines().find(|line| line.contains("reloaded the settings")).unwrap();
        for name in ["apop", "auth-mechanisms", "expire", "hostname", "implementation", "login-delay", "utf8"]
        {
            assert!(line.contains(name), "{runtime} {name}: {line}");
        }
        assert!(!log.contains("exit 1") && !log.contains("restart"), "{runtime}: {log}");
        drop((old, new));
        assert!(server.ends_well(), "{runtime}");
    }
}

#[test]
fn sighup_changes_paths() {
    let house = House::new();
    let server = start(&house, BASE, &[]);
    for folder in ["other/alice/new", "other/alice/cur", "other/alice/tmp"] {
        fs::create_dir_all(house.path(folder)).unwrap();
    }
    fs::write(house.path("other/alice/new/1"), "Subject: a\n\nb\n").unwrap();
    fs::write(house.path("users2"), "alice:{PLAIN}other\n").unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(house.path("cert2.pem"), made.cert.pem()).unwrap();
    fs::write(house.path("key2.pem"), made.signing_key.serialize_pem()).unwrap();
    let (mut old, _) = greeted(server.plain);
    let rest = &BASE[BASE.find("listen").unwrap()..];
    let new = "maildrops = 'other'\nusers = 'users2'\ntls-cert = 'cert2.pem'\ntls-key = 'key2.pem'\n";
    reload_until(&house, &server, &[new, rest].concat(), "reloaded the settings");
    // Whoever is connected already has to prove the new password, too.
    assert!(old.log_in().starts_with("-ERR [AUTH]"));
    let (mut raw, _) = greeted(server.plain);
    raw.say("USER alice");
    assert!(raw.say("PASS other").starts_with("+OK"));
    assert!(raw.say("STAT").starts_with("+OK 1 17"));
    assert!(raw.say("QUIT").starts_with("+OK"));
    // A client that knows only one of the certificates.
    let check = |certificate: &str| {
        let mut check = program();
        check.args(["check", &server.url("pop3s"), "--ca-file"]).arg(house.path(certificate));
        check.env("POP3_PASSWORD", "other");
        check.output().unwrap().status.code()
    };
    assert_eq!((check("cert2.pem"), check("cert.pem")), (Some(0), Some(3)));
}

#[test]
fn sighup_changes_limits_and_timeouts() {
    let house = House::new();
    let server = start(&house, BASE, &[]);
    let mut first = server.connect();
    assert!(first.log_in().starts_with("+OK"));
    let second = || {
        let mut second = server.connect();
        let reply = second.log_in();
        assert!(second.say("QUIT").starts_with("+OK"));
        let _ = second.reader.read_to_end(&mut Vec::new());
        reply
    };
    assert!(second().starts_with("-ERR [IN-USE]"));
    reload(&house, &server, "max-connections-per-user = 1\n");
    assert!(second().contains("too many sessions of this user"));
    reload(&house, &server, "max-connections-per-ip = 1\n");
    let (_, greeting) = greeted(server.plain);
    assert!(greeting.contains("too many connections from your address"), "{greeting}");
    reload(&house, &server, "max-connections = 1\n");
    let (_, greeting) = greeted(server.plain);
    assert!(greeting.contains("too many connections, try again later"), "{greeting}");
    reload(&house, &server, "login-timeout = 1\n");
    let (mut silent, _) = greeted(server.plain);
    let mut rest = String::new();
    silent.reader.read_to_string(&mut rest).unwrap();
    // Who was in from the beginning is in still.
    assert!(first.say("NOOP").starts_with("+OK"));
    assert!(first.say("QUIT").starts_with("+OK"));
    reload(&house, &server, "idle-timeout = 1\n");
    let (mut idle, _) = greeted(server.plain);
    while !idle.log_in().starts_with("+OK") {}
    idle.reader.read_to_string(&mut rest).unwrap();
    // A session is logged when it is over.
    while house.log().matches("timed out").count() < 2 {
        thread::yield_now();
    }
    assert!(house.log().contains("below the 600 seconds"), "{}", house.log());
}

#[test]
fn sighup_changes_proxies_trust_and_the_level_of_the_log() {
    let house = House::new();
    let server = start(&house, BASE, &[]);
    let via_proxy = || {
        let mut stream = TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
        stream.write_all(b"PROXY TCP4 192.0.2.1 127.0.0.1 4711 110\r\n").unwrap();
        let mut raw = Raw { reader: BufReader::new(stream.try_clone().unwrap()), stream };
        raw.line();
        raw
    };
    reload(&house, &server, "proxy-from = ['127.0.0.0/8']\n");
    assert!(via_proxy().log_in().starts_with("-ERR"));
    reload(&house, &server, "proxy-from = ['127.0.0.0/8']\nallow-insecure-auth = true\n");
    assert!(via_proxy().log_in().starts_with("+OK"));
    assert!(!house.log().contains("maildrop opened"));
    reload(&house, &server, "log = 'debug'\n");
    while !server.connect().log_in().starts_with("+OK") {}
    assert!(house.log().contains("maildrop opened"));
    // Now the header is a command like any other.
    let (mut raw, _) = greeted(server.plain);
    assert!(raw.say("PROXY TCP4 192.0.2.1 127.0.0.1 4711 110").starts_with("-ERR"));
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_changes() {
    let house = House::new();
    let server = start(&house, BASE, &[]);
    let text = BASE.replace("listen = ['127.0.0.1:0']", "listen = ['127.0.0.2:0']");
    let text = [&text, "runtime = 'smol'\nlog-format = 'json'\nimplementation = 'new'\n"].concat();
    for round in 1..3 {
        // As often as it is read.
        reload_until(&house, &server, &text, "runtime needs a restart: it is still tokio, not smol");
        let log = house.log();
        for line in [
            "listen needs a restart: it is still 127.0.0.1:0, not 127.0.0.2:0",
            "log-format needs a restart: it is still text, not json",
        ] {
            assert_eq!(log.matches(line).count(), round, "{line}: {log}");
        }
        assert!(!log.contains("listen-tls needs"), "{log}");
        assert!(capabilities(&mut server.connect()).contains("IMPLEMENTATION new"));
    }
    reload(&house, &server, "");
    assert_eq!(house.log().matches("needs a restart").count(), 6, "{}", house.log());
}

#[test]
fn a_broken_file_keeps_everything_old() {
    let house = House::new();
    let server = start(&house, &[BASE, "implementation = 'old'\n"].concat(), &[]);
    fs::write(house.path("empty"), "").unwrap();
    fs::write(house.path("bad"), "alice:{PLAIN}tanstaaf\nnobody\n").unwrap();
    let users = |name: &str| BASE.replace("'users'", &format!("'{name}'"));
    for (text, mistakes) in [
        ([BASE, "implementation = \n"].concat(), &["pop3.toml:7: "][..]),
        (
            [BASE, "implementation = 'new'\napopp = true\nlogin-delay = -1\n"].concat(),
            &[
                "pop3.toml:8: there is no option `apopp`; did you mean `apop`?",
                "pop3.toml:9: invalid value '-1' for '--login-delay <SECS>'",
            ],
        ),
        (
            [&users("empty"), "implementation = 'new'\nauth-mechanisms = 'external'\n"].concat(),
            &["pop3.toml:8: auth-mechanisms: EXTERNAL needs --tls-client-ca"],
        ),
        ([&users("bad"), "implementation = 'new'\n"].concat(), &["pop3.toml:2: users: ", "/bad:2: "]),
        (
            [&users("none"), "tls-client-ca = 'empty'\n"].concat(),
            &["pop3.toml:2: users: ", "pop3.toml:7: tls-client-ca: "],
        ),
        (
            "implementation = 'new'\n".to_owned(),
            &["pop3.toml: `maildrops` is missing", "pop3.toml: `users` is missing"],
        ),
        (BASE.replace("'key.pem'", "'users'"), &["pop3.toml:3: tls-cert: "]),
        (BASE.replace("'mail'", "'none'"), &["pop3.toml:1: maildrops: the directory of the maildrops "]),
    ] {
        let before = house.log().len();
        // The last mistake that is told is the last one of the file.
        reload_until(&house, &server, &text, mistakes.last().unwrap());
        let log = house.log()[before..].to_owned();
        for mistake in mistakes {
            assert!(log.contains("the old settings are kept: "), "{log}");
            assert!(log.contains(mistake), "{mistake}: {log}");
        }
        assert!(!log.contains("reloaded") && !log.contains("tanstaaf"), "{log}");
        let mut raw = server.connect();
        assert!(capabilities(&mut raw).contains("IMPLEMENTATION old"), "{text}");
        assert!(raw.log_in().starts_with("+OK"), "{text}");
        assert!(raw.say("QUIT").starts_with("+OK"));
    }
    fs::remove_file(house.path("pop3.toml")).unwrap();
    server.signal("-HUP");
    while !house.log().contains("the configuration file can't be read") {
        thread::yield_now();
    }
    // A good one is taken again.
    reload(&house, &server, "implementation = 'new'\n");
    assert!(capabilities(&mut server.connect()).contains("IMPLEMENTATION new"));
}

#[test]
fn without_a_file_the_users_and_the_certificate_are_reloaded_together() {
    let house = House::new();
    let server = house.serve(&[]);
    fs::write(house.path("users"), "alice:{PLAIN}other\n").unwrap();
    fs::write(house.path("cert.pem"), "none").unwrap();
    server.signal("-HUP");
    while !house.log().contains("the old settings are kept") {
        thread::yield_now();
    }
    assert!(server.connect().log_in().starts_with("+OK"));
    assert!(house.log().contains("cert.pem") && !house.log().contains("reloaded"), "{}", house.log());
}
