//! Logins by USER and PASS.

use core::time::Duration;

use pop3_proto::server::{Close, ServerConfig, ServerState};
use pop3_proto::{Channel, Rejection};
use pop3_tests::server::{Asked, Server};
use pop3_tests::store::{Fault, Store};

fn new() -> Server {
    let mut server = Server::new(Store::fixture());
    server.take();
    server
}

fn with_password(password: &[u8]) -> Server {
    let mut store = Store::fixture();
    store.password = password.to_vec();
    let mut server = Server::new(store);
    server.take();
    server.say("USER mrose");
    server
}

// 1939-7.10, 1939-7.21
#[test]
fn user_and_pass_open_the_maildrop() {
    let mut server = new();
    assert_eq!(server.say("USER mrose"), "+OK password required\r\n");
    assert_eq!(server.say("PASS tanstaaf"), "+OK maildrop has 3 messages (67 octets)\r\n");
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
}

// 1939-7.11, 1939-7.20
#[test]
fn a_name_and_a_password_are_not_empty() {
    let mut server = new();
    assert!(server.say("USER").starts_with("-ERR "));
    assert!(server.say("USER  ").starts_with("-ERR "));
    server.say("USER mrose");
    assert!(server.say("PASS").starts_with("-ERR "));
    assert!(server.say("PASS ").starts_with("-ERR "));
    assert_eq!(server.asked(), []);
}

// 1939-7.12, 1939-7.23, 3206-6.01, 3206-5.01
#[test]
fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let mut dialogues = Vec::new();
    for (name, password) in [("mrose", "wrong"), ("nosuch", "tanstaaf")] {
        let mut server = new();
        let dialogue = [server.say(&format!("USER {name}")), server.say(&format!("PASS {password}"))];
        assert!(dialogue[0].starts_with("+OK ") && dialogue[1].starts_with("-ERR [AUTH] "));
        dialogues.push((dialogue, server.pauses().to_vec()));
    }
    assert_eq!(dialogues[0], dialogues[1]);
}

// 1939-7.14, 1939-7.22, 1939-7.10
#[test]
fn pass_follows_a_user_that_was_not_used_up() {
    let mut server = new();
    for _ in 0..2 {
        assert!(server.say("PASS tanstaaf").starts_with("-ERR "));
    }
    server.say("USER mrose");
    assert!(server.say("PASS wrong").starts_with("-ERR [AUTH] "));
    assert!(server.say("STAT").starts_with("-ERR "));
    assert!(server.say("PASS tanstaaf").starts_with("-ERR "));
    assert_eq!(server.asked(), [Asked::Authenticate(b"mrose".to_vec())]);
    server.say("USER mrose");
    assert!(server.say("PASS tanstaaf").starts_with("+OK "));
}

// 1939-7.15, 1939-7.16
#[test]
fn the_last_name_counts_whatever_comes_between() {
    let mut server = new();
    server.say("USER other");
    server.say("USER mrose");
    assert!(server.say("CAPA").starts_with("+OK "));
    assert!(server.say("XYZZY").starts_with("-ERR "));
    assert!(server.say("PASS tanstaaf").starts_with("+OK "));
    assert_eq!(server.asked(), [Asked::Authenticate(b"mrose".to_vec())]);
}

// 1939-7.17
#[test]
fn the_password_is_all_behind_the_first_space() {
    for password in [&b"p w"[..], b" p", b"a ", b"   ", b"p\xc3\xa4ss", b"\xff"] {
        let mut server = with_password(password);
        let reply = server.send(&[b"PASS ", password, b"\r\n"].concat());
        assert!(reply.starts_with(b"+OK "), "{}", password.escape_ascii());
    }
    assert!(with_password(b"a ").say("PASS a").starts_with("-ERR [AUTH] "));
    assert!(with_password(b"p").say("PASS  p").starts_with("-ERR [AUTH] "));
}

// 1939-7.19
#[test]
fn a_name_may_hold_spaces_but_not_begin_or_end_with_them() {
    let mut server = new();
    server.say("USER  a b ");
    server.say("PASS x");
    assert_eq!(server.asked(), [Asked::Authenticate(b"a b".to_vec())]);
}

// 2595-2.01, 2449-6.20, 8314-4.10
#[test]
fn no_password_is_taken_on_a_channel_that_anybody_can_read() {
    let mut config = ServerConfig::default();
    config.starttls = true;
    let mut server = Server::with(Store::fixture(), config, Channel::Plaintext, None);
    server.take();
    let replies: Vec<_> = ["USER mrose", "PASS tanstaaf", "USER nosuch", "PASS wrong"]
        .iter()
        .map(|line| server.say(line))
        .collect();
    assert!(replies.iter().all(|reply| *reply == replies[0] && reply.starts_with("-ERR ")), "{replies:?}");
    assert_eq!(server.asked(), []);
    let capabilities = server.say("CAPA");
    assert!(
        !capabilities.contains("\r\nUSER\r\n") && capabilities.contains("\r\nSTLS\r\n"),
        "{capabilities}"
    );
}

