//! LOGIN-DELAY, EXPIRE and IMPLEMENTATION: what is announced, and what is enforced.

use std::fs;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, PASSWORD};
use crate::talk::Talk;

fn alice() -> Credentials {
    Credentials::new("alice").with_password(PASSWORD)
}

fn found(talk: &mut Talk, word: &str) -> Vec<String> {
    talk.list("CAPA").into_iter().filter(|line| line.starts_with(word)).collect()
}

// 2449-6.50, 2449-6.51, 2449-8.10
#[test]
fn logins_that_are_too_early_are_refused() {
    let house = House::new();
    house.maildir("mail/bob");
    let users = format!("alice:{{PLAIN}}{PASSWORD}\nbob:{{PLAIN}}x\nbob:{{LOGIN-DELAY}}7200\n");
    fs::write(house.path("users"), users).unwrap();
    let server = house.serve(&["--login-delay", "3600"]);
    let mut talk = Talk::plain(server.plain);
    assert_eq!(found(&mut talk, "LOGIN-DELAY"), ["LOGIN-DELAY 7200 USER"]);
    // A failed login does not count.
    assert!(!talk.auth(Mechanism::Plain, &Credentials::new("alice").with_password("wrong")).is_good());
    assert!(talk.auth(Mechanism::ScramSha256, &alice()).is_good());
    assert_eq!(found(&mut talk, "LOGIN-DELAY"), ["LOGIN-DELAY 3600"]);
    talk.say("QUIT");
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login] {
        let mut talk = Talk::plain(server.plain);
        let login = talk.auth(mechanism, &alice());
        assert!(login.reply.starts_with("-ERR [LOGIN-DELAY] "), "{mechanism:?}: {login:?}");
        assert!(login.reply.contains(" seconds"), "{login:?}");
    }
    let mut talk = Talk::plain(server.plain);
    assert!(talk.say("USER alice").starts_with("+OK"));
    assert!(talk.say(&format!("PASS {PASSWORD}")).starts_with("-ERR [LOGIN-DELAY] "));
    // Other users do not have to wait.
    assert!(talk.auth(Mechanism::Plain, &Credentials::new("bob").with_password("x")).is_good());
    assert_eq!(found(&mut talk, "LOGIN-DELAY"), ["LOGIN-DELAY 7200"]);
}

// 2449-6.70, 2449-6.71, 2449-6.90
#[test]
fn what_is_announced_may_differ_by_user() {
    let house = House::new();
    let server = house.serve(&[]);
    let mut talk = Talk::plain(server.plain);
    assert!(found(&mut talk, "EXPIRE").is_empty() && found(&mut talk, "LOGIN-DELAY").is_empty());
    assert!(found(&mut talk, "IMPLEMENTATION").is_empty() && found(&mut talk, "UTF8").is_empty());
    let users = format!("alice:{{PLAIN}}{PASSWORD}\nbob:{{TOKEN}}\nbob:{{EXPIRE}}5\nbob:{{LOGIN-DELAY}}60\n");
    for (options, own, before, after) in [
        (&["--expire", "never"][..], "", "EXPIRE NEVER", "EXPIRE NEVER"),
        (&["--expire", "31"], "", "EXPIRE 31", "EXPIRE 31"),
        (&["--expire", "31"], "alice:{EXPIRE}NEVER\n", "EXPIRE 5 USER", "EXPIRE NEVER"),
        (&[], "alice:{EXPIRE}0\n", "EXPIRE 0 USER", "EXPIRE 0"),
        (&[], "alice:{EXPIRE}30\n", "EXPIRE 5 USER", "EXPIRE 30"),
    ] {
        let text = if own.is_empty() { format!("alice:{{PLAIN}}{PASSWORD}\n") } else { users.clone() + own };
        fs::write(house.path("users"), text).unwrap();
        let server = house.serve(&[options, &["--implementation", "a b"]].concat());
        let mut talk = Talk::plain(server.plain);
        assert_eq!(found(&mut talk, "EXPIRE"), [before]);
        assert_eq!(found(&mut talk, "IMPLEMENTATION"), ["IMPLEMENTATION a b"]);
        let delay: &[&str] = if own.is_empty() { &[] } else { &["LOGIN-DELAY 60 USER"] };
        assert_eq!(found(&mut talk, "LOGIN-DELAY"), delay);
        assert!(talk.auth(Mechanism::Plain, &alice()).is_good());
        assert_eq!(found(&mut talk, "EXPIRE"), [after]);
        let delay: &[&str] = if own.is_empty() { &[] } else { &["LOGIN-DELAY 0"] };
        assert_eq!(found(&mut talk, "LOGIN-DELAY"), delay);
    }
}

