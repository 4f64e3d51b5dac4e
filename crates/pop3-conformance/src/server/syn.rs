//! Lines, commands, replies.

use crate::bench::Bench;
use crate::facts::Facts;
use crate::row::Check::{Bench as With, Open, Outside, RefusedAfter, RefusedBefore, Session};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, late, review, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, fail, note, skip};
use crate::wire::{Answer, Reply, Wire};

pub(super) const ROWS: &[Row] = &[
    late("1939-3.01", Must, "Keywords are case-insensitive; arguments are not.", With(case)),
    review("1939-3.02", Must, "Every line that is sent ends with CRLF.", With(crlf)),
    row(
        "1939-3.04",
        Practice,
        "Surplus spaces are accepted or refused, and the session continues.",
        Session(spaces),
    ),
    row(
        "1939-3.05",
        Must,
        "An unknown keyword is refused, and the session continues.",
        Session(|wire, _| {
            wire.refused("XYZZ")?;
            wire.accepted("NOOP")?;
            done()
        }),
    ),
    row(
        "1939-3.06",
        Must,
        "A command with too many arguments is refused.",
        RefusedAfter(&["RETR 1 2", "DELE 1 2", "LIST 1 2", "UIDL 1 2"]),
    ),
    row(
        "1939-3.07",
        Must,
        "An empty line gets one refusal and changes nothing.",
        Session(|wire, _| {
            wire.refused("")?;
            ensure(wire.quiet(wire.pause), || "an empty line got more than one reply".to_owned())?;
            wire.accepted("NOOP")?;
            done()
        }),
    ),
    row(
        "1939-3.08",
        Must,
        "A command in the wrong state is refused and does not change it.",
        With(wrong_state),
    ),
    review("1939-3.09", Must, "The status is written in upper case: +OK, -ERR.", With(upper_case)),
    row(
        "1939-3.10",
        Must,
        "The first line of a reply has at most 512 octets, even if input is echoed.",
        With(short_lines),
    ),
    row("2449-4.01", Must, "A server with CAPA accepts command lines of 255 octets.", Open(line_of_255)),
    row(
        "2449-4.02",
        Must,
        "Lines are accepted if an announced capability needs their length.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            long_response(wire, 2_000)
        }),
    ),
    row(
        "2449-4.03",
        Practice,
        "A line that is too long gets one refusal; its rest is not a command.",
        With(too_long),
    ),
    row("2449-3.01", Should, "A keyword must match as a whole.", RefusedAfter(&["NO", "NOOPX", "STATUS"])),
    row(
        "1939-3.12",
        Should,
        "Control octets in arguments are refused.",
        RefusedBefore(&["USER a\0b", "USER a\x07"]),
    ),
    row("1939-3.14", Practice, "A bare LF always ends a line, or never does.", With(bare_lf)),
    row("1939-3.15", Practice, "A lone CR does not end a line.", With(lone_cr)),
    review("1957-1.02", Practice, "A space and some text follow the status.", With(some_text)),
    row(
        "2449-3.05",
        Practice,
        "The greeting is +OK, a space and printable text.",
        crate::row::Check::Known(|facts| {
            let line = &facts.greeting;
            let text = line.strip_prefix(b"+OK ").and_then(|text| text.strip_suffix(b"\r\n"));
            let printable = text.is_some_and(|text| text.iter().all(|octet| matches!(octet, b' '..=b'~')));
            ensure(printable, || format!("the greeting is {}", escaped(line)))?;
            done()
        }),
    ),
    row("1939-3.17", Practice, "Replies repeat no control or 8-bit octets from the input.", With(no_echo)),
    row(
        "1939-3.18",
        Must,
        "Each command gets one reply, in order, even if all are sent at once.",
        Session(one_write),
    ),
    row(
        "1939-3.19",
        Must,
        "Commands that arrive octet by octet have the same meaning.",
        Session(octet_by_octet),
    ),
    row("1939-3.11", Must, "A name of 60 octets is accepted, as CAPA allows.", Outside("applies to clients")),
];

