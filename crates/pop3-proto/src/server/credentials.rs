//! What a client brings to log in.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Secret;
use crate::apop::{Digest, Timestamp};

/// A name, and the proof that its owner is at the other end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The name as the client gave it: one or more ASCII octets without controls. Check it before
    /// it is used for anything, as a part of a path above all.
    pub name: Vec<u8>,
    /// The proof.
    pub proof: Proof,
}

/// How the owner of a name proves to be so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Proof {
    /// By the password itself (PASS).
    Password(Secret<Vec<u8>>),
    /// By a digest that only who has the secret can compute (APOP).
    Apop {
        /// The timestamp of the greeting.
        timestamp: String,
        /// The digest that came.
        digest: Secret<Digest>,
    },
}

impl Credentials {
    /// Whether the proof is right for a secret that is kept in clear. The time taken does not tell
    /// where it is wrong.
    #[must_use]
    pub fn prove(&self, secret: &[u8]) -> bool {
        match &self.proof {
            Proof::Password(password) => password.same_octets(secret),
            Proof::Apop { timestamp, digest } => Timestamp::parse(timestamp.as_bytes())
                .is_some_and(|timestamp| Digest::new(timestamp, secret) == *digest.expose()),
        }
    }

    /// The password, where it was sent: for stores that keep only hashes.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret<Vec<u8>>> {
        match &self.proof {
            Proof::Password(password) => Some(password),
            Proof::Apop { .. } => None,
        }
    }
}
