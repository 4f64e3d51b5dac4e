//! What a users file means.

use core::time::Duration;

use pop3_certificates::Fingerprint;
use pop3_sasl::scram::{Hash, Keys, MIN_ITERATIONS};

use super::*;
use crate::users::user::CHECKED;
use crate::users::{DecoyKey, UserName, check};

/// The checks, of names as clients give them.
impl Table {
    pub(crate) fn verify(&self, name: &[u8], password: &[u8]) -> Option<UserName> {
        check::password(self, name, password).unwrap().map(|found| found.name)
    }

    fn prove(&self, name: &[u8], prove: impl Fn(&[u8]) -> bool) -> Option<UserName> {
        check::digest(self, name, prove).unwrap().map(|found| found.name)
    }

    fn scram_keys(&self, name: &[u8], hash: Hash, decoy_key: &DecoyKey) -> Keys {
        check::scram_keys(self, name, hash, decoy_key).unwrap()
    }

    fn user(&self, name: &UserName) -> Arc<User> {
        self.find(name).unwrap().unwrap()
    }
}

fn verify(line: &str, password: &str) -> bool {
    let table = Table::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error:?}"));
    table.verify(b"u", password.as_bytes()).is_some()
}

fn keys(name: &str, hash: Hash, password: &str, iterations: u32) -> String {
    let keys = Keys::derive(hash, password.as_bytes(), b"0123456789abcdef", iterations).unwrap();
    format!("{name}:{}", String::from_utf8(keys.to_text().expose().to_vec()).unwrap())
}

fn decoy_key() -> DecoyKey {
    DecoyKey::random().unwrap()
}

#[test]
fn lines() {
    let text = b"# comment\n\n  \nalice:{PLAIN} with spaces: and #signs \r\nbob:{PLAIN}\xff\xfe\n";
    let table = Table::parse(text).unwrap();
    assert_eq!(table.len(), 2);
    assert!(table.verify(b"alice", b" with spaces: and #signs ").is_some());
    assert!(table.verify(b"alice", b"with spaces: and #signs").is_none());
    assert!(table.verify(b"bob", b"\xff\xfe").is_some());
    assert!(table.verify(b"Alice", b" with spaces: and #signs ").is_none());
    assert!(table.verify(b"carol", b"").is_none());
    assert!(table.prove(b"bob", |secret| secret == b"\xff\xfe").is_some());
    assert!(table.prove(b"carol", |_| true).is_none());
}

