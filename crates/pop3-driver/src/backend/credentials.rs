//! The credentials of a login.

use pop3_proto::{Secret, apop};
use pop3_sasl::Mechanism;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::server::CramMd5;

/// A name and the proof of a client that wants to log in, with PASS, APOP or an AUTH mechanism.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginAttempt {
    /// The user name, without control characters. A name in UTF-8 is prepared with SASLprep. Check the name before
    /// you use it, especially as part of a path.
    ///
    /// The name may be empty only with a bearer token or a certificate, because these proofs name the user
    /// themselves.
    pub name: Vec<u8>,
    /// The user whose maildrop the client wants to open, if it is not `name` (RFC 4422 section 3.4.1).
    pub authorization: Option<Vec<u8>>,
    /// The AUTH mechanism, or `None` for PASS and APOP.
    pub mechanism: Option<Mechanism>,
    /// The proof.
    pub proof: Proof,
    /// Whether the client has asked for UTF-8; see [`Request::Password`](pop3_proto::server::Request::Password).
    pub utf8: bool,
}

/// How the client proves that it is the user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Proof {
    /// The password itself (PASS, PLAIN, LOGIN).
    Password(Secret),
    /// A digest that requires knowledge of the secret (APOP).
    Apop(apop::ApopProof),
    /// A keyed digest that requires knowledge of the secret (CRAM-MD5, RFC 2195).
    CramMd5(CramMd5),
    /// A bearer token (OAUTHBEARER, RFC 7628, and XOAUTH2).
    Token(Secret),
    /// The certificate of the client, which TLS has verified (EXTERNAL). The backend decides which user it stands
    /// for.
    Certificate,
    /// Nothing (ANONYMOUS, RFC 4505). The name is `anonymous`.
    Anonymous {
        /// What the client says about itself. It may be empty.
        trace: String,
    },
    /// The SCRAM exchange with the keys that the backend returned for this name (RFC 5802). The driver has already
    /// verified it.
    Scram,
}

impl LoginAttempt {
    /// Creates an attempt to open the user's own maildrop, without UTF-8.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>, proof: Proof) -> Self {
        Self { name: name.into(), authorization: None, mechanism: None, proof, utf8: false }
    }

    /// Sets [`authorization`](Self::authorization). A value equal to the name counts as `None`.
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
            // A password in another charset remains as it is.
            && let Some(prepared) = own(password.expose())
        {
            *password = Secret::new(prepared);
        }
        Some(self)
    }

    /// Returns the name of the user whose maildrop the client wants to open.
    #[must_use]
    pub fn maildrop(&self) -> &[u8] {
        self.authorization.as_deref().unwrap_or(&self.name)
    }

    /// Returns whether the proof matches a secret that the store keeps in clear text. The time this takes does not
    /// depend on where they differ. Returns `false` for a proof that does not use a secret, such as a token.
    #[must_use]
    pub fn prove(&self, secret: &[u8]) -> bool {
        match &self.proof {
            Proof::Password(password) => password.same_octets(secret),
            Proof::Apop(answer) => answer.is_made_with(secret),
            Proof::CramMd5(digest) => digest.prove(secret),
            Proof::Token(_) | Proof::Certificate | Proof::Anonymous { .. } | Proof::Scram => false,
        }
    }

    /// Returns whether the driver has already verified the proof, which is the case for SCRAM.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        matches!(self.proof, Proof::Scram)
    }

    /// Returns the password if the client sent it, for stores that keep only hashes.
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
