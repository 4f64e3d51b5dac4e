//! DELE, NOOP, RSET, QUIT.

use crate::bench::Bench;
use crate::row::Check::{Bench as With, Outside, Session};
use crate::row::RequirementLevel::{May, Must, Practice};
use crate::row::{Row, last, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, skip};

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-5.50",
        Must,
        "DELE only marks, and removes nothing yet.",
        Session(|wire, facts| {
            let message = facts.message()?;
            wire.accepted(&format!("DELE {}", message.number))?;
            wire.accepted("RSET")?;
            let lines = wire.multiline(&format!("RETR {}", message.number))?;
            ensure(lines == message.lines, || format!("message {} has changed", message.number))?;
            done()
        }),
    ),
    row(
        "1939-5.51",
        Must,
        "A message cannot be marked twice.",
        Session(|wire, facts| {
            let first = facts.first()?;
            wire.accepted(&format!("DELE {first}"))?;
            wire.refused(&format!("DELE {first}"))?;
            wire.accepted("RSET")?;
            done()
        }),
    ),
    row(
        "1939-5.52",
        Must,
        "NOOP works only after the login.",
        With(|bench| {
            bench.refused_before(&["NOOP"])?;
            let mut wire = bench.session()?;
            wire.accepted("NOOP")?;
            bench.keep(wire)?;
            done()
        }),
    ),
    row("1939-5.53", Must, "RSET removes all marks.", With(reset)),
    row(
        "1939-5.54",
        Must,
        "RSET is accepted if no message is marked.",
        Session(|wire, _| {
            wire.accepted("RSET")?;
            done()
        }),
    ),
    last(
        "1939-6.10",
        Must,
        "QUIT removes marked messages, sends a reply, and closes the connection.",
        With(|bench| {
            let removal = bench.removal()?;
            ensure(removal.quit.positive, || format!("QUIT gets {}", escaped(&removal.quit.raw)))?;
            ensure(removal.ended, || "the connection stays open after QUIT".to_owned())?;
            ensure(removal.count_after + 1 == bench.facts.count, || {
                format!("of {} messages {} are left", bench.facts.count, removal.count_after)
            })?;
            let octets = removal.octets_after + removal.size;
            ensure(octets == bench.facts.octets, || format!("{} octets remain", removal.octets_after))?;
            ensure(removal.others_kept.is_none_or(|(gone, _)| gone), || {
                "the unique-id of the message is still there".to_owned()
            })?;
            done()
        }),
    ),
    row(
        "1939-6.11",
        Must,
        "QUIT reports if a message was not removed.",
        Outside("needs a fault in the store"),
    ),
    last(
        "1939-6.12",
        Must,
        "Messages that are not marked stay.",
        With(|bench| match bench.removal()?.others_kept {
            None => skip("UIDL is not known"),
            Some((_, kept)) => {
                ensure(kept, || "another message is missing, too".to_owned())?;
                done()
            }
        }),
    ),
    row(
        "1939-6.13",
        Must,
        "After QUIT, no command is executed.",
        With(|bench| {
            let mut wire = bench.fresh()?;
            wire.send(b"NOOP\r\nQUIT\r\nNOOP\r\n")?;
            wire.read_reply("NOOP")?;
            let quit = wire.read_reply("QUIT")?;
            ensure(quit.positive, || format!("QUIT gets {}", escaped(&quit.raw)))?;
            // A reset takes the place of FIN here, as there is input that nobody reads.
            ensure(wire.ends(wire.timeout), || {
                format!("{} follows the reply to QUIT", escaped(&wire.take_unread()))
            })?;
            done()
        }),
    ),
    row(
        "1939-6.14",
        Practice,
        "A marked message that no longer exists counts as removed.",
        Outside("cannot be seen from outside"),
    ),
    row(
        "1939-8.01",
        May,
        "A site that removes what was fetched does so at QUIT.",
        Outside("the site's choice"),
    ),
];

fn reset(bench: &mut Bench<'_>) -> Verdict {
    let facts = std::rc::Rc::clone(&bench.facts);
    facts.first()?;
    let mut wire = bench.fresh()?;
    for (number, _) in facts.sizes.iter().take(2) {
        wire.accepted(&format!("DELE {number}"))?;
    }
    wire.accepted("RSET")?;
    let stat = wire.accepted("STAT")?;
    ensure(stat.raw == facts.stat_line, || format!("STAT is {} behind RSET", escaped(&stat.raw)))?;
    wire.accepted(&format!("LIST {}", facts.first()?))?;
    wire.quit();
    let mut wire = bench.log_in()?;
    let stat = wire.accepted("STAT")?;
    ensure(stat.raw == facts.stat_line, || format!("STAT is {} in the next session", escaped(&stat.raw)))?;
    bench.keep(wire)?;
    done()
}
