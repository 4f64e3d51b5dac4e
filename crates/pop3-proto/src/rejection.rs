//! Negative replies of a server, as the embedder's store gives them.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::ResponseCode;

/// A negative reply that a server's backend asks for: a response code and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    code: Option<ResponseCode<'static>>,
    text: Cow<'static, str>,
    delay: Duration,
}

impl Rejection {
    pub(crate) const CREDENTIALS: &'static str = "invalid name or password";
    pub(crate) const IN_USE: &'static str = "the maildrop is in use by another session";
    pub(crate) const LOGIN_DELAY: &'static str = "too soon after the last login";
    pub(crate) const UTF8: &'static str = "this message needs the command UTF8";

    const fn new(code: Option<ResponseCode<'static>>, text: Cow<'static, str>) -> Self {
        Self { code, text, delay: Duration::ZERO }
    }

    /// The credentials are refused: wrong, unknown, expired or barred. Give the same text for each
    /// (RFC 3206 section 5).
    #[must_use]
    pub const fn credentials() -> Self {
        Self::new(Some(ResponseCode::Auth), Cow::Borrowed(Self::CREDENTIALS))
    }

    /// The credentials are right, but another session has the maildrop (RFC 2449 section 8.1.2).
    #[must_use]
    pub const fn in_use() -> Self {
        Self::new(Some(ResponseCode::InUse), Cow::Borrowed(Self::IN_USE))
    }

    /// The login comes too soon after the last (RFC 2449 section 8.1.1).
    #[must_use]
    pub const fn login_delay() -> Self {
        Self::new(Some(ResponseCode::LoginDelay), Cow::Borrowed(Self::LOGIN_DELAY))
    }

    /// A fault that will likely pass (RFC 3206 section 4).
    #[must_use]
    pub fn temporary(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Some(ResponseCode::SysTemp), text.into())
    }

    /// A fault that needs a person (RFC 3206 section 4).
    #[must_use]
    pub fn permanent(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Some(ResponseCode::SysPerm), text.into())
    }

    /// The message is to be had only after the command UTF8 (RFC 6856 section 5).
    #[must_use]
    pub const fn utf8() -> Self {
        Self::new(Some(ResponseCode::Utf8), Cow::Borrowed(Self::UTF8))
    }

    /// A refusal without a code.
    #[must_use]
    pub fn plain(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(None, text.into())
    }

    /// The same with another text.
    #[must_use]
    pub fn with_text(self, text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// Has the reply held back for at least so long, from when the client has sent what is refused, when
    /// it refuses a login: for stores that slow down who guesses.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// How long the reply is to be held back at least.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Whether it is about the credentials, and not about a fault or a lock: it has the code `[AUTH]` or
    /// none.
    #[must_use]
    pub const fn is_of_credentials(&self) -> bool {
        matches!(self.code, None | Some(ResponseCode::Auth))
    }

    /// The response code.
    #[must_use]
    pub const fn code(&self) -> Option<ResponseCode<'static>> {
        self.code
    }

    /// The text behind the code.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> Cow<'static, str> {
        self.text
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code} {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
