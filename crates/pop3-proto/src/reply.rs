//! First lines of replies: reading them as a client, writing them as a server.

mod write;

use core::fmt;

use nom::bytes::complete::{tag, take_while1};
use nom::multi::separated_list1;
use nom::sequence::delimited;
use nom::{IResult, Parser as _};

use crate::escaped::Escaped;
use crate::quirk::Quirk;

pub(crate) use write::{MAX_REPLY, put_filled_reply, put_reply, put_text};

/// The status indicator (RFC 1939 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two and no more")]
pub enum Status {
    /// `+OK`
    Positive,
    /// `-ERR`
    Negative,
}

/// The first line of a reply, parsed. Only the status and the response code have a meaning for programs.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reply<'a> {
    /// Whether the reply is positive or negative.
    pub status: Status,
    /// The extended response code, if the text begins with one (RFC 2449 section 8).
    pub code: Option<ResponseCode<'a>>,
    /// Everything after the status indicator and its space, including the response code. These octets come from the
    /// server, so escape them before you show them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::peer_octets::serialize"))]
    pub text: &'a [u8],
    /// The text without the response code.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::peer_octets::serialize"))]
    pub message: &'a [u8],
    /// The departure from the protocol that was tolerated, if any.
    pub quirk: Option<Quirk>,
}

/// An extended response code (RFC 2449 section 8, RFC 3206, RFC 6856).
///
/// Codes are not case-sensitive, and unknown deeper levels are ignored: `[SYS/TEMP/DISK]` is
/// [`SysTemp`](Self::SysTemp).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseCode<'a> {
    /// `[LOGIN-DELAY]`: this login comes too soon after the last one. Try again later.
    LoginDelay,
    /// `[IN-USE]`: the credentials are correct, but another session has locked the maildrop. Try again later.
    InUse,
    /// `[SYS/TEMP]`: a failure of the server's system that is probably temporary.
    SysTemp,
    /// `[SYS/PERM]`: a failure of the server's system that needs the attention of an operator.
    SysPerm,
    /// `[AUTH]`: the credentials were refused.
    Auth,
    /// `[UTF8]`: the message is only available after the command UTF8.
    Utf8,
    /// Any other code, as written between the brackets.
    Other(&'a [u8]),
}

/// What to do after a negative reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Advice {
    /// The same may succeed later. Keep the credentials, and do not report an error unless this persists.
    RetryLater,
    /// It will not succeed until the operator of the server has fixed a problem. Report it.
    TellOperator,
    /// The credentials were refused. They will be refused again, but others may be accepted.
    OtherCredentials,
    /// The same may succeed immediately in UTF8 mode. That needs a new connection, because UTF8 must be sent before
    /// the login (RFC 6856 section 5).
    RetryInUtf8,
    /// The reply does not tell what to do.
    Unknown,
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("text", &Escaped::new(self.text))
            .field("message", &Escaped::new(self.message))
            .field("quirk", &self.quirk)
            .finish()
    }
}

impl fmt::Debug for ResponseCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoginDelay => "LoginDelay",
            Self::InUse => "InUse",
            Self::SysTemp => "SysTemp",
            Self::SysPerm => "SysPerm",
            Self::Auth => "Auth",
            Self::Utf8 => "Utf8",
            Self::Other(code) => return f.debug_tuple("Other").field(&Escaped::new(code)).finish(),
        })
    }
}

impl<'a> Reply<'a> {
    /// The maximum length of the first line of a reply in octets, including CRLF (RFC 1939 section 3).
    pub const MAX_OCTETS: usize = 512;

