//! What is asked of a client up to the login, and of its lines.

use super::mail_rows::either;
use super::player::ENDLESS;
use crate::heard::Heard;
use crate::row::Check::Judge;
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, row};
use crate::verdict::{done, ensure, note, skip};

pub(super) const PLAIN: &[Row] = &[
    row(
        "1939-3.02",
        Must,
        "Every line that is sent ends with CRLF.",
        Judge(|heard| {
            heard.each(|line| {
                let bare = line.raw.strip_suffix(b"\r\n");
                bare.is_some_and(|bare| !bare.iter().any(|octet| matches!(octet, b'\r' | b'\n')))
            })
        }),
    ),
    row(
        "1939-3.03",
        Must,
        "Words are separated by one space, and no space follows the last one.",
        Judge(|heard| {
            heard.each(|line| {
                let bare = crate::wire::trimmed(&line.raw);
                let spaced = bare.windows(2).any(|pair| pair == b"  ") || bare.ends_with(b" ");
                line.keyword == "PASS" || line.keyword.is_empty() || !spaced
            })
        }),
    ),
    row(
        "1939-3.11",
        Must,
        "Keywords have three or four letters.",
        Judge(|heard| {
            heard.each(|line| {
                let letters = line.keyword.bytes().all(|octet| octet.is_ascii_alphanumeric());
                line.keyword.is_empty() || letters && (3..=4).contains(&line.keyword.len())
            })?;
            let upper = heard.lines.iter().all(|line| line.raw.starts_with(line.keyword.as_bytes()));
            note(if upper { "in upper case" } else { "not always in upper case" })
        }),
    ),
    row(
        "2449-4.04",
        Must,
        "A command has at most 255 octets.",
        Judge(|heard| heard.each(|line| line.raw.len() <= 255)),
    ),
    row(
        "2449-6.63",
        Must,
        "Without PIPELINING, commands are sent one at a time.",
        Judge(|heard| heard.each(|line| !line.pipelined)),
    ),
    row(
        "1939-3.47",
        Practice,
        "The client ends with QUIT and waits for the reply.",
        Judge(|heard| {
            heard.reached("RETR")?;
            ensure(heard.has("QUIT"), || "the client did not send QUIT".to_owned())?;
            ensure(!heard.left_early, || "the client did not wait for the reply to QUIT".to_owned())?;
            done()
        }),
    ),
    row(
        "1939-5.10",
        Practice,
        "The client does not use number 0 or a number above the last one.",
        Judge(|heard| {
            for keyword in ["RETR", "DELE", "TOP", "LIST", "UIDL"] {
                for number in heard.numbers(keyword) {
                    ensure((1..=heard.messages).contains(&number), || format!("{keyword} {number}"))?;
                }
            }
            done()
        }),
    ),
];

pub(super) const SPACES: &[Row] = &[row(
    "1939-7.18",
    Must,
    "A password is sent unchanged, after one space.",
    Judge(|heard| {
        heard.reached("PASS")?;
        let Some(password) = &heard.password else { return skip("the password is not known") };
        let sent = heard.all("PASS").next().map(|line| &line.argument);
        ensure(sent == Some(password), || "a different password was sent".to_owned())?;
        done()
    }),
)];

pub(super) const NON_ASCII: &[Row] = &[row(
    "6856-2.17",
    Must,
    "Without UTF8 USER, non-ASCII passwords are not sent.",
    Judge(|heard| {
        if heard.password.is_none() {
            return skip("the password is not known");
        }
        for line in
            heard.lines.iter().filter(|line| ["USER", "PASS", "APOP"].contains(&line.keyword.as_str()))
        {
            ensure(line.argument.is_ascii(), || format!("{} with non-ASCII octets", line.keyword))?;
        }
        done()
    }),
)];

