//! Commands whose replies are not complete.

use super::misuse::SendError;
use crate::command::{Command, Keyword, ReplyShape};
use crate::number::MessageNumber;
use crate::sasl::Base64;

/// The maximum length of a command in octets, including CRLF (RFC 2449 section 4).
pub(super) const MAX_COMMAND: usize = 255;

/// What is kept of a command until its reply is complete. Secret arguments are not kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) keyword: Keyword,
    pub(super) shape: ReplyShape,
    /// The argument of LIST or UIDL.
    pub(super) message: Option<MessageNumber>,
    /// The length of the line in octets.
    pub(super) octets: usize,
    /// AUTH without an initial response, so that there must be a challenge before success.
    pub(super) bare_auth: bool,
    /// LANG with an argument, whose reply names a language.
    pub(super) language: bool,
}

impl Outstanding {
    pub(super) fn new(command: &Command<'_>) -> Result<Self, SendError> {
        if let Command::Extension(extension) = command
            && is_reserved(extension.line())
        {
            return Err(SendError::Reserved);
        }
        let octets = length(command);
        if octets > MAX_COMMAND {
            return Err(SendError::TooLong);
        }
        let message =
            if let Command::List(message) | Command::Uidl(message) = *command { message } else { None };
        Ok(Self {
            keyword: command.keyword(),
            shape: command.reply_shape(),
            message,
            octets,
            bare_auth: matches!(command, Command::Auth { initial: None, .. }),
            language: matches!(command, Command::Lang(Some(_))),
        })
    }
}

/// Returns the length of the command's line in octets, including CRLF. It is computed without writing the line, so
/// that no secret is copied.
pub(super) fn length(command: &Command<'_>) -> usize {
    let digits = |number: u64| number.checked_ilog10().map_or(1, |log| log.saturating_add(1)) as usize;
    let arguments = match *command {
        Command::User(name) => name.as_bytes().len().saturating_add(1),
        Command::Pass(password) => password.expose().len().saturating_add(1),
        Command::Apop { name, .. } => name.as_bytes().len().saturating_add(34),
        Command::List(Some(message))
        | Command::Uidl(Some(message))
        | Command::Retr(message)
        | Command::Dele(message) => digits(message.number().into()).saturating_add(1),
        Command::Top { message, lines } => {
            digits(message.number().into()).saturating_add(digits(lines)).saturating_add(2)
        }
        Command::Auth { mechanism, initial } => {
            let initial = match initial {
                Some(Base64::EMPTY) => 2,
                Some(text) => text.expose().len().saturating_add(1),
                None => 0,
            };
            mechanism.as_str().len().saturating_add(1).saturating_add(initial)
        }
        Command::Lang(Some(range)) => range.as_str().len().saturating_add(1),
        Command::Xclient(attributes) => attributes.as_bytes().len().saturating_add(1),
        Command::Extension(extension) => extension.line().len(),
        Command::AuthList
        | Command::Stat
        | Command::List(None)
        | Command::Noop
        | Command::Rset
        | Command::Uidl(None)
        | Command::Last
        | Command::Capa
        | Command::Stls
        | Command::Utf8
        | Command::Lang(None)
        | Command::Quit => 0,
    };
    command.keyword().as_str().len().saturating_add(arguments).saturating_add(2)
}

/// Checks whether the names and passwords of USER, PASS and APOP may be sent: ASCII always, UTF-8 if the server
/// accepts it, anything if `raw`.
pub(super) fn check_text(
    command: &Command<'_>,
    raw: bool,
    takes_utf8: impl FnOnce() -> bool,
) -> Result<(), SendError> {
    let text = if let Command::User(name) | Command::Apop { name, .. } = *command {
        name.as_bytes()
    } else if let Command::Pass(password) = *command {
        password.expose()
    } else {
        return Ok(());
    };
    match core::str::from_utf8(text) {
        _ if raw || text.is_ascii() => Ok(()),
        _ if !takes_utf8() => Err(SendError::NotAscii),
        Ok(_) => Ok(()),
        Err(_) => Err(SendError::NotUtf8),
    }
}

/// Returns whether the line begins with the keyword of a known command, and so would bypass its rules.
fn is_reserved(line: &[u8]) -> bool {
    Keyword::of_line(line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apop::Digest;
    use crate::command::{Extension, Name, Password, Xclient};
    use crate::language::LanguageRange;
    use crate::sasl::MechanismName;
    use bytes::BytesMut;

    #[test]
    fn the_length_is_what_is_written() {
        let name = Name::parse(b"mrose").unwrap();
        let extension = Extension::new(b"XTND XLST Subject", ReplyShape::Lines).unwrap();
        let number = |n| MessageNumber::new(n).unwrap();
        let mechanism = MechanismName::parse(b"PLAIN").unwrap();
        let commands = [
            Command::User(name),
            Command::Pass(Password::parse(b"  x ").unwrap()),
            Command::Apop { name, digest: Digest::parse(&[b'0'; 32]).unwrap() },
            Command::Stat,
            Command::List(None),
            Command::List(Some(number(10))),
            Command::Retr(number(9)),
            Command::Top { message: number(100), lines: 0 },
            Command::Top { message: number(u32::MAX), lines: u64::MAX },
            Command::Dele(number(99)),
            Command::Uidl(Some(number(1000))),
            Command::Uidl(None),
            Command::Last,
            Command::Quit,
            Command::Extension(extension),
            Command::Auth { mechanism, initial: None },
            Command::Auth { mechanism, initial: Some(Base64::EMPTY) },
            Command::Auth { mechanism, initial: Some(Base64::parse(b"AGEAYg==").unwrap()) },
            Command::AuthList,
            Command::Lang(None),
            Command::Lang(Some(LanguageRange::parse(b"de-AT").unwrap())),
            Command::Xclient(Xclient::parse(b"ADDR=192.0.2.1 PORT=1").unwrap()),
            Command::Utf8,
        ];
        for command in commands {
            let mut out = BytesMut::new();
            command.write(&mut out);
            assert_eq!(length(&command), out.len(), "{command:?}");
        }
    }

    #[test]
    fn keywords_with_rules_of_their_own_are_reserved() {
        for line in [
            &b"PASS secret"[..],
            b"pass secret",
            b"PASS-secret",
            b"AUTH PLAIN AGE=",
            b"Stls",
            b"TOP 1 1",
            b"lang",
            b"UTF8",
        ] {
            assert!(is_reserved(line));
        }
        for line in [&b"XTND"[..], b"PASSX y", b"QUITE"] {
            assert!(!is_reserved(line));
        }
    }
}
