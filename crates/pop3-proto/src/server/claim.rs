//! What PASS and APOP ask of the store.

use alloc::vec::Vec;

use crate::{Secret, apop};

/// A login by USER and PASS, or by APOP: a name, and the proof that its owner is at the other end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The name as the client gave it: not empty, octets without controls. Check it before it is used for
    /// anything, as a part of a path above all.
    pub name: Vec<u8>,
    /// The proof.
    pub proof: ClaimProof,
    /// Whether the client has asked for UTF-8 (RFC 6856 section 2.1). Without it, messages with UTF-8
    /// in their headers are to be replaced by surrogates, or refused by
    /// [`Rejection::utf8`](crate::Rejection::utf8), and the snapshot has the sizes of what is sent.
    pub utf8: bool,
}

/// How the owner of a name proves to be so without AUTH.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a store that knows one must not overlook the other")]
pub enum ClaimProof {
    /// By the password itself (PASS).
    Password(Secret),
    /// By a digest that only who has the secret can compute (APOP).
    Apop(apop::ApopProof),
}
