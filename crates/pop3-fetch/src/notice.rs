//! What a fetch tells while it runs.

use core::fmt;

use pop3_driver::client::Refusal;
use pop3_proto::{MessageNumber, Octets};
use pop3_text::Printable;

/// An event during a run. You may ignore all events.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// The listing is complete, and the run will fetch these messages.
    Planned {
        /// The number of messages.
        messages: usize,
        /// Their total size, as listed by the server.
        octets: Octets,
    },
    /// This many more octets of messages have arrived.
    Octets(Octets),
    /// The next message begins to arrive, or was refused.
    #[non_exhaustive]
    Message {
        /// The number of the message in this session.
        message: MessageNumber,
        /// Its size, as listed by the server. `None` if the server does not list it.
        octets: Option<Octets>,
    },
    /// No more messages will arrive.
    Finished,
    /// A notice for the user.
    Notice(&'a Notice),
}

/// A notice for the user. [`Display`](fmt::Display) formats it as one line and escapes the text of the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A message was skipped because it exceeds the [maximum size](crate::FetchOptions::with_max_size).
    TooLarge {
        /// The message.
        message: MessageNumber,
        /// Its size, as listed by the server.
        octets: Octets,
    },
    /// The size of a complete message differs from the listing. The run treats the server's sizes as estimates from
    /// now on.
    SizesAreEstimates {
        /// The message.
        message: MessageNumber,
        /// The listed size.
        listed: Octets,
        /// The actual size.
        octets: Octets,
    },
    /// The server refused to send a message.
    Refused {
        /// The message.
        message: MessageNumber,
        /// The reply of the server.
        refusal: Refusal,
    },
    /// A message arrived empty, but the listing says that it is not. It stays on the server.
    Empty {
        /// The message.
        message: MessageNumber,
    },
    /// A message is stored, but the server refused to delete it.
    NotDeleted {
        /// The message.
        message: MessageNumber,
        /// The reply of the server.
        refusal: Refusal,
    },
    /// The server refused QUIT. The next listing shows which messages are deleted.
    QuitRefused {
        /// The reply of the server.
        refusal: Refusal,
    },
    /// The server refused the STAT in front of QUIT, which verifies the deletions. The next listing shows which messages
    /// are deleted.
    DeletionsUnverified {
        /// The reply of the server.
        refusal: Refusal,
    },
    /// The session ends without QUIT, because the server might remove messages at QUIT that were sent but not stored.
    /// Nothing is deleted.
    NoQuit,
}

impl Notice {
    /// Returns whether the notice is only informational, and nothing went wrong.
    #[must_use]
    pub const fn is_harmless(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::SizesAreEstimates { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { message, octets } => {
                write!(f, "message {message} skipped: its {octets} octets exceed the limit")
            }
            Self::SizesAreEstimates { message, listed, octets } => write!(
                f,
                "message {message} is complete with {octets} octets, although the server lists {listed}: \
                 its sizes are estimates"
            ),
            Self::Refused { message, refusal } => {
                write!(f, "the server refused message {message}: {}", Printable::new(&refusal.text))
            }
            Self::Empty { message } => write!(
                f,
                "message {message} arrived empty and was left on the \
                server"
            ),
            Self::NotDeleted { message, refusal } => write!(
                f,
                "message {message} was stored, but the server refused to delete it: {}",
                Printable::new(&refusal.text)
            ),
            Self::DeletionsUnverified { refusal } => write!(
                f,
                "the deletions could not be verified, because the server refused STAT: {}",
                Printable::new(&refusal.text)
            ),
            Self::QuitRefused { refusal } => {
                write!(f, "the server reported a problem at QUIT: {}", Printable::new(&refusal.text))
            }
            Self::NoQuit => f.write_str(
                "the session ended without QUIT, so that the server does not remove messages that were \
                 sent but not stored; nothing was deleted",
            ),
        }
    }
}
