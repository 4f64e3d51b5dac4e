//! The users in memory, and the check of a password.

use core::fmt;
use core::hint::black_box;
use std::collections::HashMap;

use password_auth::{is_hash_obsolete, verify_password};
use pop3_proto::Secret;

use super::UserName;

/// The users of one reading of the users file.
pub(crate) struct Table {
    users: HashMap<String, Stored>,
    /// A hash to compute where there is none to check, so that the answer takes as long: one of the
    /// commonest kind in the file, `None` where the file has no hash.
    decoy: Option<Secret<String>>,
}

/// Why a users file can't be read. It holds no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableError {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) what: &'static str,
}

enum Stored {
    Plain(Secret<Vec<u8>>),
    Hash(Secret<String>),
}

impl Table {
    /// Reads the text of a users file.
    ///
    /// # Errors
    /// At the first line that can't be read.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, TableError> {
        let mut users = HashMap::new();
        let mut kinds = HashMap::<String, (usize, usize)>::new();
        let mut decoy = None;
        let mut most = 0;
        for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.starts_with(b"#") || line.trim_ascii().is_empty() {
                continue;
            }
            let wrong = |what| TableError { line: index + 1, what };
            let (name, stored) = parse_line(line).map_err(wrong)?;
            if let Stored::Hash(hash) = &stored {
                let (count, _) = kinds
                    .entry(kind(hash.expose()).to_owned())
                    .and_modify(|(count, _)| *count += 1)
                    .or_insert((1, index));
                if *count > most {
                    most = *count;
                    decoy = Some(hash.clone());
                }
            }
            if users.insert(name.as_str().to_owned(), stored).is_some() {
                return Err(wrong("this name stands in the file already"));
            }
        }
        Ok(Self { users, decoy })
    }

    /// How many users there are.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether this is the user's password; if so, the user's checked name.
    ///
    /// An unknown name costs as much as a known one: a hash of the kind that is commonest in the
    /// file is computed for it, and in a file with hashes for `{PLAIN}` users too. In a file whose
    /// hashes have different costs, the cost of a known name is that of its own.
    pub(crate) fn verify(&self, name: &[u8], password: &[u8]) -> Option<UserName> {
        let name = UserName::parse(name);
        let stored = name.as_ref().and_then(|name| self.users.get(name.as_str()));
        let right = match stored {
            Some(Stored::Hash(hash)) => verify_password(password, hash.expose()).is_ok(),
            Some(Stored::Plain(secret)) => {
                self.pretend(password);
                secret.same_octets(password)
            }
            None => {
                self.pretend(password);
                false
            }
        };
        name.filter(|_| right)
    }

    /// The password itself, for APOP: of users that the file keeps as `{PLAIN}`.
    pub(crate) fn apop_secret(&self, name: &[u8]) -> Option<&Secret<Vec<u8>>> {
        match self.users.get(UserName::parse(name)?.as_str())? {
            Stored::Plain(secret) => Some(secret),
            Stored::Hash(_) => None,
        }
    }

    /// Does the work of a check, whatever it says.
    fn pretend(&self, password: &[u8]) {
        if let Some(decoy) = &self.decoy {
            black_box(verify_password(password, decoy.expose()).is_ok());
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

fn parse_line(line: &[u8]) -> Result<(UserName, Stored), &'static str> {
    let colon = line.iter().position(|&octet| octet == b':').ok_or("there is no colon behind a name")?;
    let (name, password) = (&line[..colon], &line[colon + 1..]);
    let name = UserName::parse(name)
        .ok_or("a name has 1 to 64 ASCII letters, digits and . _ - + @, and does not begin with a dot")?;
    if let Some(secret) = password.strip_prefix(b"{PLAIN}") {
        if secret.is_empty() {
            return Err("the password is empty");
        }
        if secret.contains(&0) || secret.contains(&b'\r') {
            return Err("the password has a NUL or CR, which no client can send");
        }
        return Ok((name, Stored::Plain(Secret::new(secret.to_vec()))));
    }
    let hash = str::from_utf8(password).ok().map(str::trim).filter(|hash| hash.starts_with('$'));
    let hash =
        hash.ok_or("the password is neither {PLAIN} and the secret nor a PHC string ($argon2id$...)")?;
    Ok((name, Stored::Hash(Secret::new(parse_hash(hash)?))))
}

/// Checks a PHC string as far as that goes without computing the hash.
fn parse_hash(hash: &str) -> Result<String, &'static str> {
    const KNOWN: [&str; 6] = ["argon2id", "argon2i", "argon2d", "scrypt", "pbkdf2-sha256", "pbkdf2-sha512"];

    let fields = hash.split('$').collect::<Vec<_>>();
    if !fields.get(1).is_some_and(|algorithm| KNOWN.contains(algorithm)) {
        return Err("the hash is of no known kind: argon2id, scrypt, pbkdf2-sha256 and pbkdf2-sha512 are");
    }
    let hash = with_length(&fields).unwrap_or_else(|| hash.to_owned());
    let complete = hash.rsplit('$').take(2).all(|field| !field.is_empty() && !field.contains('='));
    if !complete || is_hash_obsolete(&hash).is_err() {
        return Err("the PHC string is damaged or has no hash");
    }
    Ok(hash)
}

/// Brings a PBKDF2 hash into the form that the checker reads: with the length said, which many
/// programs leave out, and out of the older form of Python's passlib,
/// `$pbkdf2-sha256$rounds$salt$hash` with dots for plus signs.
fn with_length(fields: &[&str]) -> Option<String> {
    let &["", algorithm, parameters, salt, hash] = fields else { return None };
    let rounds = parameters.strip_prefix("i=").unwrap_or(parameters);
    if !algorithm.starts_with("pbkdf2-") || !rounds.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let (salt, hash) = (salt.replace('.', "+"), hash.replace('.', "+"));
    let length = hash.len() * 3 / 4;
    Some(format!("${algorithm}$i={rounds},l={length}${salt}${hash}"))
}

/// What decides the cost of a hash: all before the salt.
fn kind(hash: &str) -> &str {
    let end = hash.rmatch_indices('$').nth(1).map_or(hash.len(), |(end, _)| end);
    hash.get(..end).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(line: &str, password: &str) -> bool {
        let table = Table::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        table.verify(b"u", password.as_bytes()).is_some()
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
        assert!(table.apop_secret(b"bob").unwrap().same_octets(b"\xff\xfe"));
        assert!(table.apop_secret(b"carol").is_none());
    }

    #[test]
    fn a_bad_line_is_named() {
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
        assert_eq!(kind(table.decoy.unwrap().expose()), "$pbkdf2-sha256$i=1,l=16");
        assert!(Table::parse(b"d:{PLAIN}x").unwrap().decoy.is_none());
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
}
