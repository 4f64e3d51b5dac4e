//! Message numbers.

use crate::bench::Bench;
use crate::facts::{Facts, two_numbers};
use crate::row::Check::{Bench as With, RefusedAfter, Session};
use crate::row::RequirementLevel::{Must, Practice};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, note, skip};
use crate::wire::Wire;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-5.01",
        Must,
        "There is no message 0.",
        RefusedAfter(&["LIST 0", "UIDL 0", "RETR 0", "DELE 0", "TOP 0 1"]),
    ),
    row(
        "1939-5.02",
        Must,
        "There is no message above the highest number.",
        With(|bench| {
            let beyond = bench.facts.beyond();
            let commands = ["LIST", "UIDL", "RETR", "DELE"].map(|command| format!("{command} {beyond}"));
            bench.refused_after(&commands)?;
            done()
        }),
    ),
    row(
        "1939-5.03",
        Must,
        "Numbers have no sign.",
        RefusedAfter(&["LIST -1", "DELE +1", "LIST +1", "RETR -0"]),
    ),
    row("1939-5.04", Practice, "Leading zeros are ignored or refused.", Session(zeros)),
    row("1939-5.05", Must, "Huge numbers do not overflow.", With(huge)),
    row(
        "1939-5.06",
        Must,
        "Anything but a decimal number is refused.",
        RefusedAfter(&["LIST a", "LIST 1a", "RETR 0x1", "DELE 1.0", "LIST 1,2", "RETR *"]),
    ),
    row("1939-5.07", Must, "A marked message cannot be used again.", Session(marked)),
    row("1939-5.08", Must, "RETR, DELE and TOP need a number.", RefusedAfter(&["RETR", "DELE", "TOP"])),
    row(
        "1939-5.09",
        Must,
        "In an empty maildrop, no number is valid.",
        With(|bench| {
            if bench.facts.count > 0 {
                return skip("the maildrop is not empty");
            }
            bench.refused_after(&["RETR 1", "LIST 1", "UIDL 1", "DELE 1"])?;
            done()
        }),
    ),
    row("1939-5.11", Practice, "A surplus argument is refused or ignored, even that of QUIT.", With(surplus)),
];

fn zeros(wire: &mut Wire, facts: &Facts) -> Verdict {
    let number = if facts.sizes.len() >= 10 { 10 } else { facts.first()? };
    let plain = wire.accepted(&format!("LIST {number}"))?;
    let reply = wire.reply(&format!("LIST 0{number}"))?;
    if !reply.positive {
        return note("refused");
    }
    ensure(two_numbers(reply.text.as_bytes()) == two_numbers(plain.text.as_bytes()), || {
        format!("LIST 0{number} gets {}", escaped(&reply.raw))
    })?;
    note("accepted as decimal")
}

fn huge(bench: &mut Bench<'_>) -> Verdict {
    let nines = "9".repeat(200);
    let commands =
        ["RETR 4294967297", "LIST 4294967297", "LIST 18446744073709551617", "DELE 18446744073709551617"];
    bench.refused_after(&commands)?;
    bench.refused_after(&[format!("DELE {nines}")])?;
    let mut wire = bench.session()?;
    let stat = wire.accepted("STAT")?;
    ensure(stat.raw == bench.facts.stat_line, || format!("STAT is {} behind them", escaped(&stat.raw)))?;
    bench.keep(wire)?;
    done()
}

fn marked(wire: &mut Wire, facts: &Facts) -> Verdict {
    let first = facts.first()?;
    wire.accepted(&format!("DELE {first}"))?;
    for command in ["LIST", "UIDL", "RETR", "TOP"] {
        let lines = if command == "TOP" { " 0" } else { "" };
        wire.refused(&format!("{command} {first}{lines}"))?;
    }
    wire.accepted("RSET")?;
    done()
}

fn surplus(bench: &mut Bench<'_>) -> Verdict {
    let mut taken = Vec::new();
    let mut wire = bench.session()?;
    for command in ["STAT", "NOOP", "RSET"] {
        if wire.reply(&format!("{command} x"))?.positive {
            taken.push(command);
        }
    }
    bench.keep(wire)?;
    let mut wire = bench.fresh()?;
    let quit = wire.reply("QUIT x")?;
    if quit.positive {
        taken.push("QUIT");
        ensure(wire.ends(wire.timeout), || "QUIT x is accepted, but the session continues".to_owned())?;
    } else {
        wire.accepted("NOOP")?;
        wire.quit();
    }
    note(if taken.is_empty() { "refused".to_owned() } else { format!("ignored by {}", taken.join(", ")) })
}
