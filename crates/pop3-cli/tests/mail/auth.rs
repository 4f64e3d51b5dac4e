//! AUTH: every mechanism with the program, and what failures reveal.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use base64ct::{Base64, Encoding as _};
use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, PASSWORD, RUNTIMES, program};
use crate::talk::Talk;

const SCRAM: [Mechanism; 3] = [Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha512];
const PLUS: [Mechanism; 3] =
    [Mechanism::ScramSha1Plus, Mechanism::ScramSha256Plus, Mechanism::ScramSha512Plus];
const PASSWORDS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// The mechanisms available to a user whose password is stored as `{PLAIN}`.
const ALL: &str = "--auth-mechanisms=PLAIN,LOGIN,CRAM-MD5,SCRAM-SHA-1,SCRAM-SHA-256,SCRAM-SHA-512";

fn alice() -> Credentials {
    Credentials::new("alice").with_password(PASSWORD)
}

/// What `pop3 passwd` prints.
fn passwd(name: &str, password: &str, options: &[&str]) -> String {
    let mut child = program()
        .args(["passwd", name, "--iterations", "4096"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn set_users(house: &House, text: &str) {
    fs::write(house.path("users"), text).unwrap();
}

// 5034-4.01, 5034-4.05, 5034-4.17, 5034-4.21, 4616-2.01, 2195-2.01, 5802-5.01, 9266-2.01
#[test]
fn every_mechanism_of_passwords_logs_in() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = house.serve(&["--runtime", runtime, "--channel-binding", ALL]);
        let passwords = [&SCRAM[..], &PASSWORDS, &[Mechanism::CramMd5]].concat();
        let mut offered = Talk::plain(server.plain).mechanisms();
        offered.sort_by_key(|mechanism| passwords.iter().position(|other| other == mechanism));
        assert_eq!(offered, passwords, "{runtime}");
        for mechanism in passwords {
            for initial in [true, false] {
                let mut talk = Talk::plain(server.plain);
                let login = talk.auth_with(mechanism, &alice(), initial);
                assert!(login.is_good(), "{runtime} {mechanism:?} {initial}: {login:?}");
                assert_eq!(talk.say("STAT"), "+OK 0 0");
                assert!(talk.say("QUIT").starts_with("+OK"));
            }
        }
        for mechanism in [&SCRAM[..], &PLUS, &PASSWORDS].concat() {
            let talks: [&dyn Fn() -> Talk; 2] =
                [&|| Talk::tls(&house, server.tls, None), &|| Talk::starttls(&house, server.plain)];
            for begin in talks {
                let mut talk = begin();
                assert!(talk.mechanisms().contains(&mechanism));
                let login = talk.auth(mechanism, &alice());
                assert!(login.is_good(), "{runtime} {mechanism:?}: {login:?}");
                assert!(talk.say("QUIT").starts_with("+OK"));
            }
        }
    }
}

// 6856-2.16, 4616-2.04
#[test]
fn passwd_makes_users_for_every_mechanism_but_one() {
    let house = House::new();
    let name = "j\u{f6}rg";
    house.maildir(&format!("mail/{name}"));
    // Decomposed here and composed below. SASLprep makes them equal.
    set_users(&house, &passwd("jo\u{308}rg", "pa\u{df}wort \u{2168}", &[]));
    let server = house.serve(&["--utf8"]);
    let mut talk = Talk::plain(server.plain);
    let lines = talk.list("CAPA");
    assert!(
        lines.contains(&"SASL SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN".to_owned()),
        "{lines:?}"
    );
    let who = Credentials::new(name).with_password("pa\u{df}wort IX");
    for mechanism in [&SCRAM[..], &PASSWORDS].concat() {
        let mut talk = Talk::plain(server.plain);
        let login = talk.auth(mechanism, &who);
        assert!(login.is_good(), "{mechanism:?}: {login:?}");
        assert!(talk.say("QUIT").starts_with("+OK"));
    }
    assert!(talk.say(&format!("USER {name}")).starts_with("+OK"));
    assert!(talk.say("PASS pa\u{df}wort IX").starts_with("+OK"));
}

#[test]
fn a_user_with_nothing_but_keys_logs_in_with_a_password_too() {
    let house = House::new();
    set_users(&house, &passwd("alice", "secret", &["--form", "scram-sha-256"]));
    let server = house.serve(&[]);
    let who = Credentials::new("alice").with_password("secret");
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain] {
        let mut talk = Talk::plain(server.plain);
        assert_eq!(talk.mechanisms(), [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login]);
        let login = talk.auth(mechanism, &who);
        assert!(login.is_good(), "{login:?}");
        assert!(talk.say("QUIT").starts_with("+OK"));
    }
    let mut talk = Talk::plain(server.plain);
    talk.say("USER alice");
    assert!(talk.say("PASS secret").starts_with("+OK"));
}

