//! Commands: reading them as a server, writing them as a client.

mod argument;
mod parse;

pub use argument::{ArgumentError, Extension, Name, Password, ReplyShape, Xclient};
pub use parse::CommandError;

use bytes::BytesMut;

use crate::apop::Digest;
use crate::number::put_decimal;
use crate::{Base64, LanguageRange, MechanismName, MessageNumber};

/// A command with its arguments, which borrow from the line it was read from.
///
/// Every value can be written, and reading the written line returns the same value. No argument can contain an octet
/// that ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `USER name`: names a mailbox (RFC 1939 section 7).
    User(Name<'a>),
    /// `PASS string`: the password for the name in USER (RFC 1939 section 7).
    Pass(Password<'a>),
    /// `APOP name digest`: a name and a proof in one command (RFC 1939 section 7).
    Apop {
        /// The mailbox.
        name: Name<'a>,
        /// The MD5 digest of the greeting's timestamp and the shared secret.
        digest: Digest,
    },
    /// `AUTH mechanism [initial-response]`: a login with SASL (RFC 5034 section 4).
    Auth {
        /// The mechanism.
        mechanism: MechanismName,
        /// The initial response, if the client sends one with the command. An empty one is written as `=`.
        initial: Option<Base64<'a>>,
    },
    /// `AUTH` without an argument: lists the mechanisms, one per line. This is in no RFC, but some clients use it.
    AuthList,
    /// `STAT`: the number of messages and their size in octets (RFC 1939 section 5).
    Stat,
    /// `LIST [msg]`: scan listings (RFC 1939 section 5).
    List(Option<MessageNumber>),
    /// `RETR msg`: a message (RFC 1939 section 5).
    Retr(MessageNumber),
    /// `TOP msg n`: the header of a message and the first `lines` lines of its body (RFC 1939 section 7).
    Top {
        /// The message.
        message: MessageNumber,
        /// How many lines of the body. A number that does not fit is read as the largest.
        lines: u64,
    },
    /// `DELE msg`: marks a message as deleted (RFC 1939 section 5).
    Dele(MessageNumber),
    /// `NOOP` (RFC 1939 section 5).
    Noop,
    /// `RSET`: removes all marks (RFC 1939 section 5).
    Rset,
    /// `UIDL [msg]`: unique-id listings (RFC 1939 section 7).
    Uidl(Option<MessageNumber>),
    /// `LAST`: the highest message number accessed (RFC 1460, removed by RFC 1939).
    Last,
    /// `CAPA`: the list of capabilities (RFC 2449 section 5).
    Capa,
    /// `STLS`: begins TLS (RFC 2595 section 4).
    Stls,
    /// `UTF8`: allows messages with UTF-8 in their headers (RFC 6856 section 2).
    Utf8,
    /// `LANG [range]`: selects the language of the texts in replies, or lists the languages (RFC 6856 section 3).
    Lang(Option<LanguageRange<'a>>),
    /// `XCLIENT name=value …`: a proxy tells which client it speaks for. This is in no RFC, but Dovecot uses it.
    Xclient(Xclient<'a>),
    /// `QUIT`: ends the session. After a login, the server removes the messages marked as deleted (RFC 1939 sections
    /// 4 and 6).
    Quit,
    /// A command that this crate does not know, with the shape of its reply. Only clients send it:
    /// [`parse`](Self::parse) never returns it.
    Extension(Extension<'a>),
}

impl<'a> Command<'a> {
    /// Reads a command from a line without its line end.
    ///
    /// Keywords are not case-sensitive. Spaces around numbers and after commands without an argument are ignored. The
    /// argument of PASS is everything after the first space.
    ///
    /// # Errors
    /// Returns a [`CommandError`] if the line is not a valid command. A server answers it with one `-ERR`.
    ///
    /// ```
    /// use pop3_proto::{Command, CommandError, MessageNumber};
    /// assert_eq!(Command::parse(b"dele 2"), Ok(Command::Dele(MessageNumber::new(2).unwrap())));
    /// assert_eq!(Command::parse(b"DELE 0"), Err(CommandError::Number));
    /// assert_eq!(Command::parse(b"XYZZY"), Err(CommandError::Unknown));
    /// ```
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        parse::command(line)
    }

    /// Appends the command as a line with CRLF. This needs no checks, because no argument can contain an octet that
    /// ends the line.
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(self.keyword().as_str().as_bytes());
        match *self {
            Self::User(name) => put_word(out, name.as_bytes()),
            Self::Pass(password) => put_word(out, password.expose()),
            Self::Apop { name, digest } => {
                put_word(out, name.as_bytes());
                put_word(out, &digest.to_hex());
            }
            Self::Auth { mechanism, initial } => {
                put_word(out, mechanism.as_str().as_bytes());
                match initial {
                    Some(Base64::EMPTY) => put_word(out, b"="),
                    Some(text) => put_word(out, text.expose()),
                    None => {}
                }
            }
            Self::Lang(Some(range)) => put_word(out, range.as_str().as_bytes()),
            Self::Xclient(attributes) => put_word(out, attributes.as_bytes()),
            Self::List(Some(message))
            | Self::Uidl(Some(message))
            | Self::Retr(message)
            | Self::Dele(message) => {
                put_number(out, message.number().into());
            }
            Self::Top { message, lines } => {
                put_number(out, message.number().into());
                put_number(out, lines);
            }
            Self::Extension(extension) => out.extend_from_slice(extension.line()),
            Self::AuthList
            | Self::Stat
            | Self::List(None)
            | Self::Noop
            | Self::Rset
            | Self::Uidl(None)
            | Self::Last
            | Self::Capa
            | Self::Stls
            | Self::Utf8
            | Self::Lang(None)
            | Self::Quit => {}
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Returns the keyword of the command.
    #[must_use]
    pub const fn keyword(&self) -> Keyword {
        match self {
            Self::User(_) => Keyword::User,
            Self::Pass(_) => Keyword::Pass,
            Self::Apop { .. } => Keyword::Apop,
            Self::Auth { .. } => Keyword::Auth,
            Self::AuthList => Keyword::AuthList,
            Self::Stat => Keyword::Stat,
            Self::List(_) => Keyword::List,
            Self::Retr(_) => Keyword::Retr,
            Self::Top { .. } => Keyword::Top,
            Self::Dele(_) => Keyword::Dele,
            Self::Noop => Keyword::Noop,
            Self::Rset => Keyword::Rset,
            Self::Uidl(_) => Keyword::Uidl,
            Self::Last => Keyword::Last,
            Self::Capa => Keyword::Capa,
            Self::Stls => Keyword::Stls,
            Self::Utf8 => Keyword::Utf8,
            Self::Lang(_) => Keyword::Lang,
            Self::Xclient(_) => Keyword::Xclient,
            Self::Quit => Keyword::Quit,
            Self::Extension(_) => Keyword::Extension,
        }
    }

    /// Returns the shape of a positive reply to this command.
    #[must_use]
    pub const fn reply_shape(&self) -> ReplyShape {
        match self {
            Self::AuthList | Self::List(None) | Self::Uidl(None) | Self::Capa | Self::Lang(None) => {
                ReplyShape::Lines
            }
            Self::Retr(_) | Self::Top { .. } => ReplyShape::Body,
            Self::Extension(extension) => extension.reply_shape(),
            Self::User(_)
            | Self::Pass(_)
            | Self::Apop { .. }
            | Self::Auth { .. }
            | Self::Stat
            | Self::List(Some(_))
            | Self::Dele(_)
            | Self::Noop
            | Self::Rset
            | Self::Uidl(Some(_))
            | Self::Last
            | Self::Stls
            | Self::Utf8
            | Self::Lang(Some(_))
            | Self::Xclient(_)
            | Self::Quit => ReplyShape::Line,
        }
    }
}

/// The keyword of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Keyword {
    /// `USER`, see [`Command::User`].
    User,
    /// `PASS`, see [`Command::Pass`].
    Pass,
    /// `APOP`, see [`Command::Apop`].
    Apop,
    /// `AUTH` with a mechanism, see [`Command::Auth`].
    Auth,
    /// `AUTH` without an argument, see [`Command::AuthList`].
    AuthList,
    /// `STAT`, see [`Command::Stat`].
    Stat,
    /// `LIST`, see [`Command::List`].
    List,
    /// `RETR`, see [`Command::Retr`].
    Retr,
    /// `TOP`, see [`Command::Top`].
    Top,
    /// `DELE`, see [`Command::Dele`].
    Dele,
    /// `NOOP`, see [`Command::Noop`].
    Noop,
    /// `RSET`, see [`Command::Rset`].
    Rset,
    /// `UIDL`, see [`Command::Uidl`].
    Uidl,
    /// `LAST`, see [`Command::Last`].
    Last,
    /// `CAPA`, see [`Command::Capa`].
    Capa,
    /// `STLS`, see [`Command::Stls`].
    Stls,
    /// `UTF8`, see [`Command::Utf8`].
    Utf8,
    /// `LANG`, see [`Command::Lang`].
    Lang,
    /// `XCLIENT`, see [`Command::Xclient`].
    Xclient,
    /// `QUIT`, see [`Command::Quit`].
    Quit,
    /// A keyword that this crate does not know, see [`Command::Extension`].
    Extension,
}

impl Keyword {
    /// Returns the keyword at the start of a line, even if the rest of the line is invalid. Keywords are not
    /// case-sensitive.
    ///
    /// Returns `None` if the line does not begin with the keyword of a command. For AUTH, returns
    /// [`Auth`](Self::Auth).
    ///
    /// ```
    /// use pop3_proto::Keyword;
    /// assert_eq!(Keyword::of_line(b"user \xff"), Some(Keyword::User));
    /// assert_eq!(Keyword::of_line(b"USERS"), None);
    /// ```
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        const WRITTEN: [Keyword; 19] = [
            Keyword::User,
            Keyword::Pass,
            Keyword::Apop,
            Keyword::Auth,
            Keyword::Stat,
            Keyword::List,
            Keyword::Retr,
            Keyword::Top,
            Keyword::Dele,
            Keyword::Noop,
            Keyword::Rset,
            Keyword::Uidl,
            Keyword::Last,
            Keyword::Capa,
            Keyword::Stls,
            Keyword::Utf8,
            Keyword::Lang,
            Keyword::Xclient,
            Keyword::Quit,
        ];
        let end = line.iter().position(|octet| !octet.is_ascii_alphanumeric()).unwrap_or(line.len());
        let word = line.get(..end)?;
        WRITTEN.into_iter().find(|keyword| keyword.as_str().as_bytes().eq_ignore_ascii_case(word))
    }

    /// Returns the keyword in upper case. It is empty for an extension.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Pass => "PASS",
            Self::Apop => "APOP",
            Self::Auth | Self::AuthList => "AUTH",
            Self::Stat => "STAT",
            Self::List => "LIST",
            Self::Retr => "RETR",
            Self::Top => "TOP",
            Self::Dele => "DELE",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Uidl => "UIDL",
            Self::Last => "LAST",
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::Utf8 => "UTF8",
            Self::Lang => "LANG",
            Self::Xclient => "XCLIENT",
            Self::Quit => "QUIT",
            Self::Extension => "",
        }
    }
}

/// Appends a space and a word. Reserves space for the end of the line too, so that no reallocation leaves a copy of a
/// secret behind.
fn put_word(out: &mut BytesMut, word: &[u8]) {
    out.reserve(word.len().saturating_add(3));
    out.extend_from_slice(b" ");
    out.extend_from_slice(word);
}

fn put_number(out: &mut BytesMut, number: u64) {
    out.extend_from_slice(b" ");
    put_decimal(out, number);
}
