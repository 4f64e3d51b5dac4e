//! Arguments of commands: values that can't break a line.

use core::fmt;

use crate::escaped::Escaped;

/// A mailbox name: one or more octets without controls, no space at either end.
///
/// The core knows no more of names; a server checks them before it uses them for anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a>(&'a [u8]);

/// A password: one or more octets without controls. Spaces belong to it wherever they stand.
///
/// It is not shown by [`Debug`](fmt::Debug).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(&'a [u8]);

/// A command that this crate does not know: its line, and the shape of its reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    line: &'a [u8],
    reply: ReplyShape,
}

/// What follows a positive reply's first line. A negative reply is always one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these three and no more")]
pub enum ReplyShape {
    /// Nothing.
    Line,
    /// Lines of text up to a line with a single dot; each is handed out whole.
    Lines,
    /// A dot-stuffed body of any size and line length, handed out in pieces as it comes.
    Body,
}

/// The attributes of XCLIENT, `name=value` between spaces: whom a proxy speaks for. They are the peer's
/// own words: believe them only of a peer that is trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Xclient<'a>(&'a [u8]);

/// Why octets are no argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentError {
    /// There is no octet.
    Empty,
    /// A control octet (0x00 to 0x1F, 0x7F), CR, LF and NUL among them.
    Control,
    /// A space at the beginning or the end of a name or an extension's line.
    Space,
}

impl<'a> Name<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is empty, holds a control octet, or begins or ends with a space.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ArgumentError> {
        check_trimmed(octets).map(|()| Self(octets))
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Password<'a> {
    /// Reads a password.
    ///
    /// # Errors
    /// When it is empty or holds a control octet.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ArgumentError> {
        check(octets).map(|()| Self(octets))
    }

    /// The octets. Each call is a place to look at in a review.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Xclient<'a> {
    /// Takes the attributes as they stand in the line.
    ///
    /// # Errors
    /// When there is none, or it holds a control octet, or begins or ends with a space.
    pub fn parse(attributes: &'a [u8]) -> Result<Self, ArgumentError> {
        check_trimmed(attributes).map(|()| Self(attributes))
    }

    /// The attributes as they stand in the line.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value of an attribute, whose name has no case; the first, if there are several.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<&'a [u8]> {
        self.0.split(|&octet| octet == b' ').find_map(|word| {
            let (own, value) = word.split_at_checked(name.len())?;
            own.eq_ignore_ascii_case(name.as_bytes()).then_some(value)?.strip_prefix(b"=")
        })
    }
}

impl<'a> Extension<'a> {
    /// A command as it will stand in its line, without CRLF, and the shape of its reply.
    ///
    /// # Errors
    /// When the line is empty, holds a control octet, or begins or ends with a space.
    ///
    /// ```
    /// use pop3_proto::{Extension, ReplyShape};
    /// assert!(Extension::new(b"XTND XLST Subject", ReplyShape::Lines).is_ok());
    /// assert!(Extension::new(b"XTND\r\nDELE 1", ReplyShape::Line).is_err());
    /// ```
    pub fn new(line: &'a [u8], reply: ReplyShape) -> Result<Self, ArgumentError> {
        check_trimmed(line).map(|()| Self { line, reply })
    }

    /// The line without CRLF.
    #[must_use]
    pub const fn line(self) -> &'a [u8] {
        self.line
    }

    /// The shape of the reply.
    #[must_use]
    pub const fn reply_shape(self) -> ReplyShape {
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
            Self::Control => "an argument of a command holds a control character",
            Self::Space => "an argument of a command begins or ends with a space",
        })
    }
}

impl core::error::Error for ArgumentError {}
