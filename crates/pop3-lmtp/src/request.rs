//! Commands.

use smtp_proto::{Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request};

use crate::mailboxes::Envelope;
use crate::refusal::LmtpRefusal;

/// A command of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The client's name for itself.
    Lhlo(String),
    /// The envelope, and the size that the client expects.
    Mail(Envelope, u64),
    /// The recipient.
    Rcpt(String),
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

/// Parses a line, with its CRLF.
pub(crate) fn parse(line: &[u8]) -> Result<Command, LmtpRefusal> {
    match Request::parse(&mut line.iter()) {
        Ok(Request::Lhlo { host }) => Ok(Command::Lhlo(host.into_owned())),
        Ok(Request::Mail { from }) => mail(from.into_owned()),
        Ok(Request::Rcpt { to }) => recipient(to.into_owned()),
        Ok(Request::Data) => Ok(Command::Data),
        Ok(Request::Rset) => Ok(Command::Rset),
        Ok(Request::Noop { .. }) => Ok(Command::Noop),
        Ok(Request::Vrfy { .. }) => Ok(Command::Vrfy),
        Ok(Request::Quit) => Ok(Command::Quit),
        // RFC 2033 section 4.1.
        Ok(Request::Helo { .. } | Request::Ehlo { .. }) => {
            Err(LmtpRefusal::new(500, "5.5.1", "this is LMTP, which begins with LHLO"))
        }
        Ok(
            Request::Bdat { .. }
            | Request::Auth { .. }
            | Request::Expn { .. }
            | Request::Help { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. }
            | Request::StartTls,
        ) => Err(LmtpRefusal::new(502, "5.5.1", "command not supported")),
        Err(error) => Err(refuse(error)),
    }
}

fn mail(from: MailFrom<String>) -> Result<Command, LmtpRefusal> {
    let known = MailFrom {
        address: from.address.clone(),
        flags: from.flags & (MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8),
        size: from.size,
        ..MailFrom::default()
    };
    if from != known {
        return Err(unsupported());
    }
    let smtputf8 = known.flags & MAIL_SMTPUTF8 != 0;
    if !smtputf8 && !known.address.is_ascii() {
        return Err(LmtpRefusal::new(550, "5.6.7", "an address in UTF-8 needs SMTPUTF8"));
    }
    let envelope = Envelope { sender: line_of(known.address)?, smtputf8 };
    Ok(Command::Mail(envelope, known.size.try_into().unwrap_or(u64::MAX)))
}

fn recipient(to: RcptTo<String>) -> Result<Command, LmtpRefusal> {
    if (to.flags, to.rrvs, &to.orcpt) != (0, 0, &None) {
        return Err(unsupported());
    }
    if to.address.is_empty() {
        return Err(LmtpRefusal::new(553, "5.1.3", "the recipient is missing"));
    }
    line_of(to.address).map(Command::Rcpt)
}

/// The address with quotation marks around its local part, if it needs them.
pub(crate) fn quoted(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    let is_atom = |character: char| {
        !character.is_ascii()
            || character.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~.".contains(character)
    };
    if local.chars().all(is_atom) && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
    {
        return address.to_owned();
    }
    format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\""))
}

/// An address that does not break a line.
fn line_of(address: String) -> Result<String, LmtpRefusal> {
    if address.chars().any(char::is_control) {
        return Err(LmtpRefusal::new(553, "5.1.3", "an address contains control characters"));
    }
    Ok(address)
}

fn unsupported() -> LmtpRefusal {
    LmtpRefusal::new(555, "5.5.4", "a parameter is not supported")
}

