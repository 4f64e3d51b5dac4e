//! What went wrong, for people and for programs.

use core::fmt;

use pop3_driver::client::Retry;
use pop3_text::Printable;

/// What went wrong: a text for people, and a kind for programs.
///
/// The text says what happened, to which server or file, and what to do. It is one line, whatever the server or the
/// settings contain, and holds no secret. What the error came from is told in it, so there is no source.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    retry: Retry,
    unoffered: bool,
    text: String,
}

/// Where the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// In the settings, the URL, or a file or command that they name. Nothing was sent.
    Settings,
    /// There is no connection, or no TLS on it, or it broke.
    Connection,
    /// The login was refused, or is not to be believed.
    Login,
    /// The server does not speak POP3 as agreed, or refuses what it has to do.
    Protocol,
    /// The server refuses for now: what is right may well work later, unchanged.
    Later,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, text: impl Into<String>) -> Self {
        let retry = match kind {
            ConnectErrorKind::Later | ConnectErrorKind::Connection => Retry::Later,
            ConnectErrorKind::Login => Retry::OtherCredentials,
            ConnectErrorKind::Settings | ConnectErrorKind::Protocol => Retry::Never,
        };
        Self { kind, retry, unoffered: false, text: text.into() }
    }

    pub(crate) fn settings(text: impl Into<String>) -> Self {
        Self::new(ConnectErrorKind::Settings, text)
    }

    pub(crate) fn unoffered(self) -> Self {
        Self { unoffered: true, ..self }
    }

    pub(crate) fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// An error in what a [`Source`](crate::Source) of the caller's gives. `text` says what happened and what to do.
    #[must_use]
    pub fn of_source(text: impl Into<String>) -> Self {
        Self::settings(text)
    }

    /// Where the fault is.
    #[must_use]
    pub const fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Returns whether the server does not offer the way to log in. Then it helps to see what it does offer, before
    /// and within TLS.
    #[must_use]
    pub const fn is_unoffered(&self) -> bool {
        self.unoffered
    }

    /// Whether, and how, trying again may help. Where the error is one of the client's, as
    /// [that](pop3_driver::client::ClientError::advice) says.
    #[must_use]
    pub const fn advice(&self) -> Retry {
        self.retry
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable::whole(self.text.as_bytes()).fmt(f)
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("advice", &self.retry)
            .field("text", &self.to_string())
            .finish()
    }
}

impl core::error::Error for ConnectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_harmless_line() {
        let error = ConnectError::settings("two\nlines\x1b[1m");
        assert_eq!(error.to_string(), "two\\nlines\\x1b[1m");
        assert!(!format!("{error:?}").contains('\x1b'));
    }
}
