//! Passwords that another program checks: a command, or a server on a Unix socket.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, RUNTIMES, Raw, code, errors};
use crate::talk::Talk;

fn auth(port: u16, place: u8, mechanism: Mechanism, name: &str, password: &str) -> String {
    let mut talk = Talk::proxied(port, place);
    let reply = talk.auth(mechanism, &Credentials::new(name).with_password(password)).reply;
    talk.say("QUIT");
    reply
}

#[test]
fn a_command_checks_passwords() {
    for runtime in RUNTIMES {
        let house = House::new();
        let told = house.path("told");
        let command = format!(
            "read -r password && echo $POP3_MECHANISM $POP3_USER $POP3_PEER >> {}; test \"$password\" = 'a secret'",
            told.display()
        );
        let options = ["--runtime", runtime, "--check-command", &command, "--proxy-from", "127.0.0.0/8"];
        let server = house.start(&mut house.server_without_users(&options));
        assert!(Talk::pass(server.plain, 1, "alice", "a secret").starts_with("+OK"));
        for mechanism in [Mechanism::Plain, Mechanism::Login] {
            assert!(
                auth(server.plain, 1, mechanism, "alice", "a secret").starts_with("+OK"),
                "{mechanism:?}"
            );
        }
        assert_eq!(Talk::pass(server.plain, 2, "alice", "wrong"), "-ERR [AUTH] invalid name or password");
        // Whoever the command approves is a user. This one has no maildrop.
        assert!(Talk::pass(server.plain, 3, "carol", "a secret").starts_with("-ERR [SYS/PERM]"));
        // Without a name that is one, the command is not asked.
        assert!(Talk::pass(server.plain, 4, "../alice", "a secret").starts_with("-ERR [AUTH]"));
        let mut talk = Talk::proxied(server.plain, 9);
        assert!(!talk.mechanisms().contains(&Mechanism::ScramSha256));
        assert_eq!(
            fs::read_to_string(told).unwrap(),
            "USER alice 127.0.1.1\nPLAIN alice 127.0.1.1\nLOGIN alice 127.0.1.1\nUSER alice 127.0.1.2\nUSER carol 127.0.1.3\n"
        );
        assert!(!house.log().contains("a secret"), "{}", house.log());
    }
}

// 3206-5.03
#[test]
fn a_check_that_fails_is_a_temporary_fault() {
    let house = House::new();
    let socket = house.path("socket");
    let socket = socket.to_str().unwrap();
    for (options, log) in [
        (["--check-command", "exit 2"], "exit status: 2"),
        (["--check-command", "sleep 600"], "took too long"),
        (["--check-command", "echo home=relative"], "not an absolute path"),
        (["--check-socket", socket], "can't be asked"),
    ] {
        let server = house.start(house.server_without_users(&options).args(["--check-timeout", "1"]));
        let mut raw = Raw::connect(server.plain);
        // More often than passwords may be wrong.
        for _ in 0..4 {
            raw.say("USER alice");
            let reply = raw.say("PASS secret");
            assert!(reply.starts_with("-ERR [SYS/TEMP] "), "{options:?}: {reply}");
        }
        assert!(server.ends_well());
        assert!(house.log().contains(log) && !house.log().contains("secret"), "{}", house.log());
    }
}

/// Answers each question on a socket, with what this makes of it.
fn answering(house: &House, answer: fn(&str) -> &'static str) -> String {
    let path = house.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).unwrap();
            stream.write_all(answer(&told).as_bytes()).unwrap();
        }
    });
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_socket_says_who_that_is_and_where_the_mail_is() {
    let house = House::new();
    house.maildir("mail/homes/alice/Maildir");
    fs::write(house.path("mail/homes/alice/Maildir/new/1"), "Subject: x\n\nx\n").unwrap();
    let home = house.path("mail/homes/alice");
    // The server of the test is a function, so it is told the home as a part of the password.
    let socket = answering(&house, |told| {
        let right = told.contains("\nkind=password\n") && told.contains("\nuser=al\n");
        let home = told.split("\nsecret=").nth(1).and_then(|rest| rest.strip_suffix("\n\n"));
        match home.filter(|home| right && home.starts_with('/')) {
            Some(home) => format!("ok\nuser=alice@example.org\nhome={home}\n").leak(),
            None => "no\n",
        }
    });
    let options =
        ["--check-socket", &socket, "--maildrop-path", "{home}/Maildir", "--proxy-from", "127.0.0.0/8"];
    let server = house.start(&mut house.server_without_users(&options));
    let mut talk = Talk::proxied(server.plain, 9);
    talk.say("USER al");
    assert!(talk.say(&format!("PASS {}", home.display())).starts_with("+OK"));
    assert!(talk.say("STAT").starts_with("+OK 1 "));
    assert!(talk.say("QUIT").starts_with("+OK"));
    assert!(Talk::pass(server.plain, 1, "al", "wrong").starts_with("-ERR [AUTH]"));
    // Outside of the directory of the maildrops nothing is opened.
    assert!(Talk::pass(server.plain, 2, "al", "/etc").starts_with("-ERR [SYS/PERM]"));
    assert!(server.ends_well());
    assert!(house.log().contains("user=\"alice@example.org\""), "{}", house.log());
}

#[test]
fn with_a_users_file_users_must_be_in_it() {
    let house = House::new();
    house.maildir("mail/bob");
    house.maildir("mail/carol");
    fs::write(house.path("users"), "alice:{PLAIN}here\nbob:{TOKEN}\nbob:{NOLOGIN}\n").unwrap();
    let options = ["--check-command", "read -r word; test $word = elsewhere", "--proxy-from", "127.0.0.0/8"];
    let server = house.serve(&options);
    assert!(Talk::pass(server.plain, 1, "alice", "elsewhere").starts_with("+OK"));
    assert!(Talk::pass(server.plain, 2, "alice", "here").starts_with("-ERR [AUTH]"));
    assert!(Talk::pass(server.plain, 3, "bob", "elsewhere").starts_with("-ERR [AUTH]"));
    assert!(Talk::pass(server.plain, 4, "carol", "elsewhere").starts_with("-ERR [AUTH]"));
}

#[test]
fn a_socket_checks_tokens_too() {
    let house = House::new();
    fs::write(house.path("users"), "alice:{TOKEN}\n").unwrap();
    let socket = answering(&house, |told| {
        let right =
            told.contains("\nkind=token\nmechanism=OAUTHBEARER\n") && told.contains("\nsecret=good\n");
        if right { "ok\nuser=alice\n" } else { "no\n" }
    });
    let server = house.serve(&["--token-socket", &socket]);
    for (token, good) in [("bad", false), ("good", true)] {
        let mut talk = Talk::tls(&house, server.tls, None);
        let alice = Credentials::new("alice").with_token(token).with_endpoint("mail.example", 995);
        assert_eq!(talk.auth(Mechanism::OAuthBearer, &alice).is_good(), good);
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let house = House::new();
    for options in [
        &[][..],
        &["--check-command", "true", "--check-socket", "/s"],
        &["--token-command", "true", "--token-socket", "/s"],
        &["--check-command", "true", "--tls-client-ca", "/ca.pem"],
    ] {
        let output = house.server_without_users(options).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(code(&output), 2, "{options:?}: {}", errors(&output));
    }
}
