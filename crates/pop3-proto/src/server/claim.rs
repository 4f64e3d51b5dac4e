//! A login by USER and PASS, or by APOP.

use alloc::vec::Vec;

use crate::{Secret, apop};

/// A login by USER and PASS, or by APOP: a name, and the proof that the client is its owner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The name as the client sent it. It is not empty and has no control characters. Validate it before use, above
    /// all before you use it in a file path.
    pub name: Vec<u8>,
    /// The proof.
    pub proof: ClaimProof,
    /// Whether the client has enabled UTF-8 with the command UTF8 (RFC 6856 section 2.1). If not, replace messages
    /// with UTF-8 in their headers by surrogates, or refuse them with [`Rejection::utf8`](crate::Rejection::utf8).
    /// The sizes in the snapshot are those of what is sent.
    pub utf8: bool,
}

/// How a client proves that it owns a name, without AUTH.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a store that knows one must not overlook the other")]
pub enum ClaimProof {
    /// The password itself (PASS).
    Password(Secret),
    /// A digest that can only be computed with the secret (APOP).
    Apop(apop::ApopProof),
}
