//! What a fetch tells while it runs.

use core::fmt;

use pop3_driver::client::Refusal;
use pop3_proto::{MessageNumber, Octets};
use pop3_text::Escaped;

/// What a fetch tells while it runs. Nothing depends on whether anybody listens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The listing has come: so many messages will be fetched, and so many octets, by the server's count.
    Planned {
        /// How many messages.
        messages: usize,
        /// How many octets they have together, as the server says.
        octets: Octets,
    },
    /// So many octets more of messages have come.
    Octets(Octets),
    /// The next message begins to arrive, or was refused.
    Message,
    /// No more messages will come.
    Finished,
    /// Something that the user may want to know.
    Notice(&'a Notice),
}

/// Something that the user may want to know. [`Display`](fmt::Display) says it in one line, in which the text of the
/// server is escaped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A message is skipped: it is larger than [wanted](crate::Options::with_max_size).
    TooLarge {
        /// The message.
        message: MessageNumber,
        /// Its size, by the server's count.
        octets: Octets,
    },
    /// A complete message has another size than the listing says: the server's sizes are estimates, here and from
    /// now on.
    SizesAreEstimates {
        /// The message.
        message: MessageNumber,
        /// What the listing says.
        listed: Octets,
        /// What came.
        octets: Octets,
    },
    /// The server does not give a message.
    Refused {
        /// The message.
        message: MessageNumber,
        /// What the server says.
        refusal: Refusal,
    },
    /// A message came empty, which the listing does not say of it. It stays on the server.
    Empty {
        /// The message.
        message: MessageNumber,
    },
    /// A message is stored, and the server does not delete it.
    NotDeleted {
        /// The message.
        message: MessageNumber,
        /// What the server says.
        refusal: Refusal,
    },
    /// The server refused QUIT. Which messages are deleted is seen from the next listing.
    QuitRefused {
        /// What the server says.
        refusal: Refusal,
    },
    /// The session ends without QUIT, at which the server might remove what it sent and the target does not have.
    /// Nothing is deleted.
    NoQuit,
}

impl Notice {
    /// Whether it is only for information, and nothing went wrong.
    #[must_use]
    pub const fn is_harmless(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::SizesAreEstimates { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { message, octets } => {
                write!(f, "message {message} skipped: {octets} octets are more than is allowed")
            }
            Self::SizesAreEstimates { message, listed, octets } => write!(
                f,
                "message {message} is complete with {octets} octets where the server lists {listed}: its sizes are estimates"
            ),
            Self::Refused { message, refusal } => {
                write!(f, "message {message} was refused by the server: {}", Escaped::new(&refusal.text))
            }
            Self::Empty { message } => write!(f, "message {message} came empty, and is left on the server"),
            Self::NotDeleted { message, refusal } => write!(
                f,
                "message {message} is stored, but the server does not delete it: {}",
                Escaped::new(&refusal.text)
            ),
            Self::QuitRefused { refusal } => {
                write!(f, "the server says at the end: {}", Escaped::new(&refusal.text))
            }
            Self::NoQuit => f.write_str(
                "the session ends without QUIT, at which the server might remove what it sent and we do not have; nothing is deleted",
            ),
        }
    }
}
