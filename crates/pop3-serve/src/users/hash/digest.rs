//! Digests of a password and a salt, computed once. Whoever steals one tries a thousand million passwords a second.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The hash function of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Digest {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    /// How many octets it has.
    pub(in super::super) const fn octets(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Of a password, followed by the salt.
    pub(super) fn compute(self, password: &[u8], salt: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::new().chain_update(password).chain_update(salt).finalize().to_vec(),
            Self::Sha1 => Sha1::new().chain_update(password).chain_update(salt).finalize().to_vec(),
            Self::Sha256 => Sha256::new().chain_update(password).chain_update(salt).finalize().to_vec(),
            Self::Sha512 => Sha512::new().chain_update(password).chain_update(salt).finalize().to_vec(),
        }
    }
}
