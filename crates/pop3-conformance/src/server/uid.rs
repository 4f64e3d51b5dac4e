//! UIDL.

use crate::bench::Bench;
use crate::facts::{Facts, number_and_rest};
use crate::row::Check::{Bench as With, Known, Outside, Session};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure};
use crate::wire::{Wire, trimmed};

/// How many are asked for one by one.
const SOME: usize = 10;

pub(super) const ROWS: &[Row] = &[
    row("1939-7.50", Must, "UIDL has a line for each message without a mark.", Session(listing)),
    row("1939-7.51", Must, "UIDL n is one line: +OK, the number, the unique-id.", Session(single)),
    row(
        "1939-7.52",
        Must,
        "A unique-id has 1 to 70 octets from 0x21 to 0x7E.",
        Known(|facts| {
            facts.with_uidl()?;
            for line in &facts.uidl_lines {
                let uid = number_and_rest(line).map(|(_, uid)| uid).unwrap_or_default();
                let good = (1..=70).contains(&uid.len()) && uid.iter().all(u8::is_ascii_graphic);
                ensure(good, || format!("UIDL has the line {}", escaped(line)))?;
            }
            done()
        }),
    ),
    row(
        "1939-7.53",
        Must,
        "A unique-id is the same in all sessions.",
        With(|bench| {
            let mut before = uids(bench)?;
            let mut after = next_session(bench)?;
            before.sort();
            after.sort();
            let bare = |list: Vec<(u64, Vec<u8>)>| list.into_iter().map(|(_, uid)| uid).collect::<Vec<_>>();
            let (mut before, mut after) = (bare(before), bare(after));
            before.sort();
            after.sort();
            ensure(before == after, || "the unique-ids have changed in the next session".to_owned())?;
            done()
        }),
    ),
    row("1939-7.54", Should, "A unique-id is never reused.", Outside("needs many deliveries")),
    row(
        "1939-7.55",
        Must,
        "No two messages have the same unique-id.",
        Known(|facts| {
            let uids = facts.with_uidl()?;
            let mut sorted: Vec<&Vec<u8>> = uids.iter().map(|(_, uid)| uid).collect();
            sorted.sort();
            let twice = sorted.windows(2).find(|pair| pair.first() == pair.last());
            ensure(twice.is_none(), || {
                format!(
                    "two messages have the unique-id {}",
                    escaped(twice.and_then(|pair| pair.first()).map_or(b"", |uid| uid))
                )
            })?;
            done()
        }),
    ),
    row(
        "1939-7.60",
        Practice,
        "The order is the same in all sessions.",
        With(|bench| {
            let before = uids(bench)?;
            let after = next_session(bench)?;
            ensure(before == after, || {
                "the numbers refer to different messages in the next session".to_owned()
            })?;
            done()
        }),
    ),
    row(
        "1939-7.61",
        Practice,
        "A unique-id reveals no path.",
        Known(|facts| {
            let uids = facts.with_uidl()?;
            let path = uids.iter().find(|(_, uid)| uid.contains(&b'/') && uid.len() > 30);
            ensure(path.is_none(), || "a unique-id looks like a path".to_owned())?;
            done()
        }),
    ),
];

fn listing(wire: &mut Wire, facts: &Facts) -> Verdict {
    let uids = facts.with_uidl()?;
    ensure(uids.len() == facts.sizes.len() && facts.uidl_lines.len() == uids.len(), || {
        format!("LIST has {} lines, UIDL {}", facts.sizes.len(), facts.uidl_lines.len())
    })?;
    let numbers = uids.iter().zip(&facts.sizes).all(|((uidl, _), (list, _))| uidl == list);
    ensure(numbers, || "LIST and UIDL list different numbers".to_owned())?;
    for (line, (number, uid)) in facts.uidl_lines.iter().zip(uids) {
        let exact = [format!("{number} ").as_bytes(), uid].concat();
        ensure(trimmed(line) == exact && !uid.contains(&b' '), || {
            format!("UIDL has the line {}", escaped(line))
        })?;
    }
    let Some((number, _)) = uids.first() else { return done() };
    wire.accepted(&format!("DELE {number}"))?;
    let left = wire.multiline("UIDL")?;
    ensure(left.len() + 1 == uids.len(), || {
        format!("UIDL has {} lines after DELE, and {} before", left.len(), uids.len())
    })?;
    wire.accepted("RSET")?;
    done()
}

fn single(wire: &mut Wire, facts: &Facts) -> Verdict {
    facts.with_uidl()?;
    facts.first()?;
    for (number, uid) in facts.with_uidl()?.iter().take(SOME) {
        let reply = wire.accepted(&format!("UIDL {number}"))?;
        let exact = format!("{number} {}", String::from_utf8_lossy(uid));
        ensure(reply.text == exact, || format!("UIDL says {exact}, UIDL {number} {}", escaped(&reply.raw)))?;
    }
    ensure(wire.quiet(wire.pause), || "there are further octets after the reply".to_owned())?;
    wire.accepted("NOOP")?;
    done()
}

fn uids(bench: &Bench<'_>) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    bench.facts.first()?;
    Ok(bench.facts.with_uidl()?.to_vec())
}

/// What UIDL lists in a session behind one that was cut.
fn next_session(bench: &mut Bench<'_>) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    let wire = bench.fresh()?;
    wire.cut(false);
    let mut wire = bench.log_in()?;
    let lines = wire.multiline("UIDL")?;
    bench.keep(wire)?;
    Ok(lines.iter().filter_map(|line| number_and_rest(line)).collect())
}
