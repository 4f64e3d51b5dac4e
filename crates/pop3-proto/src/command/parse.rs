//! Reading a command line.

use core::fmt;

use super::Command;
use super::argument::{ArgumentError, Name, Password, Xclient};
use crate::apop::Digest;
use crate::number::decimal;
use crate::{Base64, LanguageRange, MechanismName, MessageNumber, TextId};

/// The reason why a line is not a valid command. A server answers it with one negative reply and does not change its
/// state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The line is empty.
    Empty,
    /// No command has this keyword.
    Unknown,
    /// An argument is missing.
    Missing,
    /// There are too many arguments.
    Surplus,
    /// A message number or a line count is not a decimal number, is 0 where a message is expected, or is larger than
    /// any message number.
    Number,
    /// The line contains a control character, such as NUL, TAB, or a CR that does not end it.
    Control,
    /// An octet of 0x80 or above where only ASCII is allowed. Where that is depends on what the server announced, so
    /// [`Command::parse`](super::Command::parse) never returns this error.
    EightBit,
    /// The digest of APOP does not consist of 32 hexadecimal digits.
    Digest,
    /// The argument of AUTH is not the name of a mechanism.
    Mechanism,
    /// The initial response of AUTH, or a later response, is not base64.
    Base64,
    /// The argument of LANG is not a language range.
    Language,
    /// The line was longer than the limit and was discarded.
    TooLong,
}

pub(super) fn command(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let (keyword, rest) = match memchr::memchr(b' ', line) {
        Some(space) => {
            let (keyword, rest) = line.split_at_checked(space).unwrap_or((line, &[]));
            (keyword, rest.get(1..))
        }
        None => (line, None),
    };
    let word = match *keyword {
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d].map(|octet| octet.to_ascii_uppercase())),
        [a, b, c] => u32::from_be_bytes([a, b, c, b' '].map(|octet| octet.to_ascii_uppercase())),
        [_, _, _, _, _, _, _] if keyword.eq_ignore_ascii_case(b"XCLIENT") => {
            return Ok(Command::Xclient(Xclient::parse(trim_spaces(rest.unwrap_or_default()))?));
        }
        [] if rest.is_none() => return Err(CommandError::Empty),
        _ => return Err(refuse(line)),
    };
    match &word.to_be_bytes() {
        b"RETR" => one_number(rest).map(Command::Retr),
        b"DELE" => one_number(rest).map(Command::Dele),
        b"LIST" => at_most_one_number(rest).map(Command::List),
        b"UIDL" => at_most_one_number(rest).map(Command::Uidl),
        b"TOP " => top(rest),
        b"NOOP" => alone(rest, Command::Noop),
        b"STAT" => alone(rest, Command::Stat),
        b"RSET" => alone(rest, Command::Rset),
        b"QUIT" => alone(rest, Command::Quit),
        b"CAPA" => alone(rest, Command::Capa),
        b"STLS" => alone(rest, Command::Stls),
        b"LAST" => alone(rest, Command::Last),
        b"AUTH" => auth(rest),
        b"UTF8" => alone(rest, Command::Utf8),
        b"LANG" => lang(rest),
        b"USER" => Ok(Command::User(Name::parse(trim_spaces(rest.unwrap_or_default()))?)),
        b"PASS" => Ok(Command::Pass(Password::parse(rest.unwrap_or_default())?)),
        b"APOP" => apop(trim_spaces(rest.unwrap_or_default())),
        _ => Err(refuse(line)),
    }
}

/// The error for a line with a keyword that no command has.
fn refuse(line: &[u8]) -> CommandError {
    if line.iter().any(u8::is_ascii_control) { CommandError::Control } else { CommandError::Unknown }
}

fn alone<'a>(rest: Option<&'a [u8]>, command: Command<'a>) -> Result<Command<'a>, CommandError> {
    match words(rest).next() {
        None => Ok(command),
        Some(_) => Err(CommandError::Surplus),
    }
}

fn one_number(rest: Option<&[u8]>) -> Result<MessageNumber, CommandError> {
    at_most_one_number(rest)?.ok_or(CommandError::Missing)
}