// 5034-4.16, 3206-5.01, 1939-7.23: nothing reveals which of the two was wrong, and the session continues.
#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let house = House::new();
    let keys = passwd("carol", "secret", &[]);
    set_users(&house, &format!("alice:{{PLAIN}}{PASSWORD}\n{keys}"));
    let server = house.serve(&[ALL, "--proxy-from", "127.0.0.0/8"]);
    let mechanisms = [&SCRAM[..], &PASSWORDS, &[Mechanism::CramMd5]].concat();
    // Each failure takes at least a second, so they run at the same time, each from an address of its own.
    thread::scope(|scope| {
        let mut tries = Vec::new();
        for (index, &mechanism) in mechanisms.iter().enumerate() {
            for (place, name) in ["alice", "carol", "nobody", "../alice"].into_iter().enumerate() {
                let address = u8::try_from(1 + index * 4 + place).unwrap();
                let port = server.plain;
                let attempt = move || {
                    let mut talk = Talk::proxied(port, address);
                    let login = talk.auth(mechanism, &Credentials::new(name).with_password("wrong"));
                    // The session is unchanged.
                    assert!(talk.say("NOOP").starts_with("-ERR"));
                    let again = talk.auth(Mechanism::Plain, &alice());
                    assert!(again.is_good() || again.reply.contains("[IN-USE]"), "{again:?}");
                    (login.reply, login.challenges.len(), login.verdict)
                };
                tries.push((mechanism, name, scope.spawn(attempt)));
            }
        }
        let mut results =
            tries.into_iter().map(|(mechanism, name, thread)| (mechanism, name, thread.join().unwrap()));
        for _ in &mechanisms {
            let (mechanism, name, first) = results.next().unwrap();
            assert_eq!(name, "alice");
            assert_eq!(first.0, "-ERR [AUTH] invalid name or password", "{mechanism:?}");
            for (_, name, other) in results.by_ref().take(3) {
                assert_eq!(other, first, "{mechanism:?} {name}");
            }
        }
    });
}

// 5802-6.03
#[test]
fn every_name_keeps_its_salt_across_restarts() {
    let house = House::new();
    let keys = passwd("carol", "secret", &["--form", "scram-sha-256"]);
    set_users(&house, &format!("alice:{{PLAIN}}{PASSWORD}\n{keys}"));
    let names = ["alice", "carol", "nobody", "somebody"];
    let look = || {
        let server = house.serve(&[]);
        let mut talk = Talk::plain(server.plain);
        let salts = names.map(|name| talk.salt(Mechanism::ScramSha256, name));
        assert_eq!(names.map(|name| talk.salt(Mechanism::ScramSha256, name)), salts);
        salts
    };
    let before = look();
    assert_eq!(look(), before);
    let mut different = before.to_vec();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 4);
    // All have the same form: 16 octets and the iteration count of the file.
    assert!(before.iter().all(|salt| salt.len() == 24 + ",i=4096".len() && salt.ends_with(",i=4096")));
    fs::remove_file(house.path("users.decoy-key")).unwrap();
    let after = look();
    assert_eq!(after[1], before[1], "keys in the file have their own");
    assert!(after[0] != before[0] && after[2] != before[2]);
}

#[test]
fn a_decoy_key_that_can_not_be_kept_is_a_warning() {
    let house = House::new();
    let missing = house.path("missing/key");
    let server = house.serve(&["--decoy-key", missing.to_str().unwrap()]);
    assert!(Talk::plain(server.plain).auth(Mechanism::ScramSha256, &alice()).is_good());
    assert!(server.ends_well());
    assert!(house.log().contains("choose another file with --decoy-key"), "{}", house.log());
}

#[test]
fn keys_are_read_again() {
    let house = House::new();
    set_users(&house, &passwd("alice", "old", &[]));
    let server = house.serve(&["--auth-mechanisms", "scram-sha-256", "--proxy-from", "127.0.0.0/8"]);
    let with = |address, password: &str| {
        let mut talk = Talk::proxied(server.plain, address);
        let login = talk.auth(Mechanism::ScramSha256, &Credentials::new("alice").with_password(password));
        talk.say("QUIT");
        login.is_good()
    };
    assert!(with(1, "old"));
    set_users(&house, &passwd("alice", "new", &[]));
    server.signal("-HUP");
    while !house.log().contains("reloaded the users file") {
        thread::yield_now();
    }
    assert!(with(2, "new"));
    assert!(!with(3, "old"));
}

