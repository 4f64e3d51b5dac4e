//! Negative replies that a store gives.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::{ResponseCode, TextId, UniqueIdError};

/// A negative reply that the store asks the server to send: a response code and a text.
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

    /// Creates a refusal of credentials that are wrong, unknown, expired or blocked. Use the same text for each of
    /// these (RFC 3206 section 5).
    #[must_use]
    pub const fn credentials() -> Self {
        Self::known(ResponseCode::Auth, TextId::Credentials)
    }

    /// Creates a refusal because another session has the maildrop, although the credentials are correct (RFC 2449
    /// section 8.1.2).
    #[must_use]
    pub const fn in_use() -> Self {
        Self::known(ResponseCode::InUse, TextId::InUse)
    }

    /// Creates a refusal of a login that comes too soon after the last one (RFC 2449 section 8.1.1).
    #[must_use]
    pub const fn login_delay() -> Self {
        Self::known(ResponseCode::LoginDelay, TextId::LoginDelay)
    }

    /// Creates a report of a failure that is probably temporary (RFC 3206 section 4).
    #[must_use]
    pub fn temporary(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Some(ResponseCode::SysTemp), text.into())
    }

    /// Creates a report of a failure that needs the attention of an operator (RFC 3206 section 4).
    #[must_use]
    pub fn permanent(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Some(ResponseCode::SysPerm), text.into())
    }

    /// Creates a refusal of a message that is only available after the command UTF8 (RFC 6856 section 5).
    #[must_use]
    pub const fn utf8() -> Self {
        Self::known(ResponseCode::Utf8, TextId::NeedsUtf8)
    }

    /// Creates a refusal without a response code.
    #[must_use]
    pub fn plain(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(None, text.into())
    }

    /// Replaces the text.
    #[must_use]
    pub fn with_text(self, text: impl Into<Cow<'static, str>>) -> Self {
        Self { id: None, text: text.into(), ..self }
    }

    /// Sets the minimum delay of the reply if it refuses a login, counted from when the client sent its last line.
    /// Use it to slow down clients that guess passwords.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Returns the minimum delay of the reply.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns whether the credentials were refused, as opposed to a failure or a lock: the code is `[AUTH]` or there
    /// is none.
    #[must_use]
    pub const fn is_of_credentials(&self) -> bool {
        matches!(self.code, None | Some(ResponseCode::Auth))
    }

    /// Returns the response code.
    #[must_use]
    pub const fn code(&self) -> Option<ResponseCode<'static>> {
        self.code
    }

    /// Returns the text after the response code.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> (Option<TextId>, Cow<'static, str>) {
        (self.id, self.text)
    }
}

/// The maildrop cannot be opened until an operator renames the message: `[SYS/PERM]`.
impl From<UniqueIdError> for Rejection {
    fn from(_: UniqueIdError) -> Self {
        Self::permanent("a message of the store has no valid unique-id")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_unique_id_is_a_permanent_fault() {
        let error = crate::UniqueId::parse(b"a b").unwrap_err();
        assert_eq!(Rejection::from(error).code(), Some(ResponseCode::SysPerm));
    }
}
