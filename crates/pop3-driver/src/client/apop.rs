//! The login by APOP (RFC 1939 section 7).

use pop3_proto::apop::{Digest, Timestamp};
use pop3_proto::{Command, Name};
use pop3_sasl::client::Unusable;
use pop3_sasl::saslprep::StringKind;

use super::prepared::prepared;
use super::{Client, ClientError};
use crate::login_method::LoginMethod;
use crate::transport::Transport;

type Compute = fn(&Timestamp, &[u8]) -> Digest;

/// What computes the digest, if anything can.
#[cfg(feature = "md5")]
pub(super) const DIGEST: Option<Compute> = Some(Digest::new);
/// What computes the digest, if anything can.
#[cfg(not(feature = "md5"))]
pub(super) const DIGEST: Option<Compute> = None;

impl<T: Transport> Client<T> {
    /// Logs in with APOP and asks for the capabilities again.
    ///
    /// MD5 is weak. Use APOP only if the server offers nothing better. A false server can find out the password with
    /// enough time.
    ///
    /// Needs the feature `md5`, which is on by default.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call). Call [`drain`](Self::drain) to find out
    /// whether the user is logged in.
    ///
    /// # Errors
    /// Returns [`ClientError::NoTimestamp`] if the greeting had no timestamp, and [`ClientError::Unusable`] with
    /// [`NotBuilt`](Unusable::NotBuilt) without the feature `md5`. Nothing was sent in these cases. Otherwise as
    /// [`login`](Self::login).
    pub async fn login_apop(&mut self, name: &[u8], secret: &[u8]) -> Result<(), ClientError> {
        let digest = DIGEST.ok_or(ClientError::Unusable(Unusable::NotBuilt))?;
        let utf8 = self.takes_utf8(&[name, secret]).await?;
        let name = prepared(name, StringKind::Query, utf8).ok_or(ClientError::Unusable(Unusable::Name))?;
        let secret =
            prepared(secret, StringKind::Stored, utf8).ok_or(ClientError::Unusable(Unusable::Password))?;
        self.fits(&secret)?;
        let name = Name::parse(&name)?;
        let timestamp = self.connection.greeting_timestamp().ok_or(ClientError::NoTimestamp)?;
        let digest = digest(timestamp, &secret);
        self.connection.remember_secret(&secret);
        self.call(&Command::Apop { name, digest }, |_| Ok(())).await?;
        self.login_method = Some(LoginMethod::Apop);
        self.ask_again().await
    }
}
