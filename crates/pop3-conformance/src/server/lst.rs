//! STAT, LIST, sizes.

use crate::facts::{Facts, two_numbers};
use crate::row::Check::{Known, Session};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, note, skip};
use crate::wire::{Wire, trimmed};

/// How many messages are listed one by one.
const SOME: usize = 10;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-5.20",
        Must,
        "The reply to STAT is +OK, the count, the octets, and nothing else.",
        Known(|facts| {
            let exact = format!("+OK {} {}", facts.count, facts.octets);
            ensure(trimmed(&facts.stat_line) == exact.as_bytes(), || {
                format!("the reply to STAT is {}", escaped(&facts.stat_line))
            })?;
            done()
        }),
    ),
    row("1939-5.21", Must, "STAT does not count marked messages.", Session(marked)),
    row(
        "1939-5.22",
        Must,
        "An empty maildrop has 0 messages and 0 octets.",
        Known(|facts| {
            if facts.count > 0 || !facts.sizes.is_empty() {
                return skip("the maildrop is not empty");
            }
            ensure(facts.octets == 0, || format!("the reply to STAT is {}", escaped(&facts.stat_line)))?;
            done()
        }),
    ),
    row(
        "1939-5.25",
        Must,
        "LIST has a line for each message, in order.",
        Known(|facts| {
            ensure(facts.sizes.len() == facts.list_lines.len(), || {
                let odd = facts.list_lines.iter().find(|line| two_numbers(line).is_none());
                format!("{} is not a scan listing", escaped(odd.map_or(b"", |line| line)))
            })?;
            ensure(facts.sizes.len() as u64 == facts.count, || {
                format!("STAT counts {}, LIST {}", facts.count, facts.sizes.len())
            })?;
            let ascending = facts.sizes.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a < b));
            ensure(ascending, || "the numbers are not in ascending order".to_owned())?;
            done()
        }),
    ),
    row("1939-5.26", Must, "LIST n is one line: +OK, the number, the size.", Session(single)),
    row(
        "1939-5.27",
        Should,
        "In listings, nothing follows the size.",
        Known(|facts| {
            for line in &facts.list_lines {
                let exact = two_numbers(line).map(|(number, size)| format!("{number} {size}"));
                ensure(exact.is_some_and(|exact| exact.as_bytes() == trimmed(line)), || {
                    format!("LIST has the line {}", escaped(line))
                })?;
            }
            done()
        }),
    ),
    row(
        "1939-5.28",
        Must,
        "A size counts the octets as they are sent, without dot-stuffing.",
        Known(|facts| {
            // Two octets less are the end of an unfinished last line, which is the next row.
            differences(facts, |sent, said| sent != said && sent != said + 2)
        }),
    ),
    row(
        "1939-5.29",
        Practice,
        "The size includes the CRLF that is added to an unfinished last line.",
        Known(|facts| differences(facts, |sent, said| sent == said + 2)),
    ),
    row(
        "6856-2.10",
        Should,
        "LIST says exactly how many octets RETR sends.",
        Known(|facts| differences(facts, |sent, said| sent != said)),
    ),
];

fn marked(wire: &mut Wire, facts: &Facts) -> Verdict {
    let Some(&(number, size)) = facts.sizes.last() else { return skip("the maildrop is empty") };
    wire.accepted(&format!("DELE {number}"))?;
    let stat = wire.accepted("STAT")?;
    let (count, octets) = two_numbers(stat.text.as_bytes()).unwrap_or_default();
    ensure(count + 1 == facts.count, || format!("STAT counts {count} of {} behind DELE", facts.count))?;
    // STAT may be less exact than LIST (RFC 6856 section 2.1), but not by the message.
    ensure(octets + size == facts.octets, || {
        format!(
            "STAT reports {octets} octets after DELE, and {} before; the message has {size}",
            facts.octets
        )
    })?;
    wire.accepted("RSET")?;
    done()
}

fn single(wire: &mut Wire, facts: &Facts) -> Verdict {
    facts.first()?;
    for (number, size) in facts.sizes.iter().take(SOME) {
        let reply = wire.accepted(&format!("LIST {number}"))?;
        ensure(two_numbers(reply.text.as_bytes()) == Some((*number, *size)), || {
            format!("LIST says {size}, LIST {number} says {}", escaped(&reply.raw))
        })?;
    }
    ensure(wire.quiet(wire.pause), || "there are further octets after the reply".to_owned())?;
    wire.accepted("NOOP")?;
    done()
}

/// That no message differs in this way.
fn differences(facts: &Facts, wrong: fn(u64, u64) -> bool) -> Verdict {
    facts.message()?;
    let mut count = 0;
    let mut example = None;
    for message in facts.fetched() {
        let sent = message.data().len() as u64;
        if wrong(sent, message.size) {
            count += 1;
            example.get_or_insert((message.number, sent, message.size));
        }
    }
    if let Some((number, sent, said)) = example {
        return crate::verdict::fail(format!(
            "{count} messages, the first is {number}: RETR sends {sent} octets, LIST says {said}"
        ));
    }
    note(format!("{} messages", facts.fetched().count()))
}
