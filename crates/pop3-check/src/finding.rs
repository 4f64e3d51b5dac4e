//! What is odd about a server, as values.

use core::fmt;

use pop3_proto::{MessageNumber, Octets, Quirk};
use pop3_text::Printable;

/// Something unusual about a server. `Display` formats it as a sentence in one line. [`name`](Self::name) is for
/// programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// STLS is not announced before TLS (RFC 2595 section 4).
    NoStls,
    /// The server accepts passwords before TLS (RFC 8314 section 4.1).
    PasswordsBeforeTls,
    /// The server does not support CAPA (RFC 2449).
    NoCapabilities,
    /// STLS is announced within TLS (RFC 2595 section 4).
    StlsWithinTls,
    /// This capability is not announced before the login.
    NotAnnounced(&'static str),
    /// AUTH-RESP-CODE is announced without RESP-CODES (RFC 3206 section 6).
    NoResponseCodes,
    /// The server does not answer CAPA after the login (RFC 2449 section 5).
    NoCapabilitiesAfterLogin,
    /// This capability is announced only before the login (RFC 2449 section 5).
    BeforeLoginOnly(Vec<u8>),
    /// This capability is announced only after the login.
    AfterLoginOnly(Vec<u8>),
    /// STLS is announced after the login (RFC 2595 section 4).
    StlsAfterLogin,
    /// STAT and a listing report different numbers of messages.
    OtherCount {
        /// The number in STAT.
        stat: u32,
        /// The number of listed messages.
        listed: usize,
        /// `LIST` or `UIDL`.
        listing: &'static str,
    },
    /// STAT and LIST report different numbers of octets.
    OtherOctets {
        /// The number in STAT.
        stat: Octets,
        /// The sum of the sizes in LIST.
        list: Octets,
    },
    /// Two messages have this unique-id (RFC 1939 section 7).
    UniqueIdTwice(Vec<u8>),
    /// The unique-id of a message is invalid (RFC 1939 section 7).
    BadUniqueId {
        /// The message.
        message: MessageNumber,
        /// The text that the server sent as the unique-id.
        text: Vec<u8>,
    },
    /// There are more invalid unique-ids, which are not reported individually.
    More,
    /// The server refuses LIST with this text.
    NoList(Vec<u8>),
    /// The server refuses UIDL with this text.
    NoUidl(Vec<u8>),
    /// The server closes the connection at QUIT without an answer (RFC 1939 section 6).
    HangUpAtQuit,
    /// A violation of the protocol that the client tolerates.
    Quirk(Quirk),
}

impl Finding {
    /// Returns a stable identifier of the kind of finding, such as `no-stls`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoStls => "no-stls",
            Self::PasswordsBeforeTls => "passwords-before-tls",
            Self::NoCapabilities => "no-capa",
            Self::StlsWithinTls => "stls-within-tls",
            Self::NotAnnounced(_) => "not-announced",
            Self::NoResponseCodes => "no-resp-codes",
            Self::NoCapabilitiesAfterLogin => "no-capa-after-login",
            Self::BeforeLoginOnly(_) => "before-login-only",
            Self::AfterLoginOnly(_) => "after-login-only",
            Self::StlsAfterLogin => "stls-after-login",
            Self::OtherCount { .. } => "other-count",
            Self::OtherOctets { .. } => "other-octets",
            Self::UniqueIdTwice(_) => "unique-id-twice",
            Self::BadUniqueId { .. } => "bad-unique-id",
            Self::More => "more",
            Self::NoList(_) => "no-list",
            Self::NoUidl(_) => "no-uidl",
            Self::HangUpAtQuit => "hang-up-at-quit",
            Self::Quirk(_) => "quirk",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStls => f.write_str("STLS is not announced before TLS (RFC 2595 section 4)"),
            Self::PasswordsBeforeTls => f.write_str(
                "passwords are accepted before TLS (RFC 8314 section \
                4.1)",
            ),
            Self::NoCapabilities => f.write_str("CAPA is not supported (RFC 2449)"),
            Self::StlsWithinTls => f.write_str("STLS is announced within TLS (RFC 2595 section 4)"),
            Self::NotAnnounced(tag) => write!(f, "{tag} is not announced before the login"),
            Self::NoResponseCodes => {
                f.write_str("AUTH-RESP-CODE is announced without RESP-CODES (RFC 3206 section 6)")
            }
            Self::NoCapabilitiesAfterLogin => {
                f.write_str("CAPA is not answered after the login (RFC 2449 section 5)")
            }
            Self::BeforeLoginOnly(tag) => {
                write!(f, "{} is announced only before the login (RFC 2449 section 5)", Printable::new(tag))
            }
            Self::AfterLoginOnly(tag) => {
                write!(f, "{} is announced only after the login", Printable::new(tag))
            }
            Self::StlsAfterLogin => f.write_str("STLS is announced after the login (RFC 2595 section 4)"),
            Self::OtherCount { stat, listed, listing } => {
                write!(f, "STAT counts {stat} messages, but {listing} lists {listed}")
            }
            Self::OtherOctets { stat, list } => write!(
                f,
                "STAT counts {stat} octets, but LIST adds up \
                to {list}"
            ),
            Self::UniqueIdTwice(uid) => {
                write!(f, "two messages have the unique-id {} (RFC 1939 section 7)", Printable::new(uid))
            }
            Self::BadUniqueId { message, text } => {
                write!(f, "the unique-id of message {message} is invalid: {}", Printable::new(text))
            }
            Self::More => f.write_str("further cases are not listed"),
            Self::NoList(text) => write!(f, "LIST is refused: {}", Printable::new(text)),
            Self::NoUidl(text) => write!(f, "UIDL is refused: {}", Printable::new(text)),
            Self::HangUpAtQuit => {
                f.write_str("the server closes the connection without answering QUIT (RFC 1939 section 6)")
            }
            Self::Quirk(quirk) => quirk.fmt(f),
        }
    }
}
