//! What an observer tells.

use core::fmt;

use pop3_proto::client::ReplyItem;
use pop3_proto::{CommandError, MechanismName, Reply, ReplyShape};

use crate::asked::Asked;
use crate::rule::{Side, Violation};

/// What happened on the connection. Octets are borrowed for the call.
///
/// A command is answered by one [`Reply`](Self::Reply); where its `follows` is not
/// [`ReplyShape::Line`], what follows is told, and then [`End`](Self::End). A violation comes behind
/// the event that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller that forgets a case must not compile")]
pub enum ObserverEvent<'a> {
    /// The first line of the server's.
    Greeting {
        /// The line without its line end.
        line: &'a [u8],
        /// The line read.
        reply: Reply<'a>,
    },
    /// A line of the client's that is a command, or should be one.
    Command(Sent<'a>),
    /// A line of the client's within AUTH. Its octets are a secret and are not told.
    Response {
        /// The AUTH it belongs to.
        asked: Asked,
        /// How many octets it has.
        octets: u64,
        /// Whether it is `*`.
        cancels: bool,
    },
    /// A challenge of the server's within AUTH. Its octets are not told.
    Challenge {
        /// The AUTH it belongs to.
        asked: Asked,
        /// How many octets follow the plus sign and the space.
        octets: u64,
    },
    /// The first line of the reply to a command.
    Reply {
        /// The command.
        asked: Asked,
        /// The line without its line end.
        line: &'a [u8],
        /// The line read.
        reply: Reply<'a>,
        /// What a positive reply to STAT, LAST, `LIST n` or `UIDL n` says, where it can be read.
        entry: Option<ReplyItem<'a>>,
        /// What follows until [`ObserverEvent::End`].
        follows: ReplyShape,
    },
    /// A line behind the first one of a reply: of LIST, UIDL, CAPA and the like.
    Line {
        /// The command.
        asked: Asked,
        /// The line without its line end and un-stuffed.
        line: &'a [u8],
        /// The line read, where it can be.
        entry: Option<ReplyItem<'a>>,
    },
    /// Octets of a message, un-stuffed. Only with [`ObserverConfig::data`](crate::ObserverConfig::data).
    Data {
        /// The command.
        asked: Asked,
        /// The octets, line ends included.
        octets: &'a [u8],
    },
    /// What followed the first line is complete.
    End {
        /// The command.
        asked: Asked,
        /// How many octets it had, un-stuffed, line ends included.
        octets: u64,
        /// How many lines it had.
        lines: u64,
    },
    /// A line of the server's that is no reply, or one that no command asked for.
    Stray {
        /// The line without its line end.
        line: &'a [u8],
    },
    /// From here on the octets are not looked at, until
    /// [`tls_established`](crate::Observer::tls_established): STLS was accepted, or the connection
    /// began with TLS.
    Opaque,
    /// The caller said that what follows is what TLS carries.
    Encrypted,
    /// More commands are under way than may be remembered. Nothing is looked at any longer.
    GaveUp,
    /// A side has ended its octets.
    Ended(Side),
    /// A rule was broken.
    Violation(Violation),
}

/// A command as it may be shown: without password, digest, initial response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// Which command it is.
    pub asked: Asked,
    /// What may be shown of the line: all of it, or what stands before the secret. These are the
    /// client's octets: escape them before they are shown.
    pub shown: &'a [u8],
    /// Whether a secret stands behind that.
    pub redacted: bool,
    /// How many octets the line has, line end included.
    pub octets: u64,
    /// Why it is no command.
    pub error: Option<CommandError>,
    /// The number of the message that it names.
    pub message: Option<u32>,
    /// The mechanism that AUTH names.
    pub mechanism: Option<MechanismName>,
}

/// The line, escaped, and `***` in the place of a secret.
impl fmt::Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown.escape_ascii())?;
        match (self.redacted, self.shown) {
            (false, _) => Ok(()),
            (true, []) => f.write_str("***"),
            (true, _) => f.write_str(" ***"),
        }
    }
}
