//! Command lines: what is one, what is not, and that each gets one reply.

use pop3_proto::server::{Close, Limits, ServerConfig};
use pop3_proto::{Channel, Rejection, server::ServerState};
use pop3_tests::model::check_line;
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store};

fn logged_in() -> Server {
    Server::logged_in(Store::fixture())
}

/// How many lines were sent. Each must be a reply.
fn replies(sent: &[u8]) -> Vec<&str> {
    let lines: Vec<_> = sent.split_inclusive(|&octet| octet == b'\n').collect();
    for line in &lines {
        check_line(line).unwrap();
    }
    lines.into_iter().map(|line| core::str::from_utf8(line).unwrap()).collect()
}

fn is_negative(reply: &str) -> bool {
    reply.starts_with("-ERR ") && reply.lines().count() == 1 && check_line(reply.as_bytes()).is_ok()
}

// 1939-4.01, 2449-3.05, 1939-3.10
#[test]
fn the_server_speaks_first_in_one_line() {
    let mut server = Server::new(Store::fixture());
    assert_eq!(server.take(), b"+OK POP3 server ready\r\n");
    let mut long = ServerConfig::default();
    long.greeting = "x\r\n-ERR \u{1b}é".repeat(400);
    let mut server = Server::with(Store::fixture(), long, Channel::Plaintext, None);
    let greeting = server.take();
    assert!((500..=512).contains(&greeting.len()));
    check_line(&greeting).unwrap();
}

// The least that RFC 2449 section 4 requires.
#[test]
fn a_line_of_255_octets_fits_whatever_the_limit() {
    let mut config = ServerConfig::default();
    config.limits.command_line = 0;
    let mut server = Server::with(Store::fixture(), config, Channel::Tls, None);
    server.take();
    let name = "x".repeat(255 - "USER \r\n".len());
    assert!(server.say(&format!("USER {name}")).starts_with("+OK"));
    assert_eq!(server.say(&format!("USER {name}x")), "-ERR command line too long\r\n");
}

// 2449-6.40, 2449-8.07: text that begins with a bracket is a response code, so no other text does.
#[test]
fn no_text_looks_like_a_response_code() {
    // Not even after the omitted part.
    for greeting in [" [IN-USE] hello", "\u{1}[IN-USE] hello", "<[IN-USE] hello", "\u{e9} [[IN-USE] hello"] {
        let mut config = ServerConfig::default();
        config.greeting = greeting.into();
        let mut server = Server::with(Store::fixture(), config, Channel::Plaintext, None);
        assert_eq!(server.take(), b"+OK IN-USE] hello\r\n", "{greeting}");
    }
    for text in ["[SYS/PERM] gone", " [SYS/PERM] gone"] {
        let store = Store::fixture().with_fault(Fault::Unavailable(Rejection::plain(text)));
        assert_eq!(Server::logged_in(store).say("RETR 1"), "-ERR (SYS/PERM] gone\r\n");
    }
}

// 1939-3.10, 1939-3.02, 2449-8.07: whatever text a store returns.
#[test]
fn a_text_of_the_store_is_one_line_within_the_limit() {
    let text = "x\r\n.\r\n+OK \u{1b}[2J\u{e9}".repeat(200);
    for rejection in [Rejection::plain(text.clone()), Rejection::temporary(text)] {
        let mut server = Server::logged_in(Store::fixture().with_fault(Fault::Unavailable(rejection)));
        let reply = server.say("RETR 1");
        check_line(reply.as_bytes()).unwrap();
        assert!(reply.starts_with("-ERR ") && (500..=512).contains(&reply.len()), "{reply}");
        assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    }
}

// 1939-3.01
#[test]
fn keywords_have_no_case_but_arguments_have() {
    let mut server = Server::new(Store::fixture());
    server.take();
    assert!(server.say("UsEr mrose").starts_with("+OK "));
    assert!(server.say("pass TANSTAAF").starts_with("-ERR [AUTH] "));
    assert!(server.say("user mrose").starts_with("+OK "));
    assert!(server.say("pass tanstaaf").starts_with("+OK "));
    assert!(server.say("nOoP").starts_with("+OK "));
}