// 1939-4.06, SEC-02
#[test]
fn refusals_come_later_each_time_and_end_the_session() {
    let mut server = new();
    for _ in 0..3 {
        assert_eq!(server.closed(), None);
        server.say("USER mrose");
        assert!(server.say("PASS wrong").starts_with("-ERR [AUTH] "));
    }
    assert_eq!(server.closed(), Some(Close::FailedLogins));
    assert_eq!(server.pauses(), [1, 2, 4].map(Duration::from_secs));
    assert_eq!(server.connection().session().totals().failed_logins, 3);

    let mut config = ServerConfig::default();
    config.limits.failed_logins = 1;
    let mut server = Server::with(Store::fixture(), config, Channel::Tls, None);
    server.take();
    assert!(server.send(b"USER x\r\nPASS y\r\nUSER mrose\r\nPASS tanstaaf\r\n").starts_with(b"+OK "));
    assert_eq!(server.asked().len(), 1, "nothing is done behind the last refusal");
}

// SEC-02
#[test]
fn nothing_is_read_and_nothing_said_while_a_refusal_is_held_back() {
    let mut server = new().impatient();
    let sent = server.send(b"USER mrose\r\nPASS wrong\r\nQUIT\r\n");
    assert_eq!(sent, b"");
    assert_eq!(server.received(), b"QUIT\r\n");
    server.advance(Duration::from_millis(999));
    assert_eq!(server.take(), b"");
    server.advance(Duration::from_millis(1));
    let sent = String::from_utf8(server.take()).unwrap();
    let lines: Vec<_> = sent.lines().collect();
    assert_eq!(lines.len(), 3, "{sent}");
    assert!(lines[1].starts_with("-ERR [AUTH]") && lines[2].starts_with("+OK"), "{sent}");
}

#[test]
fn a_store_can_hold_a_refusal_back_for_longer() {
    for (rejection, counted) in [
        (Rejection::credentials().with_delay(Duration::from_secs(9)), 1),
        (Rejection::temporary("too many logins").with_delay(Duration::from_secs(9)), 0),
    ] {
        let mut server = Server::new(Store::fixture().with_fault(Fault::Login(rejection)));
        server.take();
        server.say("USER mrose");
        assert!(server.say("PASS tanstaaf").starts_with("-ERR ["));
        assert_eq!(server.pauses(), [Duration::from_secs(9)]);
        assert_eq!(server.connection().session().totals().failed_logins, counted);
    }
}

// 1939-4.04, 1939-4.10, 2449-8.10, 2449-8.11, 3206-4.01, 3206-5.03
#[test]
fn faults_of_the_system_are_no_failed_logins() {
    for (rejection, code) in [
        (Rejection::in_use(), "[IN-USE]"),
        (Rejection::login_delay(), "[LOGIN-DELAY]"),
        (Rejection::temporary("later"), "[SYS/TEMP]"),
        (Rejection::permanent("never"), "[SYS/PERM]"),
    ] {
        let mut server = Server::new(Store::fixture().with_fault(Fault::Login(rejection)));
        server.take();
        for _ in 0..5 {
            assert!(server.say("USER mrose").starts_with("+OK "));
            assert!(server.say("PASS tanstaaf").starts_with(&format!("-ERR {code} ")), "{code}");
            assert_eq!(server.connection().session().state(), ServerState::Authorization);
        }
        // The code is sent only if the credentials are correct.
        server.say("USER mrose");
        assert!(server.say("PASS wrong").starts_with("-ERR [AUTH] "), "{code}");
        server.store.fault = Fault::None;
        server.say("USER mrose");
        assert!(server.say("PASS tanstaaf").starts_with("+OK "), "{code}");
        assert_eq!(server.connection().session().totals().failed_logins, 1);
    }
}

// 1939-4.11
#[test]
fn quit_before_the_login_removes_nothing() {
    for before in [&[][..], &["USER mrose"]] {
        let mut server = new();
        for line in before {
            server.say(line);
        }
        assert_eq!(server.say("QUIT"), "+OK bye\r\n");
        assert_eq!(server.closed(), Some(Close::Quit));
        assert_eq!(server.asked(), []);
    }
}

// SEC-11: the store checks the name, which arrives as it was sent.
#[test]
fn names_are_data() {
    let mut server = new();
    server.say("USER ../../etc/passwd");
    server.say("PASS x");
    assert_eq!(server.asked(), [Asked::Authenticate(b"../../etc/passwd".to_vec())]);
}

#[test]
fn no_secret_is_shown() {
    let mut server = new();
    server.say("USER mrose");
    server.say("PASS tanstaaf");
    assert!(!format!("{:?}", server.connection()).contains("tanstaaf"));
}

// 1939-7.15: the password is not accepted for any name but the last one.
#[test]
fn a_name_that_was_refused_takes_the_one_before_along() {
    let long = format!("user {}", "x".repeat(2000));
    for refused in ["USER mr\0ose", "USER", "USER m\u{f6}", "USER  ", "USER\t", &long] {
        let mut server = Server::new(Store::fixture());
        server.take();
        assert!(server.say("USER mrose").starts_with("+OK"));
        assert!(server.say(refused).starts_with("-ERR"), "{refused}");
        assert!(server.say("PASS tanstaaf").starts_with("-ERR"), "{refused}");
        assert!(server.asked().is_empty());
        assert!(server.say("USER mrose").starts_with("+OK"));
        assert!(server.say("PASS tanstaaf").starts_with("+OK"));
    } // What was no USER changes nothing.
    for other in ["USERS x", "PASS", "XYZZY"] {
        let mut server = Server::new(Store::fixture());
        server.say("USER mrose");
        assert!(server.say(other).starts_with("-ERR"), "{other}");
        assert!(server.say("PASS tanstaaf").starts_with("+OK"), "{other}");
    }
}
