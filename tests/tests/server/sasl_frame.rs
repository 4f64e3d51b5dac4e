//! AUTH as a frame (RFC 5034 section 4): lines, states and limits, whatever the mechanism sends.

use core::time::Duration;

use pop3_proto::server::{Close, ServerConfig, ServerState};
use pop3_proto::{Channel, encode_base64};
use pop3_tests::sasl::{ENDLESS, offer};
use pop3_tests::server::{Asked, Server};
use pop3_tests::store::Store;

/// `\0mrose\0tanstaaf`
const GOOD: &str = "AG1yb3NlAHRhbnN0YWFm";

fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.mechanisms = offer(&["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "EXTERNAL", ENDLESS]);
    config
}

fn with(config: ServerConfig, channel: Channel) -> Server {
    let mut server = Server::with(Store::fixture(), config, channel, None);
    server.take();
    server
}

fn new() -> Server {
    with(config(), Channel::TrustedPlaintext)
}

fn begun(mechanism: &str) -> Asked {
    Asked::Begin(mechanism.into(), None)
}

// 5034-4.01, 5034-4.19, 5034-4.21, 2449-6.30
#[test]
fn auth_logs_in_once() {
    let mut server = new();
    assert_eq!(server.say(&format!("auth plain {GOOD}")), "+OK maildrop has 3 messages (67 octets)\r\n");
    for line in ["AUTH PLAIN", "AUTH CRAM-MD5", "AUTH", "AUTH FOO", "USER mrose", "PASS tanstaaf"] {
        assert!(server.say(line).starts_with("-ERR "), "{line}");
    }
    assert!(server.say("CAPA").contains("\r\nSASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 X-ENDLESS\r\n"));
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
}

// 5034-4.02, 5034-4.26
#[test]
fn what_is_not_offered_is_refused_at_once() {
    let mut server = new();
    for line in [
        "AUTH FOO",
        "AUTH PL@IN",
        "AUTH AAAAAAAAAAAAAAAAAAAAA",
        "AUTH PLAIN-",
        "AUTH EXTERNAL =",
        "AUTH PLAIN a b",
        "AUTH PLAIN ==",
    ] {
        assert!(server.say(line).starts_with("-ERR "), "{line}");
    }
    assert_eq!(server.asked(), []);
    assert!(
        with(ServerConfig::default(), Channel::Tls).say(&format!("AUTH PLAIN {GOOD}")).starts_with("-ERR ")
    );
}

// 5034-4.03, 5034-4.05
#[test]
fn a_challenge_is_a_plus_a_space_and_base64() {
    let mut server = new();
    assert_eq!(server.send(b"AUTH PLAIN\r\n"), b"+ \r\n");
    assert!(server.say(GOOD).starts_with("+OK "));
    let mut server = new();
    for (length, line) in [(0, "+ \r\n"), (1, "+ eA==\r\n"), (2, "+ eHg=\r\n"), (3, "+ eHh4\r\n")] {
        server.say("AUTH X-ENDLESS");
        let response = encode_base64(&vec![b'x'; length]);
        let response = String::from_utf8(response.expose().clone()).unwrap();
        assert_eq!(server.say(&response), line);
        assert_eq!(server.asked().last(), Some(&Asked::Respond(vec![b'x'; length])));
        assert!(server.say("*").starts_with("-ERR "));
    }
}

// 5034-4.06, 5034-4.07
#[test]
fn an_equals_sign_is_an_empty_initial_response_and_only_that() {
    let mut server = new();
    assert_eq!(server.say("AUTH X-ENDLESS ="), "+ \r\n");
    assert_eq!(server.asked(), [Asked::Begin(ENDLESS.into(), Some(Vec::new()))]);
    assert!(server.say("=").starts_with("-ERR "));
    assert_eq!(server.connection().session().state(), ServerState::Authorization);
    assert_eq!(server.say("AUTH X-ENDLESS"), "+ \r\n");
    assert_eq!(server.asked().last(), Some(&begun(ENDLESS)));
    assert_eq!(server.say(""), "+ \r\n");
    assert_eq!(server.asked().last(), Some(&Asked::Respond(Vec::new())));
}

// 5034-4.08
#[test]
fn an_initial_response_where_the_server_speaks_first_is_refused() {
    let mut server = new();
    let reply = server.say("AUTH CRAM-MD5 dQ==");
    assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
    assert_eq!((server.pauses(), server.credentials().len()), (&[][..], 0));
    assert!(server.say("AUTH CRAM-MD5").starts_with("+ PD"));
}

// 5034-4.11, 5034-4.16
#[test]
fn a_star_cancels_and_nothing_has_happened() {
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", ENDLESS] {
        let mut server = new();
        server.say("USER mrose");
        assert!(server.say(&format!("AUTH {mechanism}")).starts_with("+ "));
        let reply = server.say("*");
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
        assert_eq!(server.asked(), [begun(mechanism), Asked::Cancel]);
        assert_eq!(server.connection().session().totals().failed_logins, 0);
        assert_eq!(server.pauses(), []);
        // As if AUTH had not been sent: the name is still there.
        assert!(server.say("PASS tanstaaf").starts_with("+OK "));
    }
}