    /// Reads a line without its line end.
    ///
    /// The status must be the whole line, or be followed by a space or a tab. `+OKAY` is not a reply. Returns `None` if
    /// the line begins neither with `+OK` nor with `-ERR`: the peer speaks another protocol or is out of step.
    ///
    /// ```
    /// use pop3_proto::{Reply, ResponseCode, Status};
    /// let reply = Reply::parse(b"-ERR [IN-USE] Do you have another POP session running?").unwrap();
    /// assert_eq!(reply.status, Status::Negative);
    /// assert_eq!(reply.code, Some(ResponseCode::InUse));
    /// assert!(Reply::parse(b"* OK IMAP4rev1 ready").is_none());
    /// ```
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (status, rest, exact) = if let Some((rest, exact)) = strip_token(line, b"+OK") {
            (Status::Positive, rest, exact)
        } else if let Some((rest, exact)) = strip_token(line, b"-ERR") {
            (Status::Negative, rest, exact)
        } else {
            return None;
        };
        let text = rest.trim_ascii_start();
        let spaced = matches!(rest, [] | [b' '] | [b' ', b'!'..=0xff, ..]);
        let quirk = match (exact, spaced) {
            (false, _) => Some(Quirk::StatusCase),
            (true, false) => Some(Quirk::Spacing),
            (true, true) => None,
        };
        Some(Self::of_text(status, text, quirk))
    }

    /// The reply with this text, which may begin with a response code.
    pub(crate) fn of_text(status: Status, text: &'a [u8], quirk: Option<Quirk>) -> Self {
        let (message, code) = match bracketed(text) {
            Ok((message, inner)) => (message.trim_ascii_start(), Some(ResponseCode::from_inner(inner))),
            Err(_) => (text, None),
        };
        Self { status, code, text, message, quirk }
    }

    /// Reads a line whose text follows the status indicator without a space, such as `+OKwelcome`.
    /// [`parse`](Self::parse) refuses it. Use this if you only observe a connection and want to know what the line
    /// was meant to be. The response code is not read.
    #[must_use]
    pub fn parse_joined(line: &'a [u8]) -> Option<Self> {
        let status = [(&b"+OK"[..], Status::Positive), (b"-ERR", Status::Negative)];
        status.into_iter().find_map(|(token, status)| {
            let (head, text) = line.split_at_checked(token.len())?;
            head.eq_ignore_ascii_case(token).then_some(Self {
                status,
                code: None,
                text,
                message: text,
                quirk: Some(Quirk::Spacing),
            })
        })
    }

    /// Returns whether the status is positive.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.status == Status::Positive
    }
}

/// Removes `token` from the start of the line if it is a whole word there. Also returns whether it is in upper case.
fn strip_token<'a>(line: &'a [u8], token: &[u8]) -> Option<(&'a [u8], bool)> {
    let (head, rest) = line.split_at_checked(token.len())?;
    let whole = matches!(rest, [] | [b' ' | b'\t', ..]);
    (whole && head.eq_ignore_ascii_case(token)).then_some((rest, head == token))
}

/// Parses `"[" resp-level *("/" resp-level) "]"` (RFC 2449 section 3). Returns the rest and the part between the
/// brackets. A level consists of `rchar`: everything visible except `/` and `]`.
fn bracketed(text: &[u8]) -> IResult<&[u8], &[u8]> {
    let level = take_while1(|octet: u8| matches!(octet, 0x21..=0x2e | 0x30..=0x5c | 0x5e..=0x7f));
    let levels = nom::combinator::recognize(separated_list1(tag(&b"/"[..]), level));
    delimited(tag(&b"["[..]), levels, tag(&b"]"[..])).parse(text)
}

impl<'a> ResponseCode<'a> {
    /// Returns the response code at the start of the text of a reply, if there is one.
    #[must_use]
    pub fn of_text(text: &'a [u8]) -> Option<Self> {
        bracketed(text).ok().map(|(_, inner)| Self::from_inner(inner))
    }

    pub(crate) fn from_inner(inner: &'a [u8]) -> Self {
        let mut levels = inner.split(|&octet| octet == b'/');
        let first = levels.next().unwrap_or_default();
        let second = levels.next().unwrap_or_default();
        let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if is(first, "LOGIN-DELAY") {
            Self::LoginDelay
        } else if is(first, "IN-USE") {
            Self::InUse
        } else if is(first, "AUTH") {
            Self::Auth
        } else if is(first, "UTF8") {
            Self::Utf8
        } else if is(first, "SYS") && is(second, "TEMP") {
            Self::SysTemp
        } else if is(first, "SYS") && is(second, "PERM") {
            Self::SysPerm
        } else {
            Self::Other(inner)
        }
    }

