//! Names and passwords that SASLprep changes, with all login methods.

use std::fs;
use std::thread;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, Raw};
use crate::talk::Talk;

const ALL: &str = "--auth-mechanisms=PLAIN,LOGIN,CRAM-MD5,SCRAM-SHA-256";

// 2195-2.01, 6856-2.19: a password with a soft hyphen, typed with and without it.
#[test]
fn a_password_that_preparation_changes_is_one_password_in_all_ways() {
    let house = House::new();
    fs::write(house.path("users"), "alice:{PLAIN}tan\u{ad}staaf\n").unwrap();
    let server = house.serve(&[ALL, "--utf8"]);
    for password in ["tan\u{ad}staaf", "tanstaaf"] {
        let alice = Credentials::new("alice").with_password(password);
        for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::ScramSha256] {
            let mut talk = Talk::plain(server.plain);
            let login = talk.auth(mechanism, &alice);
            assert!(login.is_good(), "{mechanism:?} {password:?}: {login:?}");
            talk.say("QUIT");
        }
        let mut raw = Raw::connect(server.plain);
        raw.say("USER alice");
        assert!(raw.say(&format!("PASS {password}")).starts_with("+OK"), "{password:?}");
        raw.say("QUIT");
    }
}

// 6856-2.21: a letter that Unicode 3.2 does not contain is not replaced by what a later Unicode makes of it.
#[test]
fn a_newer_letter_does_not_become_an_older_one() {
    let house = House::new();
    fs::create_dir_all(house.path("mail/A/new")).unwrap();
    fs::create_dir_all(house.path("mail/A/cur")).unwrap();
    fs::create_dir_all(house.path("mail/A/tmp")).unwrap();
    fs::write(house.path("users"), "A:{PLAIN}A\n").unwrap();
    let server = house.serve(&[ALL, "--utf8", "--proxy-from", "127.0.0.0/8"]);
    let user = |place, name: &str, password: &str| {
        let mut talk = Talk::proxied(server.plain, place);
        assert!(talk.say(&format!("USER {name}")).starts_with("+OK"));
        let reply = talk.say(&format!("PASS {password}"));
        talk.say("QUIT");
        reply
    };
    let plain = |place, name: &str, password: &str| {
        let mut talk = Talk::proxied(server.plain, place);
        let reply = talk.auth(Mechanism::Plain, &Credentials::new(name).with_password(password)).reply;
        talk.say("QUIT");
        reply
    };
    assert!(user(1, "A", "A").starts_with("+OK"));
    assert!(plain(1, "A", "A").starts_with("+OK"));
    // Each refusal takes a second.
    let (user, plain) = (&user, &plain);
    thread::scope(|scope| {
        for (place, name, password) in [(2, "\u{1d2c}", "A"), (3, "A", "\u{1d2c}")] {
            scope.spawn(move || assert!(user(place, name, password).starts_with("-ERR [AUTH]")));
            scope.spawn(move || assert!(plain(place + 10, name, password).starts_with("-ERR [AUTH]")));
        }
    });
}
