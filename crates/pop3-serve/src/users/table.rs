//! The users in memory, and the check of a password.

use core::fmt;
use core::hint::black_box;
use core::time::Duration;
use std::collections::HashMap;

use pop3_certificates::Fingerprint;
use pop3_sasl::scram::{Hash, Keys, MIN_ITERATIONS, SALT_OCTETS};

use super::form::parse_line;
use super::user::{Given, User, Verifier};
use super::{SaltKey, UserName};

/// The users of one reading of the users file.
pub struct Table {
    users: HashMap<String, User>,
    /// What to compute where there is nothing to check, so that the answer takes as long: of the
    /// commonest cost in the file, `None` where the file has {PLAIN} only.
    decoy: Option<Verifier>,
    /// How each hash of SCRAM is offered.
    scram: [Offer; 3],
    /// How many users have a password. It is asked for with each connection.
    with_password: usize,
}

/// How one hash of SCRAM is offered.
#[derive(Clone, Copy, Debug)]
struct Offer {
    /// The commonest number of iterations in the file, and of octets of a salt.
    cost: (u32, usize),
    /// How many users with a password can use it.
    able: usize,
    /// Whether keys are made of passwords in clear.
    made: bool,
}

/// Why a users file can't be read. It holds no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Table {
    /// Reads the text of a users file.
    ///
    /// # Errors
    /// At the first line that can't be read.
    pub fn parse(octets: &[u8]) -> Result<Self, TableError> {
        let mut users = HashMap::<String, User>::new();
        let mut first_lines = Vec::new();
        for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.starts_with(b"#") || line.trim_ascii().is_empty() {
                continue;
            }
            let wrong = |what| TableError { line: index + 1, what };
            let (name, form) = parse_line(line).map_err(wrong)?;
            if !users.contains_key(name.as_str()) {
                first_lines.push((index + 1, name.clone()));
            }
            users.entry(name.as_str().to_owned()).or_default().add(form).map_err(wrong)?;
        }
        for (line, name) in first_lines {
            if !users.get(name.as_str()).is_some_and(User::exists) {
                let what =
                    "this name has settings, but nothing to log in with; {TOKEN} lets it log in by tokens";
                return Err(TableError { line, what });
            }
        }
        // In the order of names, so that the same file has the same decoy.
        let mut sorted: Vec<_> = users.iter().collect();
        sorted.sort_by_key(|(name, _)| *name);
        let sorted = || sorted.iter().map(|(_, user)| *user);
        let verifiers = sorted().filter_map(|user| user.plain.is_none().then(|| user.verifier()).flatten());
        let decoy = commonest(verifiers.map(|verifier| (verifier.cost(), verifier)));
        let scram = Hash::ALL.map(|hash| {
            let stored = sorted().filter_map(|user| user.stored_keys(hash));
            let costs = stored.map(|keys| (keys.iterations(), keys.salt().len()));
            let cost = commonest(costs.map(|cost| (cost, cost))).unwrap_or((MIN_ITERATIONS, SALT_OCTETS));
            let made = sorted().filter(|user| user.key_password(hash).is_some()).count();
            let able = sorted().filter(|user| user.stored_keys(hash).is_some()).count() + made;
            Offer { cost, able, made: made > 0 }
        });
        let with_password = sorted().filter(|user| user.has_password()).count();
        Ok(Self { decoy, scram, with_password, users })
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// The checked name, if there is such a user.
    pub fn find(&self, name: &[u8]) -> Option<UserName> {
        UserName::parse(name).filter(|name| self.users.contains_key(name.as_str()))
    }

    /// Whether this is the user's password; if so, the user's checked name.
    ///
    /// An unknown name costs as much as a known one: a check of the kind that is commonest in the
    /// file is made for it, and in a file with hashes or keys for users without them too. In a file
    /// whose hashes have different costs, the cost of a known name is that of its own.
    pub fn verify(&self, name: &[u8], password: &[u8]) -> Option<UserName> {
        let name = UserName::parse(name);
        let password = Given::new(password);
        let user = name.as_ref().and_then(|name| self.users.get(name.as_str()));
        let right = match user.map(|user| (&user.plain, user.verifier())) {
            Some((Some(plain), _)) => {
                self.pretend(&password);
                plain.verify(&password)
            }
            Some((None, Some(verifier))) => verifier.verify(&password),
            Some((None, None)) | None => {
                self.pretend(&password);
                false
            }
        };
        name.filter(|_| right)
    }

    /// Whether [`verify`](Self::verify) takes long, for any name.
    pub const fn computes_hashes(&self) -> bool {
        self.decoy.is_some()
    }

    /// Whether a digest of APOP or CRAM-MD5 is right, of users that the file keeps as `{PLAIN}`: `prove`
    /// says so of a secret. It is asked about the password as it stands in the file, and about what
    /// SASLprep makes of it (RFC 6856 section 2.2); of an unknown name, about an empty one.
    pub fn prove(&self, name: &[u8], prove: impl Fn(&[u8]) -> bool) -> Option<UserName> {
        let name = UserName::parse(name);
        let user = name.as_ref().and_then(|name| self.users.get(name.as_str()));
        let plain = user.and_then(|user| user.plain.as_ref());
        let octets = plain.map_or(&b""[..], |plain| plain.octets.expose());
        let prepared = plain.and_then(|plain| plain.prepared.as_ref());
        let prepared = prepared.map_or(octets, |text| text.expose().as_bytes());
        let right = prove(octets) | prove(prepared);
        name.filter(|_| right && plain.is_some())
    }

    /// The SCRAM keys of the user of this name: those in the file, else some made of a password in
    /// clear, else some that nothing fits, which look the same and cost the same.
    ///
    /// The salt is always the same for the same name: as the file has it, or made of the salt key.
    pub fn scram_keys(&self, name: &[u8], hash: Hash, salt_key: &SaltKey) -> Keys {
        let offer = self.offer(hash);
        let parsed = UserName::parse(name);
        let user = parsed.as_ref().and_then(|name| self.users.get(name.as_str()));
        let shown =
            parsed.as_ref().map_or_else(|| String::from_utf8_lossy(name), |name| name.as_str().into());
        let (iterations, salt) = offer.cost;
        let fake = Keys::fake_with_salt(hash, salt_key.expose(), &shown, iterations, salt);
        let stored = user.and_then(|user| user.stored_keys(hash)).cloned();
        if !offer.made {
            return stored.unwrap_or(fake);
        }
        // In a file where some keys have to be made, each look-up makes some.
        let password = user.and_then(|user| user.key_password(hash));
        let octets = password.map_or(&b"x"[..], |password| password.expose().as_bytes());
        let made = black_box(Keys::derive(hash, octets, fake.salt(), fake.iterations()));
        let made = made.ok().filter(|_| password.is_some());
        stored.or(made).unwrap_or(fake)
    }

    /// Whether a look-up of keys for this hash computes some.
    pub fn makes_keys(&self, hash: Hash) -> bool {
        self.offer(hash).made
    }

    /// How many users have a password, and how many of them can log in by SCRAM with this hash.
    pub fn scram_users(&self, hash: Hash) -> (usize, usize) {
        (self.with_password, self.offer(hash).able)
    }

    /// The users who own this certificate, in the order of their names.
    pub fn certificate_owners(&self, certificate: &Fingerprint) -> Vec<UserName> {
        let owners = self.users.iter().filter(|(_, user)| user.certificates.contains(certificate));
        let mut owners: Vec<_> = owners.filter_map(|(name, _)| UserName::parse(name.as_bytes())).collect();
        owners.sort();
        owners
    }

    /// Whether the file says which certificates this user has.
    pub fn has_certificates(&self, name: &UserName) -> bool {
        self.users.get(name.as_str()).is_some_and(|user| !user.certificates.is_empty())
    }

    /// The user's own delay between logins.
    pub fn login_delay(&self, name: &UserName) -> Option<Duration> {
        self.users.get(name.as_str())?.login_delay
    }

    /// All delays that users have of their own.
    pub fn login_delays(&self) -> impl Iterator<Item = Duration> {
        self.users.values().filter_map(|user| user.login_delay)
    }

    /// For how many days the user's messages are kept, inner `None` for ever; outer `None` where the
    /// file does not say.
    pub fn expire(&self, name: &UserName) -> Option<Option<u32>> {
        self.users.get(name.as_str())?.expire
    }

    /// All days that users have of their own.
    pub fn expires(&self) -> impl Iterator<Item = Option<u32>> {
        self.users.values().filter_map(|user| user.expire)
    }

    fn offer(&self, hash: Hash) -> Offer {
        let index = Hash::ALL.iter().position(|&other| other == hash);
        self.scram[index.unwrap_or_default()]
    }

    /// Does the work of a check, whatever it says.
    fn pretend(&self, password: &Given<'_>) {
        if let Some(decoy) = &self.decoy {
            black_box(decoy.verify(password));
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// The value whose key comes most often; of equals the one that was first.
fn commonest<K: Eq + core::hash::Hash, V>(items: impl Iterator<Item = (K, V)>) -> Option<V> {
    let mut counts = HashMap::new();
    for (index, (key, value)) in items.enumerate() {
        counts.entry(key).or_insert((0_usize, index, value)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, index, _)| (*count, usize::MAX - index)).map(|(.., value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(line: &str, password: &str) -> bool {
        let table = Table::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        table.verify(b"u", password.as_bytes()).is_some()
    }

    fn keys(name: &str, hash: Hash, password: &str, iterations: u32) -> String {
        let keys = Keys::derive(hash, password.as_bytes(), b"0123456789abcdef", iterations).unwrap();
        format!("{name}:{}", String::from_utf8(keys.to_text().expose().to_vec()).unwrap())
    }

    fn salt_key() -> SaltKey {
        SaltKey::random().unwrap()
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
    fn the_decoy_is_of_the_commonest_kind() {
        let text = "a:$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n\
            b:$pbkdf2-sha256$i=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n\
            c:$pbkdf2-sha256$i=1$c2FsdHNhbHQ$BBBBBBBBBBBBBBBBBBBBBA\n\
            d:{PLAIN}x\n";
        let table = Table::parse(text.as_bytes()).unwrap();
        assert_eq!(table.decoy.unwrap().cost(), "$pbkdf2-sha256$i=1,l=16");
        assert!(Table::parse(b"d:{PLAIN}x").unwrap().decoy.is_none());
        let text = [keys("a", Hash::Sha1, "x", 4096), keys("a", Hash::Sha512, "x", 4097)].join("\n");
        let table = Table::parse(text.as_bytes()).unwrap();
        assert_eq!(table.decoy.unwrap().cost(), "SCRAM-SHA-512$4097");
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
        for hash in Hash::ALL {
            text += &(keys("alice", hash, "secret", 4096) + "\r\n");
        }
        text += &format!("alice:{{CERT}}{}\nbob:{{PLAIN}}x\nbob:{{CERT}}{0}\n", "02:".repeat(32));
        text += "alice:{LOGIN-DELAY}60\nbob:{EXPIRE}never\nalice:{EXPIRE} 31\ncarol:{TOKEN}\nalice:{PLAIN}other\n";
        let table = Table::parse(text.as_bytes()).unwrap();
        assert_eq!(table.len(), 3);
        let name = |name: &str| UserName::parse(name.as_bytes()).unwrap();
        let owners = |octet| table.certificate_owners(&Fingerprint::new([octet; 32]));
        assert_eq!((owners(1), owners(2)), (vec![name("alice")], vec![name("alice"), name("bob")]));
        assert_eq!(owners(3), []);
        assert!(table.has_certificates(&name("alice")) && !table.has_certificates(&name("carol")));
        assert_eq!(table.login_delay(&name("alice")), Some(Duration::from_secs(60)));
        assert_eq!(table.login_delay(&name("bob")), None);
        assert_eq!(table.expire(&name("alice")), Some(Some(31)));
        assert_eq!((table.expire(&name("bob")), table.expire(&name("carol"))), (Some(None), None));
        assert_eq!(Hash::ALL.map(|hash| table.scram_users(hash)), [(2, 2); 3]);
        assert!(table.verify(b"alice", b"other").is_some(), "the password in clear comes first");
        assert!(table.verify(b"carol", b"").is_none() && table.find(b"carol").is_some());
    }

    // 4616-2.04
    #[test]
    fn names_and_passwords_are_prepared() {
        let wide = "j\u{f6}rg:{PLAIN}stra\u{df}e\u{ad}\u{2168}\n";
        let hashed = format!("h:{}\n", password_auth::generate_hash("\u{e4}IX"));
        let text = wide.to_owned() + &hashed + &keys("k", Hash::Sha256, "\u{e4}\u{2168}", 4096);
        let table = Table::parse(text.as_bytes()).unwrap();
        let verify =
            |name: &str, password: &str| table.verify(name.as_bytes(), password.as_bytes()).is_some();
        assert!(verify("jo\u{308}rg", "stra\u{df}eIX"));
        assert!(verify("j\u{f6}rg", "stra\u{df}e\u{ad}\u{2168}"));
        assert!(!verify("jorg", "stra\u{df}eIX") && !verify("j\u{f6}rg", "strasseIX"));
        // 6856-2.20
        let digest =
            |name: &str, text: &str| table.prove(name.as_bytes(), |secret| secret == text.as_bytes());
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
        let (key, other) = (salt_key(), salt_key());
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
        assert_eq!(table.scram_users(Hash::Sha1), (2, 1));
    }

    // 5802-6.03, SEC-04: a salt of another length would tell who is made up.
    #[test]
    fn made_up_salts_are_as_long_as_those_of_the_file() {
        for octets in [4, 12, 20, 64, 128] {
            let stored = Keys::derive(Hash::Sha256, b"x", &vec![7; octets], 5000).unwrap();
            let stored = String::from_utf8(stored.to_text().expose().to_vec()).unwrap();
            let table = Table::parse(format!("stored:{stored}\nplain:{{PLAIN}}secret").as_bytes()).unwrap();
            let key = salt_key();
            let look = |name: &[u8]| table.scram_keys(name, Hash::Sha256, &key);
            for name in [&b"stored"[..], b"plain", b"nobody"] {
                assert_eq!((look(name).salt().len(), look(name).iterations()), (octets, 5000), "{name:?}");
            }
            assert_ne!(look(b"nobody").salt(), look(b"somebody").salt());
            assert!(octets < 32 || look(b"nobody").salt()[octets / 2..].iter().any(|octet| *octet != 0));
        }
    }
}
