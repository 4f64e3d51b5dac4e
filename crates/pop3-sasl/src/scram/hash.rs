//! The hashes that SCRAM is defined with, and what it does with them.

use alloc::vec;
use alloc::vec::Vec;

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::Secret;
use crate::keyed::hmac;

/// A hash function of SCRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1, for SCRAM-SHA-1. Its weakness against collisions does not affect HMAC.
    Sha1,
    /// SHA-256, for SCRAM-SHA-256.
    Sha256,
    /// SHA-512, for SCRAM-SHA-512.
    Sha512,
}

impl Hash {
    /// All hash functions, weakest first.
    pub const ALL: &'static [Self] = &[Self::Sha1, Self::Sha256, Self::Sha512];

    /// Returns the name of the mechanism without -PLUS. The text form of [`Keys`](super::Keys) begins with it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Returns the length of a hash in octets.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(crate) fn digest(self, octets: &[u8]) -> Secret {
        Secret::new(match self {
            Self::Sha1 => Sha1::digest(octets).to_vec(),
            Self::Sha256 => Sha256::digest(octets).to_vec(),
            Self::Sha512 => Sha512::digest(octets).to_vec(),
        })
    }

    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Secret {
        match self {
            Self::Sha1 => hmac::<Sha1>(key, parts),
            Self::Sha256 => hmac::<Sha256>(key, parts),
            Self::Sha512 => hmac::<Sha512>(key, parts),
        }
    }

    /// The function `Hi` of RFC 5802 section 2.2.
    pub(crate) fn stretch(self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
        let mut octets: Vec<u8> = vec![0; self.octets()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut octets),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut octets),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut octets),
        }
        Secret::new(octets)
    }
}
