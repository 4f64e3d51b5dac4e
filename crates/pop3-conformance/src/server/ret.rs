//! RETR and TOP.

use crate::bench::Bench;
use crate::facts::{Facts, Message};
use crate::row::Check::{Bench as With, Known, Outside, Session};
use crate::row::RequirementLevel::{Must, Practice};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Wire, trimmed};

/// How many messages TOP is compared on.
const SOME: usize = 12;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-5.40",
        Must,
        "RETR sends the whole message and the final dot.",
        Known(|facts| {
            facts.first()?;
            for message in &facts.messages {
                if let Some(reply) = &message.refused {
                    return fail(format!("RETR {} is refused: {}", message.number, escaped(&reply.raw)));
                }
            }
            note(format!("{} messages", facts.fetched().count()))
        }),
    ),
    row(
        "1939-5.41",
        Must,
        "RETR can be repeated and marks nothing.",
        Session(|wire, facts| {
            let message = facts.message()?;
            let again = wire.multiline(&format!("RETR {}", message.number))?;
            ensure(again == message.lines, || format!("message {} has changed", message.number))?;
            let stat = wire.accepted("STAT")?;
            ensure(stat.raw == facts.stat_line, || format!("STAT is {} behind RETR", escaped(&stat.raw)))?;
            done()
        }),
    ),
    row(
        "1939-5.42",
        Practice,
        "A message that cannot be read is refused or cut off.",
        Outside("needs a fault in the store"),
    ),
    row(
        "1939-5.44",
        Practice,
        "A message is never in memory as a whole.",
        Outside("cannot be seen from outside"),
    ),
    row(
        "1939-7.01",
        Must,
        "TOP n k is the header, the blank line, and k lines.",
        Session(|wire, facts| {
            for message in some(facts)? {
                for count in [1, 3] {
                    let lines = top(wire, message, count)?;
                    let due = prefix(message, count as usize);
                    ensure(lines == due, || differs(message, count, &lines, due))?;
                }
            }
            done()
        }),
    ),
    row(
        "1939-7.02",
        Must,
        "TOP n 0 is the header and the blank line.",
        Session(|wire, facts| {
            for message in some(facts)? {
                let lines = top(wire, message, 0)?;
                let due = prefix(message, 0);
                ensure(lines == due, || differs(message, 0, &lines, due))?;
            }
            done()
        }),
    ),
    row(
        "1939-7.03",
        Must,
        "TOP with more lines than the body has sends the whole message.",
        Session(|wire, facts| {
            let message = some(facts)?.last().copied().ok_or(Stop::NotApplicable(String::new()))?;
            for count in [message.lines.len() as u64, 999_999_999, 4_294_967_296] {
                let lines = top(wire, message, count)?;
                ensure(lines == message.lines, || differs(message, count, &lines, &message.lines))?;
            }
            done()
        }),
    ),
    row("1939-7.04", Must, "TOP needs both arguments, and they are numbers.", With(arguments)),
    row(
        "1939-7.05",
        Practice,
        "TOP and RETR agree on a message without a blank line.",
        Session(|wire, facts| {
            let Some(message) = facts.fetched().find(|message| !message.has_blank_line()) else {
                return skip("every message has a blank line");
            };
            let lines = top(wire, message, 0)?;
            ensure(lines == message.lines, || differs(message, 0, &lines, &message.lines))?;
            done()
        }),
    ),
    row(
        "1939-7.06",
        Practice,
        "TOP counts lines of text and ignores MIME.",
        Session(|wire, facts| {
            let parts = |message: &&Message| {
                let head = message.lines.iter().take(message.header_lines());
                head.clone().any(|line| line.to_ascii_lowercase().starts_with(b"content-type: multipart"))
            };
            let Some(message) = facts.fetched().find(parts) else { return skip("no message has parts") };
            let lines = top(wire, message, 2)?;
            let due = prefix(message, 2);
            ensure(lines == due, || differs(message, 2, &lines, due))?;
            done()
        }),
    ),
    row(
        "1939-7.08",
        Practice,
        "TOP does not count as retrieving a message.",
        Outside("needs a server that removes what was fetched"),
    ),
];

/// Some messages with a blank line.
fn some(facts: &Facts) -> Result<Vec<&Message>, Stop> {
    facts.message()?;
    let some: Vec<&Message> = facts.fetched().filter(|message| message.has_blank_line()).take(SOME).collect();
    if some.is_empty() { skip("no message has a blank line") } else { Ok(some) }
}

fn top(wire: &mut Wire, message: &Message, count: u64) -> Result<Vec<Vec<u8>>, Stop> {
    let command = format!("TOP {} {count}", message.number);
    let reply = wire.reply(&command)?;
    if reply.positive {
        return wire.body(&command, &reply);
    }
    let text = escaped(&reply.raw);
    // It is optional; who has it must have it right.
    match wire.reply(&format!("TOP {} 0", message.number))? {
        zero if zero.positive && count > 0 => fail(format!("{command} is refused: {text}")),
        _ => skip(format!("TOP is refused: {text}")),
    }
}

/// The header, the blank line, and so many lines.
fn prefix(message: &Message, count: usize) -> &[Vec<u8>] {
    let end = message.lines.len().min(message.header_lines() + count);
    &message.lines[..end]
}

fn differs(message: &Message, count: u64, got: &[Vec<u8>], due: &[Vec<u8>]) -> String {
    let at = got.iter().zip(due).position(|(got, due)| got != due);
    match at {
        Some(at) => format!(
            "line {} of TOP {} {count} is {}, RETR has {}",
            at + 1,
            message.number,
            escaped(trimmed(&got[at])),
            escaped(trimmed(&due[at]))
        ),
        None => format!("TOP {} {count} has {} lines instead of {}", message.number, got.len(), due.len()),
    }
}

fn arguments(bench: &mut Bench<'_>) -> Verdict {
    if !bench.facts.after.as_ref().is_none_or(|list| list.has("TOP")) {
        return skip("TOP is not announced");
    }
    bench.refused_after(&["TOP 1", "TOP 1 -1", "TOP 1 x", "TOP x 1", "TOP 1 1 1"])?;
    done()
}