// 5034-4.12, 5034-4.13
#[test]
fn what_is_no_base64_ends_the_exchange() {
    for bad in [
        "!!!!",
        "=AAA",
        "AAA=BBB",
        "AAA",
        "AA==AA==",
        "AA= =",
        "A===",
        "dGVzdB==",
        "AAAA ",
        " AAAA",
        "**",
        "\t",
        "AAA\u{e9}",
        "====",
    ] {
        let mut server = new();
        server.say("AUTH PLAIN");
        let reply = server.say(bad);
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{bad}: {reply}");
        assert_eq!(server.asked(), [begun("PLAIN"), Asked::Cancel], "{bad}");
        // Spaces around an argument do not belong to it.
        if !bad.contains(' ') {
            assert!(server.say(&format!("AUTH PLAIN {bad}")).starts_with("-ERR "), "{bad}");
        }
        assert_eq!(server.asked().len(), 2, "{bad}");
        assert!(server.say(&format!("AUTH PLAIN {GOOD}")).starts_with("+OK "));
    }
}

// 5034-4.10, 5034-4.14, 2449-4.02
#[test]
fn lines_of_auth_may_be_long_and_others_not() {
    let long = "A".repeat(12 * 1024);
    let mut server = new();
    assert!(server.say(&format!("AUTH X-ENDLESS {long}")).starts_with("+ AAAA"));
    let challenge = server.say(&long);
    assert_eq!(challenge, format!("+ {long}\r\n"));
    server.say("*");
    // At the limit, and one octet over it.
    let mut config = config();
    config.limits.sasl_line = 2002;
    for (octets, taken) in [(2000, true), (2004, false)] {
        let mut server = with(config.clone(), Channel::TrustedPlaintext);
        server.say("AUTH X-ENDLESS");
        let reply = server.say(&"A".repeat(octets));
        assert_eq!(reply.starts_with("+ "), taken, "{octets}");
        if !taken {
            assert!(reply.starts_with("-ERR ") && reply.matches("\r\n").count() == 1, "{reply}");
            assert_eq!(server.asked().last(), Some(&Asked::Cancel));
            assert!(server.say(&format!("AUTH PLAIN {GOOD}")).starts_with("+OK "));
            // After the login no line is longer than others.
            assert!(server.say(&format!("AUTH PLAIN {}", "A".repeat(1800))).contains("too long"));
        }
    }
    // Only AUTH, and only where it is available.
    assert!(new().say(&format!("USER {long}")).contains("too long"));
    assert!(new().say(&format!("AUTHX {long}")).contains("too long"));
    assert!(
        with(ServerConfig::default(), Channel::Tls).say(&format!("AUTH PLAIN {long}")).contains("too long")
    );
}

#[test]
fn a_response_of_255_octets_fits_whatever_the_limit() {
    let mut config = config();
    (config.limits.sasl_line, config.limits.command_line) = (0, 0);
    // 254 and 258 octets with CRLF; base64 comes in fours.
    for (octets, taken) in [(252, true), (256, false)] {
        let mut server = with(config.clone(), Channel::TrustedPlaintext);
        assert!(server.say(&format!("AUTH {ENDLESS}")).starts_with("+ "));
        assert_eq!(server.say(&"A".repeat(octets)).starts_with("+ "), taken, "{octets}");
    }
}