    /// Returns the code as written between the brackets.
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::LoginDelay => b"LOGIN-DELAY",
            Self::InUse => b"IN-USE",
            Self::SysTemp => b"SYS/TEMP",
            Self::SysPerm => b"SYS/PERM",
            Self::Auth => b"AUTH",
            Self::Utf8 => b"UTF8",
            Self::Other(inner) => inner,
        }
    }

    /// Returns what to do after a negative reply with this code. Levels after the known ones are ignored. A text
    /// without a code is never interpreted.
    ///
    /// ```
    /// use pop3_proto::{Advice, ResponseCode};
    /// let code = ResponseCode::of_text(b"[SYS/TEMP/DISK] try later").unwrap();
    /// assert_eq!(code.advice(), Advice::RetryLater);
    /// ```
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::LoginDelay | Self::InUse | Self::SysTemp => Advice::RetryLater,
            Self::SysPerm => Advice::TellOperator,
            Self::Auth => Advice::OtherCredentials,
            Self::Utf8 => Advice::RetryInUtf8,
            // `[SYS]` alone does not tell whether it passes (RFC 3206 section 4).
            Self::Other(_) => Advice::Unknown,
        }
    }
}

impl fmt::Display for ResponseCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Reply<'_> {
        Reply::parse(line).unwrap()
    }

    #[test]
    fn the_status_may_stand_alone() {
        assert_eq!((parse(b"+OK").status, parse(b"+OK").text), (Status::Positive, &b""[..]));
        assert_eq!(parse(b"-ERR").status, Status::Negative);
        assert_eq!(parse(b"+OK ").quirk, None);
    }

    #[test]
    fn only_the_status_carries_meaning() {
        assert_eq!(parse(b"+OK -ERR failed").status, Status::Positive);
        assert_eq!(parse(b"-ERR +OK").status, Status::Negative);
        for line in
            [&b"+OKAY hello"[..], b"-ERRfoo", b"+ abc", b"+", b"", b"* OK", b"220 ready", b"+ERR x", b" +OK"]
        {
            assert_eq!(Reply::parse(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn leniencies_have_names() {
        assert_eq!(parse(b"+ok hi").quirk, Some(Quirk::StatusCase));
        assert_eq!(parse(b"+OK\t2 320").quirk, Some(Quirk::Spacing));
        assert_eq!(parse(b"+OK  2  320").text, b"2  320");
        assert_eq!(parse(b"+OK 2 320").quirk, None);
    }

    #[test]
    fn response_codes_have_no_case_and_known_ones_any_depth() {
        for (line, code, message) in [
            (&b"-ERR [in-use] busy"[..], ResponseCode::InUse, &b"busy"[..]),
            (b"-ERR [Sys/temp] x", ResponseCode::SysTemp, b"x"),
            (b"-ERR [SYS/TEMP/DISK] x", ResponseCode::SysTemp, b"x"),
            (b"-ERR [AUTH/EXPIRED]", ResponseCode::Auth, b""),
            (b"-ERR [SYS] x", ResponseCode::Other(b"SYS"), b"x"),
            // An opening bracket is an `rchar`, and so is DEL.
            (b"-ERR [X[1] y", ResponseCode::Other(b"X[1"), b"y"),
            (b"-ERR [[] y", ResponseCode::Other(b"["), b"y"),
            (b"-ERR [SYS/TEMP/[\x7f]] y", ResponseCode::SysTemp, b"] y"),
            (b"+OK [XCLIENT] ready", ResponseCode::Other(b"XCLIENT"), b"ready"),
        ] {
            assert_eq!((parse(line).code, parse(line).message), (Some(code), message));
        }
        for line in [&b"-ERR ["[..], b"-ERR []", b"-ERR [A", b"-ERR [/]", b"-ERR [A//B]", b"-ERR [A B] x"] {
            assert_eq!(parse(line).code, None, "{}", line.escape_ascii());
            assert_eq!(parse(line).message, parse(line).text);
        }
    }
}