// 1939-8.01, 1939-7.08: only with the option, only at QUIT, and only messages that were retrieved completely.
#[test]
fn what_was_retrieved_expires_at_quit_if_that_is_enforced() {
    for (options, own, left) in [
        (&["--expire", "0"][..], "", 3),
        (&["--expire", "0", "--expire-enforce"], "", 1),
        (&["--expire", "0", "--expire-enforce"], "alice:{EXPIRE}never\n", 2),
        (&["--expire", "never", "--expire-enforce"], "alice:{EXPIRE}0\n", 1),
        (&["--expire", "30", "--expire-enforce"], "", 2),
    ] {
        let house = House::new();
        house.deliver(&[b"a\n".to_vec(), b"b\n".to_vec(), b"c\n".to_vec()]);
        fs::write(house.path("users"), format!("alice:{{PLAIN}}{PASSWORD}\n{own}")).unwrap();
        let server = house.serve(options);
        let mut talk = Talk::plain(server.plain);
        assert!(talk.auth(Mechanism::Plain, &alice()).is_good());
        assert_eq!(talk.list("RETR 1"), ["a"]);
        drop(talk);
        // A session that was cut removes nothing. The server needs a moment to notice the end.
        let mut talk = loop {
            let mut talk = Talk::plain(server.plain);
            if talk.auth(Mechanism::Plain, &alice()).is_good() {
                break talk;
            }
        };
        assert_eq!(talk.say("STAT"), "+OK 3 9");
        assert_eq!(talk.list("RETR 1"), ["a"]);
        assert_eq!(talk.list("TOP 2 9"), ["b"]);
        assert_eq!(talk.list("RETR 3"), ["c"]);
        let deletes = left < 3;
        if deletes {
            assert!(talk.say("DELE 3").starts_with("+OK"));
        }
        assert!(talk.say("QUIT").starts_with("+OK"));
        assert_eq!(house.stored().len(), left, "{options:?} {own}");
        if options.contains(&"30") {
            // Messages that were retrieved are remembered, and expire when they are old.
            assert!(house.path("mail/alice/cur/1000.test.host:2,S").exists());
            assert!(house.path("mail/alice/new/1001.test.host").exists());
        }
    }
}

// 6856-2.01, 6856-2.10, 6856-2.12, 6856-2.14, 6856-3.01
#[test]
fn headers_in_utf8_are_for_who_asks_for_them() {
    let house = House::new();
    let message = "Subject: Gr\u{fc}\u{df}e\n\nK\u{f6}rper\n";
    house.deliver(&[message.into()]);
    let raw = message.replace('\n', "\r\n").len();
    let plain = Credentials::new("alice").with_password(PASSWORD);
    for (options, asks, size, subject) in [
        (&[][..], false, raw, "Subject: Gr\u{fc}\u{df}e"),
        (&["--utf8"], true, raw, "Subject: Gr\u{fc}\u{df}e"),
        (&["--utf8"], false, raw + 17, "Subject: =?UTF-8?B?R3LDvMOfZQ==?="),
    ] {
        let server = house.serve(options);
        let mut talk = Talk::plain(server.plain);
        assert_eq!(found(&mut talk, "UTF8").len(), usize::from(!options.is_empty()));
        assert_eq!(found(&mut talk, "LANG").len(), usize::from(!options.is_empty()));
        if asks {
            assert!(talk.say("UTF8").starts_with("+OK"));
            assert!(talk.say("LANG de").starts_with("+OK de "));
        }
        assert!(talk.auth(Mechanism::Plain, &plain).is_good());
        assert_eq!(talk.list("LIST"), [format!("1 {size}")]);
        let lines = talk.list("RETR 1");
        assert_eq!(lines, [subject, "", "K\u{f6}rper"]);
        assert_eq!(lines.iter().map(|line| line.len() + 2).sum::<usize>(), size);
    }
}
