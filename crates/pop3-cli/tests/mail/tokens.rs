//! OAUTHBEARER and XOAUTH2: a command checks the tokens.

use core::time::Duration;
use std::fs;
use std::time::Instant;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, RUNTIMES};
use crate::talk::Talk;

const BOTH: [Mechanism; 2] = [Mechanism::OAuthBearer, Mechanism::XOAuth2];

fn with_token(name: &str, token: &str) -> Credentials {
    Credentials::new(name).with_token(token).with_endpoint("mail.example", 995)
}

/// A house where alice has a password, and carol has no Maildir.
fn house() -> House {
    let house = House::new();
    fs::write(house.path("users"), "alice:{PLAIN}x\nalice:{TOKEN}\ncarol:{TOKEN}\n").unwrap();
    house
}

// 7628-3.01, XOA-1.01
#[test]
fn a_good_token_logs_in() {
    for runtime in RUNTIMES {
        let house = house();
        let told = house.path("told");
        let command = format!(
            "read -r token && echo $POP3_MECHANISM $POP3_USER $POP3_PEER >> {} && test $token = good",
            told.display()
        );
        let server = house.serve(&["--runtime", runtime, "--token-command", &command]);
        for mechanism in BOTH {
            let mut talk = Talk::tls(&house, server.tls, None);
            assert!(talk.mechanisms().contains(&mechanism));
            let login = talk.auth(mechanism, &with_token("alice", "good"));
            assert!(login.is_good(), "{runtime} {mechanism:?}: {login:?}");
            assert!(talk.say("QUIT").starts_with("+OK"));
        }
        let told = fs::read_to_string(told).unwrap();
        assert_eq!(told, "OAUTHBEARER alice 127.0.0.1\nXOAUTH2 alice 127.0.0.1\n");
    }
}

#[test]
fn without_a_command_there_are_no_tokens() {
    let house = house();
    let server = house.serve(&[]);
    let mut talk = Talk::tls(&house, server.tls, None);
    assert!(!talk.mechanisms().iter().any(|mechanism| BOTH.contains(mechanism)));
    assert!(talk.say("AUTH XOAUTH2 eA==").starts_with("-ERR"));
}

// 7628-3.02, XOA-1.02: the failure is first reported as JSON and then refused, and the session continues.
#[test]
fn a_bad_token_is_refused_like_a_bad_password() {
    let house = house();
    let server =
        house.serve(&["--token-command", "read -r token; test $token = good", "--proxy-from", "127.0.0.0/8"]);
    for (index, mechanism) in BOTH.into_iter().enumerate() {
        let mut talk = Talk::proxied(server.plain, u8::try_from(index + 1).unwrap());
        // In the second round the token is valid, but the user does not exist.
        for (name, token) in [("alice", "bad"), ("nobody", "good")] {
            let login = talk.auth(mechanism, &with_token(name, token));
            assert_eq!(login.reply, "-ERR [AUTH] invalid name or password", "{mechanism:?} {name}");
            let status = if mechanism == Mechanism::XOAuth2 { "401" } else { "invalid_token" };
            assert_eq!(login.challenges.len(), 1, "{login:?}");
            assert!(login.challenges[0].contains(status), "{login:?}");
        }
        assert!(talk.auth(mechanism, &with_token("alice", "good")).is_good());
    }
}

#[test]
fn the_command_may_say_whose_token_it_is() {
    let house = house();
    let command = "read -r token; echo \"$token\" | cut -d. -f1";
    let server = house.serve(&["--token-command", command, "--proxy-from", "127.0.0.0/8"]);
    for (address, name, token, good) in [
        (1, Some("alice"), "alice.1", true),
        (2, None, "alice.1", true),
        (3, Some("alice"), "carol.1", false),
        (4, None, "nobody.1", false),
        (5, None, "-", false),
    ] {
        let mut talk = Talk::proxied(server.plain, address);
        let who = match name {
            Some(name) => with_token(name, token),
            None => Credentials::certificate().with_token(token),
        };
        let login = talk.auth(Mechanism::OAuthBearer, &who);
        assert_eq!(login.is_good(), good, "{name:?} {token}: {login:?}");
        assert!(good || login.reply.starts_with("-ERR [AUTH]"), "{login:?}");
        talk.say("QUIT");
    }
}

// 3206-4.01, 3206-5.03: a fault of the server says nothing about the token.
#[test]
fn a_command_that_fails_is_a_temporary_fault() {
    for (command, log) in [
        ("sleep 600", "took too long"),
        ("exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9"),
        ("/nonexistent/command", "exit status: 127"),
    ] {
        let house = house();
        let begun = Instant::now();
        let server = house.serve(&["--token-command", command, "--token-timeout", "1"]);
        let mut talk = Talk::plain(server.plain);
        let login = talk.auth(Mechanism::XOAuth2, &with_token("alice", "a-token"));
        assert!(login.reply.starts_with("-ERR [SYS/TEMP] "), "{command}: {login:?}");
        assert!(begun.elapsed() < Duration::from_secs(60));
        // Nothing else is delayed, and the session continues.
        let other = Credentials::new("alice").with_password("x");
        assert!(talk.auth(Mechanism::Plain, &other).is_good());
        assert!(server.ends_well());
        assert!(house.log().contains(log) && !house.log().contains("a-token"), "{}", house.log());
    }
}

#[test]
fn a_user_of_tokens_only_has_no_password() {
    let house = house();
    fs::create_dir_all(house.path("mail/carol/new")).unwrap();
    fs::create_dir_all(house.path("mail/carol/cur")).unwrap();
    fs::create_dir_all(house.path("mail/carol/tmp")).unwrap();
    let server = house.serve(&["--token-command", "true"]);
    let mut talk = Talk::plain(server.plain);
    let refused = talk.auth(Mechanism::ScramSha256, &Credentials::new("carol").with_password("x"));
    assert!(refused.reply.starts_with("-ERR [AUTH]"), "{refused:?}");
    assert!(talk.auth(Mechanism::OAuthBearer, &with_token("carol", "t")).is_good());
}
