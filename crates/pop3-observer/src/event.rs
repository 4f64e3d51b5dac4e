//! What an observer tells.

use core::fmt;

use pop3_proto::client::ReplyItem;
use pop3_proto::{CommandError, MechanismName, Reply, ReplyShape};

use crate::asked::Asked;
use crate::rule::{Side, Violation};

/// An event on the connection. Octets are borrowed for the duration of the call.
///
/// Each command is answered by one [`Reply`](Self::Reply). If its `follows` is not [`ReplyShape::Line`], the events
/// for the following lines come next, and then [`End`](Self::End). A violation comes after the event that it is
/// about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller that forgets a case must not compile")]
pub enum ObserverEvent<'a> {
    /// The greeting of the server.
    Greeting {
        /// The line without its line end.
        line: &'a [u8],
        /// The parsed line.
        reply: Reply<'a>,
    },
    /// A line of the client that is a command, or should be one.
    Command(Sent<'a>),
    /// A line of the client within AUTH. Its octets are secret and not reported.
    Response {
        /// The AUTH command.
        asked: Asked,
        /// The length in octets.
        octets: u64,
        /// Whether the line is `*`, which cancels the exchange.
        cancels: bool,
    },
    /// A challenge of the server within AUTH. Its octets are not reported.
    Challenge {
        /// The AUTH command.
        asked: Asked,
        /// The number of octets after the plus sign and the space.
        octets: u64,
    },
    /// The first line of the reply to a command.
    Reply {
        /// The command.
        asked: Asked,
        /// The line without its line end.
        line: &'a [u8],
        /// The parsed line.
        reply: Reply<'a>,
        /// The content of a positive reply to STAT, LAST, `LIST n` or `UIDL n`, if it can be parsed.
        entry: Option<ReplyItem<'a>>,
        /// What follows before [`ObserverEvent::End`].
        follows: ReplyShape,
    },
    /// A line after the first line of a reply, for example of LIST, UIDL or CAPA.
    Line {
        /// The command.
        asked: Asked,
        /// The line without its line end and without dot-stuffing.
        line: &'a [u8],
        /// The parsed line, if it can be parsed.
        entry: Option<ReplyItem<'a>>,
    },
    /// Octets of a message, without dot-stuffing. Only with [`ObserverConfig::data`](crate::ObserverConfig::data).
    Data {
        /// The command.
        asked: Asked,
        /// The octets, including line ends.
        octets: &'a [u8],
    },
    /// The end of a multi-line reply.
    End {
        /// The command.
        asked: Asked,
        /// Its length in octets, including line ends, without dot-stuffing.
        octets: u64,
        /// The number of its lines.
        lines: u64,
    },
    /// A line of the server that is not a reply, or that answers no command.
    Stray {
        /// The line without its line end.
        line: &'a [u8],
    },
    /// The octets are ignored from now on, until [`tls_established`](crate::Observer::tls_established) is called:
    /// STLS was accepted, or the connection started with TLS.
    Opaque,
    /// The caller reported that TLS is established.
    Encrypted,
    /// Too many commands are outstanding. The observer ignores everything from now on.
    GaveUp,
    /// A side has closed its direction of the connection.
    Ended(Side),
    /// A violation of a rule.
    Violation(Violation),
}

/// A command in a form that is safe to display: without passwords, digests and initial responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// The command.
    pub asked: Asked,
    /// The visible part of the line: all of it, or the part before the secret. The octets come from the client:
    /// escape them before you display them.
    pub shown: &'a [u8],
    /// Whether a secret was removed from the end.
    pub redacted: bool,
    /// The length of the line in octets, including its line end.
    pub octets: u64,
    /// Why the line is not a valid command, if it is not.
    pub error: Option<CommandError>,
    /// The message number in the command.
    pub message: Option<u32>,
    /// The mechanism in the AUTH command.
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
