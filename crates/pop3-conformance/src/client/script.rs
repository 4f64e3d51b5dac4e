//! What a server of a script does: what every server does, but for some commands.

use super::mail::Mail;

/// A server that follows a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) greeting: &'static [u8],
    /// The lines of CAPA, without their ends.
    pub(crate) capabilities: &'static [&'static str],
    pub(crate) mail: fn(&str) -> Vec<Mail>,
    /// What is answered otherwise than usual.
    pub(crate) reply: fn(&Ask<'_>) -> Act,
    /// Whether each octet is sent by itself.
    pub(crate) in_pieces: bool,
    pub(crate) password: &'static str,
    /// Whether the client is to be run so that it demands STLS.
    pub(crate) starttls: bool,
}

/// A command, as a script sees it.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// In upper case; empty for a response of AUTH.
    pub(crate) keyword: &'a str,
    pub(crate) argument: &'a str,
    pub(crate) mail: &'a [Mail],
    pub(crate) tls: bool,
}

/// What a script does about a command.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// What every server does.
    Usual,
    /// These octets.
    Say(Vec<u8>),
    /// These octets, and the end.
    SayAndClose(Vec<u8>),
    /// These octets; what the client sends then is a response of AUTH.
    Challenge(Vec<u8>),
    /// `+OK` and an endless line.
    Endless,
    /// These octets in clear text, then TLS.
    StartTls(Vec<u8>),
}

impl Ask<'_> {
    /// The message that the command names.
    pub(crate) fn named(&self) -> Option<&Mail> {
        let number: usize = self.argument.split(' ').next()?.parse().ok()?;
        self.mail.iter().find(|mail| mail.number == number)
    }
}

/// What every server does.
pub(super) fn usual(ask: &Ask<'_>, script: &Script, marked: &mut Vec<usize>, can_tls: bool) -> Act {
    let say = |text: String| Act::Say(text.into_bytes());
    let mail = ask.named().filter(|mail| !marked.contains(&mail.number));
    let no_message = || Act::Say(b"-ERR no such message\r\n".to_vec());
    let present = || ask.mail.iter().filter(|mail| !marked.contains(&mail.number));
    match (ask.keyword, ask.argument) {
        ("CAPA", _) => {
            let mut lines: Vec<&str> = script.capabilities.to_vec();
            if ask.tls {
                lines.retain(|line| *line != "STLS");
            }
            say(format!(
                "+OK capabilities\r\n{}.\r\n",
                lines.iter().map(|line| format!("{line}\r\n")).collect::<String>()
            ))
        }
        ("STLS", _) if can_tls && !ask.tls => Act::StartTls(b"+OK begin\r\n".to_vec()),
        ("USER", _) => say("+OK the password, please\r\n".to_owned()),
        ("PASS", _) | ("", _) => say("+OK welcome\r\n".to_owned()),
        ("AUTH", "PLAIN") => Act::Challenge(b"+ \r\n".to_vec()),
        ("AUTH", argument) if argument.starts_with("PLAIN ") => say("+OK welcome\r\n".to_owned()),
        ("STAT", _) => {
            say(format!("+OK {} {}\r\n", present().count(), present().map(Mail::size).sum::<u64>()))
        }
        ("LIST", "") => {
            let lines: String =
                present().map(|mail| format!("{} {}\r\n", mail.number, mail.size())).collect();
            say(format!("+OK listing\r\n{lines}.\r\n"))
        }
        ("LIST", _) => {
            mail.map_or_else(no_message, |mail| say(format!("+OK {} {}\r\n", mail.number, mail.size())))
        }
        ("UIDL", "") => {
            let lines: String = present().map(|mail| format!("{} {}\r\n", mail.number, mail.uid)).collect();
            say(format!("+OK listing\r\n{lines}.\r\n"))
        }
        ("UIDL", _) => {
            mail.map_or_else(no_message, |mail| say(format!("+OK {} {}\r\n", mail.number, mail.uid)))
        }
        ("RETR", _) => mail
            .map_or_else(no_message, |mail| Act::Say([b"+OK message\r\n", &*mail.wire(), b".\r\n"].concat())),
        ("TOP", argument) => mail.map_or_else(no_message, |mail| {
            let count = argument.split(' ').nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
            Act::Say([b"+OK top\r\n", &*mail.top(count), b".\r\n"].concat())
        }),
        ("DELE", _) => match mail.map(|mail| mail.number) {
            Some(number) => {
                marked.push(number);
                say("+OK marked\r\n".to_owned())
            }
            None => no_message(),
        },
        ("RSET", _) => {
            marked.clear();
            say("+OK\r\n".to_owned())
        }
        ("NOOP", _) => say("+OK nothing\r\n".to_owned()),
        ("QUIT", _) => say("+OK bye\r\n".to_owned()),
        _ => say("-ERR what?\r\n".to_owned()),
    }
}