// 5034-4.14: nothing of a line that never ends is stored.
#[test]
fn a_response_without_end_is_not_kept() {
    let mut server = new();
    server.say("AUTH X-ENDLESS");
    // The line is refused when it is too long, and discarded from then on.
    for sent in (0..60_000).step_by(1000) {
        let reply = String::from_utf8(server.send(&[b'A'; 1000])).unwrap();
        if (sent..sent + 1000).contains(&(16 * 1024)) {
            assert!(reply.starts_with("-ERR ") && reply.matches("\r\n").count() == 1, "{reply}");
        } else {
            assert_eq!(reply, "");
        }
    }
    assert!(server.most_received() <= 16 * 1024 + 1000, "{}", server.most_received());
    assert_eq!(server.say(""), "");
    assert!(server.say("CAPA").starts_with("+OK "));
    // If it still does not end, the connection is closed.
    server.say("AUTH X-ENDLESS");
    for _ in 0..90 {
        server.send(&[b'A'; 1000]);
    }
    assert_eq!(server.closed(), Some(Close::EndlessLine));
}

// 5034-4.27, SEC-01
#[test]
fn commands_are_not_recognised_within_an_exchange() {
    let mut server = new();
    server.say("AUTH PLAIN");
    assert!(server.say("QUIT").starts_with("-ERR "), "it is base64");
    assert_eq!(server.closed(), None);
    server.say("AUTH PLAIN");
    assert!(server.say("STLS\u{7f}").starts_with("-ERR "));
    server.say("AUTH X-ENDLESS");
    assert_eq!(server.say("STLS"), "+ STLS\r\n");
    assert_eq!(server.handshakes(), 0);
}

// SEC-09
#[test]
fn an_exchange_has_so_many_rounds() {
    let mut config = config();
    config.limits.sasl_rounds = 3;
    let mut server = with(config, Channel::TrustedPlaintext);
    assert_eq!(server.say("AUTH X-ENDLESS AAAA"), "+ AAAA\r\n");
    for _ in 0..3 {
        assert_eq!(server.say("AAAA"), "+ AAAA\r\n");
    }
    let reply = server.say("AAAA");
    assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
    assert_eq!(server.asked().last(), Some(&Asked::Cancel));
    assert!(server.say("AUTH X-ENDLESS").starts_with("+ "), "the next one counts anew");
}

// SEC-02: aborted exchanges do not circumvent the limit on invalid commands.
#[test]
fn exchanges_that_lead_to_nothing_are_bad_commands() {
    for bad in ["AUTH PLAIN\r\n*\r\n", "AUTH PLAIN\r\n!\r\n", "AUTH PLAIN AAAA\r\n", "AUTH FOO\r\n"] {
        let mut server = new();
        let sent = String::from_utf8(server.send(bad.repeat(20).as_bytes())).unwrap();
        assert_eq!(sent.matches("-ERR ").count(), 10, "{bad}: {sent}");
        assert_eq!(server.closed(), Some(Close::BadCommands));
    }
}

// 5034-4.16, 1939-4.06, 3206-6.01
#[test]
fn a_refusal_is_held_back_and_counted_and_another_login_may_follow() {
    let mut server = new();
    let reply = server.say("AUTH PLAIN AG1yb3NlAHdyb25n");
    assert!(reply.starts_with("-ERR [AUTH] "), "{reply}");
    assert_eq!(server.pauses(), [Duration::from_secs(1)]);
    server.say("USER mrose");
    assert!(server.say("PASS tanstaaf").starts_with("+OK "));
    let mut server = new();
    for _ in 0..3 {
        assert!(server.say("AUTH PLAIN AG1yb3NlAHdyb25n").starts_with("-ERR [AUTH] "));
    }
    assert_eq!(server.closed(), Some(Close::FailedLogins));
}

// 5034-4.17, PRS-03
#[test]
fn commands_may_follow_an_initial_response_in_one_write() {
    let mut server = new();
    let sent = server.send(format!("AUTH PLAIN {GOOD}\r\nSTAT\r\nNOOP\r\nQUIT\r\n").as_bytes());
    let sent = String::from_utf8(sent).unwrap();
    let lines: Vec<_> = sent.lines().collect();
    assert!(lines.len() == 4 && lines.iter().all(|line| line.starts_with("+OK")), "{sent}");
    assert_eq!(lines[1], "+OK 3 67");
}

