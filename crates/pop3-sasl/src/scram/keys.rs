//! The keys of a user, which do not tell the password.

use core::fmt;

use super::hash::Hash;
use super::limits::{MAX_ITERATIONS, MAX_SALT, MIN_ITERATIONS, SALT_OCTETS};
use crate::saslprep::StringKind;
use crate::text::{decode, encode, prepared};
use crate::{Secret, text};

/// The keys that a server stores for a user's password and one hash function (RFC 5802 section 3). They allow the
/// server to verify the user and to prove that it knows the keys. They do not allow anyone to log in.
///
/// Keep the keys secret: with them, an attacker can guess the password offline and can pose as the server.
#[derive(Clone)]
pub struct Keys {
    hash: Hash,
    iterations: u32,
    salt: Secret,
    stored: Secret,
    server: Secret,
    fake: bool,
}

/// Why keys cannot be created or parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysError {
    /// The text is not `SCRAM-…$iterations:salt$StoredKey:ServerKey`, or is longer than 1,024 octets.
    Syntax,
    /// The hash is unknown.
    Hash,
    /// The number of iterations is below [`MIN_ITERATIONS`] or above [`MAX_ITERATIONS`].
    Iterations,
    /// The salt is empty or has more than 128 octets.
    Salt,
    /// A key does not have the length of the hash.
    Length,
    /// The password is empty, has more than 1,024 octets, is not UTF-8, or is rejected by SASLprep.
    Password,
}

const MAX_TEXT: usize = 1024;

impl Keys {
    /// Derives keys from a password. The password is prepared by SASLprep as a stored string. The salt should be
    /// [`SALT_OCTETS`] octets of a cryptographic random source, new for each user and hash.
    ///
    /// The time depends on the iterations: about 10 ms for each 10,000.
    ///
    /// ```
    /// use pop3_sasl::scram::{Hash, Keys};
    /// let keys = Keys::derive(Hash::Sha256, b"pencil", &[7; 16], 4096)?;
    /// assert!(keys.verify_password(b"pencil"));
    /// # Ok::<(), pop3_sasl::scram::KeysError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the password, the salt or the number of iterations is not acceptable.
    pub fn derive(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Result<Self, KeysError> {
        check(salt, iterations)?;
        let password = prepared_password(password).ok_or(KeysError::Password)?;
        let (client, server) = client_and_server_key(hash, password.expose(), salt, iterations);
        let stored = hash.digest(client.expose());
        Ok(Self { hash, iterations, salt: Secret::from(salt), stored, server, fake: false })
    }

    /// Creates keys from existing values, for example from another server.
    ///
    /// # Errors
    /// Returns an error if the salt, the number of iterations or the length of a key is not acceptable.
    pub fn new(
        hash: Hash,
        salt: impl Into<Secret>,
        iterations: u32,
        stored_key: impl Into<Secret>,
        server_key: impl Into<Secret>,
    ) -> Result<Self, KeysError> {
        let (salt, stored, server) = (salt.into(), stored_key.into(), server_key.into());
        check(salt.expose(), iterations)?;
        if stored.len() != hash.octets() || server.len() != hash.octets() {
            return Err(KeysError::Length);
        }
        Ok(Self { hash, iterations, salt, stored, server, fake: false })
    }

    /// Parses the text form of RFC 5803, which PostgreSQL writes, too:
    /// `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`. The last three parts are in base64.
    ///
    /// # Errors
    /// Returns an error if the text does not have this form.
    pub fn parse(text: &[u8]) -> Result<Self, KeysError> {
        if text.len() > MAX_TEXT {
            return Err(KeysError::Syntax);
        }
        let text = core::str::from_utf8(text).map_err(|_| KeysError::Syntax)?;
        let mut fields = text.split('$');
        let (Some(name), Some(cost), Some(keys), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(KeysError::Syntax);
        };
        let hash = Hash::ALL.iter().copied().find(|hash| hash.name() == name).ok_or(KeysError::Hash)?;
        let (iterations, salt) = cost.split_once(':').ok_or(KeysError::Syntax)?;
        let (stored, server) = keys.split_once(':').ok_or(KeysError::Syntax)?;
        let iterations = text::number(iterations).ok_or(KeysError::Iterations)?;
        let decoded = |text| decode(text).ok_or(KeysError::Syntax);
        Self::new(hash, decoded(salt)?, iterations, decoded(stored)?, decoded(server)?)
    }

    /// Returns the text form: one line of printable ASCII without spaces.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let field = |octets: &Secret| Secret::from(encode(octets.expose()));
        let (salt, stored, server) = (field(&self.salt), field(&self.stored), field(&self.server));
        let iterations = alloc::format!("{}", self.iterations);
        Secret::join(&[
            self.hash.name().as_bytes(),
            b"$",
            iterations.as_bytes(),
            b":",
            salt.expose(),
            b"$",
            stored.expose(),
            b":",
            server.expose(),
        ])
    }

    /// Returns whether the password matches the keys, for PLAIN and similar mechanisms. It takes as long as
    /// [`derive`](Self::derive). The time does not reveal how a wrong password differs.
    #[must_use]
    pub fn verify_password(&self, password: &[u8]) -> bool {
        let Some(password) = prepared_password(password) else { return false };
        let salt = self.salt.expose();
        let (client, _) = client_and_server_key(self.hash, password.expose(), salt, self.iterations);
        self.stored.same_octets(self.hash.digest(client.expose()).expose()) && !self.fake
    }

