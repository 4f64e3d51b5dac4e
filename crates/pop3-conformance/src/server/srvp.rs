//! Practice of servers.

use crate::bench::Bench;
use crate::row::Check::{Bench as With, Known, Outside, RefusedAfter, RefusedBefore};
use crate::row::RequirementLevel::Practice;
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, note, skip};

const HABIT: &str = "describes the behaviour of one server";

pub(super) const ROWS: &[Row] = &[
    row("PRS-01", Practice, "Invalid numbers are refused, with any text.", Outside(HABIT)),
    row(
        "PRS-02",
        Practice,
        "Capabilities may disappear at the login.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            let gone: Vec<String> = before
                .words()
                .into_iter()
                .filter_map(|words| words.into_iter().next())
                .filter(|tag| !after.has(tag))
                .collect();
            note(if gone.is_empty() {
                String::new()
            } else {
                format!("missing after the login: {}", gone.join(" "))
            })
        }),
    ),
    row("PRS-03", Practice, "A whole session that is sent at once gets all its replies.", With(burst)),
    row("PRS-04", Practice, "The form of Dovecot's unique-ids.", Outside(HABIT)),
    row("PRS-05", Practice, "Workarounds for old clients.", Outside(HABIT)),
    row("PRS-06", Practice, "LAST is not supported (removed by RFC 1725).", RefusedAfter(&["LAST"])),
    row("PRS-07", Practice, "What Courier announces.", Outside(HABIT)),
    row("PRS-08", Practice, "What Gmail announces.", Outside(HABIT)),
    row("PRS-09", Practice, "What Exchange announces.", Outside(HABIT)),
    row("PRS-10", Practice, "What Zimbra announces.", Outside(HABIT)),
    row("PRS-11", Practice, "What qmail-pop3d sends.", Outside(HABIT)),
    row("PRS-12", Practice, "The lock is on by default.", Outside("as 1939-4.04")),
    row(
        "PRS-13",
        Practice,
        "XCLIENT and XTND are only for trusted peers.",
        RefusedBefore(&["XCLIENT ADDR=192.0.2.1", "XTND XMIT"]),
    ),
    row(
        "PRS-14",
        Practice,
        "A server that shuts down removes nothing.",
        Outside("needs a shutdown of the server"),
    ),
];

fn burst(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.announced("PIPELINING")?;
    let before = bench.facts.before.as_ref();
    if before.is_some_and(|list| !list.has("USER")) {
        return skip("USER is not announced");
    }
    bench.end_session();
    let mut wire = bench.open()?;
    let user = bench.user();
    let commands = [
        format!("USER {user}\r\nPASS ").as_bytes(),
        bench.connect.password.as_slice(),
        b"\r\nSTAT\r\nNOOP\r\nQUIT\r\n",
    ]
    .concat();
    wire.send_as(&format!("USER {user}\nPASS ***\nSTAT\nNOOP\nQUIT"), &commands)?;
    for command in ["USER", "PASS", "STAT", "NOOP", "QUIT"] {
        let reply = wire.read_reply(command)?;
        ensure(reply.positive, || format!("{command} gets {}", escaped(&reply.raw)))?;
    }
    ensure(wire.ends(wire.timeout), || "the connection stays open after QUIT".to_owned())?;
    done()
}
