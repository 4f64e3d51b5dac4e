//! What a client brings to log in.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::apop::{Digest, Timestamp};
use crate::{MechanismName, Secret};

/// A name, and the proof that its owner is at the other end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The name as the client gave it, octets without controls. Check it before it is used for
    /// anything, as a part of a path above all.
    ///
    /// It is never empty, but for two proofs that tell the name themselves: a bearer token and a
    /// certificate.
    pub name: Vec<u8>,
    /// Whose maildrop is to be opened, if that is not the one of `name` (RFC 4422 section 3.4.1).
    pub authorization: Option<Vec<u8>>,
    /// The mechanism of AUTH in which they came; `None` from PASS and APOP.
    pub mechanism: Option<MechanismName>,
    /// The proof.
    pub proof: Proof,
    /// Whether the client has asked for UTF-8 (RFC 6856 section 2.1). Without it, messages with UTF-8
    /// in their headers are to be replaced by surrogates, or refused by
    /// [`Rejection::utf8`](crate::Rejection::utf8), and the snapshot has the sizes of what is sent.
    pub utf8: bool,
}

/// How the owner of a name proves to be so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Proof {
    /// By the password itself (PASS, PLAIN, LOGIN).
    Password(Secret),
    /// By a digest that only who has the secret can compute (APOP).
    Apop {
        /// The timestamp of the greeting.
        timestamp: String,
        /// The digest that came.
        digest: Secret<Digest>,
    },
    /// By a keyed digest that only who has the secret can compute (CRAM-MD5, RFC 2195).
    CramMd5(KeyedDigest),
    /// By a bearer token (OAUTHBEARER, RFC 7628, and XOAUTH2).
    Token(Secret),
    /// By the client's certificate, which TLS has verified (EXTERNAL). Which name it stands for is the
    /// backend's to know.
    Certificate,
    /// By nothing (ANONYMOUS, RFC 4505). The name is `anonymous`.
    Anonymous {
        /// What the client says about itself; it may be empty.
        trace: String,
    },
    /// By the keys that the backend has given for this name (SCRAM, RFC 5802): it is proved already.
    Scram,
}

/// A digest that a client has made with its secret, and how its mechanism verifies it.
///
/// The core knows mechanisms by their names only: whoever leads the exchange brings the check, so that
/// there is one, and all stores agree on which secrets are right.
#[derive(Clone)]
pub struct KeyedDigest {
    verify: Arc<Check>,
}

/// Whether a digest was made with this secret.
type Check = dyn Fn(&[u8]) -> bool + Send + Sync;

impl KeyedDigest {
    /// A digest with its check: whether it was made with this secret. The time that the check takes must
    /// not tell where the secret is wrong.
    #[must_use]
    pub fn new(verify: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self { verify: Arc::new(verify) }
    }

    /// Whether the digest was made with this secret.
    #[must_use]
    pub fn is_made_with(&self, secret: &[u8]) -> bool {
        (self.verify)(secret)
    }
}

/// Shows neither the digest nor the challenge.
impl fmt::Debug for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedDigest").finish_non_exhaustive()
    }
}

impl Credentials {
    /// A name with its proof, for the name's own maildrop, without UTF-8.
    #[must_use]
    pub const fn new(name: Vec<u8>, proof: Proof) -> Self {
        Self { name, authorization: None, mechanism: None, proof, utf8: false }
    }

    /// Sets [`authorization`](Self::authorization); what is the same as the name counts as none.
    #[must_use]
    pub fn with_authorization(mut self, other: Option<Vec<u8>>) -> Self {
        self.authorization = other.filter(|other| *other != self.name);
        self
    }

    /// Sets [`mechanism`](Self::mechanism).
    #[must_use]
    pub const fn with_mechanism(mut self, mechanism: MechanismName) -> Self {
        self.mechanism = Some(mechanism);
        self
    }

    /// Sets [`utf8`](Self::utf8).
    #[must_use]
    pub const fn with_utf8(mut self, utf8: bool) -> Self {
        self.utf8 = utf8;
        self
    }

    /// Whose maildrop is to be opened.
    #[must_use]
    pub fn maildrop(&self) -> &[u8] {
        self.authorization.as_deref().unwrap_or(&self.name)
    }

    /// Whether the proof is right for a secret that is kept in clear. The time taken does not tell
    /// where it is wrong. A proof that is none of a secret, as a token, is never right here.
    #[must_use]
    pub fn prove(&self, secret: &[u8]) -> bool {
        match &self.proof {
            Proof::Password(password) => password.same_octets(secret),
            Proof::Apop { timestamp, digest } => Timestamp::parse(timestamp.as_bytes())
                .is_some_and(|timestamp| Digest::new(timestamp, secret) == *digest.expose()),
            Proof::CramMd5(digest) => digest.is_made_with(secret),
            Proof::Token(_) | Proof::Certificate | Proof::Anonymous { .. } | Proof::Scram => false,
        }
    }

    /// Whether nothing is left to be verified, as the exchange was one of keys that the backend gave.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        matches!(self.proof, Proof::Scram)
    }

    /// The password, where it was sent: for stores that keep only hashes.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Password(password) => Some(password),
            Proof::Apop { .. }
            | Proof::CramMd5(_)
            | Proof::Token(_)
            | Proof::Certificate
            | Proof::Anonymous { .. }
            | Proof::Scram => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_digest_is_proved_by_its_own_check() {
        let proof = Proof::CramMd5(KeyedDigest::new(|secret| secret == b"tanstaaf"));
        let credentials = Credentials::new(b"tim".to_vec(), proof);
        assert!(credentials.prove(b"tanstaaf") && !credentials.prove(b"tanstaa"));
        assert!(credentials.password().is_none());
        assert!(!alloc::format!("{credentials:?}").contains("tanstaaf"));
    }

    #[test]
    fn what_is_no_proof_of_a_secret_proves_none() {
        let proofs = [Proof::Token(Secret::new(b"t".to_vec())), Proof::Certificate, Proof::Scram];
        for proof in proofs {
            let credentials = Credentials::new(b"t".to_vec(), proof);
            assert!(!credentials.prove(b"t") && !credentials.prove(b"") && credentials.password().is_none());
        }
    }
}
