//! What an exchange says and is told.

use alloc::string::String;

use super::{CramMd5, Failure, TokenRefusal};
use crate::scram::{Hash, Keys};
use crate::{Mechanism, Secret};

/// What has to happen next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must not compile when there is a new one")]
pub enum ExchangeStep {
    /// Send these octets, encoded, as a challenge; there may be none of them. Then give
    /// [`respond`](super::ServerExchange::respond) what comes.
    Challenge(Secret),
    /// Find out, and tell [`answer`](super::ServerExchange::answer).
    Ask(Question),
    /// The client is who it says. Over.
    Done(Identity),
    /// No login. Over.
    Fail(Failure),
}

/// What only the caller can know.
///
/// Names are prepared by SASLprep: not empty, at most 255 octets of UTF-8, no controls. They may hold
/// anything else, `/` and `..` too; check them before they become a part of a path. Where there is an
/// `authorization`, the client wants to act as another user than the one whose secret it has; who
/// grants, or answers with keys, allows it. It is never the same as the name.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a backend must not compile when there is a new one")]
pub enum Question {
    /// Whether this is the user's password (PLAIN, LOGIN).
    Password {
        /// The user.
        name: String,
        /// Another user to act as.
        authorization: Option<String>,
        /// The password, prepared by SASLprep.
        password: Secret,
    },
    /// Whether this digest was made with the user's password (CRAM-MD5). It needs the password in clear.
    CramMd5(CramMd5),
    /// The user's stored keys (SCRAM). Answer with [`Decision::Keys`].
    Keys {
        /// The user.
        name: String,
        /// Another user to act as.
        authorization: Option<String>,
        /// The hash that they must be for.
        hash: Hash,
    },
    /// Whether this token is good (OAUTHBEARER, XOAUTH2), and for this maildrop.
    Token {
        /// The maildrop to open. OAUTHBEARER may leave it to the token.
        name: Option<String>,
        /// The bearer token: `b64token` of RFC 6750 section 2.1.
        token: Secret,
        /// In which form it came.
        mechanism: Mechanism,
    },
    /// Whether the certificate that the client has shown in the TLS handshake, and that was verified
    /// there, is good for this maildrop (EXTERNAL). Refuse where there is no certificate.
    Certificate {
        /// The maildrop to open. Often left to the certificate.
        name: Option<String>,
    },
    /// Whether anybody may come in (ANONYMOUS).
    Anonymous {
        /// An address or a word by which the client may be traced. It may be empty, and proves nothing.
        trace: String,
    },
}

/// The caller's answer to a [`Question`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a backend has these and no more")]
pub enum Decision {
    /// Yes. Not for [`Question::Keys`].
    Granted,
    /// Yes, and this is the name of the maildrop: for tokens, certificates and anonymous users.
    GrantedAs(String),
    /// No. To [`Question::Keys`] it is the same as no keys.
    Refused,
    /// No, and this is told to the client: for [`Question::Token`] only.
    RefusedToken(TokenRefusal),
    /// To [`Question::Keys`]: the keys, or none where there is no such user, or none for this hash, or it
    /// may not act as the other. The exchange then goes on as with a wrong password.
    Keys(Option<Keys>),
    /// No answer can be found now: a fault, which is not the client's.
    Unavailable,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// How.
    pub mechanism: Mechanism,
    /// The user who was authenticated, prepared by SASLprep; or the name that the caller gave with
    /// [`Decision::GrantedAs`]. `None` where neither the client nor the caller named one.
    pub name: Option<String>,
    /// The other user to act as. It was in the question, and the caller has allowed it.
    pub authorization: Option<String>,
}

impl Identity {
    pub(super) fn new(mechanism: Mechanism, name: Option<String>, authorization: Option<String>) -> Self {
        let authorization = authorization.filter(|other| name.as_ref() != Some(other));
        Self { mechanism, name, authorization }
    }

    /// Returns the user whose maildrop is to be opened.
    #[must_use]
    pub fn acts_as(&self) -> Option<&str> {
        self.authorization.as_deref().or(self.name.as_deref())
    }
}