#[test]
fn a_bad_line_is_named() {
    let sha1 = keys("a", Hash::Sha1, "x", 4096);
    let cert = format!("a:{{CERT}}{}\n", "00".repeat(32));
    for (text, line) in [
        ("alice", 1),
        ("\n#\nalice:secret", 3),
        ("a:{PLAIN}x\na:{PLAIN}y", 2),
        ("a:{PLAIN}", 1),
        ("a:{SSHA}x", 1),
        ("a:$1$salt$hash", 1),
        ("a:$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", 1),
        ("a:$argon2id$", 1),
        ("../a:{PLAIN}x", 1),
        (":{PLAIN}x", 1),
        (" a:{PLAIN}x", 1),
        ("a:{PLAIN}x\na:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f", 2),
        ("a:{TOKEN}\na:{TOKEN}", 2),
        ("a:{TOKEN}x", 1),
        ("a:{CERT}00", 1),
        (&cert.repeat(2), 2),
        ("b:{PLAIN}x\na:{EXPIRE}3", 2),
        ("a:{LOGIN-DELAY}5", 1),
        ("a:{PLAIN}x\na:{LOGIN-DELAY}-5", 2),
        ("a:{PLAIN}x\na:{EXPIRE}soon", 2),
        ("a:{PLAIN}x\na:{EXPIRE}1\na:{EXPIRE}never", 3),
        (&[sha1.as_str(), &sha1].join("\n"), 2),
        (&sha1.replace("SHA-1", "SHA-3"), 1),
        (&sha1.replace("4096", "4095"), 1),
        (&sha1[..sha1.len() - 5], 1),
        ("j\u{f6}rg:{PLAIN}x\njo\u{308}rg:{PLAIN}y", 2),
    ] {
        let error = Table::parse(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(error.line, line, "{text}: {}", error.what);
    }
}

#[test]
fn the_debug_form_shows_no_secret() {
    let table = Table::parse(b"alice:{PLAIN}tanstaaf").unwrap();
    assert_eq!(format!("{table:?}"), "Table { users: 1, .. }");
}

// 1939-7.23
#[test]
fn the_decoy_has_the_most_common_form() {
    let text = "a:$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n\
        b:$pbkdf2-sha256$i=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n\
        c:$pbkdf2-sha256$i=1$c2FsdHNhbHQ$BBBBBBBBBBBBBBBBBBBBBA\n\
        d:{PLAIN}x\n";
    let table = Table::parse(text.as_bytes()).unwrap();
    assert_eq!(table.profile().decoy_cost().unwrap(), "$pbkdf2-sha256$i=1,l=16");
    assert!(!Table::parse(b"d:{PLAIN}x").unwrap().profile().computes_hashes());
    let text = [keys("a", Hash::Sha1, "x", 4096), keys("a", Hash::Sha512, "x", 4097)].join("\n");
    let table = Table::parse(text.as_bytes()).unwrap();
    assert_eq!(table.profile().decoy_cost().unwrap(), "SCRAM-SHA-512$4097");
}

/// Otherwise the time of the answer would tell which names exist, and how their passwords are kept.
// SEC-02
#[test]
fn every_name_costs_as_many_hashes() {
    let hash = "hashed:$pbkdf2-sha256$i=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
    let text = [hash, "plain:{PLAIN}x", "token:{TOKEN}", &keys("keys", Hash::Sha256, "x", 4096)].join("\n");
    let table = Table::parse(text.as_bytes()).unwrap();
    for name in ["hashed", "plain", "token", "keys", "nobody", "no/name", ""] {
        for password in ["x", "wrong", ""] {
            CHECKED.set(0);
            let right = table.verify(name.as_bytes(), password.as_bytes()).is_some();
            assert_eq!(right, password == "x" && ["plain", "keys"].contains(&name), "{name}");
            assert_eq!(CHECKED.get(), 1, "{name}");
        }
    }
}

#[test]
fn locked_names_of_a_passwd_file_cost_as_many_hashes() {
    let text = "hashed:{SSHA}HO+jYPWWpGInMs2lHuA8NgtLJqRdW6vQ\nlocked:!x:::::\nempty::::::\n\
        away:{PLAIN}x::::::nologin\nplain:{PLAIN}x\n";
    let table = Table::parse_with(text.as_bytes(), UsersFormat::PasswdFile, NameRule::new()).unwrap();
    for name in ["hashed", "locked", "empty", "away", "plain", "nobody"] {
        CHECKED.set(0);
        assert!(table.verify(name.as_bytes(), b"wrong").is_none(), "{name}");
        assert_eq!(CHECKED.get(), 1, "{name}");
    }
}

/// Hashes that other programs made of `tanstaaf`: Python's hashlib, in the form of PHC strings.
#[test]
fn hashes_of_other_programs() {
    const SALT: &str = "MDEyMzQ1Njc4OWFiY2RlZg";
    const SCRYPT: &str =
        "KSy3bRDUMiHZ0EC2jn8ApP/pAy72nWhdFhOxjLLrt9HaZF4KQEfc26BRq8gne+0FLhAo4a3qrOYdof/6RkUkrQ";
    const SHA256: &str = "ODKfnE8/RGGkWmVyJynhHKTHJYvKAUkroK4GJHnD5jM";
    const SHA512: &str =
        "vuCNWT4750LwjsfsuMbtsTObKQuX/op9zztW4xNUli9U9GaDM5Lf3V2cX5sLDF6C+HIxI2oqq2FTtMlsAWYIsw";
    for line in [
        format!("u:$scrypt$ln=10,r=8,p=1${SALT}$KSy3bRDUMiHZ0EC2jn8ApP/pAy72nWhdFhOxjLLrt9E"),
        format!("u:$scrypt$ln=10,r=8,p=1${SALT}${SCRYPT}"),
        format!("u:$pbkdf2-sha256$i=1000,l=32${SALT}${SHA256}"),
        format!("u:$pbkdf2-sha256$i=1000${SALT}${SHA256}\n"),
        format!("u:$pbkdf2-sha512$i=1000,l=64${SALT}${SHA512} "),
        format!("u:$pbkdf2-sha512$i=1000${SALT}${SHA512}\r\n"),
        "u:$pbkdf2-sha512$1000$//79/P/./fz//v38//79/A$\
            vt2QfZZCSJRThdARJw4Hn9vxGuGcollJ2U5QXGzll2uBtqAya6g09rbVA20zYAjgzVQt7vjTcDwI8oUyUQRVLQ"
            .to_owned(),
    ] {
        assert!(verify(&line, "tanstaaf"), "{line}");
        assert!(!verify(&line, "tanstaag"), "{line}");
        assert!(!verify(&line, ""), "{line}");
    }
}

/// From the tests of the reference implementation of Argon2.
#[test]
fn argon2_of_the_reference() {
    let line = "u:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    assert!(verify(line, "password"));
    assert!(!verify(line, "sassword"));
    let line = "u:$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E";
    assert!(verify(line, "password"));
}

#[test]
fn forms_of_different_kinds_stand_together() {
    let mut text = "alice:{CERT}".to_owned() + &"01".repeat(32) + "\n";
    for &hash in Hash::ALL {
        text += &(keys("alice", hash, "secret", 4096) + "\r\n");
    }
    text += &format!("alice:{{CERT}}{}\nbob:{{PLAIN}}x\nbob:{{CERT}}{0}\n", ["02"; 32].join(":"));
    text +=
        "alice:{LOGIN-DELAY}60\nbob:{EXPIRE}never\nalice:{EXPIRE} 31\ncarol:{TOKEN}\nalice:{PLAIN}other\n";
    let table = Table::parse(text.as_bytes()).unwrap();
    assert_eq!(table.len(), 3);
    let name = |name: &str| UserName::parse(name.as_bytes()).unwrap();
    let owners = |octet| table.owners(&Fingerprint::new([octet; 32])).unwrap();
    assert_eq!((owners(1), owners(2)), (vec![name("alice")], vec![name("alice"), name("bob")]));
    assert_eq!(owners(3), []);
    assert!(table.user(&name("alice")).has_certificates() && !table.user(&name("carol")).has_certificates());
    assert_eq!(table.user(&name("alice")).login_delay, Some(Duration::from_secs(60)));
    assert_eq!(table.user(&name("bob")).login_delay, None);
    assert_eq!(table.user(&name("alice")).expire, Some(Some(31)));
    assert_eq!((table.user(&name("bob")).expire, table.user(&name("carol")).expire), (Some(None), None));
    assert!(Hash::ALL.iter().all(|&hash| table.profile().scram_users(hash) == (2, 2)));
    assert!(table.verify(b"alice", b"other").is_some(), "the password in clear comes first");
    assert!(table.verify(b"carol", b"").is_none() && check::name(&table, b"carol").unwrap().is_some());
}

// 4616-2.04
#[test]
fn names_and_passwords_are_prepared() {
    let wide = "j\u{f6}rg:{PLAIN}stra\u{df}e\u{ad}\u{2168}\n";
    let hashed = format!("h:{}\n", password_auth::generate_hash("\u{e4}IX"));
    let text = wide.to_owned() + &hashed + &keys("k", Hash::Sha256, "\u{e4}\u{2168}", 4096);
    let table = Table::parse(text.as_bytes()).unwrap();
    let verify = |name: &str, password: &str| table.verify(name.as_bytes(), password.as_bytes()).is_some();
    assert!(verify("jo\u{308}rg", "stra\u{df}eIX"));
    assert!(verify("j\u{f6}rg", "stra\u{df}e\u{ad}\u{2168}"));
    assert!(!verify("jorg", "stra\u{df}eIX") && !verify("j\u{f6}rg", "strasseIX"));
    // 6856-2.20
    let digest = |name: &str, text: &str| table.prove(name.as_bytes(), |secret| secret == text.as_bytes());
    assert!(digest("jo\u{308}rg", "stra\u{df}eIX").is_some());
    assert!(digest("jo\u{308}rg", "stra\u{df}eIX ").is_none());
    assert!(verify("h", "a\u{308}\u{2168}") && verify("h", "\u{e4}IX") && !verify("h", "aIX"));
    assert!(verify("k", "a\u{308}IX") && !verify("k", "a\u{308}\u{7}IX"));
}

#[test]
fn keys_check_passwords_too() {
    let table = Table::parse(keys("u", Hash::Sha512, "secret", 4096).as_bytes()).unwrap();
    assert!(table.verify(b"u", b"secret").is_some());
    for wrong in [&b"secret "[..], b"", b"\xff", b"a\x07b", &[b'x'; 1025]] {
        assert!(table.verify(b"u", wrong).is_none());
    }
    assert!(table.prove(b"u", |_| true).is_none());
}

// 5802-6.03
#[test]
fn every_name_gets_keys_and_always_the_same_salt() {
    let text = [keys("stored", Hash::Sha256, "x", 5000), "plain:{PLAIN}secret".into()].join("\n");
    let table = Table::parse(text.as_bytes()).unwrap();
    let (key, other) = (decoy_key(), decoy_key());
    let look = |name: &[u8], key| table.scram_keys(name, Hash::Sha256, key);
    for name in [&b"stored"[..], b"plain", b"nobody", b"../x", b"\xff", b""] {
        let (first, second) = (look(name, &key), look(name, &key));
        assert_eq!((first.salt(), first.salt().len()), (second.salt(), 16), "{name:?}");
        assert_eq!(first.iterations(), 5000, "the commonest of the file");
        assert_eq!(first.verify_password(b"secret"), name == b"plain");
        assert_eq!(first.salt() == look(name, &other).salt(), name == b"stored");
    }
    assert_ne!(look(b"plain", &key).salt(), look(b"nobody", &key).salt());
    assert_eq!(table.scram_keys(b"plain", Hash::Sha1, &key).iterations(), MIN_ITERATIONS);
    assert_eq!(table.profile().scram_users(Hash::Sha1), (2, 1));
}

// 5802-6.03, SEC-04: a salt of another length would tell who is made up.
#[test]
fn invented_salts_are_as_long_as_those_in_the_file() {
    for octets in [4, 12, 20, 64, 128] {
        let stored = Keys::derive(Hash::Sha256, b"x", &vec![7; octets], 5000).unwrap();
        let stored = String::from_utf8(stored.to_text().expose().to_vec()).unwrap();
        let table = Table::parse(format!("stored:{stored}\nplain:{{PLAIN}}secret").as_bytes()).unwrap();
        let key = decoy_key();
        let look = |name: &[u8]| table.scram_keys(name, Hash::Sha256, &key);
        for name in [&b"stored"[..], b"plain", b"nobody"] {
            assert_eq!((look(name).salt().len(), look(name).iterations()), (octets, 5000), "{name:?}");
        }
        assert_ne!(look(b"nobody").salt(), look(b"somebody").salt());
        assert!(octets < 32 || look(b"nobody").salt()[octets / 2..].iter().any(|octet| *octet != 0));
    }
}
