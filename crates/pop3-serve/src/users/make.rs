//! Forms of a password that do not show it.

use core::fmt;

use password_auth::generate_hash;
use pop3_proto::Secret;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys, SALT_OCTETS};

/// The form in which to store a password. An attacker who steals it still has to guess the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordForm {
    /// An argon2id hash, for mechanisms that send the password: PASS, PLAIN, LOGIN. Computing it takes about 30 ms
    /// and 19 MiB.
    Argon2id,
    /// SCRAM keys with this hash function. They also work for mechanisms that send the password.
    Scram {
        /// The hash function.
        hash: Hash,
        /// The number of iterations, 4,096 to 4,000,000. More iterations make guessing more expensive, and each login
        /// slower for the client.
        iterations: u32,
    },
}

/// Why a password cannot be stored in a form. The error contains no part of the password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadPassword {
    /// The password is empty.
    Empty,
    /// The password contains a NUL or a CR, which no client can send.
    Unsendable,
    /// No SCRAM keys can be derived from the password; the text explains why. An argon2id hash is possible.
    Unprepared(String),
    /// The system provides no random octets for a salt; the text is its error.
    NoSalt(String),
}

impl PasswordForm {
    /// Creates this form of the password, with a new salt. The result is the part after the name in a [users
    /// file](crate#the-users-file). [`User::with_form`](crate::User::with_form) accepts it.
    ///
    /// ```
    /// let form = pop3_serve::PasswordForm::Argon2id.make(b"secret")?;
    /// assert!(form.expose().starts_with("$argon2id$"));
    /// # Ok::<(), pop3_serve::BadPassword>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the password cannot be stored in this form.
    pub fn make(self, password: &[u8]) -> Result<Secret<String>, BadPassword> {
        if password.is_empty() {
            return Err(BadPassword::Empty);
        }
        if password.contains(&0) || password.contains(&b'\r') {
            return Err(BadPassword::Unsendable);
        }
        let (hash, iterations) = match self {
            Self::Argon2id => {
                // Prepare it if possible, so that clients may encode it in different ways.
                let prepared = prepared(password).ok();
                let octets = prepared.as_ref().map_or(password, |text| text.expose().as_bytes());
                return Ok(Secret::new(generate_hash(octets)));
            }
            Self::Scram { hash, iterations } => (hash, iterations),
        };
        let password = prepared(password).map_err(BadPassword::Unprepared)?;
        let mut salt = [0; SALT_OCTETS];
        getrandom::fill(&mut salt).map_err(|error| BadPassword::NoSalt(error.to_string()))?;
        let keys = Keys::derive(hash, password.expose().as_bytes(), &salt, iterations);
        let text = keys.map_err(|error| BadPassword::Unprepared(error.to_string()))?.to_text();
        Ok(Secret::new(String::from_utf8_lossy(text.expose()).into_owned()))
    }
}

/// The password as SASLprep makes it.
fn prepared(password: &[u8]) -> Result<Secret<String>, String> {
    let text = str::from_utf8(password).map_err(|_| "it is not UTF-8")?;
    let text = prepare(text, StringKind::Stored).map_err(|error| error.to_string())?;
    Ok(Secret::new(text.into_owned()))
}

impl fmt::Display for BadPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the password is empty"),
            Self::Unsendable => f.write_str("the password contains NUL or CR, which no client can send"),
            Self::Unprepared(why) => write!(f, "can't make SCRAM keys from this password: {why}"),
            Self::NoSalt(error) => write!(f, "the system provides no random octets: {error}"),
        }
    }
}

impl core::error::Error for BadPassword {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    const SHA256: PasswordForm = PasswordForm::Scram { hash: Hash::Sha256, iterations: 4_096 };

    #[test]
    fn what_is_made_is_read() {
        for form in [PasswordForm::Argon2id, SHA256] {
            let text = form.make("stra\u{df}e\u{ad}\u{2168}".as_bytes()).unwrap();
            assert_ne!(text.expose(), form.make("stra\u{df}e\u{ad}\u{2168}".as_bytes()).unwrap().expose());
            let table = Table::parse(format!("a:{}", text.expose()).as_bytes()).unwrap();
            assert!(table.verify(b"a", "stra\u{df}eIX".as_bytes()).is_some(), "{form:?}");
            assert!(table.verify(b"a", b"strasseIX").is_none(), "{form:?}");
        }
    }

    #[test]
    fn what_no_client_can_send_is_refused() {
        for form in [PasswordForm::Argon2id, SHA256] {
            assert_eq!(form.make(b"").unwrap_err(), BadPassword::Empty);
            assert_eq!(form.make(b"a\0").unwrap_err(), BadPassword::Unsendable);
            assert_eq!(form.make(b"a\r").unwrap_err(), BadPassword::Unsendable);
        }
        assert!(PasswordForm::Argon2id.make(b"\xff").is_ok());
        for password in [&b"\xff"[..], b"a\x07"] {
            assert!(matches!(SHA256.make(password), Err(BadPassword::Unprepared(_))));
        }
        let few = PasswordForm::Scram { hash: Hash::Sha1, iterations: 1 };
        assert!(matches!(few.make(b"secret"), Err(BadPassword::Unprepared(_))));
    }
}