// 1939-3.04: spaces around numbers are ignored, and so are spaces after a command without an argument.
#[test]
fn surplus_spaces_are_ignored() {
    let mut server = logged_in();
    for line in ["LIST 1", "LIST  1", "LIST 1 ", "LIST   1  "] {
        assert_eq!(server.say(line), "+OK 1 21\r\n", "{line:?}");
    }
    assert!(server.say("NOOP ").starts_with("+OK "));
    assert!(server.say("LIST ").ends_with("3 14\r\n.\r\n"));
    assert!(is_negative(&server.say(" NOOP")));
}

// 1939-3.05, 1939-3.06, 1939-3.07, 2449-3.01, 1939-5.08, PRS-13
#[test]
fn what_is_no_command_is_refused_once_and_the_session_goes_on() {
    for line in [
        "XYZZ",
        "",
        " ",
        "NO",
        "NOOPX",
        "STATUS",
        "RETR",
        "RETR x",
        "DELE 1 2",
        "TOP",
        "TOP 1",
        "TOP 1 1 1",
        "DELE",
        "LIST 1 2",
        "UIDL 1 2",
        "AUTH",
        "AUTH PLAIN",
        "LAST",
        "UTF8",
        "LANG",
        "XTND",
        "N:OP",
        ":",
        "XCLIENT ADDR=1.2.3.4",
        "GET / HTTP/1.1",
    ] {
        let mut server = logged_in();
        let reply = server.say(line);
        assert!(is_negative(&reply), "{line:?}: {reply:?}");
        assert_eq!(server.say("STAT"), "+OK 3 67\r\n", "{line:?}");
    }
    for line in ["APOP u", "USER", "USER ", "PASS", "PASS "] {
        let mut server = Server::new(Store::fixture());
        server.take();
        assert!(is_negative(&server.say(line)), "{line:?}");
        assert!(server.say("USER mrose").starts_with("+OK "), "{line:?}");
    }
}

// 1939-3.08, 1939-7.10, 1939-7.37
#[test]
fn a_command_in_the_wrong_state_is_refused_and_changes_nothing() {
    for line in ["STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 0", "UIDL", "UIDL 1"] {
        let mut server = Server::new(Store::fixture());
        server.take();
        assert!(server.say("USER mrose").starts_with("+OK "));
        assert!(is_negative(&server.say(line)), "{line}");
        assert!(server.say("PASS tanstaaf").starts_with("+OK "), "{line}");
    }
    let mut server = logged_in();
    server.say("DELE 2");
    let apop = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";
    for line in ["USER x", "PASS y", apop, "AUTH PLAIN", "STLS", "UTF8"] {
        assert!(is_negative(&server.say(line)), "{line}");
        assert_eq!(server.say("STAT"), "+OK 2 35\r\n", "{line}");
    }
}

// PRS-13: invalid commands before the login do not count for the session after it.
#[test]
fn bad_commands_before_the_login_do_not_count_behind_it() {
    let limits = Limits::default();
    let mut server = Server::new(Store::fixture());
    server.take();
    for _ in 1..limits.bad_commands_before_login {
        assert!(is_negative(&server.say("XYZZ")));
    }
    let mut server = server.log_in();
    for _ in 1..limits.bad_commands {
        assert!(is_negative(&server.say("XYZZ")));
        assert_eq!(server.closed(), None);
    }
    assert!(is_negative(&server.say("XYZZ")));
    assert_eq!(server.closed(), Some(Close::BadCommands));
}

// 2449-4.01, 1939-3.11
#[test]
fn lines_of_255_octets_are_commands() {
    let mut server = Server::new(Store::fixture());
    server.take();
    let line = [b"USER ", &[b'a'; 248][..], b"\r\n"].concat();
    assert_eq!(line.len(), 255);
    assert!(server.send(&line).starts_with(b"+OK "));
    let password = "p".repeat(1024 - "PASS \r\n".len());
    assert!(server.say(&format!("PASS {password}")).starts_with("-ERR [AUTH] "));
}

