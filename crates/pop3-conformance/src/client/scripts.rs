//! The scripts, and what each asks of a client.

use super::mail::{Mail, three};
use super::mail_rows::*;
use super::script::{Act, Ask, Script};
use super::session_rows::*;
use crate::Group;

const CAPABILITIES: &[&str] = &["TOP", "UIDL", "USER"];

/// What every server does.
const USUAL: Script = Script {
    greeting: b"+OK ready\r\n",
    capabilities: CAPABILITIES,
    mail: three,
    reply: |_| Act::Usual,
    in_pieces: false,
    password: "tanstaaf",
    starttls: false,
};

/// A group has the name of its script. The scripts stand below, in the same order.
pub const GROUPS: &[Group] = &[
    Group { name: "plain", title: "A correct server without PIPELINING", rows: PLAIN },
    Group { name: "spaces", title: "A password with spaces", rows: SPACES },
    Group { name: "non-ascii", title: "A non-ASCII password without UTF8", rows: NON_ASCII },
    Group { name: "turned-away", title: "A negative greeting", rows: TURNED_AWAY },
    Group { name: "other-protocol", title: "The greeting of a different protocol", rows: OTHER_PROTOCOL },
    Group { name: "no-status", title: "A greeting +OKAY", rows: NO_STATUS },
    Group { name: "endless", title: "A reply to USER without an end", rows: ENDLESS_LINE },
    Group { name: "bare-status", title: "Replies without a text", rows: BARE_STATUS },
    Group { name: "odd-texts", title: "Texts that look like something else", rows: ODD_TEXTS },
    Group { name: "8-bit-texts", title: "Texts with 8-bit octets", rows: EIGHT_BIT },
    Group { name: "in-pieces", title: "One octet at a time", rows: IN_PIECES },
    Group { name: "dots", title: "Messages with dots of all kinds", rows: DOTS },
    Group { name: "bare-lf", title: "A message with a bare LF and a dot", rows: BARE_LF },
    Group { name: "long-line", title: "A message with a line of a megabyte", rows: LONG_LINE },
    Group { name: "octets", title: "A message with NUL and 8-bit octets", rows: OCTETS },
    Group { name: "empty", title: "An empty maildrop", rows: EMPTY },
    Group { name: "old", title: "A server without CAPA, TOP and UIDL", rows: OLD },
    Group { name: "pipelining", title: "PIPELINING, and a message that is refused", rows: PIPELINING },
    Group { name: "odd-capa", title: "CAPA with everything that is allowed, and more", rows: ODD_CAPA },
    Group { name: "expire", title: "EXPIRE 0", rows: EXPIRE },
    Group { name: "no-user", title: "A refusal of USER", rows: NO_USER },
    Group { name: "wrong-password", title: "A refusal of PASS", rows: WRONG_PASSWORD },
    Group { name: "extra-reply", title: "Two replies to USER", rows: EXTRA_REPLY },
    Group { name: "bad-timestamp", title: "A timestamp that is not a msg-id", rows: BAD_TIMESTAMP },
    Group { name: "truncated", title: "A truncated message", rows: TRUNCATED },
    Group { name: "unstuffed", title: "A lone dot that is not stuffed", rows: UNSTUFFED },
    Group { name: "extra-fields", title: "Listings with further fields", rows: EXTRA_FIELDS },
    Group { name: "gaps", title: "Listings with gaps", rows: GAPS },
    Group { name: "twins", title: "One unique-id twice", rows: TWINS },
    Group { name: "case", title: "Unique-ids that differ only in case", rows: CASE },
    Group { name: "long-uid", title: "A unique-id of 200 octets", rows: LONG_UID },
    Group { name: "no-uid", title: "A line of UIDL without a unique-id", rows: NO_UID },
    Group { name: "sizes", title: "Sizes that count line ends as one octet", rows: SIZES },
    Group { name: "huge-size", title: "A size of 2^62 octets", rows: HUGE_SIZE },
    Group { name: "bad-stat", title: "STAT and LIST with no numbers", rows: BAD_STAT },
    Group { name: "lower-case", title: "Statuses in lower case", rows: LOWER_CASE },
    Group { name: "lf-only", title: "Statuses that end with LF", rows: LF_ONLY },
    Group { name: "tabs", title: "Tabs and spaces after the status", rows: TABS },
    Group { name: "blank-line", title: "A blank line before the greeting", rows: BLANK_LINE },
    Group { name: "not-removed", title: "A refusal of QUIT", rows: NOT_REMOVED },
    Group {
        name: "no-farewell",
        title: "The end of the connection instead of a reply to QUIT",
        rows: NO_FAREWELL,
    },
    Group { name: "unended-farewell", title: "A reply to QUIT without CRLF", rows: UNENDED_FAREWELL },
    Group { name: "empty-challenge", title: "A challenge that is only a plus sign", rows: EMPTY_CHALLENGE },
    Group { name: "bad-challenge", title: "A challenge that is not base64", rows: BAD_CHALLENGE },
    Group { name: "unproven", title: "SCRAM without the server's proof", rows: UNPROVEN },
    Group { name: "no-stls", title: "No STLS, for a client that requires it", rows: NO_STLS },
    Group { name: "stls", title: "STLS, and different capabilities after it", rows: STLS },
    Group {
        name: "stls-injected",
        title: "A reply in clear text after the reply to STLS",
        rows: STLS_INJECTED,
    },
    Group { name: "stls-broken", title: "Clear text instead of the handshake", rows: STLS_BROKEN },
];