// 5034-4.22, 2449-6.20, 7628-3.04, 5802-6.02
#[test]
fn what_needs_privacy_or_tls_waits_for_it() {
    let names =
        ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"];
    for (channel, open) in [
        (Channel::Plaintext, &["SCRAM-SHA-256"][..]),
        (Channel::TrustedPlaintext, &["SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]),
        (Channel::Tls, &names),
    ] {
        let mut config = ServerConfig::default();
        config.starttls = true;
        config.limits.bad_commands_before_login = 100;
        config.mechanisms = offer(&names);
        let mut server = with(config, channel);
        assert!(server.say("CAPA").contains(&format!("\r\nSASL {}\r\n", open.join(" "))), "{channel:?}");
        assert_eq!(
            server.say("AUTH"),
            format!("+OK mechanisms follow\r\n{}\r\n.\r\n", open.join("\r\n")),
            "{channel:?}"
        );
        for name in names.iter().filter(|name| !open.contains(name)) {
            let replies = [GOOD, "AG1yb3NlAHdyb25n"].map(|text| server.say(&format!("AUTH {name} {text}")));
            assert!(replies[0].starts_with("-ERR ") && replies[0] == replies[1], "{replies:?}");
        }
        assert_eq!(server.asked(), []);
        if channel == Channel::Plaintext {
            assert!(server.say("STLS").starts_with("+OK "));
            assert!(server.say("CAPA").contains(&format!("\r\nSASL {}\r\n", names.join(" "))));
            assert!(server.say(&format!("AUTH PLAIN {GOOD}")).starts_with("+OK "));
        }
    }
    // If no mechanism is available, there is no line SASL.
    let mut config = ServerConfig::default();
    config.mechanisms = offer(&["PLAIN"]);
    assert!(!with(config, Channel::Plaintext).say("CAPA").contains("SASL"));
}

// 5034-3.01
#[test]
fn auth_alone_lists_the_mechanisms_unless_that_is_off() {
    assert_eq!(
        new().say("AUTH"),
        "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\nCRAM-MD5\r\nSCRAM-SHA-256\r\nX-ENDLESS\r\n.\r\n"
    );
    let mut unlisted = config();
    unlisted.auth_listing = false;
    assert!(with(unlisted, Channel::Tls).say("AUTH").starts_with("-ERR "));
    assert!(with(ServerConfig::default(), Channel::Tls).say("AUTH").starts_with("-ERR "));
}

// 2595-4.15, 2595-4.16
#[test]
fn tls_brings_back_what_the_settings_say() {
    let mut server = with(config(), Channel::Plaintext);
    server.connection_mut().set_mechanisms(offer(&["CRAM-MD5"]));
    assert!(server.say("CAPA").contains("\r\nSASL CRAM-MD5\r\n"));
    assert!(server.say("AUTH SCRAM-SHA-256").starts_with("-ERR "));
    server.say("STLS");
    assert!(
        server.say("CAPA").contains("\r\nSASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 EXTERNAL X-ENDLESS\r\n")
    );
}

// 1939-3.44: a client that never responds is not logged in.
#[test]
fn an_exchange_does_not_hold_up_the_deadline_of_the_login() {
    let mut server = new();
    server.say("AUTH X-ENDLESS");
    for _ in 0..3 {
        server.advance(Duration::from_secs(15));
        assert!(server.say("AAAA").starts_with("+ "));
    }
    server.advance(Duration::from_secs(15));
    assert_eq!(server.closed(), Some(Close::TimedOut));
    assert_eq!(server.take(), b"");
    let mut server = new();
    server.say("AUTH X-ENDLESS");
    server.end();
    assert_eq!(server.closed(), Some(Close::PeerClosed));
}

// 5034-4.30
#[test]
fn nothing_of_an_exchange_is_shown() {
    let mut server = new();
    server.say(&format!("AUTH X-ENDLESS {GOOD}"));
    server.say(GOOD);
    server.say("*");
    server.say(&format!("AUTH PLAIN {GOOD}"));
    let shown = format!("{:?} {:?}", server.connection(), server.credentials());
    assert!(shown.contains("Secret(***)"), "{shown}");
    for secret in ["tanstaaf", GOOD] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let octets = format!("{:?}", b"tanstaaf");
    assert!(!shown.contains(octets.trim_matches(['[', ']'])), "{shown}");
}