fn case(bench: &mut Bench<'_>) -> Verdict {
    bench.end_session();
    let mut wire = bench.open()?;
    let user = wire.reply(&format!("uSeR {}", bench.user()))?;
    if !user.positive && bench.facts.before.as_ref().is_some_and(|list| !list.has("USER")) {
        return skip("USER is not offered");
    }
    ensure(user.positive, || "uSeR was refused".to_owned())?;
    let pass = wire.reply_secretly("pAsS ***", &[b"pAsS ", bench.connect.password.as_slice()].concat())?;
    ensure(pass.positive, || format!("pAsS was refused: {}", escaped(&pass.raw)))?;
    wire.logged_in = true;
    wire.accepted("nOoP")?;
    wire.accepted("sTaT")?;
    wire.quit();
    let swapped: Vec<u8> =
        bench
            .connect
            .password
            .iter()
            .map(|octet| {
                if octet.is_ascii_lowercase() {
                    octet.to_ascii_uppercase()
                } else {
                    octet.to_ascii_lowercase()
                }
            })
            .collect();
    if swapped == *bench.connect.password {
        return note("the password has no letters");
    }
    let mut wire = bench.open()?;
    wire.accepted(&format!("USER {}", bench.user()))?;
    let pass = wire.reply_secretly("PASS (other case)", &[b"PASS ", &*swapped].concat())?;
    wire.logged_in = pass.positive;
    ensure(!pass.positive, || "the password was accepted in a different case".to_owned())?;
    wire.quit();
    done()
}

fn crlf(bench: &mut Bench<'_>) -> Verdict {
    match bench.record.bare().first() {
        Some(line) => fail(format!("a line without CRLF: {}", escaped(line))),
        None => done(),
    }
}

fn spaces(wire: &mut Wire, _: &Facts) -> Verdict {
    let word = |reply: &Reply| if reply.positive { "accepted" } else { "refused" };
    // Their text may be a listing of one line, which is the same to a reader of lines.
    let before = wire.reply("LIST  1")?;
    let behind = wire.reply("LIST 1 ")?;
    let noop = wire.reply("NOOP ")?;
    wire.accepted("NOOP")?;
    note(format!(
        "two spaces {}, a space after an argument {}, after a keyword {}",
        word(&before),
        word(&behind),
        word(&noop)
    ))
}

fn wrong_state(bench: &mut Bench<'_>) -> Verdict {
    bench.refused_before(&["STAT", "LIST", "RETR 1", "DELE 1", "RSET", "TOP 1 0", "UIDL"])?;
    bench.refused_after(&["USER x", "PASS y", "APOP u 00000000000000000000000000000000"])?;
    done()
}

fn upper_case(bench: &mut Bench<'_>) -> Verdict {
    for seen in bench.record.seen() {
        let good = seen.line.starts_with(b"+OK") || seen.line.starts_with(b"-ERR");
        ensure(good, || {
            format!("the reply to {} is {}", escaped(seen.command.as_bytes()), escaped(&seen.line))
        })?;
    }
    done()
}

fn short_lines(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.open()?;
    wire.reply(&"X".repeat(250))?;
    wire.reply(&format!("USER {}", "u".repeat(248)))?;
    wire.quit();
    let mut wire = bench.session()?;
    wire.refused(&format!("RETR {}", "9".repeat(240)))?;
    bench.keep(wire)?;
    for seen in bench.record.seen() {
        ensure(seen.line.len() <= 512, || {
            let command = escaped(seen.command.as_bytes());
            format!("the first line of the reply to {command} has {} octets", seen.line.len())
        })?;
    }
    done()
}

fn line_of_255(wire: &mut Wire, facts: &Facts) -> Verdict {
    if facts.before.is_none() {
        return skip("the server does not support CAPA");
    }
    let short = wire.reply("USER nobody-0")?;
    let long = wire.reply(&format!("USER {}", "a".repeat(248)))?;
    ensure(short.positive == long.positive, || {
        format!("a short name gets {}, a long one {}", escaped(&short.raw), escaped(&long.raw))
    })?;
    done()
}

/// A response in AUTH PLAIN that has this many octets: it must be read as one line and refused once.
pub(super) fn long_response(wire: &mut Wire, length: usize) -> Verdict {
    wire.send(b"AUTH PLAIN\r\n")?;
    let Answer::Challenge(..) = wire.read_answer("AUTH PLAIN")? else {
        return fail("AUTH PLAIN got no challenge");
    };
    let response = "YWFh".repeat(length / 4);
    wire.send_as(&format!("({} octets of base64)", response.len()), format!("{response}\r\n").as_bytes())?;
    let reply = wire.read_reply("the response")?;
    ensure(!reply.positive, || "an invalid message was accepted".to_owned())?;
    ensure(wire.quiet(wire.pause) || wire.end().is_some(), || "one line got two replies".to_owned())?;
    ensure(wire.end().is_none(), || "the connection ended".to_owned())?;
    wire.reply("NOOP")?;
    done()
}