    /// Creates keys for a user who does not exist (RFC 5802 sections 5.1 and 9). An exchange with them looks like one
    /// with a wrong password and always fails.
    ///
    /// The same secret, hash and name give the same salt, as for a user who exists. Keep the secret to yourself, and
    /// do not change it while the users keep their keys. `iterations` should be the number used for the keys of real
    /// users. It is limited to the range from [`MIN_ITERATIONS`] to [`MAX_ITERATIONS`].
    #[must_use]
    pub fn decoy(hash: Hash, secret: &[u8], name: &str, iterations: u32) -> Self {
        Self::decoy_with_salt(hash, secret, name, iterations, SALT_OCTETS)
    }

    /// Creates keys like [`decoy`](Self::decoy), with a salt of this many octets, limited to the range from 1 to 128.
    /// Use it if the keys of real users came from elsewhere and their salts do not have [`SALT_OCTETS`] octets.
    #[must_use]
    pub fn decoy_with_salt(
        hash: Hash,
        secret: &[u8],
        name: &str,
        iterations: u32,
        salt_octets: usize,
    ) -> Self {
        let made = |purpose: &[u8]| {
            hash.hmac(secret, &[purpose, b"\0", hash.name().as_bytes(), b"\0", name.as_bytes()])
        };
        let mut salt = made(b"salt").expose().to_vec();
        let octets = salt_octets.clamp(1, MAX_SALT);
        for more in 1..u8::MAX {
            if salt.len() >= octets {
                break;
            }
            salt.extend_from_slice(made(&[b's', b'a', b'l', b't', more]).expose());
        }
        salt.truncate(octets);
        Self {
            hash,
            iterations: iterations.clamp(MIN_ITERATIONS, MAX_ITERATIONS),
            salt: Secret::new(salt),
            stored: made(b"stored"),
            server: made(b"server"),
            fake: true,
        }
    }

    /// Returns the hash function of the keys.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the number of iterations.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Returns the salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.salt.expose()
    }

    /// Whether a client's proof for this text is right (RFC 5802 section 3).
    pub(crate) fn verify_proof(&self, text: &[u8], proof: &[u8]) -> bool {
        let mut client = self.hash.hmac(self.stored.expose(), &[text]);
        // A shorter proof would leave a part of the signature unchanged.
        let whole = proof.len() == client.len();
        client.expose_mut().iter_mut().zip(proof).for_each(|(octet, proof)| *octet ^= proof);
        self.stored.same_octets(self.hash.digest(client.expose()).expose()) & whole & !self.fake
    }

    /// The server's own proof for this text.
    pub(crate) fn server_signature(&self, text: &[u8]) -> Secret {
        self.hash.hmac(self.server.expose(), &[text])
    }
}

/// ClientKey and ServerKey of a prepared password (RFC 5802 section 3).
pub(crate) fn client_and_server_key(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> (Secret, Secret) {
    let salted = hash.stretch(password, salt, iterations);
    (hash.hmac(salted.expose(), &[b"Client Key"]), hash.hmac(salted.expose(), &[b"Server Key"]))
}

fn prepared_password(password: &[u8]) -> Option<Secret> {
    if password.len() > text::MAX_PASSWORD {
        return None;
    }
    prepared(core::str::from_utf8(password).ok()?, StringKind::Stored)
}

fn check(salt: &[u8], iterations: u32) -> Result<(), KeysError> {
    if salt.is_empty() || salt.len() > MAX_SALT {
        return Err(KeysError::Salt);
    }
    if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
        return Err(KeysError::Iterations);
    }
    Ok(())
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "the keys do not have the form SCRAM-…$iterations:salt$StoredKey:ServerKey",
            Self::Hash => "the hash function is unknown",
            Self::Iterations => "the iteration count is too low or too high",
            Self::Salt => "the salt is empty or too long",
            Self::Length => "a key does not have the length of the hash",
            Self::Password => "the password is empty, too long, or contains invalid characters",
        })
    }
}

impl core::error::Error for KeysError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::message;

    /// Nobody knows what fits them; but that is not all that refuses it.
    #[test]
    fn fake_keys_do_not_open_even_with_what_fits_them() {
        let (salt, signed) = (b"0123456789abcdef", Secret::from("signed"));
        for &hash in Hash::ALL {
            let keys = Keys::derive(hash, b"tanstaaf", salt, MIN_ITERATIONS).unwrap();
            let (client, _) = client_and_server_key(hash, b"tanstaaf", salt, MIN_ITERATIONS);
            let proof = message::proof(hash, &client, &signed);
            let opens = |keys: &Keys| {
                [keys.verify_password(b"tanstaaf"), keys.verify_proof(signed.expose(), proof.expose())]
            };
            assert_eq!(opens(&keys), [true, true]);
            assert_eq!(opens(&Keys { fake: true, ..keys }), [false, false]);
        }
    }

    #[test]
    fn salts_of_fake_keys_have_the_length_that_is_asked_for_and_stay_the_same() {
        for &hash in Hash::ALL {
            let salt =
                |name, octets| Keys::decoy_with_salt(hash, b"secret", name, 4096, octets).salt().to_vec();
            for (octets, expected) in [(0, 1), (1, 1), (16, 16), (65, 65), (128, 128), (1000, 128)] {
                let made = salt("nobody", octets);
                assert_eq!((made.len(), &made), (expected, &salt("nobody", octets)));
                assert!(octets < 16 || made != salt("somebody", octets));
            }
            // What is added does not repeat what was there.
            let long = salt("nobody", 128);
            assert!(
                long.chunks_exact(16)
                    .all(|part| long.windows(16).filter(|other| *other == part).count() == 1)
            );
        }
    }
}
