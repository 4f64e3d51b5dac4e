//! How to open a maildrop.

use core::time::Duration;

/// How to open a maildrop.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SqlOpenOptions {
    /// The minimum time between two logins, by the database's clock. Default: none.
    pub login_delay: Duration,
    /// Whether the snapshot has the sizes with headers in ASCII. Default: no.
    pub ascii_headers: bool,
    /// The days after which a message that was read is removed at the commit. Default: never.
    pub expire: Option<u32>,
    /// Whether the login is not noted, and no message as read. Default: no.
    pub read_only: bool,
}

impl SqlOpenOptions {
    /// Creates the default options.
    #[must_use]
    pub const fn new() -> Self {
        Self { login_delay: Duration::ZERO, ascii_headers: false, expire: None, read_only: false }
    }

    /// Sets [`login_delay`](Self::login_delay).
    #[must_use]
    pub const fn with_login_delay(self, login_delay: Duration) -> Self {
        Self { login_delay, ..self }
    }

    /// Sets [`ascii_headers`](Self::ascii_headers).
    #[must_use]
    pub const fn with_ascii_headers(self, ascii_headers: bool) -> Self {
        Self { ascii_headers, ..self }
    }

    /// Sets [`expire`](Self::expire).
    #[must_use]
    pub const fn with_expire(self, expire: Option<u32>) -> Self {
        Self { expire, ..self }
    }
}