pub(super) const TURNED_AWAY: &[Row] = &[row(
    "1939-4.02",
    Must,
    "Nothing is sent before the greeting, or after a negative one.",
    Judge(|heard| {
        ensure(heard.before_greeting.is_empty(), || "the client sent octets before the greeting".to_owned())?;
        ensure(heard.lines.iter().all(|line| line.keyword == "QUIT"), || {
            format!("the client sent {}", heard.commands())
        })?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const OTHER_PROTOCOL: &[Row] = &[row(
    "2449-3.02",
    Must,
    "A line that is not a reply is not accepted as one.",
    Judge(|heard| {
        heard.no_credentials()?;
        ensure(!heard.believed_login(), || format!("the client sent {}", heard.commands()))?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const NO_STATUS: &[Row] =
    &[row("2449-3.03", Practice, "+OKAY is not +OK; the session stays consistent.", Judge(either))];

pub(super) const ENDLESS_LINE: &[Row] = &[row(
    "2449-3.04",
    Practice,
    "The length of a reply line is limited.",
    Judge(|heard| {
        if heard.taken == 0 {
            return skip("the client did not log in");
        }
        ensure(heard.taken < ENDLESS, || format!("the client read {ENDLESS} octets"))?;
        heard.noticed()?;
        note(format!("the client gave up after {} octets at most", heard.taken))
    }),
)];

pub(super) const BARE_STATUS: &[Row] =
    &[row("1957-1.01", Must, "The status may be the whole reply.", Judge(Heard::took_all))];
pub(super) const ODD_TEXTS: &[Row] = &[row(
    "1939-3.16",
    Must,
    "Text after the status matters only for STAT and listings.",
    Judge(Heard::took_all),
)];
pub(super) const EIGHT_BIT: &[Row] =
    &[row("TOL-20", Practice, "Texts may contain 8-bit octets.", Judge(Heard::took_all))];
pub(super) const OLD: &[Row] = &[
    row(
        "1939-3.28",
        Must,
        "The client does not wait for a listing after a refusal.",
        Judge(|heard| {
            ensure(!heard.waited, || "the client waits".to_owned())?;
            heard.reached("USER")?;
            done()
        }),
    ),
    row("2449-5.11", Must, "The client needs only the minimal commands.", Judge(Heard::took_all)),
];

pub(super) const ODD_CAPA: &[Row] = &[
    row("2449-5.07", Must, "Unknown capabilities are ignored.", Judge(Heard::took_all)),
    row("TOL-15", Practice, "Empty lines, tabs and lower case in CAPA do no harm.", Judge(Heard::took_all)),
];

pub(super) const NO_USER: &[Row] = &[row(
    "1939-7.24",
    Practice,
    "After a refused USER, PASS is not sent.",
    Judge(|heard| {
        heard.reached("USER")?;
        ensure(!heard.has("PASS"), || "PASS was sent".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const WRONG_PASSWORD: &[Row] = &[row(
    "5034-4.29",
    Practice,
    "After a refused login, no weaker one is tried.",
    Judge(|heard| {
        let logins: Vec<&str> = heard
            .lines
            .iter()
            .filter(|line| ["PASS", "APOP", "AUTH"].contains(&line.keyword.as_str()))
            .map(|line| line.keyword.as_str())
            .collect();
        ensure(!logins.is_empty(), || "the client did not try to log in".to_owned())?;
        ensure(logins.len() <= heard.connections, || format!("the client sent {}", logins.join(" ")))?;
        ensure(!heard.believed_login(), || format!("the client sent {}", heard.commands()))?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const EXTRA_REPLY: &[Row] = &[row(
    "SEC-07",
    Practice,
    "An unsolicited reply is noticed.",
    Judge(|heard| {
        heard.reached("USER")?;
        ensure(!heard.believed_login(), || {
            format!("the login was refused, but the client sent {}", heard.commands())
        })?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const BAD_TIMESTAMP: &[Row] = &[row(
    "1939-7.39",
    Practice,
    "A timestamp that is not a msg-id is not used.",
    Judge(|heard| {
        ensure(!heard.lines.is_empty(), || "the client did not connect".to_owned())?;
        ensure(!heard.has("APOP"), || "APOP was sent".to_owned())?;
        done()
    }),
)];

pub(super) const LOWER_CASE: &[Row] =
    &[row("TOL-02", Practice, "A status in lower case is accepted or refused.", Judge(either))];
pub(super) const LF_ONLY: &[Row] =
    &[row("TOL-03", Practice, "A status that ends with LF is accepted or refused.", Judge(either))];
pub(super) const TABS: &[Row] =
    &[row("TOL-04", Practice, "Tabs and spaces after the status are accepted or refused.", Judge(either))];
pub(super) const BLANK_LINE: &[Row] =
    &[row("TOL-05", Practice, "A blank line before the greeting is accepted or refused.", Judge(either))];

pub(super) const EMPTY_CHALLENGE: &[Row] = &[row(
    "5034-4.04",
    Practice,
    "A plus sign alone is an empty challenge.",
    Judge(|heard| {
        heard.reached("AUTH")?;
        // With an initial response there is nothing left to say: then it is a challenge too many.
        let inline = heard.all("AUTH").any(|line| line.argument.contains(&b' '));
        if inline {
            return skip("the client sent an initial response");
        }
        heard.took_all()
    }),
)];

pub(super) const BAD_CHALLENGE: &[Row] = &[row(
    "5034-4.15",
    Must,
    "The client cancels after a challenge that is not base64.",
    Judge(|heard| {
        heard.reached("AUTH")?;
        let responses: Vec<&[u8]> = heard.all("").map(|line| crate::wire::trimmed(&line.raw)).collect();
        ensure(responses.iter().all(|response| *response == b"*"), || {
            "the client sent a response to it".to_owned()
        })?;
        ensure(!heard.believed_login(), || format!("the client sent {}", heard.commands()))?;
        heard.noticed()?;
        note(if responses.is_empty() { "the client ends" } else { "" })
    }),
)];

pub(super) const UNPROVEN: &[Row] = &[row(
    "5034-4.18",
    Must,
    "A SCRAM login without the server's proof is not accepted.",
    Judge(|heard| {
        let scram = heard.all("AUTH").any(|line| line.argument.to_ascii_uppercase().starts_with(b"SCRAM"));
        if !scram {
            return skip("the client did not use SCRAM");
        }
        ensure(!heard.believed_login(), || format!("the client sent {}", heard.commands()))?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const NO_STLS: &[Row] = &[row(
    "2595-4.21",
    Must,
    "A client that requires STLS stops if it is refused.",
    Judge(|heard| {
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const STLS: &[Row] = &[
    row(
        "2595-4.14",
        Must,
        "After STLS, the client sends only the handshake.",
        Judge(|heard| {
            heard.reached("STLS")?;
            ensure(heard.before_handshake.is_empty(), || "the client sent something else".to_owned())?;
            ensure(!heard.all("STLS").any(|line| line.pipelined), || {
                "STLS was sent before the previous reply".to_owned()
            })?;
            if heard.tls.is_none() {
                return skip("there was no handshake; is the certificate trusted?");
            }
            done()
        }),
    ),
    row(
        "2595-4.15",
        Must,
        "What the server announced before TLS is forgotten.",
        Judge(|heard| {
            if heard.tls.is_none() {
                return skip("there was no handshake; is the certificate trusted?");
            }
            ensure(!heard.has("AUTH"), || {
                "AUTH was sent, although only the list from before TLS announces it".to_owned()
            })?;
            let again = heard.all("CAPA").any(|line| line.tls);
            note(if again { "CAPA is sent again" } else { "CAPA is not sent again" })
        }),
    ),
    row(
        "2449-6.64",
        Must,
        "Credentials are not sent before TLS is established.",
        Judge(|heard| {
            heard.reached("STLS")?;
            let clear = heard
                .lines
                .iter()
                .any(|line| !line.tls && ["PASS", "AUTH", "APOP"].contains(&line.keyword.as_str()));
            ensure(!clear, || "credentials were sent in clear text".to_owned())?;
            done()
        }),
    ),
    row(
        "9325-3.01",
        Must,
        "ALPN pop3 is offered.",
        Judge(|heard| match &heard.tls {
            None => skip("there was no handshake; is the certificate trusted?"),
            Some(alpn) => {
                ensure(alpn.as_deref() == Some(b"pop3"), || "ALPN was not offered".to_owned())?;
                done()
            }
        }),
    ),
];

pub(super) const STLS_INJECTED: &[Row] = &[row(
    "2595-4.13",
    Practice,
    "Clear text after the reply to STLS ends the session.",
    Judge(|heard| {
        heard.reached("STLS")?;
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const STLS_BROKEN: &[Row] = &[row(
    "2595-2.10",
    Should,
    "When TLS fails, the client does not continue in clear text.",
    Judge(|heard| {
        heard.reached("STLS")?;
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];
