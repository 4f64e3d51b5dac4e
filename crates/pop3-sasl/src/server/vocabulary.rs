//! What an exchange says and is told.

use alloc::string::String;

use super::{CramMd5, Failure, TokenRefusal};
use crate::scram::{Hash, Keys};
use crate::{Mechanism, Secret};

/// What the caller of an exchange must do next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must not compile when there is a new one")]
pub enum ExchangeStep {
    /// Send these octets as a base64 challenge, even if there are none. Pass the decoded response to
    /// [`respond`](super::ServerExchange::respond).
    Challenge(Secret),
    /// Find the answer to the question and pass it to [`answer`](super::ServerExchange::answer).
    Ask(Question),
    /// The login succeeded. The exchange is over.
    Done(Identity),
    /// The login failed. The exchange is over.
    Fail(Failure),
}

/// A question that only the caller can answer.
///
/// Names are prepared by SASLprep: they are not empty, have at most 255 octets of UTF-8, and contain no control
/// characters. They may contain anything else, including `/` and `..`: check them before you use them in a path.
///
/// With an `authorization`, the client wants to act as another user. If you grant the login or return keys, you
/// permit that. The authorization always differs from the name.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a backend must not compile when there is a new one")]
pub enum Question {
    /// Is this the user's password (PLAIN, LOGIN)?
    Password {
        /// The user.
        name: String,
        /// Another user to act as.
        authorization: Option<String>,
        /// The password, prepared by SASLprep.
        password: Secret,
    },
    /// Was this digest made with the user's password (CRAM-MD5)? The check needs the password in clear text.
    CramMd5(CramMd5),
    /// Which keys are stored for the user (SCRAM)? Answer with [`Decision::Keys`].
    Keys {
        /// The user.
        name: String,
        /// Another user to act as.
        authorization: Option<String>,
        /// The hash function of the keys.
        hash: Hash,
    },
    /// Is this token valid for this maildrop (OAUTHBEARER, XOAUTH2)?
    Token {
        /// The maildrop to open. With OAUTHBEARER, the client may leave it to the token to identify the maildrop.
        name: Option<String>,
        /// The bearer token: `b64token` of RFC 6750 section 2.1.
        token: Secret,
        /// The mechanism that the client used.
        mechanism: Mechanism,
    },
    /// Does the TLS certificate of the client give access to this maildrop (EXTERNAL)? The TLS library has verified
    /// the certificate. Refuse if the client has none.
    Certificate {
        /// The maildrop to open. Clients often leave it to the certificate to identify the maildrop.
        name: Option<String>,
    },
    /// Are anonymous users allowed (ANONYMOUS)?
    Anonymous {
        /// An address or a word that helps to trace the client. It may be empty, and it proves nothing.
        trace: String,
    },
}

/// The caller's answer to a [`Question`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a backend has these and no more")]
pub enum Decision {
    /// Yes. Not allowed for [`Question::Keys`].
    Granted,
    /// Yes, and the maildrop has this name. For tokens, certificates and anonymous users.
    GrantedAs(String),
    /// No. For [`Question::Keys`], this is the same as `Keys(None)`.
    Refused,
    /// No, with an explanation for the client. Only for [`Question::Token`].
    RefusedToken(TokenRefusal),
    /// The keys, for [`Question::Keys`]. Use `None` if the user does not exist, has no keys for this hash, or may not
    /// act as the other user. The exchange then continues as with a wrong password.
    Keys(Option<Keys>),
    /// The question cannot be answered now, because of an error on the server.
    Unavailable,
}

/// The identity of a client that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The name of the authenticated user, prepared by SASLprep, or the name from [`Decision::GrantedAs`]. `None` if
    /// neither the client nor the caller gave a name.
    pub name: Option<String>,
    /// The other user to act as. It was part of the question, and the caller has permitted it.
    pub authorization: Option<String>,
}

impl Identity {
    pub(super) fn new(mechanism: Mechanism, name: Option<String>, authorization: Option<String>) -> Self {
        let authorization = authorization.filter(|other| name.as_ref() != Some(other));
        Self { mechanism, name, authorization }
    }

    /// Returns the user whose maildrop to open.
    #[must_use]
    pub fn acts_as(&self) -> Option<&str> {
        self.authorization.as_deref().or(self.name.as_deref())
    }
}