fn refuse(error: Error) -> LmtpRefusal {
    match error {
        Error::UnknownCommand => LmtpRefusal::new(500, "5.5.1", "command unknown"),
        Error::InvalidSenderAddress => LmtpRefusal::new(553, "5.1.7", "not an address"),
        Error::InvalidRecipientAddress => LmtpRefusal::new(553, "5.1.3", "not an address"),
        Error::SyntaxError { syntax } => LmtpRefusal::new(501, "5.5.2", format!("expected {syntax}")),
        Error::InvalidParameter { param } => {
            LmtpRefusal::new(501, "5.5.4", format!("the value of {param} is wrong"))
        }
        Error::UnsupportedParameter { .. } => unsupported(),
        Error::NeedsMoreData { .. } | Error::ResponseTooLong | Error::InvalidResponse { .. } => {
            LmtpRefusal::new(501, "5.5.2", "not a command")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        parse(format!("{line}\r\n").as_bytes()).map_err(|refusal| refusal.to_string())
    }

    fn from(sender: &str, smtputf8: bool, size: u64) -> Result<Command, String> {
        Ok(Command::Mail(Envelope { sender: sender.to_owned(), smtputf8 }, size))
    }

    #[test]
    fn commands_and_their_parameters() {
        assert_eq!(read("lhlo a.example"), Ok(Command::Lhlo("a.example".to_owned())));
        assert_eq!(read("MAIL FROM:<a@b>"), from("a@b", false, 0));
        assert_eq!(read("MAIL FROM:<> SIZE=12 BODY=8BITMIME"), from("", false, 12));
        assert_eq!(read("mail from: <\u{e9}@b> smtputf8 BODY=7BIT"), from("\u{e9}@b", true, 0));
        for recipient in ["a@b", "a+b@c.example", "\u{e9}@b"] {
            assert_eq!(read(&format!("RCPT TO:<{recipient}>")), Ok(Command::Rcpt(recipient.to_owned())));
        }
        assert_eq!(read("RCPT TO:<\"a b\"@c>"), Ok(Command::Rcpt("a b@c".to_owned())));
        for (line, command) in [
            ("DATA", Command::Data),
            ("rset", Command::Rset),
            ("NOOP x", Command::Noop),
            ("VRFY a", Command::Vrfy),
            ("QUIT", Command::Quit),
        ] {
            assert_eq!(read(line), Ok(command));
        }
        for (line, code) in [
            ("EHLO a", "500 5.5.1"),
            ("HELO a", "500 5.5.1"),
            ("", "500 5.5.1"),
            ("XYZ", "500 5.5.1"),
            ("BDAT 1", "502 5.5.1"),
            ("STARTTLS", "502 5.5.1"),
            ("LHLO", "501 5.5.2"),
            ("MAIL <a@b>", "501 5.5.2"),
            ("MAIL FROM:<a@b> BODY=BINARYMIME", "555 5.5.4"),
            ("MAIL FROM:<a@b> BODY=9BIT", "501 5.5.4"),
            ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4"),
            ("MAIL FROM:<a@b> RET=FULL", "555 5.5.4"),
            ("MAIL FROM:<a@b> X=Y", "555 5.5.4"),
            ("MAIL FROM:<\u{e9}@b>", "550 5.6.7"),
            ("RCPT TO:<>", "553 5.1.3"),
            ("RCPT TO:<a@b> NOTIFY=NEVER", "555 5.5.4"),
            ("RCPT TO:<a@b@c>", "553 5.1.3"),
            ("RCPT TO:<a>", "553 5.1.3"),
        ] {
            let refusal = read(line).unwrap_err();
            assert!(refusal.starts_with(code), "{line}: {refusal}");
        }
    }

    #[test]
    fn odd_local_parts_are_quoted() {
        for (address, expected) in [
            ("", ""),
            ("a.b+c@d", "a.b+c@d"),
            ("a b@d", "\"a b\"@d"),
            ("a\"\\@d", "\"a\\\"\\\\\"@d"),
            ("a@b@d", "\"a@b\"@d"),
            (".a@d", "\".a\"@d"),
        ] {
            assert_eq!(quoted(address), expected);
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_or_gets_control_characters_through(
            line in prop_oneof![
                "(MAIL FROM:|RCPT TO:|LHLO |mail from:|NOOP)[ -~\\x00-\\x1f]{0,30}",
                "(MAIL FROM|RCPT TO):<.{0,20}>.{0,20}",
                ".{0,40}",
            ],
        ) {
            let line = line.replace(['\r', '\n'], "");
            if let Ok(Command::Mail(Envelope { sender: address, .. }, _) | Command::Rcpt(address)) = read(&line) {
                prop_assert!(!address.chars().any(char::is_control));
            }
        }
    }
}
