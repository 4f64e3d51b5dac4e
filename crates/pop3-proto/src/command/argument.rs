//! Arguments of commands. They contain no octets that could end a line.

use core::fmt;

use crate::escaped::Escaped;

/// A mailbox name: one or more octets without control characters, and without a space at either end.
///
/// This crate checks nothing else. A server must validate a name before it uses it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a>(&'a [u8]);

/// A password: one or more octets without control characters. All spaces are part of it.
///
/// [`Debug`](fmt::Debug) does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(&'a [u8]);

/// A command that this crate does not know: its line and the shape of its reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    line: &'a [u8],
    reply: ReplyShape,
}

/// What follows the first line of a positive reply. A negative reply is always one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these three and no more")]
pub enum ReplyShape {
    /// Nothing.
    Line,
    /// Lines of text up to a line with a single dot. Each line is returned as a whole.
    Lines,
    /// A dot-stuffed body with any size and line length. It is returned in pieces as it arrives.
    Body,
}

/// The attributes of XCLIENT, `name=value` separated by spaces. They tell which client a proxy speaks for. Believe
/// them only if the peer is a trusted proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Xclient<'a>(&'a [u8]);

/// The reason why octets are not a valid argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentError {
    /// It is empty.
    Empty,
    /// It contains a control character (0x00 to 0x1F or 0x7F), such as CR, LF or NUL.
    Control,
    /// A name, the attributes of XCLIENT or the line of an extension begins or ends with a space. Or there are two
    /// spaces in a row in one of the last two: words are separated by a single space (RFC 1939 section 3).
    Space,
}

impl<'a> Name<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// Returns an error if it is empty, contains a control character, or begins or ends with a space.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ArgumentError> {
        check_trimmed(octets).map(|()| Self(octets))
    }

    /// Returns the octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Password<'a> {
    /// Reads a password.
    ///
    /// # Errors
    /// Returns an error if it is empty or contains a control character.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ArgumentError> {
        check(octets).map(|()| Self(octets))
    }

    /// Returns the octets of the password. Its name makes every use easy to find in a review.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Xclient<'a> {
    /// Reads the attributes as they appear in the line.
    ///
    /// # Errors
    /// Returns an error if there are none, or if they contain a control character, begin or end with a space, or contain
    /// two spaces in a row.
    pub fn parse(attributes: &'a [u8]) -> Result<Self, ArgumentError> {
        check_words(attributes).map(|()| Self(attributes))
    }

    /// Returns the attributes as they appear in the line.
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the value of an attribute, or of the first one if there are several with this name. Names are not
    /// case-sensitive.
    pub(crate) fn attribute(self, name: &str) -> Option<&'a [u8]> {
        self.0.split(|&octet| octet == b' ').find_map(|word| {
            let (own, value) = word.split_at_checked(name.len())?;
            own.eq_ignore_ascii_case(name.as_bytes()).then_some(value)?.strip_prefix(b"=")
        })
    }
}

impl<'a> Extension<'a> {
    /// Creates a command from its line without CRLF and the shape of its reply.
    ///
    /// # Errors
    /// Returns an error if the line is empty, contains a control character, begins or ends with a space, or contains two
    /// spaces in a row.
    ///
    /// ```
    /// use pop3_proto::{Extension, ReplyShape};
    /// assert!(Extension::new(b"XTND XLST Subject", ReplyShape::Lines).is_ok());
    /// assert!(Extension::new(b"XTND\r\nDELE 1", ReplyShape::Line).is_err());
    /// ```
    pub fn new(line: &'a [u8], reply: ReplyShape) -> Result<Self, ArgumentError> {
        check_words(line).map(|()| Self { line, reply })
    }

    /// Returns the line without CRLF.
    pub(crate) const fn line(self) -> &'a [u8] {
        self.line
    }

    /// Returns the shape of the reply.
    pub(crate) const fn reply_shape(self) -> ReplyShape {
        self.reply
    }
}

pub(super) fn check(octets: &[u8]) -> Result<(), ArgumentError> {
    if octets.is_empty() {
        Err(ArgumentError::Empty)
    } else if octets.iter().any(u8::is_ascii_control) {
        Err(ArgumentError::Control)
    } else {
        Ok(())
    }
}

fn check_trimmed(octets: &[u8]) -> Result<(), ArgumentError> {
    check(octets)?;
    if octets.first() == Some(&b' ') || octets.last() == Some(&b' ') {
        return Err(ArgumentError::Space);
    }
    Ok(())
}

/// Checks words that are separated by a single space (RFC 1939 section 3).
fn check_words(octets: &[u8]) -> Result<(), ArgumentError> {
    check(octets)?;
    if octets.split(|&octet| octet == b' ').any(<[u8]>::is_empty) {
        return Err(ArgumentError::Space);
    }
    Ok(())
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension")
            .field("line", &Escaped::new(self.line))
            .field("reply", &self.reply)
            .finish()
    }
}

impl fmt::Debug for Xclient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Xclient").field(&Escaped::new(self.0)).finish()
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name(\"{}\")", self.0.escape_ascii())
    }
}

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an argument of a command is empty",
            Self::Control => "an argument of a command contains a control character",
            Self::Space => "an argument of a command begins or ends with a space, or contains two in a row",
        })
    }
}

impl core::error::Error for ArgumentError {}
