//! Negative replies of a server, as the embedder's store gives them.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::{ResponseCode, TextId};

/// A negative reply that a server's backend asks for: a response code and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    code: Option<ResponseCode<'static>>,
    id: Option<TextId>,
    text: Cow<'static, str>,
    delay: Duration,
}

impl Rejection {
    const fn new(code: Option<ResponseCode<'static>>, text: Cow<'static, str>) -> Self {
        Self { code, id: None, text, delay: Duration::ZERO }
    }

    const fn known(code: ResponseCode<'static>, id: TextId) -> Self {
        Self { code: Some(code), id: Some(id), text: Cow::Borrowed(id.english()), delay: Duration::ZERO }
    }

    /// The credentials are refused: wrong, unknown, expired or barred. Give the same text for each
    /// (RFC 3206 section 5).
    #[must_use]
    pub const fn credentials() -> Self {
        Self::known(ResponseCode::Auth, TextId::Credentials)
    }

    /// The credentials are right, but another session has the maildrop (RFC 2449 section 8.1.2).
    #[must_use]
    pub const fn in_use() -> Self {
        Self::known(ResponseCode::InUse, TextId::InUse)
    }

    /// The login comes too soon after the last (RFC 2449 section 8.1.1).
    #[must_use]
    pub const fn login_delay() -> Self {
        Self::known(ResponseCode::LoginDelay, TextId::LoginDelay)
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
        Self::known(ResponseCode::Utf8, TextId::NeedsUtf8)
    }

    /// A refusal without a code.
    #[must_use]
    pub fn plain(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(None, text.into())
    }

    /// The same with another text.
    #[must_use]
    pub fn with_text(self, text: impl Into<Cow<'static, str>>) -> Self {
        Self { id: None, text: text.into(), ..self }
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

    pub(crate) fn into_text(self) -> (Option<TextId>, Cow<'static, str>) {
        (self.id, self.text)
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