// 5034-4.02, 2195-2.03
#[test]
fn scram_is_left_out_where_somebody_has_no_keys() {
    let house = House::new();
    let hash = passwd("carol", "secret", &["--form", "argon2id"]);
    set_users(&house, &format!("alice:{{PLAIN}}{PASSWORD}\n{hash}"));
    let server = house.serve(&[]);
    let mut talk = Talk::plain(server.plain);
    assert_eq!(talk.mechanisms(), PASSWORDS);
    for mechanism in ["SCRAM-SHA-256", "CRAM-MD5", "ANONYMOUS", "EXTERNAL"] {
        let refused = talk.say(&format!("AUTH {mechanism}"));
        assert!(refused.starts_with("-ERR"), "{refused}");
    }
    assert!(house.log().contains("SCRAM-SHA-256 (1 of 2)"), "{}", house.log());
    let server = house.serve(&["--auth-mechanisms", "scram-sha-256"]);
    let mut talk = Talk::plain(server.plain);
    assert_eq!(talk.mechanisms(), [Mechanism::ScramSha256]);
    assert!(talk.auth(Mechanism::ScramSha256, &alice()).is_good());
}

// 5034-4.22, 5802-6.02, 7628-3.04
#[test]
fn no_secret_is_sent_without_tls_from_elsewhere() {
    let house = House::new();
    let server = house.serve(&[ALL, "--proxy-from", "127.0.0.0/8", "--token-command", "true"]);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
    stream
        .write_all(
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 110\r\nCAPA\r\nAUTH PLAIN AGFsaWNlAHg=\r\nQUIT\r\n",
        )
        .unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stream, &mut said).unwrap();
    assert!(said.contains("SASL SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5\r\n"), "{said}");
    assert!(said.contains("\r\n.\r\n-ERR "), "{said}");
}

// 4505-2.01
#[test]
fn anonymous_reads_and_removes_nothing() {
    let house = House::new();
    house.maildir("mail/anonymous");
    fs::write(house.path("mail/anonymous/new/1.a.h"), "a\n").unwrap();
    let server = house.serve(&["--auth-mechanisms", "anonymous"]);
    let mut talk = Talk::plain(server.plain);
    assert!(talk.auth(Mechanism::Anonymous, &Credentials::anonymous("sirhc")).is_good());
    assert_eq!(talk.list("RETR 1"), ["a"]);
    assert!(talk.say("DELE 1").starts_with("+OK"));
    let end = talk.say("QUIT");
    assert!(end.starts_with("-ERR"), "{end}");
    assert!(house.path("mail/anonymous/new/1.a.h").exists());
    let server = house.serve(&[]);
    assert!(!Talk::plain(server.plain).mechanisms().contains(&Mechanism::Anonymous));
}

// 5034-4.30
#[test]
fn the_log_has_the_mechanism_and_no_secret() {
    let house = House::new();
    let mut server = house.serve(&[
        ALL,
        "--log",
        "trace",
        "--proxy-from",
        "127.0.0.0/8",
        "--token-command",
        "read -r token; test \"$token\" = good-token || exit 1",
    ]);
    let wrong = Credentials::new("alice").with_password("a-wrong-secret").with_token("a-bad-token");
    let right = alice().with_token("good-token");
    let both = [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::ScramSha256];
    thread::scope(|scope| {
        for (index, mechanism) in both.into_iter().enumerate() {
            let (port, wrong) = (server.plain, &wrong);
            let address = u8::try_from(index + 1).unwrap();
            scope.spawn(move || assert!(!Talk::proxied(port, address).auth(mechanism, wrong).is_good()));
        }
    });
    for mechanism in both {
        let mut talk = Talk::proxied(server.plain, 99);
        assert!(talk.auth(mechanism, &right).is_good());
        talk.say("QUIT");
    }
    server.signal("-TERM");
    server.child.wait().unwrap();
    let log = house.log();
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM"] {
        let refused = format!("mechanism=\"{mechanism}\"");
        let found = |line: &&str| line.contains("login refused") && line.contains(&refused);
        assert_eq!(log.lines().filter(found).count(), 1, "{mechanism}: {log}");
    }
    let sessions = |line: &&str| line.contains("retr_octets") && line.contains("mechanism=\"SCRAM-SHA-256\"");
    assert_eq!(log.lines().filter(sessions).count(), 1, "{log}");
    let encoded = Base64::encode_string(format!("\0alice\0{PASSWORD}").as_bytes());
    for secret in [PASSWORD.trim(), "a-wrong-secret", "-token", &encoded] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
