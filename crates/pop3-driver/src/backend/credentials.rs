//! The credentials of a login.

use pop3_proto::{Rejection, Secret, apop};
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

    /// Checks the proof against the secret that the store keeps in clear text for this user. Pass `None` if there is no
    /// such user: this takes as long as a wrong password, and the client is told the same.
    ///
    /// SCRAM has been checked before, against the keys of the store. It passes for every user that exists.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use pop3_driver::backend::{LoginAttempt, Proof};
    ///
    /// let passwords = HashMap::from([("mrose", "tanstaaf")]);
    /// let check = |attempt: LoginAttempt| attempt.verify(passwords.get(attempt.user().unwrap_or_default()));
    /// assert!(check(LoginAttempt::new("mrose", Proof::Password("tanstaaf".into()))).is_ok());
    /// assert!(check(LoginAttempt::new("mrose", Proof::Password("wrong".into()))).is_err());
    /// assert!(check(LoginAttempt::new("nobody", Proof::Password("tanstaaf".into()))).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns [`Rejection::credentials`] if there is no such user or the proof is wrong. A proof that does not use a
    /// secret, such as a token, is always wrong here.
    pub fn verify(&self, secret: Option<impl AsRef<[u8]>>) -> Result<(), Rejection> {
        let exists = secret.is_some();
        let proved = match &secret {
            Some(secret) => self.prove(secret.as_ref()),
            None => self.prove(b"there is no such user"),
        };
        if exists && (proved || self.is_proved()) { Ok(()) } else { Err(Rejection::credentials()) }
    }

    /// Returns the name as text, or `None` if it is empty or not UTF-8. Check it before you use it as part of a path,
    /// for example by looking it up in the list of users.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        core::str::from_utf8(&self.name).ok().filter(|name| !name.is_empty())
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

    #[test]
    fn only_a_user_that_exists_is_verified() {
        let verify = |proof: &Proof, secret| LoginAttempt::new("mrose", proof.clone()).verify(secret);
        let password = Proof::Password("tanstaaf".into());
        assert_eq!(verify(&password, Some("tanstaaf")), Ok(()));
        assert_eq!(verify(&password, Some("wrong")), Err(Rejection::credentials()));
        for proof in [password, Proof::Password("there is no such user".into()), Proof::Scram] {
            assert_eq!(verify(&proof, None::<&str>), Err(Rejection::credentials()), "{proof:?}");
        }
        assert_eq!(verify(&Proof::Scram, Some("")), Ok(()));
        for proof in [Proof::Token("tanstaaf".into()), Proof::Certificate] {
            assert_eq!(verify(&proof, Some("tanstaaf")), Err(Rejection::credentials()), "{proof:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_is_no_user() {
        let user = |name: &[u8]| LoginAttempt::new(name, Proof::Scram).user().map(str::to_owned);
        assert_eq!(user("m\u{fc}ller".as_bytes()).as_deref(), Some("m\u{fc}ller"));
        assert_eq!((user(b""), user(b"m\xfcller")), (None, None));
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
