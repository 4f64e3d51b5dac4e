//! Why a fetch fails.

mod listing;

use core::fmt;
use std::io;

use pop3_driver::client::{self, Retry};
use pop3_proto::{Keyword, MessageNumber};

pub use listing::ListingError;

/// Why a fetch ended early. What was stored until then is remembered. The rest stays on the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The target or the state file cannot be used. The text names it and says what to do.
    Unusable(String),
    /// Another process is fetching the account into the target, or uses the state file. The text says which.
    Running(String),
    /// A message could not be stored, or the state file could not be written.
    Store(io::Error),
    /// An error of the server or the connection.
    Client(client::ClientError),
    /// The listing of the server is unreliable. Nothing was fetched or deleted.
    Listing(ListingError),
    /// This message was received twice with different content: replies and commands are out of step. From this
    /// message on, nothing was stored, and nothing was deleted.
    OutOfStep(MessageNumber),
}

impl FetchError {
    /// Returns whether to try again, and how. Another attempt needs a new client.
    ///
    /// - [`Client`](Self::Client): as [`ClientError::advice`](client::ClientError::advice) says.
    /// - [`Running`](Self::Running) and [`Store`](Self::Store): [`Later`](Retry::Later), because the other process may
    ///   end and the disk may have room again.
    /// - [`Listing`](Self::Listing): [`Later`](Retry::Later) if it [may pass](ListingError::is_passing), otherwise
    ///   [`Never`](Retry::Never).
    /// - [`OutOfStep`](Self::OutOfStep): [`Later`](Retry::Later), without pipelining; see
    ///   [`Fetch::lost_synchronisation`](crate::Fetch::lost_synchronisation).
    /// - [`Unusable`](Self::Unusable): [`Never`](Retry::Never).
    #[must_use]
    pub fn advice(&self) -> Retry {
        match self {
            Self::Client(error) => error.advice(),
            Self::Listing(error) if error.is_passing() => Retry::Later,
            Self::Running(_) | Self::Store(_) | Self::OutOfStep(_) => Retry::Later,
            Self::Listing(_) | Self::Unusable(_) => Retry::Never,
        }
    }

    pub(crate) fn unusable(text: impl Into<String>) -> Self {
        Self::Unusable(text.into())
    }

    /// Whether replies can't be paired with commands any more.
    pub(crate) const fn is_out_of_step(&self) -> bool {
        use pop3_proto::client::ProtocolError as Protocol;
        match self {
            Self::OutOfStep(_) => true,
            // What came in place of the reply to STAT behind messages.
            Self::Client(client::ClientError::Protocol(Protocol::Entry(line))) => {
                matches!(line.during(), Some(Keyword::Stat))
            }
            Self::Client(client::ClientError::Protocol(error)) => {
                matches!(error, Protocol::OutOfStep(_) | Protocol::Unsolicited(_) | Protocol::LineTooLong(_))
            }
            Self::Client(_) | Self::Store(_) | Self::Listing(_) | Self::Unusable(_) | Self::Running(_) => {
                false
            }
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(text) | Self::Running(text) => f.write_str(text),
            Self::Store(_) => {
                f.write_str("could not store a message or its record (the rest stays on the server)")
            }
            Self::Client(_) => f.write_str("the session failed"),
            Self::Listing(error) => error.fmt(f),
            Self::OutOfStep(number) => write!(
                f,
                "message {number} arrived twice with different content: replies no longer match the \
                 commands. No message was stored from this one on, and none was deleted (the next run \
                    sends one command at a time)"
            ),
        }
    }
}

impl core::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Client(error) => Some(error),
            Self::Listing(error) => error.source(),
            Self::Unusable(_) | Self::Running(_) | Self::OutOfStep(_) => None,
        }
    }
}

impl From<client::ClientError> for FetchError {
    fn from(error: client::ClientError) -> Self {
        // An error of our own receiver is not an error of the server.
        if let client::ClientError::Store(error) = error { Self::Store(error) } else { Self::Client(error) }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Store(error)
    }
}

impl From<ListingError> for FetchError {
    fn from(error: ListingError) -> Self {
        Self::Listing(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
        for (error, retry) in [
            (FetchError::Client(client::ClientError::Network(broken())), Retry::Now),
            (FetchError::Store(io::ErrorKind::StorageFull.into()), Retry::Later),
            (FetchError::Running("another fetch is running".into()), Retry::Later),
            (FetchError::OutOfStep(MessageNumber::FIRST), Retry::Later),
            (ListingError::TooMany(3).into(), Retry::Never),
            (FetchError::unusable("it is no state file"), Retry::Never),
        ] {
            assert_eq!(error.advice(), retry, "{error}");
        }
    }
}
