//! What went wrong, for people and for programs.

use core::fmt;

use pop3_driver::client::Retry;
use pop3_text::Printable;

/// An error with a text for people and a kind for programs.
///
/// The text says what happened, which server or file is affected, and what to do. It is always one line, even if text
/// from the server or the settings contains line breaks, and it contains no secret. It includes the cause, so there
/// is no `source`.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    retry: Retry,
    unoffered: bool,
    text: String,
}

/// The category of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The settings, the URL, or a file or command named there are wrong. Nothing was sent.
    Settings,
    /// No connection or no TLS session could be established, or the connection broke.
    Connection,
    /// The login was refused, or the server did not prove its identity.
    Login,
    /// The server violates the protocol, or refuses a necessary command.
    Protocol,
    /// The server refuses temporarily. The same attempt may succeed later.
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

    /// Creates an error for a custom [`Source`](crate::Source). `text` should say what happened and what to do.
    #[must_use]
    pub fn of_source(text: impl Into<String>) -> Self {
        Self::settings(text)
    }

    /// Returns the category of the error.
    #[must_use]
    pub const fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Returns whether the server does not offer the requested login method. If so, show the user what it offers,
    /// with and without TLS.
    #[must_use]
    pub const fn is_unoffered(&self) -> bool {
        self.unoffered
    }

    /// Returns whether and how to try again. For an error of the client, this is its [own
    /// advice](pop3_driver::client::ClientError::advice).
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