// 2449-4.03
#[test]
fn a_line_over_the_limit_gets_one_refusal_and_its_tail_is_no_command() {
    for length in [1019, 1020, 60_000] {
        let line = ["NOOP ".as_bytes(), &vec![b'x'; length], b"\r\nNOOP\r\n"].concat();
        for lengths in [&[][..], &[1], &[1024], &[1023, 2]] {
            let mut server = logged_in();
            server.feed(&line, lengths);
            let sent = server.take();
            let replies = replies(&sent);
            assert_eq!(replies.len(), 2, "{length}: {replies:?}");
            assert!(is_negative(replies[0]) && replies[1].starts_with("+OK "), "{replies:?}");
        }
    }
}

// 1939-3.12, 1939-3.15, 1939-3.17: also next to spaces and line ends, where a careless parser trims.
#[test]
fn control_octets_are_refused_wherever_they_stand() {
    let login: &[&[u8]] = &[
        b"USER a\0b",
        b"USER a\x07",
        b"USER \x1b[31m",
        b"USER mrose\r",
        b"USER \tmrose",
        b"USER mrose\t",
        b"USER \x0cmrose",
        b"USER mrose \r",
        b"USER mrose\0",
        b"USER\tmrose",
        b"USER mrose\x7f",
        b"USER jos\xe9",
        b"\0",
        b"USER mrose\0x",
    ];
    for line in login {
        let mut server = Server::new(Store::fixture());
        server.take();
        let reply = String::from_utf8(server.send(&[line, &b"\r\n"[..]].concat())).unwrap();
        assert!(is_negative(&reply), "{}: {reply:?}", line.escape_ascii());
        assert_eq!(server.connection().session().state(), ServerState::Authorization);
    }
    for line in [&b"PASS tanstaaf\0"[..], b"PASS tanstaaf\0x", b"PASS tanstaaf\r", b"PASS \ttanstaaf"] {
        let mut server = Server::new(Store::fixture());
        server.say("USER mrose");
        server.take();
        let reply = String::from_utf8(server.send(&[line, &b"\r\n"[..]].concat())).unwrap();
        assert!(is_negative(&reply), "{}: {reply:?}", line.escape_ascii());
        assert_eq!(server.asked(), [], "{}", line.escape_ascii());
    }
    for line in [&b"RETR 1\0"[..], b"NOOP\rSTAT", b"NOOP\r", b"LIST\t1", b"LIST 1\t", b"DELE 1\r", b"\r"] {
        let mut server = logged_in();
        let reply = String::from_utf8(server.send(&[line, &b"\r\n"[..]].concat())).unwrap();
        assert!(is_negative(&reply), "{}: {reply:?}", line.escape_ascii());
        assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    }
}

// 1939-3.14: a bare LF ends a command line everywhere, and a bare CR nowhere.
#[test]
fn a_bare_line_feed_ends_a_line() {
    let mut server = logged_in();
    let sent = server.send(b"STAT\nNOOP\r\nSTAT\n");
    assert_eq!(replies(&sent).len(), 3);
    let sent = server.send(b"NOOP\rSTAT\r\n");
    assert_eq!(replies(&sent).len(), 1);
}

// 1939-3.02, 1939-3.09, 1939-3.10, 1939-3.17
#[test]
fn replies_are_whole_lines_without_an_octet_of_the_client() {
    let marker = "q\u{7f}w";
    let hostile = [
        format!("RETR {}", "9".repeat(240)),
        format!("USER {}", "z".repeat(248)),
        "Z".repeat(250),
        format!("USER {marker}"),
        "ZZZZ zzzzz".to_owned(),
        "<script>".to_owned(),
    ];
    for line in &hostile {
        for server in [&mut Server::new(Store::fixture()), &mut logged_in()] {
            server.take();
            let reply = server.say(line);
            check_line(reply.as_bytes()).unwrap();
            assert!(!reply.contains("zzz") && !reply.contains("ZZZ"), "{reply}");
            assert!(!reply.contains("999") && !reply.contains("script"), "{reply}");
        }
    }
}

