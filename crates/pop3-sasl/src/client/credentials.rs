//! What a user has to log in with.

use alloc::string::String;
use core::fmt;

use super::Unusable;
use crate::saslprep::{StringKind, prepare};
use crate::text::{MAX_NAME, MAX_PASSWORD, is_anonymous_message, is_token, prepared};
use crate::{Mechanism, Secret};

/// The credentials of a user: a name, and a password, a token or a certificate.
///
/// ```
/// use pop3_sasl::client::Credentials;
/// let credentials = Credentials::new("fred").with_password("secret");
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct Credentials {
    pub(super) name: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) token: Option<Secret>,
    pub(super) certificate: bool,
    pub(super) trace: Option<String>,
    pub(super) endpoint: Option<(String, u16)>,
}

impl Credentials {
    /// Creates credentials for the user with this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Creates credentials for the user whom the client certificate identifies.
    #[must_use]
    pub fn certificate() -> Self {
        Self::default().with_certificate()
    }

    /// Creates credentials for an anonymous login. `trace` is an address or a word that helps to trace the user; it
    /// may be empty.
    #[must_use]
    pub fn anonymous(trace: impl Into<String>) -> Self {
        Self { trace: Some(trace.into()), ..Self::default() }
    }

    /// Adds the password.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds an OAuth 2.0 bearer token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Declares that the client presented a certificate in the TLS handshake.
    #[must_use]
    pub const fn with_certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// Adds the user to act as, if it differs from the user who logs in. An empty name adds nothing.
    #[must_use]
    pub fn with_authorization(mut self, name: impl Into<String>) -> Self {
        self.authorization = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// Adds the host and port that the client connected to. OAUTHBEARER sends them to the server (RFC 7628 section
    /// 3.1).
    #[must_use]
    pub fn with_endpoint(mut self, host: impl Into<String>, port: u16) -> Self {
        self.endpoint = Some((host.into(), port));
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the password.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Checks whether the credentials can be used with the mechanism. Ignores whether the connection is safe.
    ///
    /// # Errors
    /// Returns an error if a part of the credentials is missing or cannot be expressed in the mechanism's messages,
    /// or if the mechanism is not [available](Mechanism::is_available).
    pub fn suit(&self, mechanism: Mechanism) -> Result<(), Unusable> {
        if !mechanism.is_available() {
            return Err(Unusable::NotBuilt);
        }
        match mechanism {
            Mechanism::External => {
                if !self.certificate {
                    return Err(Unusable::NoCertificate);
                }
                self.target().map(drop)
            }
            Mechanism::Anonymous => match &self.trace {
                Some(trace) if is_anonymous_message(trace) => Ok(()),
                Some(_) => Err(Unusable::Trace),
                None => Err(Unusable::NotAnonymous),
            },
            Mechanism::OAuthBearer => {
                self.token()?;
                self.endpoint()?;
                self.target().map(drop)
            }
            Mechanism::XOAuth2 => {
                self.token()?;
                self.target()?.map(drop).ok_or(Unusable::NoName)
            }
            Mechanism::Plain => {
                self.typed_name()?;
                self.typed_authorization()?;
                self.typed_password().map(drop)
            }
            Mechanism::Login | Mechanism::CramMd5 => {
                self.typed_name()?;
                if self.typed_authorization()?.is_some() {
                    return Err(Unusable::NoAuthorization);
                }
                self.typed_password().map(drop)
            }
            Mechanism::ScramSha512Plus
            | Mechanism::ScramSha256Plus
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha512
            | Mechanism::ScramSha256
            | Mechanism::ScramSha1 => {
                self.prepared_name()?;
                self.typed_authorization()?;
                self.prepared_password().map(drop)
            }
        }
    }

    pub(super) fn typed_name(&self) -> Result<&str, Unusable> {
        typed(self.name.as_deref().ok_or(Unusable::NoName)?)
    }

    pub(super) fn prepared_name(&self) -> Result<String, Unusable> {
        let name = prepare(self.typed_name()?, StringKind::Query).map_err(|_| Unusable::Name)?;
        if name.len() > MAX_NAME { Err(Unusable::Name) } else { Ok(name.into_owned()) }
    }

    pub(super) fn typed_authorization(&self) -> Result<Option<&str>, Unusable> {
        self.authorization.as_deref().map(typed).transpose()
    }

    /// The user whose maildrop is wanted, for mechanisms whose credentials name the user themselves.
    pub(super) fn target(&self) -> Result<Option<&str>, Unusable> {
        self.authorization.as_deref().or(self.name.as_deref()).map(typed).transpose()
    }

    pub(super) fn typed_password(&self) -> Result<&str, Unusable> {
        let password = self.password.as_ref().ok_or(Unusable::NoPassword)?.expose();
        let fits = !password.is_empty() && password.len() <= MAX_PASSWORD && !password.contains(&0);
        core::str::from_utf8(password).ok().filter(|_| fits).ok_or(Unusable::Password)
    }

    pub(super) fn prepared_password(&self) -> Result<Secret, Unusable> {
        prepared(self.typed_password()?, StringKind::Stored).ok_or(Unusable::Password)
    }

    pub(super) fn endpoint(&self) -> Result<Option<(&str, u16)>, Unusable> {
        let Some((host, port)) = &self.endpoint else { return Ok(None) };
        let fits = !host.is_empty() && host.bytes().all(|octet| octet.is_ascii_graphic());
        if fits { Ok(Some((host, *port))) } else { Err(Unusable::Host) }
    }

    pub(super) fn token(&self) -> Result<&[u8], Unusable> {
        let token = self.token.as_ref().ok_or(Unusable::NoToken)?.expose();
        if is_token(token) { Ok(token) } else { Err(Unusable::Token) }
    }
}

/// A name as the user typed it: what servers make of it differs, so it is sent as it is, but controls
/// would change the message.
fn typed(name: &str) -> Result<&str, Unusable> {
    let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(Unusable::Name) }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("name", &self.name)
            .field("authorization", &self.authorization)
            .field("password", &self.password)
            .field("token", &self.token)
            .field("certificate", &self.certificate)
            .field("trace", &self.trace)
            .field("endpoint", &self.endpoint)
            .finish()
    }
}