fn too_long(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.fresh()?;
    let line = format!("NOOP {}\r\nNOOP\r\n", "x".repeat(70_000));
    wire.send_as("NOOP (70000 octets)\r\nNOOP", line.as_bytes())?;
    let first = wire.read_reply("a line of 70000 octets")?;
    if first.positive {
        wire.accepted("NOOP")?;
        return note("a line of 70000 octets is accepted");
    }
    if wire.ends(wire.pause * 2) {
        return note("refused and closed");
    }
    let second = wire.read_reply("the NOOP behind it")?;
    ensure(second.positive, || {
        "the NOOP after the line was refused: the rest of the line was read as a command".to_owned()
    })?;
    ensure(wire.quiet(wire.pause), || "the server sent more replies than there were lines".to_owned())?;
    wire.quit();
    note("refused once")
}

fn bare_lf(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.fresh()?;
    wire.send(b"STAT\nNOOP\r\n")?;
    let first = wire.read_reply("STAT")?;
    let outcome = if first.positive {
        let second = wire.read_reply("NOOP")?;
        ensure(second.positive, || "the NOOP after a bare LF was refused".to_owned())?;
        "a bare LF ends a line"
    } else {
        "refused as one line"
    };
    ensure(wire.quiet(wire.pause), || "the server sent more replies than there were lines".to_owned())?;
    wire.accepted("NOOP")?;
    wire.quit();
    note(outcome)
}

fn lone_cr(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.fresh()?;
    wire.send(b"NOOP\rSTAT\r\n")?;
    let first = wire.read_reply("NOOP with a CR and STAT in it")?;
    ensure(wire.quiet(wire.pause), || "a lone CR ended a line: there are two replies".to_owned())?;
    wire.accepted("NOOP")?;
    wire.quit();
    note(if first.positive { "accepted as NOOP" } else { "refused" })
}

fn some_text(bench: &mut Bench<'_>) -> Verdict {
    for seen in bench.record.seen() {
        let text = seen.line.get(if seen.line.starts_with(b"+") { 3 } else { 4 }..).unwrap_or_default();
        let good =
            text.first() == Some(&b' ') && text.get(1).is_some_and(|octet| !octet.is_ascii_whitespace());
        ensure(good, || {
            format!("the reply to {} is {}", escaped(seen.command.as_bytes()), escaped(&seen.line))
        })?;
    }
    done()
}

fn no_echo(bench: &mut Bench<'_>) -> Verdict {
    let commands: [&[u8]; 3] = [b"USER \x1b[31m\r\n", b"XY\x1bZ\xff\r\n", b"APOP \x1b \x1b\r\n"];
    for command in commands {
        // A connection each, as such lines are where servers lose patience.
        let mut wire = bench.open()?;
        wire.send(command)?;
        let reply = wire.read_reply("a command with control octets")?;
        let clean = crate::wire::trimmed(&reply.raw).iter().all(|octet| matches!(octet, b'\t' | b' '..=b'~'));
        ensure(clean, || format!("the reply is {}", escaped(&reply.raw)))?;
        wire.quit();
    }
    done()
}

/// The commands of one burst: each is answered by one line.
const BURST: [&str; 6] = ["NOOP", "STAT", "XYZZ", "LIST 0", "STAT", "NOOP"];

fn one_write(wire: &mut Wire, facts: &Facts) -> Verdict {
    if !facts.after.as_ref().is_some_and(|list| list.has("PIPELINING")) {
        return skip("no PIPELINING offered");
    }
    let alone = BURST.map(|command| wire.reply(command));
    wire.send(format!("{}\r\n", BURST.join("\r\n")).as_bytes())?;
    for (command, alone) in BURST.iter().zip(alone) {
        let (alone, burst) = (alone?, wire.read_reply(command)?);
        ensure(alone == burst, || {
            format!("{command} alone gets {}, with others {}", escaped(&alone.raw), escaped(&burst.raw))
        })?;
    }
    done()
}

fn octet_by_octet(wire: &mut Wire, _: &Facts) -> Verdict {
    for command in ["STAT", "NOOP"] {
        let alone = wire.accepted(command)?;
        for octet in format!("{command}\r\n").as_bytes() {
            wire.send(&[*octet])?;
        }
        let pieces = wire.read_reply(command)?;
        ensure(alone == pieces, || format!("{command} in pieces gets {}", escaped(&pieces.raw)))?;
    }
    done()
}
