//! Capabilities: the lines in the reply to CAPA (RFC 2449).

use core::fmt;
use core::time::Duration;

use crate::escaped::Escaped;
use crate::number::decimal;
use crate::quirk::Quirk;

/// A capability: a line in the reply to CAPA.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability<'a> {
    /// `TOP`: the command TOP (RFC 2449 section 6.1).
    Top,
    /// `USER`: the commands USER and PASS (RFC 2449 section 6.2).
    User,
    /// `SASL mechanism …`: the mechanisms of AUTH, separated by spaces (RFC 2449 section 6.3).
    Sasl(&'a [u8]),
    /// `RESP-CODES`: a text in brackets at the start of a reply is a response code (RFC 2449 section 6.4).
    RespCodes,
    /// `LOGIN-DELAY seconds [USER]`: the minimum time between logins (RFC 2449 section 6.5).
    LoginDelay(LoginDelay),
    /// `PIPELINING`: several commands may be outstanding (RFC 2449 section 6.6).
    Pipelining,
    /// `EXPIRE days|NEVER [USER]`: how long messages are kept (RFC 2449 section 6.7).
    Expire(Expire),
    /// `UIDL`: the command UIDL (RFC 2449 section 6.8).
    Uidl,
    /// `IMPLEMENTATION text`: the name of the server software. A client must not change its behavior because of it
    /// (RFC 2449 section 6.9).
    Implementation(&'a [u8]),
    /// `STLS`: TLS can be started now (RFC 2595 section 4).
    Stls,
    /// `AUTH-RESP-CODE`: the server always uses the code `[AUTH]` when it refuses credentials (RFC 3206 section 6).
    AuthRespCode,
    /// `UTF8 [USER]`: the command UTF8. With `USER`, names and passwords may be UTF-8 (RFC 6856 section 2).
    Utf8 {
        /// Whether names and passwords may be UTF-8.
        user: bool,
    },
    /// `LANG`: the command LANG (RFC 6856 section 3).
    Lang,
    /// Any other line, complete.
    Other(&'a [u8]),
}

/// The minimum time between the beginnings of two sessions of the same user (RFC 2449 section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LoginDelay {
    /// The delay. If it is announced before the login, it is the largest of all users.
    #[cfg_attr(feature = "serde", serde(with = "crate::seconds"))]
    pub delay: Duration,
    /// Whether the value may differ for a user. The user's own value is announced after the login.
    pub per_user: bool,
}

/// How long messages are kept on the server (RFC 2449 section 6.7). This is only information: do not act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Expire {
    /// The number of days. 0 means that a message may be removed at the end of the session that retrieved it. `None`
    /// means that messages do not expire.
    pub days: Option<u32>,
    /// Whether the value may differ for a user. The user's own value is announced after the login.
    pub per_user: bool,
}

impl LoginDelay {
    /// Creates a delay that is the same for all users, or is the user's own.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self { delay, per_user: false }
    }
}

impl Expire {
    /// Creates a number of days that is the same for all users, or is the user's own. `None` means that messages do
    /// not expire.
    #[must_use]
    pub const fn new(days: Option<u32>) -> Self {
        Self { days, per_user: false }
    }
}

impl<'a> Capability<'a> {
    /// Reads a line of the reply to CAPA without its line end. Tags are not case-sensitive. A known tag with invalid
    /// arguments is returned as [`Other`](Self::Other).
    ///
    /// ```
    /// use pop3_proto::Capability;
    /// assert_eq!(Capability::parse(b"uidl"), Capability::Uidl);
    /// assert_eq!(Capability::parse(b"SASL PLAIN LOGIN"), Capability::Sasl(b"PLAIN LOGIN"));
    /// ```
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Self {
        Self::read(line).0
    }