fn at_most_one_number(rest: Option<&[u8]>) -> Result<Option<MessageNumber>, CommandError> {
    let mut words = words(rest);
    let Some(word) = words.next() else { return Ok(None) };
    match words.next() {
        None => MessageNumber::parse(word).map(Some).ok_or(CommandError::Number),
        Some(_) => Err(CommandError::Surplus),
    }
}

fn top(rest: Option<&[u8]>) -> Result<Command<'_>, CommandError> {
    let mut words = words(rest);
    let message = words.next().ok_or(CommandError::Missing)?;
    let lines = words.next().ok_or(CommandError::Missing)?;
    if words.next().is_some() {
        return Err(CommandError::Surplus);
    }
    let message = MessageNumber::parse(message).ok_or(CommandError::Number)?;
    if !lines.iter().all(u8::is_ascii_digit) {
        return Err(CommandError::Number);
    }
    // More lines than fit in a u64 are more than any message has.
    Ok(Command::Top { message, lines: decimal(lines).unwrap_or(u64::MAX) })
}

fn auth(rest: Option<&[u8]>) -> Result<Command<'_>, CommandError> {
    let mut words = words(rest);
    let Some(mechanism) = words.next() else { return Ok(Command::AuthList) };
    let mechanism = MechanismName::parse(mechanism).ok_or(CommandError::Mechanism)?;
    let initial = match words.next() {
        None => None,
        Some(b"=") => Some(Base64::EMPTY),
        Some(text) => Some(Base64::parse(text).ok_or(CommandError::Base64)?),
    };
    match words.next() {
        None => Ok(Command::Auth { mechanism, initial }),
        Some(_) => Err(CommandError::Surplus),
    }
}

fn lang(rest: Option<&[u8]>) -> Result<Command<'_>, CommandError> {
    let mut words = words(rest);
    let Some(range) = words.next() else { return Ok(Command::Lang(None)) };
    match words.next() {
        None => {
            LanguageRange::parse(range).map(|range| Command::Lang(Some(range))).ok_or(CommandError::Language)
        }
        Some(_) => Err(CommandError::Surplus),
    }
}

fn apop(rest: &[u8]) -> Result<Command<'_>, CommandError> {
    let space = memchr::memrchr(b' ', rest).ok_or(CommandError::Missing)?;
    let (left, digest) = rest.split_at_checked(space).ok_or(CommandError::Missing)?;
    let digest = Digest::parse(trim_spaces(digest)).ok_or(CommandError::Digest)?;
    Ok(Command::Apop { name: Name::parse(trim_spaces(left))?, digest })
}

/// Removes spaces from both ends, and nothing else: a CR or a TAB there must cause an error.
fn trim_spaces(mut octets: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = octets {
        octets = rest;
    }
    octets
}

/// The words between the spaces, however many spaces there are.
fn words(rest: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    rest.unwrap_or_default().split(|&octet| octet == b' ').filter(|word| !word.is_empty())
}

impl From<ArgumentError> for CommandError {
    fn from(error: ArgumentError) -> Self {
        match error {
            ArgumentError::Empty => Self::Missing,
            ArgumentError::Control | ArgumentError::Space => Self::Control,
        }
    }
}

