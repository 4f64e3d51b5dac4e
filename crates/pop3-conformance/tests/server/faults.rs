//! Faults, and the rows that each of them must make fail.

use crate::fake::{Fault, Flaw, Seen, USER};

const fn reply(
    rows: &'static [&'static str],
    reply: fn(&Seen<'_>, Vec<u8>) -> Vec<u8>,
) -> (&'static [&'static str], Fault) {
    (rows, Fault { reply, flaw: Flaw::None })
}

const fn flaw(rows: &'static [&'static str], flaw: Flaw) -> (&'static [&'static str], Fault) {
    (rows, Fault { reply: |_, reply| reply, flaw })
}

fn say(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The reply with one text replaced by another.
fn swap(reply: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    match reply.windows(from.len()).position(|window| window == from) {
        Some(at) => [&reply[..at], to, &reply[at + from.len()..]].concat(),
        None => reply.to_vec(),
    }
}

/// Replaces a reply that is one whole line after the login.
fn line(seen: &Seen<'_>, reply: Vec<u8>, line: &str, text: &str) -> Vec<u8> {
    if seen.logged_in && seen.line == line.as_bytes() { say(text) } else { reply }
}

/// What fails if octets in clear text are where TLS must be.
const IN_CLEAR: &[&str] = &[
    "2595-4.02",
    "2595-4.11",
    "2595-4.12",
    "2595-4.16",
    "2595-4.17",
    "2595-4.18",
    "2595-4.20",
    "8314-3.02",
    "8314-4.01",
    "8314-4.03",
    "9325-3.01",
    "9325-3.02",
    "2595-2.12",
    "5034-4.21",
];

pub(crate) const ALL: &[(&[&str], Fault)] = &[
    // Lines, commands, replies.
    flaw(&["1939-3.01"], Flaw::PasswordWithoutCase),
    reply(&["1939-3.01"], |seen, reply| if seen.line == b"nOoP" { say("-ERR what?\r\n") } else { reply }),
    reply(&["1939-3.02"], |seen, reply| {
        if seen.keyword == "STAT" && seen.logged_in { swap(&reply, "\r\n", "\n") } else { reply }
    }),
    reply(&["1939-3.05"], |seen, reply| {
        if seen.logged_in && seen.keyword == "XYZZ" { say("+OK what?\r\n") } else { reply }
    }),
    reply(&["1939-3.06"], |seen, reply| line(seen, reply, "LIST 1 2", "+OK 1 5\r\n")),
    reply(&["1939-3.07"], |seen, reply| line(seen, reply, "", "-ERR what?\r\n-ERR what?\r\n")),
    reply(&["1939-3.08"], |seen, reply| {
        if !seen.logged_in && seen.line == b"LIST" { say("+OK list\r\n.\r\n") } else { reply }
    }),
    reply(&["1939-3.09"], |seen, reply| {
        if seen.keyword == "NOOP" && seen.logged_in { say("+ok nothing\r\n") } else { reply }
    }),
    reply(&["1939-3.10"], |seen, reply| {
        if seen.line.len() > 240 && seen.keyword == "RETR" {
            say(&format!("-ERR {}\r\n", "x".repeat(600)))
        } else {
            reply
        }
    }),
    reply(&["2449-4.01"], |seen, reply| {
        if seen.keyword == "USER" && seen.argument.starts_with("aaaaaa") {
            say("-ERR too long\r\n")
        } else {
            reply
        }
    }),
    flaw(&["2449-4.03"], Flaw::SplitsLongLines),
    reply(&["2449-3.01"], |seen, reply| line(seen, reply, "NOOPX", "+OK nothing\r\n")),
    reply(
        &["1939-3.12"],
        |seen, reply| if seen.argument.contains('\0') { say("+OK go on\r\n") } else { reply },
    ),
    flaw(&["1939-3.15"], Flaw::CrEndsLine),
    reply(
        &["1957-1.02"],
        |seen, reply| if seen.keyword == "DELE" && reply[0] == b'+' { say("+OK\r\n") } else { reply },
    ),
    reply(&["2449-3.05"], |seen, reply| {
        if seen.keyword.is_empty() && seen.line.is_empty() && !seen.logged_in {
            swap(&reply, " ready", " ready\x07")
        } else {
            reply
        }
    }),
    reply(&["1939-3.17"], |seen, reply| {
        if seen.argument.contains('\x1b') { say("-ERR who is \x1b[31m?\r\n") } else { reply }
    }),
    flaw(&["1939-3.18"], Flaw::LosesBurst),
    // Multi-line replies.
    reply(&["1939-3.21", "1939-3.23", "1939-5.28", "6856-2.10", "1939-7.01"], |seen, reply| {
        if seen.keyword == "RETR" { swap(&reply, "\r\n..dot", "\r\n.dot") } else { reply }
    }),
    reply(&["1939-3.22"], |seen, reply| {
        if seen.keyword == "RETR" { swap(&reply, "\r\n..\r\nbehind", "\r\n.\r\nbehind") } else { reply }
    }),
    reply(&["1939-3.23", "1939-7.01", "1939-7.02"], |seen, reply| {
        if seen.keyword == "TOP" { swap(&reply, "\r\n..x: ", "\r\n.x: ") } else { reply }
    }),
    reply(&["1939-3.26"], |seen, reply| {
        if seen.line == b"UIDL" && seen.marked > 9 { say("+OK list\r\n1 uid1\r\n.\r\n") } else { reply }
    }),
    reply(&["1939-3.27"], |seen, reply| line(seen, reply, "TOP 12 0", "-ERR no such message\r\n.\r\n")),
    // The session.
    flaw(&["1939-4.04"], Flaw::NoLock),
    flaw(&["1939-4.06", "5034-4.16"], Flaw::FailureEndsLogins),
    flaw(&["1939-4.07"], Flaw::MarksStay),
    flaw(&["1939-4.08"], Flaw::RenumbersList),
    // One message is lost, which other rows notice. The rest stays, because no message is marked any longer.
    flaw(
        &[
            "1939-4.07",
            "1939-7.21",
            "1939-5.26",
            "1939-5.41",
            "1939-7.01",
            "1939-7.02",
            "1939-7.05",
            "1939-7.06",
            "1939-7.51",
            "1939-7.53",
            "1939-7.60",
            "2449-6.60",
            "5034-4.17",
            "6856-2.14",
        ],
        Flaw::CommitAtCut,
    ),
    flaw(&["1939-4.11", "2595-4.12", "8314-3.02"], Flaw::StaysAfterQuit),
    // USER and PASS, APOP.
    reply(
        &["1939-7.11"],
        |seen, reply| if seen.line == b"USER " { say("+OK the password\r\n") } else { reply },
    ),
    flaw(&["1939-7.14"], Flaw::KeepsName),
    flaw(&["1939-7.17"], Flaw::TrimsPassword),
    reply(&["1939-7.20"], |seen, reply| if seen.line == b"PASS " { say("+OK welcome\r\n") } else { reply }),
    reply(&["1939-7.23"], |seen, reply| {
        if seen.keyword == "PASS" && seen.user != USER { swap(&reply, " no", " no such user") } else { reply }
    }),
    reply(&["1939-7.30"], |seen, reply| {
        if seen.line.is_empty() && !seen.logged_in { swap(&reply, "@", "-") } else { reply }
    }),
    flaw(&["1939-7.31"], Flaw::SameTimestamp),
    reply(&["1939-7.35"], |seen, reply| {
        if seen.keyword == "APOP" && seen.argument.ends_with(" abc") { say("+OK fine\r\n") } else { reply }
    }),
    flaw(&["1939-7.36"], Flaw::AnyDigest),
    // Numbers.
    reply(&["1939-5.01"], |seen, reply| line(seen, reply, "UIDL 0", "+OK 0 x\r\n")),
    reply(&["1939-3.27", "1939-5.02"], |seen, reply| line(seen, reply, "LIST 12", "+OK 12 0\r\n")),
    reply(&["1939-5.03"], |seen, reply| line(seen, reply, "LIST +1", "+OK 1 5\r\n")),
    reply(&["1939-5.04"], |seen, reply| line(seen, reply, "LIST 010", "+OK 8 5\r\n")),
    reply(&["1939-5.05"], |seen, reply| line(seen, reply, "LIST 4294967297", "+OK 1 5\r\n")),
    reply(&["1939-5.06"], |seen, reply| line(seen, reply, "LIST 1a", "+OK 1 5\r\n")),
    reply(&["1939-5.07"], |seen, reply| {
        if seen.line == b"UIDL 1" && seen.marked > 0 { say("+OK 1 uid1\r\n") } else { reply }
    }),
    reply(&["1939-5.08"], |seen, reply| line(seen, reply, "TOP", "+OK list\r\n.\r\n")),
    reply(&["1939-5.11"], |seen, reply| line(seen, reply, "QUIT x", "+OK bye\r\n")),
    // STAT, LIST, sizes.
    reply(
        &["1939-5.20"],
        |seen, reply| if seen.keyword == "STAT" { swap(&reply, "\r\n", " octets\r\n") } else { reply },
    ),
    reply(&["1939-5.21"], |seen, reply| {
        if seen.keyword == "STAT" && seen.marked == 1 { swap(&reply, "+OK 10 ", "+OK 11 ") } else { reply }
    }),
    reply(&["1939-4.08", "1939-5.25", "1939-7.50"], |seen, reply| {
        if seen.line == b"LIST" && seen.before == 0 {
            swap(&reply, "\r\n1 1278\r\n2 57\r\n", "\r\n2 57\r\n1 1278\r\n")
        } else {
            reply
        }
    }),
    reply(&["1939-5.26"], |seen, reply| line(seen, reply, "LIST 2", "+OK 2 7777\r\n")),
    reply(&["1939-5.27"], |seen, reply| {
        if seen.line == b"LIST" { swap(&reply, "\r\n2 57\r\n", "\r\n2 57 extra\r\n") } else { reply }
    }),
    // RETR and TOP.
    reply(&["1939-5.40", "6856-2.14"], |seen, reply| line(seen, reply, "RETR 4", "-ERR can't be read\r\n")),
    reply(
        &["1939-7.01"],
        |seen, reply| {
            if seen.line == b"TOP 1 3" { swap(&reply, "third\r\n", "") } else { reply }
        },
    ),
    reply(
        &["1939-7.02"],
        |seen, reply| {
            if seen.line == b"TOP 2 0" { swap(&reply, "\r\n\r\n.", "\r\n.") } else { reply }
        },
    ),
    reply(&["1939-7.03"], |seen, reply| {
        if seen.keyword == "TOP" && seen.argument.ends_with(" 4294967296") {
            say("+OK top\r\nSubject: x\r\n.\r\n")
        } else {
            reply
        }
    }),
    reply(&["1939-7.04"], |seen, reply| line(seen, reply, "TOP 1 -1", "+OK list\r\n.\r\n")),
    reply(&["1939-7.05"], |seen, reply| {
        if seen.keyword == "TOP" { swap(&reply, "no blank line\r\n", "no blank line\r\n\r\n") } else { reply }
    }),
    reply(
        &["1939-7.06"],
        |seen, reply| {
            if seen.line == b"TOP 7 2" { swap(&reply, "--b\r\n", "") } else { reply }
        },
    ),
    // DELE, NOOP, RSET, QUIT.
    reply(&["1939-5.51"], |seen, reply| {
        if seen.keyword == "DELE" && seen.marked == 1 && seen.argument == "1" {
            say("+OK marked\r\n")
        } else {
            reply
        }
    }),
    flaw(&["1939-6.13"], Flaw::AnswersAfterQuit),
    flaw(&["1939-6.10"], Flaw::RemovesNothing),
    flaw(&["1939-6.10", "1939-6.12"], Flaw::RemovesMore),
    // UIDL.
    reply(&["1939-7.51"], |seen, reply| line(seen, reply, "UIDL 2", "+OK 2 other\r\n")),
    flaw(&["1939-7.51", "1939-7.53", "1939-7.60"], Flaw::UidsPerSession),
    reply(&["1939-7.55"], |seen, reply| {
        if seen.keyword == "UIDL" { swap(&reply, "2 uid2\r\n", "2 uid1\r\n") } else { reply }
    }),
    // Capabilities.
    reply(&["2449-5.03"], |seen, reply| {
        if seen.keyword == "CAPA" && seen.logged_in { swap(&reply, "RESP-CODES\r\n", "") } else { reply }
    }),
    reply(&["2449-5.05"], |seen, reply| {
        if seen.keyword == "CAPA" {
            swap(&reply, "IMPLEMENTATION fake", &format!("IMPLEMENTATION {}", "x".repeat(510)))
        } else {
            reply
        }
    }),
    reply(&["2449-5.06"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "LANG\r\n", "LANG\r\nX.Y\r\n") } else { reply }
    }),
    reply(&["2449-5.10"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "LANG\r\n", "LANG\r\nOURS\r\n") } else { reply }
    }),
    reply(&["2449-5.12"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "LANG\r\n", "LANG\r\nLANG\r\n") } else { reply }
    }),
    reply(
        &["2449-6.10"],
        |seen, reply| if seen.keyword == "CAPA" { swap(&reply, "TOP\r\n", "") } else { reply },
    ),
    reply(
        &["2449-6.20"],
        |seen, reply| if seen.keyword == "CAPA" { swap(&reply, "USER\r\n", "") } else { reply },
    ),
    reply(&["2449-6.50"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "LOGIN-DELAY 0", "LOGIN-DELAY 0 EXTRA") } else { reply }
    }),
    reply(&["2449-6.70"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "EXPIRE NEVER", "EXPIRE NEVER USER") } else { reply }
    }),
    reply(
        &["2449-6.80"],
        |seen, reply| if seen.keyword == "CAPA" { swap(&reply, "UIDL\r\n", "") } else { reply },
    ),
    reply(&["2449-6.90"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "IMPLEMENTATION fake", "IMPLEMENTATION") } else { reply }
    }),
    reply(&["2449-6.40"], |seen, reply| {
        if seen.keyword == "NOOP" && seen.logged_in { say("+OK [well\r\n") } else { reply }
    }),
    reply(&["3206-6.01", "5034-4.16"], |_, reply| swap(&reply, "[AUTH] ", "")),
    reply(&["2595-4.01", "2595-4.19"], |seen, reply| {
        if seen.keyword == "CAPA" { swap(&reply, "STLS\r\n", "") } else { reply }
    }),
    flaw(&["2595-4.02"], Flaw::OffersStlsInTls),
    reply(&["2449-5.03", "6856-2.01"], |seen, reply| {
        if seen.keyword == "CAPA" && seen.logged_in { swap(&reply, "LANG\r\n", "X-LANG\r\n") } else { reply }
    }),
    // Response codes.
    reply(&["2449-8.01"], |seen, reply| {
        if seen.keyword == "NOOP" && seen.logged_in { say("+OK [A//B] x\r\n") } else { reply }
    }),
    reply(&["3206-6.01", "2449-8.11", "3206-5.01"], |seen, reply| {
        if seen.keyword == "PASS" { swap(&reply, "[AUTH]", "[IN-USE]") } else { reply }
    }),
    reply(&["2449-8.10"], |seen, reply| {
        if seen.line == b"XYZZ" && seen.logged_in { say("-ERR [LOGIN-DELAY] x\r\n") } else { reply }
    }),
    // TLS.
    reply(&["2595-4.10"], |seen, reply| line(seen, reply, "STLS", "+OK begin\r\n")),
    flaw(IN_CLEAR, Flaw::SpeaksBehindStls),
    flaw(IN_CLEAR, Flaw::SpeaksAtHandshake),
    flaw(&["2595-4.12"], Flaw::RunsWhatWasInjected),
    flaw(&["2595-4.16"], Flaw::BelievesClearText),
    flaw(&["2595-4.12", "2595-4.16", "2595-4.17", "2595-4.18", "8314-3.02"], Flaw::GreetsAgain),
    reply(
        &["2595-4.18"],
        |seen, reply| if seen.keyword == "STLS" && seen.tls { say("+OK begin\r\n") } else { reply },
    ),
    flaw(&["2595-4.20"], Flaw::ClearAfterBadHandshake),
    flaw(&["9325-3.01"], Flaw::NoAlpn),
    flaw(&["8314-3.02"], Flaw::NoCloseNotify),
    // AUTH and mechanisms.
    flaw(&["5034-4.01"], Flaw::MechanismHasCase),
    reply(&["5034-4.02"], |seen, reply| if seen.line == b"AUTH FOO" { say("+ \r\n") } else { reply }),
    reply(&["5034-4.03"], |seen, reply| {
        if seen.line == b"AUTH PLAIN" && reply == b"+ \r\n" { say("+\r\n") } else { reply }
    }),
    flaw(&["5034-4.06"], Flaw::EqualsIsAbsent),
    flaw(&["5034-4.08"], Flaw::CramTakesInitial),
    reply(
        &["5034-4.11"],
        |seen, reply| if seen.line == b"*" { say("-ERR [AUTH] so what\r\n") } else { reply },
    ),
    flaw(&["5034-4.12"], Flaw::LenientBase64),
    reply(&["5034-4.26"], |seen, reply| if seen.line == b"AUTH PL@IN" { say("+ \r\n") } else { reply }),
    flaw(&["5034-4.27"], Flaw::CommandsInExchange),
    flaw(&["4616-2.02"], Flaw::AnyPlainMessage),
    flaw(&["5034-4.20", "4616-2.03"], Flaw::IgnoresAuthorization),
    flaw(&["2195-2.02"], Flaw::SameChallenge),
    reply(
        &["EXT-1.01"],
        |seen, reply| if seen.line == b"AUTH EXTERNAL =" { say("+OK welcome\r\n") } else { reply },
    ),
    reply(&["4505-2.01"], |seen, reply| {
        if seen.argument.starts_with("ANONYMOUS") { say("+OK welcome\r\n") } else { reply }
    }),
    // UTF8 and LANG.
    reply(&["6856-2.11"], |seen, reply| if seen.line == b"UTF8 x" { say("+OK UTF8\r\n") } else { reply }),
    reply(&["6856-2.16"], |seen, reply| {
        if seen.keyword == "USER" && !seen.argument.is_ascii() && reply[0] == b'+' {
            say("-ERR no\r\n")
        } else {
            reply
        }
    }),
    reply(
        &["6856-2.18"],
        |seen, reply| if seen.line == b"USER \xc3" { say("+OK the password\r\n") } else { reply },
    ),
    reply(&["6856-3.01", "6856-3.03"], |seen, reply| {
        if seen.keyword == "LANG" && seen.argument.eq_ignore_ascii_case("en") {
            say("+OK fr voila\r\n")
        } else {
            reply
        }
    }),
    reply(
        &["6856-3.02"],
        |seen, reply| if seen.line == b"LANG x-nowhere" { say("+OK en English\r\n") } else { reply },
    ),
    reply(&["6856-3.04"], |seen, reply| if seen.line == b"LANG *" { say("-ERR no\r\n") } else { reply }),
    // Robustness, practice.
    flaw(&["SEC-01"], Flaw::NeverTiresOfBadCommands),
    reply(&["PRS-06"], |seen, reply| line(seen, reply, "LAST", "+OK 0\r\n")),
    reply(&["PRS-13"], |seen, reply| if seen.keyword == "XCLIENT" { say("+OK fine\r\n") } else { reply }),
];