    /// The same, and what the lenient reader overlooks.
    pub(crate) fn read(line: &'a [u8]) -> (Self, Option<Quirk>) {
        let trimmed = line.trim_ascii();
        let capability = Self::of_words(trimmed);
        let quirk = if trimmed.is_empty() {
            Some(Quirk::EmptyListingLine)
        } else if trimmed.eq_ignore_ascii_case(b"EXPIRENEVER") {
            Some(Quirk::JoinedCapability)
        } else if trimmed.eq_ignore_ascii_case(b"PIPELINE") {
            Some(Quirk::MisnamedCapability)
        } else if trimmed.len() != line.len() || line.contains(&b'\t') {
            Some(Quirk::Spacing)
        } else {
            None
        };
        (capability, quirk)
    }

    /// Reads a line without spaces around it.
    fn of_words(line: &'a [u8]) -> Self {
        #[cfg(test)]
        tests::PARSED.with(|parsed| parsed.set(parsed.get() + 1));
        let tag_end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (tag, rest) = line.split_at_checked(tag_end).unwrap_or((line, &[]));
        let rest = rest.trim_ascii();
        let is = |known: &str| tag.eq_ignore_ascii_case(known.as_bytes());
        let known = if is("TOP") {
            Some(Self::Top)
        } else if is("USER") {
            Some(Self::User)
        } else if is("SASL") {
            Some(Self::Sasl(rest))
        } else if is("RESP-CODES") {
            Some(Self::RespCodes)
        } else if is("LOGIN-DELAY") {
            parse_login_delay(rest).map(Self::LoginDelay)
        } else if is("PIPELINING") {
            Some(Self::Pipelining)
        } else if is("EXPIRE") {
            parse_expire(rest).map(Self::Expire)
        } else if is("EXPIRENEVER") {
            Some(Self::Expire(Expire::new(None)))
        } else if is("UIDL") {
            Some(Self::Uidl)
        } else if is("IMPLEMENTATION") {
            Some(Self::Implementation(rest))
        } else if is("STLS") {
            Some(Self::Stls)
        } else if is("AUTH-RESP-CODE") {
            Some(Self::AuthRespCode)
        } else if is("UTF8") {
            Some(Self::Utf8 { user: words(rest).any(|word| word.eq_ignore_ascii_case(b"USER")) })
        } else if is("LANG") {
            Some(Self::Lang)
        } else {
            None
        };
        known.unwrap_or(Self::Other(line))
    }
}

impl fmt::Debug for Capability<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, text) = match *self {
            Self::Top => ("Top", None),
            Self::User => ("User", None),
            Self::RespCodes => ("RespCodes", None),
            Self::Pipelining => ("Pipelining", None),
            Self::Uidl => ("Uidl", None),
            Self::Stls => ("Stls", None),
            Self::AuthRespCode => ("AuthRespCode", None),
            Self::Lang => ("Lang", None),
            Self::LoginDelay(delay) => return f.debug_tuple("LoginDelay").field(&delay).finish(),
            Self::Expire(expire) => return f.debug_tuple("Expire").field(&expire).finish(),
            Self::Utf8 { user } => return f.debug_struct("Utf8").field("user", &user).finish(),
            Self::Sasl(mechanisms) => ("Sasl", Some(mechanisms)),
            Self::Implementation(text) => ("Implementation", Some(text)),
            Self::Other(line) => ("Other", Some(line)),
        };
        match text {
            None => f.write_str(name),
            Some(text) => f.debug_tuple(name).field(&Escaped::new(text)).finish(),
        }
    }
}

