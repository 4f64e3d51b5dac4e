//! What can go wrong with the store.

use core::fmt;
use core::time::Duration;

use pop3_proto::Rejection;
use pop3_serve::UserName;

/// Why a call of the store has failed. It has a text for the operator, which never contains a secret, and a
/// [kind](Self::kind).
#[derive(Debug)]
pub struct SqlError {
    kind: SqlErrorKind,
    text: String,
    source: Option<Box<dyn core::error::Error + Send + Sync>>,
}

/// The kind of a [`SqlError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlErrorKind {
    /// A URL, a file or a setting cannot be used. The operator must correct it.
    Unusable,
    /// The database has no tables of this store, or those of another version. `pop3 store init` creates and updates
    /// them.
    Schema,
    /// The database cannot be reached, or the connection was lost. Try again later.
    Unreachable,
    /// No connection became free in time, or another transaction holds a row for too long. Try again later.
    Busy,
    /// There is no such user.
    NoUser,
    /// The user has no maildrop.
    NoMaildrop,
    /// The user, the maildrop or the unique-id exists already.
    Exists,
    /// The maildrop is open in another session.
    Locked,
    /// The user has logged in a short time ago.
    TooSoon {
        /// The time until the next login is possible, by the database's clock.
        wait: Duration,
    },
    /// The lock is no longer this session's: it was taken over after this node had not been heard of. Nothing was
    /// changed.
    LockLost,
    /// The message does not fit into the quota of the user. Nothing was stored.
    OverQuota,
    /// The message no longer exists.
    NoMessage,
    /// What was passed or found cannot be used: a user's form that cannot be parsed, a unique-id that breaks the rule
    /// of RFC 1939 section 7, a chunk that is missing.
    Invalid,
    /// The connection broke during the commit, and it could not be found out in time whether it took effect. It has
    /// happened completely or not at all.
    UnknownOutcome,
    /// The database reports another error.
    Database,
}

impl SqlError {
    pub(crate) fn new(kind: SqlErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The same error as one of another kind.
    pub(crate) fn of_kind(self, kind: SqlErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The same error, of another kind if the connection was lost.
    pub(crate) fn of_lost(self, kind: SqlErrorKind) -> Self {
        if self.kind == SqlErrorKind::UnknownOutcome { self.of_kind(kind) } else { self }
    }

    pub(crate) fn unusable(text: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Unusable, text)
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Invalid, text)
    }

    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Unreachable, text)
    }

    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> SqlErrorKind {
        self.kind
    }

    /// Returns whether the same call may succeed later, without anybody having to correct something.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        use SqlErrorKind::{Busy, Database, Locked, OverQuota, TooSoon, UnknownOutcome, Unreachable};
        matches!(
            self.kind,
            Busy | Database | Locked | OverQuota | TooSoon { .. } | UnknownOutcome | Unreachable
        )
    }
}

/// A user without a maildrop.
pub(crate) fn no_maildrop(user: &UserName) -> SqlError {
    SqlError::new(SqlErrorKind::NoMaildrop, format!("{user} has no maildrop"))
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for SqlError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What the client is told: nothing from the database.
impl From<SqlError> for Rejection {
    fn from(error: SqlError) -> Self {
        match error.kind {
            SqlErrorKind::Locked => Self::in_use(),
            SqlErrorKind::TooSoon { wait } => {
                let seconds = wait.as_millis().div_ceil(1_000);
                Self::login_delay()
                    .with_text(format!("too soon after the last login, wait {seconds} seconds"))
            }
            SqlErrorKind::NoMaildrop | SqlErrorKind::NoUser => Self::permanent("there is no maildrop"),
            SqlErrorKind::NoMessage => Self::temporary("the message no longer exists"),
            SqlErrorKind::LockLost => Self::temporary("another session has taken over the maildrop"),
            SqlErrorKind::UnknownOutcome => {
                Self::temporary("it is unknown whether the messages were removed")
            }
            SqlErrorKind::Unusable
            | SqlErrorKind::Schema
            | SqlErrorKind::Unreachable
            | SqlErrorKind::Busy
            | SqlErrorKind::Exists
            | SqlErrorKind::OverQuota
            | SqlErrorKind::Invalid
            | SqlErrorKind::Database => Self::temporary("the maildrop can't be reached at the moment"),
        }
    }
}