// 1957-1.02, 1939-3.09: even if there is nothing to say.
#[test]
fn every_reply_has_a_text() {
    let commands = "USER nosuch, PASS wrong, USER mrose, PASS, PASS tanstaaf, CAPA, STAT, LIST, LIST 1, LIST 9, UIDL, UIDL 1, \
                    RETR 1, RETR 9, TOP 1 0, DELE 1, DELE 1, NOOP, RSET, STLS, LAST, XYZZY, QUIT x, QUIT";
    let mut server = Server::new(Store::fixture());
    let mut first_lines = vec![server.take()];
    for command in commands.split(", ") {
        let reply = server.say(command);
        first_lines.push(reply.split_inclusive("\r\n").next().unwrap().as_bytes().to_vec());
    }
    assert_eq!(server.closed(), Some(Close::Quit));
    for line in first_lines {
        check_line(&line).unwrap();
        let text = line.strip_prefix(b"+OK ").or_else(|| line.strip_prefix(b"-ERR ")).unwrap();
        assert!(text[0].is_ascii_graphic(), "{}", line.escape_ascii());
    }
}

// 1939-3.18, 2449-6.60, PRS-03
#[test]
fn each_command_of_a_burst_gets_its_reply_in_order() {
    let mut burst = b"USER mrose\r\nPASS tanstaaf\r\nSTAT\r\n".to_vec();
    burst.extend(b"NOOP\r\n".repeat(1000));
    burst.extend_from_slice(b"LIST 2\r\nQUIT\r\n");
    let mut server = Server::new(Store::fixture());
    server.take();
    let sent = server.send(&burst);
    let replies = replies(&sent);
    assert_eq!(replies.len(), 1005);
    assert_eq!(replies[2], "+OK 3 67\r\n");
    assert_eq!(replies[1003], "+OK 2 32\r\n");
    assert_eq!(server.closed(), Some(Close::Quit));
    assert!(server.writes() < 5, "a burst is answered by few writes, not by {}", server.writes());
}

// SEC-01
#[test]
fn too_many_bad_commands_end_the_session() {
    let mut config = ServerConfig::default();
    config.limits.bad_commands_before_login = 4;
    config.limits.bad_commands = 6;
    let new = || Server::with(Store::fixture(), config.clone(), Channel::TrustedPlaintext, None);
    // Unknown ones, malformed ones, ones for the other state, and a mixture.
    for lines in [&["X"][..], &["RETR"], &["USER a\0"], &["STAT"], &["X", "", "NOOP", "USER"]] {
        let mut server = new();
        server.take();
        for line in lines.iter().cycle().take(4) {
            assert!(is_negative(&server.say(line)));
        }
        assert_eq!(server.closed(), Some(Close::BadCommands), "{lines:?} before the login");
    }
    for lines in [&["X"][..], &["RETR"], &["USER x"], &["PASS x"], &["STLS"], &["LAST"], &["X", "", "USER a"]]
    {
        let mut server = new().log_in();
        server.say("DELE 1");
        for line in lines.iter().cycle().take(6) {
            assert!(is_negative(&server.say(line)));
        }
        assert_eq!(server.closed(), Some(Close::BadCommands), "{lines:?} after the login");
        // 1939-6.01
        assert_eq!(server.store.messages.len(), 3);
    }
    // A valid command between them shows that the client speaks the protocol.
    let mut server = new().log_in();
    for _ in 0..20 {
        assert!(is_negative(&server.say("X")));
        assert!(server.say("NOOP").starts_with("+OK "));
    }
    // A message number that does not exist is not an invalid command.
    for _ in 0..20 {
        assert!(is_negative(&server.say("RETR 99")));
    }
    assert_eq!(server.closed(), None);
}