pub(super) const SCRIPTS: &[Script] = &[
    USUAL,
    Script { password: "  two  words ", ..USUAL },
    Script { password: "t\u{e4}nstaaf", ..USUAL },
    Script { greeting: b"-ERR [SYS/TEMP] too many connections\r\n", ..USUAL },
    Script { greeting: b"220 mail.example.org ESMTP ready\r\n", ..USUAL },
    Script { greeting: b"+OKAY hello\r\n", ..USUAL },
    Script { reply: |ask| on(ask, &["USER", "AUTH"], Act::Endless), ..USUAL },
    Script { greeting: b"+OK\r\n", reply: |ask| texts(ask, b"", b"+OK"), ..USUAL },
    Script {
        greeting: b"+OK -ERR no service\r\n",
        reply: |ask| texts(ask, b" -ERR [ failed 5 5", b"+OK"),
        ..USUAL
    },
    Script {
        greeting: b"+OK gr\xfc\xdfe \xff\r\n",
        reply: |ask| texts(ask, b" sch\xf6n \xff\x80", b"+OK"),
        ..USUAL
    },
    Script { in_pieces: true, ..USUAL },
    Script { mail: dots, in_pieces: true, ..USUAL },
    Script {
        mail: |tag| vec![Mail::new(tag, 1, b"a\n.\r\nb\n.\nc\r\n"), Mail::new(tag, 2, b"next\r\n")],
        ..USUAL
    },
    Script { mail: |tag| vec![Mail::new(tag, 1, &[&[b'x'; 1_048_576][..], b"\r\n"].concat())], ..USUAL },
    Script { mail: |tag| vec![Mail::new(tag, 1, b"\0 \x01\x7f\x80\xff\xfe\r\nend\r\n")], ..USUAL },
    Script { mail: |_| Vec::new(), ..USUAL },
    Script {
        reply: |ask| on(ask, &["CAPA", "UIDL", "TOP", "AUTH", "STLS", "UTF8", "LANG"], say("-ERR what?\r\n")),
        ..USUAL
    },
    Script {
        capabilities: &["TOP", "UIDL", "USER", "PIPELINING"],
        reply: |ask| match (ask.keyword, ask.argument) {
            ("RETR", "2") => say("-ERR can't be read\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        capabilities: &[
            "top",
            "uidl ",
            "User",
            "X-GOOGLE-RICO",
            "XOIP",
            "",
            "EXPIRE 31 USER",
            "LOGIN-DELAY",
            "\tSASL",
            "CAPA",
        ],
        ..USUAL
    },
    Script { capabilities: &["TOP", "UIDL", "USER", "EXPIRE 0"], ..USUAL },
    Script { reply: |ask| on(ask, &["USER"], say("-ERR not that way\r\n")), ..USUAL },
    Script {
        capabilities: &["TOP", "UIDL", "USER", "SASL SCRAM-SHA-256 PLAIN", "RESP-CODES", "AUTH-RESP-CODE"],
        reply: |ask| on(ask, &["PASS", "AUTH", "APOP"], say("-ERR [AUTH] no\r\n")),
        ..USUAL
    },
    Script {
        reply: |ask| match ask.keyword {
            "USER" => say("+OK\r\n+OK welcome\r\n"),
            "PASS" | "AUTH" | "APOP" => say("-ERR no\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script { greeting: b"+OK <\xfe\x01@x>\r\n", ..USUAL },
    Script { reply: truncated, ..USUAL },
    Script {
        reply: |ask| match (ask.keyword, ask.named()) {
            ("RETR", Some(mail)) if mail.number == 1 => {
                Act::Say([b"+OK\r\n", &*mail.wire(), b".\r\nbehind the dot\r\n.\r\n"].concat())
            }
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        reply: |ask| match (ask.keyword, ask.argument) {
            ("STAT", _) => Act::Say(format!("+OK {} 320 extra text\r\n", ask.mail.len()).into_bytes()),
            ("LIST", "") => listing(ask, |mail| format!("{} {} foo@bar 7", mail.number, mail.size())),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script { mail: |tag| vec![Mail::new(tag, 2, b"two\r\n"), Mail::new(tag, 5, b"five\r\n")], ..USUAL },
    Script {
        mail: |tag| {
            let mut mail = three(tag);
            for one in &mut mail {
                one.uid = format!("{tag}-same");
            }
            mail
        },
        ..USUAL
    },
    Script {
        mail: |tag| {
            let mut mail = three(tag);
            mail.truncate(2);
            for (one, end) in mail.iter_mut().zip(["Ab", "aB"]) {
                one.uid = format!("{tag}-{end}");
            }
            mail
        },
        ..USUAL
    },
    Script {
        mail: |tag| {
            let mut mail = three(tag);
            for one in &mut mail {
                one.uid = format!("{}-{}", one.uid, "a".repeat(200));
            }
            mail
        },
        ..USUAL
    },
    Script {
        reply: |ask| match (ask.keyword, ask.argument) {
            ("UIDL", "") => listing(ask, |mail| mail.number.to_string()),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        mail: |tag| {
            let mut mail = three(tag);
            for one in &mut mail {
                one.size = Some(
                    (one.octets.len() - one.octets.iter().filter(|octet| **octet == b'\r').count()) as u64,
                );
            }
            mail
        },
        ..USUAL
    },
    Script {
        mail: |tag| {
            let mut mail = three(tag);
            for one in &mut mail {
                one.size = Some(1 << 62);
            }
            mail
        },
        ..USUAL
    },
    Script {
        reply: |ask| match (ask.keyword, ask.argument) {
            ("STAT", _) => say("+OK x y\r\n"),
            ("LIST", "") => listing(ask, |_| "x y".to_owned()),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script { greeting: b"+ok ready\r\n", reply: |ask| texts(ask, b" fine", b"+ok"), ..USUAL },
    Script {
        greeting: b"+OK ready\n",
        reply: |ask| match ask.keyword {
            "USER" | "PASS" | "DELE" | "QUIT" | "NOOP" => say("+OK\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        greeting: b"+OK\tready\r\n",
        reply: |ask| match ask.keyword {
            "STAT" => {
                let octets: u64 = ask.mail.iter().map(Mail::size).sum();
                Act::Say(format!("+OK  {}  {octets}\r\n", ask.mail.len()).into_bytes())
            }
            "USER" | "PASS" | "DELE" | "QUIT" => say("+OK\t fine\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script { greeting: b"\r\n+OK ready\r\n", ..USUAL },
    Script { reply: |ask| on(ask, &["QUIT"], say("-ERR some deleted messages not removed\r\n")), ..USUAL },
    Script { reply: |ask| on(ask, &["QUIT"], Act::SayAndClose(Vec::new())), ..USUAL },
    Script { reply: |ask| on(ask, &["QUIT"], Act::SayAndClose(b"+OK bye".to_vec())), ..USUAL },
    Script {
        capabilities: &["TOP", "UIDL", "SASL PLAIN"],
        reply: |ask| match ask.keyword {
            "USER" => say("-ERR by AUTH only\r\n"),
            "AUTH" if ask.argument.starts_with("PLAIN") => Act::Challenge(b"+\r\n".to_vec()),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        capabilities: &["TOP", "UIDL", "SASL CRAM-MD5 SCRAM-SHA-256 LOGIN"],
        reply: |ask| match ask.keyword {
            "USER" => say("-ERR by AUTH only\r\n"),
            "AUTH" => Act::Challenge(b"+ !!!\r\n".to_vec()),
            "" => say("-ERR so be it\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        capabilities: &["TOP", "UIDL", "SASL SCRAM-SHA-256 SCRAM-SHA-1"],
        reply: |ask| match ask.keyword {
            "USER" => say("-ERR by AUTH only\r\n"),
            "AUTH" => say("+OK welcome\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script { starttls: true, reply: |ask| on(ask, &["STLS"], say("-ERR what?\r\n")), ..USUAL },
    Script {
        starttls: true,
        capabilities: &["TOP", "UIDL", "USER", "STLS", "SASL PLAIN"],
        reply: |ask| match ask.keyword {
            "CAPA" if ask.tls => say("+OK\r\nTOP\r\nUIDL\r\nUSER\r\n.\r\n"),
            "AUTH" if ask.tls => say("-ERR not here\r\n"),
            _ => Act::Usual,
        },
        ..USUAL
    },
    Script {
        starttls: true,
        capabilities: &["TOP", "UIDL", "USER", "STLS"],
        reply: |ask| on(ask, &["STLS"], Act::StartTls(b"+OK begin\r\n+OK injected\r\n".to_vec())),
        ..USUAL
    },
    Script {
        starttls: true,
        capabilities: &["TOP", "UIDL", "USER", "STLS"],
        reply: |ask| on(ask, &["STLS"], say("+OK begin\r\n-ERR STARTTLS failed\r\n")),
        ..USUAL
    },
];

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// This, for these keywords.
fn on(ask: &Ask<'_>, keywords: &[&str], act: Act) -> Act {
    if keywords.contains(&ask.keyword) { act } else { Act::Usual }
}

/// The status and another text, where only the status counts.
fn texts(ask: &Ask<'_>, text: &[u8], status: &[u8]) -> Act {
    match (ask.keyword, ask.named()) {
        ("RETR", Some(mail)) => Act::Say([status, text, b"\r\n", &*mail.wire(), b".\r\n"].concat()),
        ("USER" | "PASS" | "DELE" | "NOOP" | "RSET" | "QUIT", _) => {
            Act::Say([status, text, b"\r\n"].concat())
        }
        _ => Act::Usual,
    }
}

fn listing(ask: &Ask<'_>, line: impl Fn(&Mail) -> String) -> Act {
    let lines: String = ask.mail.iter().map(|mail| format!("{}\r\n", line(mail))).collect();
    Act::Say(format!("+OK\r\n{lines}.\r\n").into_bytes())
}

fn truncated(ask: &Ask<'_>) -> Act {
    match (ask.keyword, ask.named()) {
        ("RETR", Some(mail)) if mail.number == 2 => {
            let wire = mail.wire();
            let half = wire.len() - 6;
            Act::SayAndClose([b"+OK\r\n", &wire[..half]].concat())
        }
        _ => Act::Usual,
    }
}

fn dots(tag: &str) -> Vec<Mail> {
    let bodies: [&[u8]; 4] = [
        b"a.\r\n. \r\n..\r\n.\r\n.x\r\n",
        b".\r\n.\r\n.\r\n",
        b"x\r\n\r\n.\r\n\r\n",
        b"..\r\n...\r\n+OK\r\n-ERR no\r\n",
    ];
    (1..).zip(bodies).map(|(number, body)| Mail::new(tag, number, body)).collect()
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, SCRIPTS};

    #[test]
    fn each_group_has_its_script() {
        assert_eq!(GROUPS.len(), SCRIPTS.len());
        for group in GROUPS {
            assert!(
                group.rows.iter().all(|row| matches!(row.check, crate::row::Check::Judge(_))),
                "{}",
                group.name
            );
        }
    }
}
