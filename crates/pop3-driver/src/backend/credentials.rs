//! What a client brings to log in.

use pop3_proto::server::{Claim, ClaimProof};
use pop3_proto::{Secret, apop};
use pop3_sasl::Mechanism;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::server::CramMd5;

/// A name, and the proof that its owner is at the other end, however it came: by PASS, by APOP, or by a
/// mechanism of AUTH.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginAttempt {
    /// The name, prepared by SASLprep if it came as UTF-8: octets without controls. Check it before it is
    /// used for anything, as a part of a path above all.
    ///
    /// It is never empty, but for two proofs that tell the name themselves: a bearer token and a
    /// certificate.
    pub name: Vec<u8>,
    /// Whose maildrop is to be opened, if that is not the one of `name` (RFC 4422 section 3.4.1).
    pub authorization: Option<Vec<u8>>,
    /// The mechanism of AUTH in which they came; `None` from PASS and APOP.
    pub mechanism: Option<Mechanism>,
    /// The proof.
    pub proof: Proof,
    /// Whether the client has asked for UTF-8, see [`Claim::utf8`].
    pub utf8: bool,
}

/// How the owner of a name proves to be so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Proof {
    /// By the password itself (PASS, PLAIN, LOGIN).
    Password(Secret),
    /// By a digest that only who has the secret can compute (APOP).
    Apop(apop::ApopProof),
    /// By a keyed digest that only who has the secret can compute (CRAM-MD5, RFC 2195).
    CramMd5(CramMd5),
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

impl LoginAttempt {
    /// A name with its proof, for the name's own maildrop, without UTF-8.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>, proof: Proof) -> Self {
        Self { name: name.into(), authorization: None, mechanism: None, proof, utf8: false }
    }

    /// Sets [`authorization`](Self::authorization); what is the same as the name counts as none.
    #[must_use]
    pub fn with_authorization(mut self, other: Option<Vec<u8>>) -> Self {
        self.authorization = other.filter(|other| *other != self.name);
        self
    }

    /// Sets [`mechanism`](Self::mechanism).
    #[must_use]
    pub const fn with_mechanism(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = Some(mechanism);
        self
    }

    /// Sets [`utf8`](Self::utf8).
    #[must_use]
    pub const fn with_utf8(mut self, utf8: bool) -> Self {
        self.utf8 = utf8;
        self
    }

    /// Prepares a name and a password that were typed after USER and PASS as those within AUTH are, if they
    /// are not ASCII (RFC 6856 section 2.2, RFC 4013). `None` where they can't be anybody's.
    pub(crate) fn prepared(mut self) -> Option<Self> {
        let own = |octets: &[u8]| {
            let text = core::str::from_utf8(octets).ok()?;
            prepare(text, StringKind::Query).ok().map(|text| text.into_owned().into_bytes())
        };
        if !self.name.is_ascii() {
            self.name = own(&self.name)?;
        }
        if let Proof::Password(password) = &mut self.proof
            && !password.expose().is_ascii()
            // One in another charset is as it was set.
            && let Some(prepared) = own(password.expose())
        {
            *password = Secret::new(prepared);
        }
        Some(self)
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
            Proof::Apop(answer) => answer.is_made_with(secret),
            Proof::CramMd5(digest) => digest.prove(secret),
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
            Proof::Apop(_)
            | Proof::CramMd5(_)
            | Proof::Token(_)
            | Proof::Certificate
            | Proof::Anonymous { .. }
            | Proof::Scram => None,
        }
    }
}

impl From<Claim> for LoginAttempt {
    fn from(login: Claim) -> Self {
        let proof = match login.proof {
            ClaimProof::Password(password) => Proof::Password(password),
            ClaimProof::Apop(answer) => Proof::Apop(answer),
        };
        Self::new(login.name, proof).with_utf8(login.utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "<1896.697170952@postoffice.reston.mci.net>";

    // The example of RFC 2195 section 2.
    #[cfg(feature = "md5")]
    #[test]
    fn a_keyed_digest_is_proved_by_its_mechanism() {
        let response = b"tim b913a602c7eda7a495b4e6e7334d3890";
        let digest = CramMd5::parse(response, CHALLENGE).unwrap();
        let credentials = LoginAttempt::new("tim", Proof::CramMd5(digest));
        assert!(credentials.prove(b"tanstaaftanstaaf") && !credentials.prove(b"tanstaaf"));
        assert!(credentials.password().is_none());
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("b913") && !shown.contains("185"), "{shown}");
    }

    #[test]
    fn what_is_no_proof_of_a_secret_proves_none() {
        let proofs = [Proof::Token("t".into()), Proof::Certificate, Proof::Scram];
        for proof in proofs {
            let credentials = LoginAttempt::new("t", proof);
            assert!(!credentials.prove(b"t") && !credentials.prove(b"") && credentials.password().is_none());
        }
    }

    #[cfg(feature = "md5")]
    #[test]
    fn a_digest_proves_the_secret_over_its_own_timestamp_only() {
        let digest = apop::Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
        let by = |timestamp: &[u8]| {
            let timestamp = apop::Timestamp::parse(timestamp).unwrap();
            LoginAttempt::new("mrose", Proof::Apop(apop::ApopProof::new(timestamp, digest)))
        };
        assert!(by(b"<1896.697170952@dbc.mtview.ca.us>").prove(b"tanstaaf"));
        assert!(!by(b"<1896.697170953@dbc.mtview.ca.us>").prove(b"tanstaaf"));
    }
}
