//! Multi-line replies and dot-stuffing.

use crate::facts::{Facts, Message};
use crate::row::Check::{Known, Outside, Session};
use crate::row::RequirementLevel::{Must, Practice};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Wire, trimmed};

/// The most messages that are marked to see an empty listing.
const MOST_MARKED: usize = 40;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-3.20",
        Must,
        "A multi-line reply ends with a dot on a line of its own.",
        Session(|wire, facts| {
            let lines = wire.multiline("LIST")?;
            ensure(lines.len() as u64 == facts.count, || format!("{} lines before the dot", lines.len()))?;
            ensure(wire.quiet(wire.pause), || "there are further octets after the final dot".to_owned())?;
            wire.accepted("NOOP")?;
            done()
        }),
    ),
    row("1939-3.21", Must, "A line that begins with a dot is sent with an extra dot.", Known(stuffed)),
    row("1939-3.22", Must, "A line that is a single dot is sent as two dots.", Known(lone_dots)),
    row("1939-3.23", Must, "Dots are stuffed in headers and by TOP, too.", Session(stuffed_by_top)),
    row("1939-3.26", Must, "An empty listing is +OK and the dot.", Session(empty_listing)),
    row(
        "1939-3.27",
        Must,
        "A refusal is one line, without a dot.",
        Session(|wire, facts| {
            let beyond = facts.beyond();
            for command in ["RETR", "TOP", "LIST", "UIDL"] {
                let lines = if command == "TOP" { " 0" } else { "" };
                wire.refused(&format!("{command} {beyond}{lines}"))?;
                ensure(wire.quiet(wire.pause / 2), || {
                    format!("there are further octets after the refusal of {command}")
                })?;
            }
            wire.accepted("NOOP")?;
            done()
        }),
    ),
    row("1939-3.30", Must, "The end of a reply is recognised at any split.", Outside("applies to clients")),
    row(
        "1939-3.32",
        Must,
        "A body ends with CRLF before the dot.",
        Known(|facts| {
            facts.message()?;
            for message in facts.fetched().filter(|message| !message.lines.is_empty()) {
                let end = message.lines.last().is_some_and(|line| line.ends_with(b"\r\n"));
                ensure(end, || format!("the last line of message {} has no CRLF", message.number))?;
            }
            done()
        }),
    ),
    row(
        "1939-3.33",
        Must,
        "Lines end with one CRLF, whatever the store uses.",
        Known(|facts| {
            facts.message()?;
            for message in facts.fetched().filter(|message| message.lines.len() > 1) {
                let doubled = message.lines.iter().all(|line| line.ends_with(b"\r\r\n"));
                ensure(!doubled, || format!("all lines of message {} end with CR CR LF", message.number))?;
            }
            done()
        }),
    ),
    row(
        "1939-3.34",
        Practice,
        "The size of a message with a lone CR is correct.",
        Known(|facts| {
            sized(facts, "with a lone CR", |message| {
                message.lines.iter().any(|line| trimmed(line).contains(&b'\r'))
            })
        }),
    ),
    row(
        "1939-3.36",
        Practice,
        "No dot follows a bare LF, which a lenient client could mistake for the end.",
        Known(|facts| {
            facts.message()?;
            for message in facts.fetched() {
                for pair in message.lines.windows(2) {
                    let [line, next] = pair else { continue };
                    let bare = !line.ends_with(b"\r\n");
                    ensure(!(bare && next.starts_with(b".") && !next.starts_with(b"..")), || {
                        format!("message {} has a dot after a bare LF: {}", message.number, escaped(next))
                    })?;
                }
            }
            done()
        }),
    ),
    row(
        "1939-3.38",
        Practice,
        "Long lines are sent unchanged.",
        Known(|facts| {
            sized(facts, "with a line over 998 octets", |message| {
                message.lines.iter().any(|line| line.len() > 1_000)
            })
        }),
    ),
    row(
        "1939-3.39",
        Practice,
        "NUL and 8-bit octets are sent unchanged.",
        Known(|facts| {
            sized(facts, "with NUL or 8-bit octets", |message| {
                message.lines.iter().flatten().any(|octet| *octet == 0 || *octet > 0x7e)
            })
        }),
    ),
];

fn stuffed(facts: &Facts) -> Verdict {
    facts.message()?;
    let mut seen = 0;
    for message in facts.fetched() {
        for line in message.lines.iter().filter(|line| line.starts_with(b".")) {
            seen += 1;
            ensure(line.starts_with(b".."), || {
                format!("message {} has a line with an unstuffed dot: {}", message.number, escaped(line))
            })?;
        }
    }
    if seen == 0 {
        return skip("no message has a line that begins with a dot");
    }
    note(format!("{seen} lines"))
}

fn lone_dots(facts: &Facts) -> Verdict {
    for message in &facts.messages {
        if let Some(line) = &message.out_of_step {
            let number = message.number;
            return fail(format!("message {number} ends too early; what follows is {line}"));
        }
    }
    let dots = facts.fetched().flat_map(|message| &message.lines).filter(|line| *line == b"..\r\n").count();
    if dots == 0 {
        return skip("no message has a line that is a single dot");
    }
    note(format!("{dots} lines"))
}

fn stuffed_by_top(wire: &mut Wire, facts: &Facts) -> Verdict {
    let mut seen = 0;
    for message in facts.fetched() {
        let header = message.header_lines();
        let dots = message.lines.iter().take(header + 5).any(|line| line.starts_with(b"."));
        if !dots || seen == 4 {
            continue;
        }
        seen += 1;
        let Some(lines) = wire.multiline_if(&format!("TOP {} 5", message.number))? else {
            return skip("TOP is refused");
        };
        let good = lines.iter().zip(&message.lines).all(|(top, retr)| top == retr);
        ensure(good, || format!("TOP and RETR differ in message {}", message.number))?;
        let bare = lines.iter().find(|line| line.starts_with(b".") && !line.starts_with(b".."));
        ensure(bare.is_none(), || format!("TOP {} does not stuff a dot", message.number))?;
    }
    if seen == 0 {
        return skip("no message has a line with a dot near its beginning");
    }
    done()
}

fn empty_listing(wire: &mut Wire, facts: &Facts) -> Verdict {
    if facts.sizes.len() > MOST_MARKED {
        return skip("the maildrop has too many messages to mark them all");
    }
    for (number, _) in &facts.sizes {
        wire.accepted(&format!("DELE {number}"))?;
    }
    let mut listings = vec!["LIST"];
    if facts.uids.is_some() {
        listings.push("UIDL");
    }
    for command in listings {
        let lines = wire.multiline(command)?;
        ensure(lines.is_empty(), || {
            format!("{command} lists {} messages, although all are marked", lines.len())
        })?;
    }
    wire.accepted("RSET")?;
    done()
}

/// That each message of this kind has the size that LIST says.
fn sized(facts: &Facts, kind: &str, is: impl Fn(&Message) -> bool) -> Result<String, Stop> {
    facts.message()?;
    let found: Vec<&Message> = facts.fetched().filter(|message| is(message)).collect();
    if found.is_empty() {
        return skip(format!("there is no message {kind}"));
    }
    for message in &found {
        let length = message.data().len() as u64;
        // Two octets less are the CRLF that ends an unfinished line, and another row.
        ensure(length == message.size || length == message.size + 2, || {
            format!("message {} has {length} octets, LIST says {}", message.number, message.size)
        })?;
    }
    note(format!("{} messages", found.len()))
}
