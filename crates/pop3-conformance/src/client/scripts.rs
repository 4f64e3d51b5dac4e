//! The scripts, and what each asks of a client.

use super::heard::Heard;
use super::mail::{Mail, three};
use super::player::{Act, Ask, ENDLESS, Script};
use crate::Group;
use crate::row::Check::Judge;
use crate::row::Level::{Must, Practice, Should};
use crate::row::{Row, Verdict, done, ensure, fail, note, row, skip};

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

/// A group has the name of its script. [`SCRIPTS`] has the scripts, in the same order.
pub const GROUPS: &[Group] = &[
    Group { name: "plain", title: "A server as in the book, without PIPELINING", rows: PLAIN },
    Group { name: "spaces", title: "A password with spaces", rows: SPACES },
    Group { name: "non-ascii", title: "A password that is not ASCII, and no UTF8", rows: NON_ASCII },
    Group { name: "turned-away", title: "A greeting that is a refusal", rows: TURNED_AWAY },
    Group { name: "other-protocol", title: "A greeting of another protocol", rows: OTHER_PROTOCOL },
    Group { name: "no-status", title: "A greeting +OKAY", rows: NO_STATUS },
    Group { name: "endless", title: "A reply to USER without an end", rows: ENDLESS_LINE },
    Group { name: "bare-status", title: "Replies of +OK and nothing else", rows: BARE_STATUS },
    Group { name: "odd-texts", title: "Texts that look like something else", rows: ODD_TEXTS },
    Group { name: "8-bit-texts", title: "Texts with 8-bit octets", rows: EIGHT_BIT },
    Group { name: "in-pieces", title: "Each octet by itself", rows: IN_PIECES },
    Group { name: "dots", title: "Messages with dots of all kinds", rows: DOTS },
    Group { name: "bare-lf", title: "A message with a bare LF and a dot", rows: BARE_LF },
    Group { name: "long-line", title: "A message with a line of a megabyte", rows: LONG_LINE },
    Group { name: "octets", title: "A message with NUL and 8-bit octets", rows: OCTETS },
    Group { name: "empty", title: "An empty maildrop", rows: EMPTY },
    Group { name: "old", title: "A server without CAPA, TOP and UIDL", rows: OLD },
    Group { name: "pipelining", title: "PIPELINING, and one message that is refused", rows: PIPELINING },
    Group { name: "odd-capa", title: "CAPA with all that is allowed and some that is not", rows: ODD_CAPA },
    Group { name: "expire", title: "EXPIRE 0", rows: EXPIRE },
    Group { name: "no-user", title: "A refusal of USER", rows: NO_USER },
    Group { name: "wrong-password", title: "A refusal of PASS", rows: WRONG_PASSWORD },
    Group { name: "extra-reply", title: "Two replies to USER", rows: EXTRA_REPLY },
    Group { name: "bad-timestamp", title: "A timestamp that is no msg-id", rows: BAD_TIMESTAMP },
    Group { name: "truncated", title: "A message that is cut", rows: TRUNCATED },
    Group { name: "unstuffed", title: "A lone dot that is not stuffed", rows: UNSTUFFED },
    Group { name: "extra-fields", title: "Listings with more than is due", rows: EXTRA_FIELDS },
    Group { name: "gaps", title: "Numbers that are not dense", rows: GAPS },
    Group { name: "twins", title: "One unique-id twice", rows: TWINS },
    Group { name: "case", title: "Unique-ids that differ in case only", rows: CASE },
    Group { name: "long-uid", title: "A unique-id of 200 octets", rows: LONG_UID },
    Group { name: "no-uid", title: "A line of UIDL without a unique-id", rows: NO_UID },
    Group { name: "sizes", title: "Sizes that count line ends as one octet", rows: SIZES },
    Group { name: "huge-size", title: "A size of 2^62 octets", rows: HUGE_SIZE },
    Group { name: "bad-stat", title: "STAT and LIST with no numbers", rows: BAD_STAT },
    Group { name: "lower-case", title: "Statuses in lower case", rows: LOWER_CASE },
    Group { name: "lf-only", title: "Statuses that end with LF", rows: LF_ONLY },
    Group { name: "tabs", title: "Tabs and spaces behind the status", rows: TABS },
    Group { name: "blank-line", title: "A blank line before the greeting", rows: BLANK_LINE },
    Group { name: "not-removed", title: "A refusal of QUIT", rows: NOT_REMOVED },
    Group { name: "no-farewell", title: "The end in place of the reply to QUIT", rows: NO_FAREWELL },
    Group { name: "unended-farewell", title: "A reply to QUIT without its CRLF", rows: UNENDED_FAREWELL },
    Group { name: "empty-challenge", title: "A challenge that is a plus alone", rows: EMPTY_CHALLENGE },
    Group { name: "bad-challenge", title: "A challenge that is no base64", rows: BAD_CHALLENGE },
    Group { name: "unproven", title: "SCRAM without the server's proof", rows: UNPROVEN },
    Group { name: "no-stls", title: "No STLS, for a client that demands it", rows: NO_STLS },
    Group { name: "stls", title: "STLS, and other capabilities behind it", rows: STLS },
    Group {
        name: "stls-injected",
        title: "A reply in clear text behind the one to STLS",
        rows: STLS_INJECTED,
    },
    Group { name: "stls-broken", title: "Clear text in place of the handshake", rows: STLS_BROKEN },
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

const PLAIN: &[Row] = &[
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
        "Words are separated by one space; none is behind them.",
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
            note(if upper { "in upper case" } else { "not all in upper case" })
        }),
    ),
    row(
        "2449-4.04",
        Must,
        "A command has 255 octets at most.",
        Judge(|heard| heard.each(|line| line.raw.len() <= 255)),
    ),
    row(
        "2449-6.63",
        Must,
        "Without PIPELINING one command is on its way.",
        Judge(|heard| heard.each(|line| !line.pipelined)),
    ),
    row(
        "1939-3.47",
        Practice,
        "The client ends by QUIT and waits for the reply.",
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
        "No number is 0 or above the last one.",
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

const SPACES: &[Row] = &[row(
    "1939-7.18",
    Must,
    "A password is sent as it is, behind one space.",
    Judge(|heard| {
        heard.reached("PASS")?;
        let Some(password) = &heard.password else { return skip("the password is not known") };
        let sent = heard.all("PASS").next().map(|line| &line.argument);
        ensure(sent == Some(password), || "another password was sent".to_owned())?;
        done()
    }),
)];

const NON_ASCII: &[Row] = &[row(
    "6856-2.17",
    Must,
    "Without UTF8 USER no password goes out that is not ASCII.",
    Judge(|heard| {
        if heard.password.is_none() {
            return skip("the password is not known");
        }
        for line in
            heard.lines.iter().filter(|line| ["USER", "PASS", "APOP"].contains(&line.keyword.as_str()))
        {
            ensure(line.argument.is_ascii(), || format!("{} with octets outside of ASCII", line.keyword))?;
        }
        done()
    }),
)];

const TURNED_AWAY: &[Row] = &[row(
    "1939-4.02",
    Must,
    "Nothing goes out before the greeting, or to one that refuses.",
    Judge(|heard| {
        ensure(heard.before_greeting.is_empty(), || "something came before the greeting".to_owned())?;
        ensure(heard.lines.iter().all(|line| line.keyword == "QUIT"), || {
            format!("the client sent {}", heard.commands())
        })?;
        heard.noticed()?;
        done()
    }),
)];

const OTHER_PROTOCOL: &[Row] = &[row(
    "2449-3.02",
    Must,
    "What is no reply is not taken for one.",
    Judge(|heard| {
        heard.no_credentials()?;
        ensure(!heard.believed_login(), || format!("the client sent {}", heard.commands()))?;
        heard.noticed()?;
        done()
    }),
)];

const NO_STATUS: &[Row] =
    &[row("2449-3.03", Practice, "+OKAY is not +OK; taken or refused, the session is clean.", Judge(either))];

const ENDLESS_LINE: &[Row] = &[row(
    "2449-3.04",
    Practice,
    "A reply line is bounded.",
    Judge(|heard| {
        if heard.taken == 0 {
            return skip("the client did not log in");
        }
        ensure(heard.taken < ENDLESS, || format!("the client took {ENDLESS} octets"))?;
        heard.noticed()?;
        note(format!("given up after {} octets at most", heard.taken))
    }),
)];

const BARE_STATUS: &[Row] = &[row("1957-1.01", Must, "The status may stand alone.", Judge(Heard::took_all))];
const ODD_TEXTS: &[Row] = &[row(
    "1939-3.16",
    Must,
    "Behind the status only STAT and listings have a meaning.",
    Judge(Heard::took_all),
)];
const EIGHT_BIT: &[Row] = &[row("TOL-20", Practice, "Texts may have 8-bit octets.", Judge(Heard::took_all))];
const IN_PIECES: &[Row] =
    &[row("1939-3.19", Must, "Replies that come octet by octet mean the same.", Judge(Heard::took_all))];

const DOTS: &[Row] = &[
    row("1939-3.30", Must, "The end is found when it comes in pieces.", Judge(Heard::took_all)),
    row(
        "1939-3.31",
        Must,
        "A dot that is not alone on its line ends nothing.",
        Judge(|heard| {
            let twice = heard.lines.iter().filter(|line| line.keyword == "RETR").count();
            ensure(twice >= heard.messages, || format!("the client sent {}", heard.commands()))?;
            heard.took_all()
        }),
    ),
];

const BARE_LF: &[Row] =
    &[row("1939-3.35", Practice, "A dot behind a bare LF ends nothing.", Judge(Heard::took_all))];
const LONG_LINE: &[Row] =
    &[row("1939-3.38", Practice, "Lines have no limit in a body.", Judge(Heard::took_all))];
const OCTETS: &[Row] = &[row("1939-3.39", Practice, "NUL and 8-bit octets pass.", Judge(Heard::took_all))];

const EMPTY: &[Row] = &[row(
    "1939-3.26",
    Must,
    "An empty listing is no fault.",
    Judge(|heard| {
        ensure(heard.has("STAT") || heard.has("LIST") || heard.has("UIDL"), || {
            format!("the client sent {}", heard.commands())
        })?;
        ensure(!heard.has("RETR") && !heard.has("DELE"), || "a message was asked for".to_owned())?;
        ensure(heard.has("QUIT"), || "the client did not send QUIT".to_owned())?;
        ensure(heard.succeeded != Some(false), || "the client ended with an error".to_owned())?;
        done()
    }),
)];

const OLD: &[Row] = &[
    row(
        "1939-3.28",
        Must,
        "Behind a refusal no listing is waited for.",
        Judge(|heard| {
            ensure(!heard.waited, || "the client waits".to_owned())?;
            heard.reached("USER")?;
            done()
        }),
    ),
    row("2449-5.11", Must, "Nothing beyond the minimum is needed.", Judge(Heard::took_all)),
];

const PIPELINING: &[Row] = &[
    row(
        "2449-6.61",
        Must,
        "Replies are paired with commands in their order.",
        Judge(|heard| {
            heard.deleted_only(&[1, 3])?;
            heard.reached("DELE")?;
            ensure(heard.numbers("DELE").contains(&3), || format!("the client sent {}", heard.commands()))?;
            ensure(heard.has("QUIT"), || "the client did not send QUIT".to_owned())?;
            done()
        }),
    ),
    row(
        "1939-7.25",
        Practice,
        "Whether the password runs ahead is the client's choice.",
        Judge(|heard| {
            heard.reached("PASS")?;
            let ahead = heard.all("PASS").any(|line| line.pipelined);
            note(if ahead {
                "PASS is sent before the reply to USER"
            } else {
                "PASS waits for the reply to USER"
            })
        }),
    ),
];

const ODD_CAPA: &[Row] = &[
    row("2449-5.07", Must, "Tags that are not known mean nothing.", Judge(Heard::took_all)),
    row("TOL-15", Practice, "Empty lines, tabs and lower case in CAPA do no harm.", Judge(Heard::took_all)),
];

const EXPIRE: &[Row] = &[row(
    "1939-8.02",
    Must,
    "The client deletes by itself, whatever the server's policy.",
    Judge(|heard| {
        heard.reached("CAPA")?;
        heard.took_all()
    }),
)];

const NO_USER: &[Row] = &[row(
    "1939-7.24",
    Practice,
    "Behind a refused USER no PASS is sent.",
    Judge(|heard| {
        heard.reached("USER")?;
        ensure(!heard.has("PASS"), || "PASS was sent".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

const WRONG_PASSWORD: &[Row] = &[row(
    "5034-4.29",
    Practice,
    "Behind a refused login no weaker one is tried.",
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

const EXTRA_REPLY: &[Row] = &[row(
    "SEC-07",
    Practice,
    "A reply that nobody asked for is noticed.",
    Judge(|heard| {
        heard.reached("USER")?;
        ensure(!heard.believed_login(), || {
            format!("the login was refused, the client sent {}", heard.commands())
        })?;
        heard.noticed()?;
        done()
    }),
)];

const BAD_TIMESTAMP: &[Row] = &[row(
    "1939-7.39",
    Practice,
    "A timestamp that is no msg-id is not used.",
    Judge(|heard| {
        ensure(!heard.lines.is_empty(), || "the client did not come".to_owned())?;
        ensure(!heard.has("APOP"), || "APOP was sent".to_owned())?;
        done()
    }),
)];

const TRUNCATED: &[Row] = &[row(
    "1939-3.37",
    Practice,
    "A message that is cut is not deleted, nor taken for whole.",
    Judge(|heard| {
        heard.reached("RETR")?;
        // The connection ends in message 2: what was deleted before can't be committed any more.
        ensure(!heard.numbers("DELE").contains(&2), || "message 2 was deleted".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

const UNSTUFFED: &[Row] = &[row(
    "TOL-14",
    Practice,
    "When a message ends too early, loss of step is noticed.",
    Judge(|heard| {
        heard.reached("RETR")?;
        let committed = heard.numbers("DELE").contains(&1) && heard.has("QUIT");
        ensure(!committed, || "message 1 was deleted, and came in part".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

const EXTRA_FIELDS: &[Row] = &[
    row("1939-5.23", Must, "What follows the size means nothing.", Judge(Heard::took_all)),
    row("TOL-08", Practice, "Lines of LIST may have more fields.", Judge(Heard::took_all)),
];

const GAPS: &[Row] =
    &[row("1939-5.32", Practice, "Numbers need not be dense.", Judge(|heard| heard.took(&[2, 5])))];

const TWINS: &[Row] = &[row(
    "1939-7.56",
    Should,
    "Of two messages with one unique-id none is lost.",
    Judge(|heard| {
        heard.reached("RETR")?;
        heard.deleted_only(&[1, 2, 3])?;
        ensure(heard.numbers("RETR").contains(&1), || format!("the client sent {}", heard.commands()))?;
        note(format!("{} of {} fetched", heard.numbers("RETR").len(), heard.messages))
    }),
)];

const CASE: &[Row] = &[row("1939-7.57", Practice, "Unique-ids have case.", Judge(Heard::took_all))];

const LONG_UID: &[Row] =
    &[row("1939-7.58", Practice, "A long unique-id is taken or refused.", Judge(either))];
const NO_UID: &[Row] = &[row(
    "TOL-10",
    Practice,
    "A line of UIDL without a unique-id deletes no message unseen.",
    Judge(either),
)];

const SIZES: &[Row] = &[row(
    "TOL-13",
    Practice,
    "A size that is wrong does not decide where a message ends.",
    Judge(Heard::took_all),
)];

const HUGE_SIZE: &[Row] = &[row(
    "1939-5.30",
    Practice,
    "A huge size makes nobody allocate or wait.",
    Judge(|heard| {
        heard.reached("PASS").or_else(|_| heard.reached("AUTH"))?;
        ensure(!heard.waited, || "the client waits for more".to_owned())?;
        either(heard)
    }),
)];

const BAD_STAT: &[Row] = &[row(
    "1939-5.24",
    Must,
    "Figures that are none are an error, and no crash.",
    Judge(|heard| {
        heard.reached("STAT").or_else(|_| heard.reached("LIST"))?;
        either(heard)
    }),
)];

const LOWER_CASE: &[Row] =
    &[row("TOL-02", Practice, "A status in lower case is taken or refused.", Judge(either))];
const LF_ONLY: &[Row] =
    &[row("TOL-03", Practice, "A status that ends with LF is taken or refused.", Judge(either))];
const TABS: &[Row] =
    &[row("TOL-04", Practice, "Tabs and spaces behind the status are taken or refused.", Judge(either))];
const BLANK_LINE: &[Row] =
    &[row("TOL-05", Practice, "A blank line before the greeting is taken or refused.", Judge(either))];

const NOT_REMOVED: &[Row] = &[row(
    "1939-6.15",
    Practice,
    "A refused QUIT is no success.",
    Judge(|heard| {
        heard.reached("DELE")?;
        heard.reached("QUIT")?;
        by_exit(heard)
    }),
)];

const NO_FAREWELL: &[Row] = &[row(
    "TOL-07",
    Practice,
    "The end in place of the reply to QUIT is reported.",
    Judge(|heard| {
        heard.reached("DELE")?;
        heard.reached("QUIT")?;
        by_exit(heard)
    }),
)];

const UNENDED_FAREWELL: &[Row] =
    &[row("TOL-06", Practice, "A last reply without CRLF is taken or reported.", Judge(either))];

const EMPTY_CHALLENGE: &[Row] = &[row(
    "5034-4.04",
    Practice,
    "A plus alone is the empty challenge.",
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

const BAD_CHALLENGE: &[Row] = &[row(
    "5034-4.15",
    Must,
    "A challenge that is no base64 makes the client cancel.",
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

const UNPROVEN: &[Row] = &[row(
    "5034-4.18",
    Must,
    "A login without the server's proof is none.",
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

const NO_STLS: &[Row] = &[row(
    "2595-4.21",
    Must,
    "A client that demands STLS and does not get it stops.",
    Judge(|heard| {
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];

const STLS: &[Row] = &[
    row(
        "2595-4.14",
        Must,
        "Behind STLS nothing goes out but the handshake.",
        Judge(|heard| {
            heard.reached("STLS")?;
            ensure(heard.before_handshake.is_empty(), || "something else came".to_owned())?;
            ensure(!heard.all("STLS").any(|line| line.pipelined), || "STLS was sent ahead".to_owned())?;
            if heard.tls.is_none() {
                return skip("there was no handshake; is the certificate trusted?");
            }
            done()
        }),
    ),
    row(
        "2595-4.15",
        Must,
        "What was announced before TLS is forgotten.",
        Judge(|heard| {
            if heard.tls.is_none() {
                return skip("there was no handshake; is the certificate trusted?");
            }
            ensure(!heard.has("AUTH"), || "AUTH was sent, which is announced in clear text only".to_owned())?;
            let again = heard.all("CAPA").any(|line| line.tls);
            note(if again { "CAPA is sent again" } else { "CAPA is not sent again" })
        }),
    ),
    row(
        "2449-6.64",
        Must,
        "Credentials wait until TLS is there.",
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

const STLS_INJECTED: &[Row] = &[row(
    "2595-4.13",
    Practice,
    "Clear text behind the reply to STLS ends the session.",
    Judge(|heard| {
        heard.reached("STLS")?;
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];

const STLS_BROKEN: &[Row] = &[row(
    "2595-2.10",
    Should,
    "When TLS fails nothing goes on in clear text.",
    Judge(|heard| {
        heard.reached("STLS")?;
        heard.no_credentials()?;
        heard.noticed()?;
        done()
    }),
)];

/// Both is right: to go through, or to stop with an error; not to hang, nor to delete what was not fetched.
fn either(heard: &Heard) -> Verdict {
    ensure(heard.connections > 0, || "the client did not come".to_owned())?;
    ensure(!heard.waited, || "the client waits".to_owned())?;
    let all: Vec<usize> = (1..=heard.messages).collect();
    heard.deleted_only(&all)?;
    if heard.took(&all).is_ok() {
        return note("taken");
    }
    heard.noticed()?;
    note("refused")
}

/// By the exit code alone.
fn by_exit(heard: &Heard) -> Verdict {
    match heard.succeeded {
        None => skip("can be told by the exit code only: needs --exec"),
        Some(true) => fail("the client ended as if all had gone well"),
        Some(false) => done(),
    }
}

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
    use super::*;

    #[test]
    fn each_group_has_its_script() {
        assert_eq!(GROUPS.len(), SCRIPTS.len());
        for group in GROUPS {
            assert!(group.rows.iter().all(|row| matches!(row.check, Judge(_))), "{}", group.name);
        }
    }
}