impl CommandError {
    /// Returns the error as the text of a reply. It repeats no octets of the line.
    pub(crate) const fn text(self) -> &'static str {
        self.text_id().english()
    }

    /// Returns the id of the text.
    pub(crate) const fn text_id(self) -> TextId {
        match self {
            Self::Empty => TextId::EmptyLine,
            Self::Unknown => TextId::UnknownCommand,
            Self::Missing => TextId::MissingArgument,
            Self::Surplus => TextId::SurplusArgument,
            Self::Number => TextId::InvalidNumber,
            Self::Control => TextId::ControlCharacter,
            Self::EightBit => TextId::NotAscii,
            Self::Digest => TextId::BadDigest,
            Self::Mechanism => TextId::BadMechanism,
            Self::Base64 => TextId::BadBase64,
            Self::Language => TextId::BadLanguage,
            Self::TooLong => TextId::LineTooLong,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for CommandError {}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned as _;
    use alloc::vec::Vec;

    use super::*;

    fn n(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn keywords_have_no_case_and_arguments_do() {
        assert_eq!(Command::parse(b"nOoP"), Ok(Command::Noop));
        assert_eq!(Command::parse(b"UsEr mRose"), Ok(Command::User(Name::parse(b"mRose").unwrap())));
        assert_eq!(Command::parse(b"top 1 10"), Ok(Command::Top { message: n(1), lines: 10 }));
    }

    #[test]
    fn spaces_around_numbers_are_ignored() {
        for line in [&b"LIST 1"[..], b"LIST  1", b"LIST 1 ", b"LIST 01"] {
            assert_eq!(Command::parse(line), Ok(Command::List(Some(n(1)))), "{line:?}");
        }
        assert_eq!(Command::parse(b"NOOP "), Ok(Command::Noop));
        assert_eq!(Command::parse(b"LIST "), Ok(Command::List(None)));
    }

    #[test]
    fn the_password_is_all_behind_the_first_space() {
        for password in [&b" p"[..], b"p w", b"a ", b"  "] {
            let line = [b"PASS ", password].concat();
            assert_eq!(Command::parse(&line), Ok(Command::Pass(Password::parse(password).unwrap())));
        }
    }

    #[test]
    fn what_is_no_command_says_why() {
        use CommandError::*;
        for (line, error) in [
            (&b""[..], Empty),
            (b" ", Unknown),
            (b"NO", Unknown),
            (b"NOOPX", Unknown),
            (b"STATUS", Unknown),
            (b"RETR", Missing),
            (b"RETR ", Missing),
            (b"RETR x", Number),
            (b"RETR 1a", Number),
            (b"RETR -1", Number),
            (b"DELE +1", Number),
            (b"RETR 0x1", Number),
            (b"RETR 1.0", Number),
            (b"RETR 4294967297", Number),
            (b"RETR 18446744073709551617", Number),
            (b"RETR 1\0", Number),
            (b"DELE 1 2", Surplus),
            (b"TOP 1", Missing),
            (b"TOP 1 1 1", Surplus),
            (b"TOP 1 -1", Number),
            (b"TOP x 1", Number),
            (b"USER", Missing),
            (b"USER ", Missing),
            (b"USER a\0b", Control),
            (b"USER mrose\r", Control),
            (b"USER \tmrose", Control),
            (b"PASS", Missing),
            (b"PASS ", Missing),
            (b"PASS a\0", Control),
            (b"APOP u", Missing),
            (b"APOP mrose abc", Digest),
            (b"APOP mrose zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", Digest),
            (b"APOP mrose c4c9334bac560ecc979e58001b3e22fb x", Digest),
            (b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r", Digest),
            (b"APOP mrose\t c4c9334bac560ecc979e58001b3e22fb", Control),
            (b"APOP c4c9334bac560ecc979e58001b3e22fb", Missing),
            (b"STAT x", Surplus),
            (b"AUTH PL@IN", Mechanism),
            (b"AUTH AAAAAAAAAAAAAAAAAAAAA", Mechanism),
            (b"AUTH PLAIN !!!!", Base64),
            (b"AUTH PLAIN AAAA x", Surplus),
            (b"UTF8 x", Surplus),
            (b"LANG e_n", Language),
            (b"LANG en de", Surplus),
            (b"XCLIENT", Missing),
            (b"QUIT x", Surplus),
            (b"NOOP\rSTAT", Control),
        ] {
            assert_eq!(Command::parse(line), Err(error), "{}", line.escape_ascii());
        }
    }

    // 5034-4.06
    #[test]
    fn an_equals_sign_is_an_initial_response_that_is_empty() {
        let auth = |line| match Command::parse(line) {
            Ok(Command::Auth { mechanism, initial }) => {
                (mechanism.as_str().to_owned(), initial.map(|initial| initial.decode().expose().clone()))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(auth(b"AUTH external ="), ("EXTERNAL".into(), Some(Vec::new())));
        assert_eq!(auth(b"auth PLAIN AGEAYg== "), ("PLAIN".into(), Some(b"\0a\0b".to_vec())));
        assert_eq!(auth(b"AUTH CRAM-MD5"), ("CRAM-MD5".into(), None));
        assert_eq!(Command::parse(b"AUTH "), Ok(Command::AuthList));
    }

    #[test]
    fn more_lines_than_fit_are_all_lines() {
        let line = b"TOP 1 99999999999999999999999999";
        assert_eq!(Command::parse(line), Ok(Command::Top { message: n(1), lines: u64::MAX }));
    }
}