/// Shows the capability as it appears in the reply to CAPA. Octets outside printable ASCII are escaped.
impl fmt::Display for Capability<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = |per_user: bool| if per_user { " USER" } else { "" };
        match *self {
            Self::Top => f.write_str("TOP"),
            Self::User => f.write_str("USER"),
            Self::Sasl(mechanisms) => write!(f, "SASL {}", mechanisms.escape_ascii()),
            Self::RespCodes => f.write_str("RESP-CODES"),
            Self::LoginDelay(LoginDelay { delay, per_user }) => {
                write!(f, "LOGIN-DELAY {}{}", delay.as_secs(), user(per_user))
            }
            Self::Pipelining => f.write_str("PIPELINING"),
            Self::Expire(Expire { days: Some(days), per_user }) => {
                write!(f, "EXPIRE {days}{}", user(per_user))
            }
            Self::Expire(Expire { days: None, per_user }) => write!(f, "EXPIRE NEVER{}", user(per_user)),
            Self::Uidl => f.write_str("UIDL"),
            Self::Implementation(text) => write!(f, "IMPLEMENTATION {}", text.escape_ascii()),
            Self::Stls => f.write_str("STLS"),
            Self::AuthRespCode => f.write_str("AUTH-RESP-CODE"),
            Self::Utf8 { user: names } => write!(f, "UTF8{}", user(names)),
            Self::Lang => f.write_str("LANG"),
            Self::Other(line) => write!(f, "{}", line.escape_ascii()),
        }
    }
}

fn parse_login_delay(rest: &[u8]) -> Option<LoginDelay> {
    let mut words = words(rest);
    let delay = Duration::from_secs(decimal(words.next()?)?);
    Some(LoginDelay { delay, per_user: per_user(words) })
}

fn parse_expire(rest: &[u8]) -> Option<Expire> {
    let mut words = words(rest);
    let days = match words.next()? {
        word if word.eq_ignore_ascii_case(b"NEVER") => None,
        word => Some(u32::try_from(decimal(word)?).ok()?),
    };
    Some(Expire { days, per_user: per_user(words) })
}

fn per_user<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> bool {
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"USER"))
}

pub(crate) fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    extern crate std;

    use core::cell::Cell;

    use super::*;

    std::thread_local! {
        /// How many lines this thread has read.
        pub(crate) static PARSED: Cell<usize> = const { Cell::new(0) };
    }

    // 2449-6.52, 2449-6.72
    #[test]
    fn arguments_are_read_and_unreadable_ones_ignored() {
        let parse = Capability::parse;
        assert_eq!(parse(b"EXPIRE 0"), Capability::Expire(Expire::new(Some(0))));
        assert_eq!(parse(b"EXPIRE NEVER"), Capability::Expire(Expire::new(None)));
        assert_eq!(parse(b"EXPIRENEVER"), Capability::Expire(Expire::new(None)));
        assert_eq!(parse(b"expire 31 user"), Capability::Expire(Expire { days: Some(31), per_user: true }));
        let delay = LoginDelay { delay: Duration::from_secs(900), per_user: true };
        assert_eq!(parse(b"LOGIN-DELAY 900 USER"), Capability::LoginDelay(delay));
        assert_eq!(parse(b"UTF8 USER NEW"), Capability::Utf8 { user: true });
        assert_eq!(parse(b"TOP foo"), Capability::Top);
        assert_eq!(parse(b" Sasl\tplain "), Capability::Sasl(b"plain"));
        for other in
            [&b"X-GOOGLE-RICO"[..], b"XOIP", b"PIPELINE", b"EXPIRE", b"EXPIRE x", b"LOGIN-DELAY", b""]
        {
            assert_eq!(parse(other), Capability::Other(other));
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_itself() {
        for line in [
            "TOP",
            "USER",
            "SASL PLAIN LOGIN",
            "RESP-CODES",
            "LOGIN-DELAY 900 USER",
            "PIPELINING",
            "EXPIRE 0",
            "EXPIRE NEVER USER",
            "UIDL",
            "IMPLEMENTATION x y",
            "STLS",
            "AUTH-RESP-CODE",
            "UTF8 USER",
            "LANG",
            "XOIP 1",
        ] {
            assert_eq!(alloc::string::ToString::to_string(&Capability::parse(line.as_bytes())), line);
        }
    }
}
