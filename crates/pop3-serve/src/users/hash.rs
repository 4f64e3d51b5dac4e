//! Hashes of passwords, of all kinds that are read.

mod crypt;
mod digest;
mod md5_crypt;
mod phc;

use core::fmt;

use pop3_proto::Secret;
use sha1::Sha1;

pub(super) use digest::Digest;

/// A hash of a password, with its salt and its cost.
#[derive(Clone)]
pub(super) enum Hashed {
    /// A PHC string.
    Phc(Secret<String>),
    Raw {
        algorithm: Algorithm,
        salt: Vec<u8>,
        expected: Secret<Vec<u8>>,
    },
}

/// How a hash is computed that is not a PHC string. The `Debug` form is what its cost depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5Crypt,
    /// The rounds.
    Sha256Crypt(u32),
    Sha512Crypt(u32),
    /// The binary logarithm of the rounds.
    Bcrypt(u32),
    Yescrypt(yescrypt::Params),
    /// The rounds of PBKDF2 with HMAC-SHA-1.
    Pbkdf2Sha1(u32),
    Digest(Digest),
}

/// The most rounds that a hash of SHA-256-crypt or SHA-512-crypt may ask for: about a second.
pub(super) const MAX_SHA_ROUNDS: u32 = 1_000_000;

/// The highest cost of bcrypt: about two seconds.
pub(super) const MAX_BCRYPT_COST: u32 = 15;

/// The most rounds of PBKDF2.
pub(super) const MAX_PBKDF2_ROUNDS: u32 = 4_000_000;

/// The most memory that a hash may ask for, in KiB: argon2, scrypt and yescrypt.
pub(super) const MAX_KIB: u64 = 256 * 1_024;

/// The most memory that a hash may fill in all its passes, in KiB.
pub(super) const MAX_KIB_FILLED: u64 = 16 * MAX_KIB;

/// What is said of a hash that asks for more.
pub(super) const TOO_COSTLY: &str = "the hash asks for more time or memory than a login may cost; \
    see the limits in the documentation, and set the password anew";

/// What is said of a hash that cannot be read.
const DAMAGED: &str = "the hash is damaged";

impl Hashed {
    /// Parses what begins with `$`: a PHC string, or what crypt(3) makes.
    ///
    /// # Errors
    /// What is wrong with it, which holds no part of it. The hash is not computed.
    pub(super) fn parse(hash: &str) -> Result<Self, &'static str> {
        match crypt::parse(hash) {
            Some(parsed) => parsed,
            None => phc::parse(hash).map(|hash| Self::Phc(Secret::new(hash))),
        }
    }

    /// A digest of the password and what follows the digest here, the salt.
    pub(super) fn digest(digest: Digest, octets: &[u8]) -> Result<Self, &'static str> {
        let (expected, salt) = octets.split_at_checked(digest.octets()).ok_or(DAMAGED)?;
        Ok(Self::raw(Algorithm::Digest(digest), salt, expected))
    }

    /// A hash in the form of Dovecot's PBKDF2: `$1$salt$rounds$` and hexadecimal digits.
    pub(super) fn pbkdf2(text: &str) -> Result<Self, &'static str> {
        let fields: Vec<_> = text.split('$').collect();
        let &["", "1", salt, rounds, hash] = &fields[..] else { return Err(DAMAGED) };
        let rounds = rounds.parse().ok().filter(|rounds| *rounds > 0).ok_or(DAMAGED)?;
        let hash = super::encoding::hex(hash.as_bytes()).ok_or(DAMAGED)?;
        if hash.len() != 20 || salt.is_empty() {
            return Err(DAMAGED);
        }
        if rounds > MAX_PBKDF2_ROUNDS {
            return Err(TOO_COSTLY);
        }
        Ok(Self::raw(Algorithm::Pbkdf2Sha1(rounds), salt.as_bytes(), &hash))
    }

    fn raw(algorithm: Algorithm, salt: &[u8], expected: &[u8]) -> Self {
        Self::Raw { algorithm, salt: salt.to_vec(), expected: Secret::new(expected.to_vec()) }
    }

    /// What decides how long a check takes: all of it that is not salt or hash.
    pub(super) fn cost(&self) -> String {
        match self {
            Self::Phc(hash) => {
                let hash = hash.expose();
                let end = hash.rmatch_indices('$').nth(1).map_or(hash.len(), |(end, _)| end);
                hash.get(..end).unwrap_or(hash).to_owned()
            }
            Self::Raw { algorithm, .. } => format!("{algorithm:?}"),
        }
    }

    /// Whether this is the password that the hash was made from. Compares in constant time.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Phc(hash) => phc::verify(password, hash.expose()),
            Self::Raw { algorithm, salt, expected } => {
                let found = Secret::new(algorithm.compute(password, salt, expected.len()));
                expected.same_octets(found.expose())
            }
        }
    }
}

impl fmt::Debug for Hashed {
    /// Nothing of it is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashed").finish_non_exhaustive()
    }
}

impl Algorithm {
    /// The hash of a password, of so many octets where the algorithm leaves that open.
    fn compute(self, password: &[u8], salt: &[u8], octets: usize) -> Vec<u8> {
        match self {
            Self::Md5Crypt => md5_crypt::md5_crypt(password, salt),
            Self::Sha256Crypt(rounds) => crypt::sha256(password, salt, rounds),
            Self::Sha512Crypt(rounds) => crypt::sha512(password, salt, rounds),
            Self::Bcrypt(cost) => crypt::bcrypt(password, salt, cost),
            Self::Yescrypt(params) => crypt::yescrypt(password, salt, &params, octets),
            Self::Pbkdf2Sha1(rounds) => {
                let mut hash = vec![0; octets];
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut hash);
                hash
            }
            Self::Digest(digest) => digest.compute(password, salt),
        }
    }
}
