//! The credentials that the store of the tests is asked to check.

use pop3_proto::Secret;
use pop3_proto::apop::ApopProof;
use pop3_sasl::server::CramMd5;

/// A name and the proof for it, regardless of how they arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The name.
    pub name: Vec<u8>,
    /// The proof.
    pub proof: Proof,
    /// Whether the client has sent UTF8.
    pub utf8: bool,
}

/// The kinds of proof from the core and the mechanisms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Proof {
    /// By PASS, PLAIN or LOGIN.
    Password(Secret),
    /// By APOP.
    Apop(ApopProof),
    /// By CRAM-MD5.
    CramMd5(CramMd5),
    /// By a bearer token.
    Token(Secret),
    /// By a client certificate.
    Certificate,
    /// Without a proof, with this trace information.
    Anonymous {
        /// The identity that the client claims.
        trace: String,
    },
    /// With the keys that were supplied for the name.
    Scram,
}

impl Credentials {
    /// A message of an AUTH exchange.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>, proof: Proof, utf8: bool) -> Self {
        Self { name: name.into(), proof, utf8 }
    }

    /// Whether the proof is correct for this secret.
    #[must_use]
    pub fn prove(&self, secret: &[u8]) -> bool {
        match &self.proof {
            Proof::Password(password) => password.same_octets(secret),
            Proof::Apop(answer) => answer.is_made_with(secret),
            Proof::CramMd5(digest) => digest.prove(secret),
            Proof::Token(_) | Proof::Certificate | Proof::Anonymous { .. } | Proof::Scram => false,
        }
    }
}
