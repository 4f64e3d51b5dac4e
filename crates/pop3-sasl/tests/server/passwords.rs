//! PLAIN, LOGIN and CRAM-MD5.

use pop3_sasl::Mechanism;
use pop3_sasl::server::{Decision, Failure, Question};

use crate::support::{challenge, exchange, failure, identity, malformed, question};
// 4616-2.02, 6856-2.18, 6856-2.19
#[test]
fn plain_that_is_none() {
    for message in [
        b"".as_slice(),
        b"a",
        b"a\0b",
        b"\0a\0b\0c",
        b"\0\0p",
        b"\0u\0",
        b"\0\xff\0p",
        b"\0u\0\xff",
        b"\xc0\xaf\0u\0p",
        b"\0\xc0\xaf\0p",
        b"\0\xed\xa0\x80\0p",
        b"\0\xf4\x90\x80\x80\0p",
        b"\0\xc3\0p",
        b"\0a\x07b\0p",
        b"\0a\r\nb\0p",
        b"\0u\0p\n",
    ] {
        malformed(Mechanism::Plain, message);
    }
}

// 4616-2.01: 255 octets fit in each field, and 256 in a name do not.
#[test]
fn plain_of_the_longest_fields() {
    let longest = [b'x'; 255];
    let message = [&longest[..], b"\0", &[b'y'; 255], b"\0", &longest].concat();
    let Question::Password { name, authorization, password } =
        question(exchange(Mechanism::Plain).begin(Some(&message)))
    else {
        panic!("no question for a password");
    };
    assert_eq!((name.len(), authorization.map(|name| name.len()), password.len()), (255, Some(255), 255));
    malformed(Mechanism::Plain, &[b"\0", &[b'x'; 256][..], b"\0p"].concat());
    malformed(Mechanism::Plain, &[&[b'x'; 256][..], b"\0u\0p"].concat());
    malformed(Mechanism::Plain, &[b"\0u\0", &[b'x'; 1025][..]].concat());
    // Within 255 octets before preparation: each of these becomes 33.
    malformed(Mechanism::Plain, &["\0", &"\u{fdfa}".repeat(8), "\0p"].concat().into_bytes());
}

// 4616-2.04, 6856-2.19, 5034-4.20
#[test]
fn names_and_passwords_are_prepared() {
    let message = "\u{2168}\u{a0}a\0I\u{ad}X\0\u{aa}\u{a0}".as_bytes();
    let mut exchange = exchange(Mechanism::Plain);
    let Question::Password { name, authorization, password } = question(exchange.begin(Some(message))) else {
        panic!("no question for a password");
    };
    assert_eq!((name.as_str(), authorization.as_deref()), ("IX", Some("IX a")));
    assert!(password.same_octets(b"a "));
    assert_eq!(identity(exchange.answer(Decision::Granted)).acts_as(), Some("IX a"));
    malformed(Mechanism::Plain, "\u{ad}\0u\0p".as_bytes());
    malformed(Mechanism::External, "\u{ad}".as_bytes());
    malformed(Mechanism::ScramSha256, "n,a=\u{ad},n=user,r=abc".as_bytes());
}

// 4616-2.03: only the caller can know who may act as whom.
#[test]
fn another_user_is_a_question() {
    let mut exchange = exchange(Mechanism::Plain);
    let asked = question(exchange.begin(Some(b"admin\0mrose\0tanstaaf")));
    assert!(matches!(asked, Question::Password { authorization: Some(other), .. } if other == "admin"));
    assert_eq!(failure(exchange.answer(Decision::Refused)), Failure::Refused);
}

// LOGIN-1.02, 5034-4.08: clients of LOGIN may send the name at once; clients of CRAM-MD5 must not.
#[test]
fn initial_responses_of_server_first_mechanisms() {
    let mut login = exchange(Mechanism::Login);
    assert_eq!(challenge(login.begin(Some(b"tim"))), b"Password:");
    let asked = question(login.respond(b"tanstaaf"));
    assert!(matches!(asked, Question::Password { name, .. } if name == "tim"));
    malformed(Mechanism::Login, b"");
    malformed(Mechanism::CramMd5, b"u");
    malformed(Mechanism::CramMd5, b"");
}

// 5034-4.05
#[test]
fn client_first_mechanisms_ask_for_nothing() {
    for &mechanism in Mechanism::ALL {
        let first = challenge(exchange(mechanism).begin(None));
        assert_eq!(first.is_empty(), mechanism.is_client_first(), "{mechanism}");
    }
}

// 2195-2.01, 2195-2.02
#[test]
fn cram_md5_with_odd_names_and_digests() {
    let begun = || {
        let mut exchange = exchange(Mechanism::CramMd5);
        assert_eq!(challenge(exchange.begin(None)), b"<SERVER@localhost>");
        exchange
    };
    let asked = question(begun().respond(b"a b 0123456789abcdef0123456789abcdef"));
    let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
    assert_eq!(digest.name(), "a b");
    assert!(!digest.prove(b"secret"));
    for response in [
        b"".as_slice(),
        b"tim",
        b"tim ",
        b" 0123456789abcdef0123456789abcdef",
        b"tim 0123456789abcdef0123456789abcde",
        b"tim 0123456789abcdef0123456789abcdef0",
        b"tim 0123456789abcdef0123456789abcdef00",
        b"tim 0123456789ABCDEF0123456789abcdef",
        b"tim 0123456789abcdeg0123456789abcdef",
        b"t\0m 0123456789abcdef0123456789abcdef",
    ] {
        let failure = failure(begun().respond(response));
        assert!(matches!(failure, Failure::Malformed(_)), "{}", response.escape_ascii());
    }
}

// 2195-2.02: a secret longer than a block of MD5 is hashed first. Computed with Python's hmac.
#[test]
fn cram_md5_with_a_long_secret() {
    let mut exchange = exchange(Mechanism::CramMd5);
    challenge(exchange.begin(None));
    let asked = question(exchange.respond(b"tim 43fef4c74a174d4c59c99dfea89e6c77"));
    let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
    assert!(digest.prove(&[b'k'; 100]));
    assert!(!digest.prove(&[b'k'; 99]));
}

// 2195-2.01: most clients use the secret as typed, and some prepare it. Computed with Python's hmac.
#[test]
fn cram_md5_with_a_secret_that_preparation_changes() {
    for response in ["tim 341965c67e4d150d9a507f63bb311a86", "tim 5b528c25ea73c1e7dce331c47297a028"] {
        let mut exchange = exchange(Mechanism::CramMd5);
        challenge(exchange.begin(None));
        let asked = question(exchange.respond(response.as_bytes()));
        let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
        assert!(digest.prove("tan\u{ad}staaf".as_bytes()));
        assert!(!digest.prove(b"tan-staaf"));
    }
}
