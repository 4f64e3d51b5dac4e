//! APOP.

use crate::bench::Bench;
use crate::facts::timestamp;
use crate::row::Check::{Bench as With, Known, Outside};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, late, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, note, skip};
use crate::wire::Wire;

/// How many greetings are looked at.
const GREETINGS: usize = 20;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-7.30",
        Must,
        "The timestamp in the greeting is a msg-id.",
        Known(|facts| {
            let timestamp = facts.timestamp()?;
            let inner = &timestamp[1..timestamp.len() - 1];
            let parts: Vec<&str> = inner.split('@').collect();
            let good = parts.len() == 2
                && parts
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_graphic()));
            ensure(good, || format!("the timestamp is {}", escaped(timestamp.as_bytes())))?;
            done()
        }),
    ),
    row("1939-7.31", Must, "Each greeting has a different timestamp.", With(different)),
    row(
        "1939-7.32",
        Practice,
        "Without a timestamp, APOP is refused.",
        With(|bench| {
            if timestamp(&bench.facts.greeting).is_some() {
                return skip("there is a timestamp in the greeting");
            }
            let listed = bench.facts.before.as_ref().is_some_and(|list| list.has("APOP"));
            ensure(!listed, || "CAPA lists APOP, which is not a capability".to_owned())?;
            bench.refused_before(&[format!("APOP {} {}", bench.user(), "0".repeat(32))])?;
            done()
        }),
    ),
    late(
        "1939-7.33",
        Must,
        "The digest is MD5 of the timestamp and the secret, in hex.",
        With(|bench| {
            log_in(bench)?.quit();
            done()
        }),
    ),
    late(
        "1939-7.34",
        Practice,
        "The digest may be accepted in upper case.",
        With(|bench| {
            log_in(bench)?.quit();
            let mut wire = bench.open()?;
            let digest = digest(bench, &wire)?.to_uppercase();
            let reply = apop(bench, &mut wire, &digest)?;
            wire.quit();
            note(if reply.positive { "taken in upper case" } else { "refused in upper case" })
        }),
    ),
    row(
        "1939-7.35",
        Must,
        "APOP without a digest, or with half of one, is refused.",
        With(|bench| {
            let user = bench.user();
            bench.refused_before(&[
                format!("APOP {user}"),
                format!("APOP {user} abc"),
                format!("APOP {user} {}", "z".repeat(32)),
                format!("APOP {user} {} x", "0".repeat(32)),
            ])?;
            done()
        }),
    ),
    late(
        "1939-7.36",
        Must,
        "The correct digest opens the maildrop; any other does not.",
        With(|bench| {
            let mut wire = log_in(bench)?;
            wire.accepted("STAT")?;
            wire.quit();
            let mut wire = bench.open()?;
            let reply = apop(bench, &mut wire, &"0".repeat(32))?;
            ensure(!reply.positive, || "a wrong digest was accepted".to_owned())?;
            if !wire.is_over() {
                wire.refused("STAT")?;
            }
            wire.quit();
            done()
        }),
    ),
    late(
        "1939-7.37",
        Must,
        "APOP is accepted only before the login.",
        With(|bench| {
            let mut wire = log_in(bench)?;
            let again = apop(bench, &mut wire, &"0".repeat(32))?;
            ensure(!again.positive, || "APOP was accepted after the login".to_owned())?;
            wire.logged_in = true;
            wire.accepted("STAT")?;
            wire.quit();
            done()
        }),
    ),
    row("1939-7.38", Should, "A user can use either PASS or APOP.", Outside("the site's choice")),
    row(
        "6856-2.20",
        Must,
        "Names and secrets are prepared before the digest is computed.",
        Outside("needs such an account"),
    ),
];

fn different(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.timestamp()?;
    let mut seen = Vec::new();
    for _ in 0..GREETINGS {
        let wire = bench.open()?;
        let Some(timestamp) = timestamp(&wire.greeting) else {
            return skip("there is no greeting after STLS");
        };
        wire.quit();
        ensure(!seen.contains(&timestamp), || format!("{} came twice", escaped(timestamp.as_bytes())))?;
        seen.push(timestamp);
    }
    done()
}

fn digest(bench: &Bench<'_>, wire: &Wire) -> Result<String, Stop> {
    match timestamp(&wire.greeting) {
        Some(timestamp) => Ok(crate::sasl::apop(&timestamp, &bench.connect.password)),
        None => skip("there is no timestamp in the greeting"),
    }
}

fn apop(bench: &Bench<'_>, wire: &mut Wire, digest: &str) -> Result<crate::wire::Reply, Stop> {
    let user = bench.user();
    let reply =
        wire.reply_secretly(&format!("APOP {user} ***"), format!("APOP {user} {digest}").as_bytes())?;
    wire.logged_in = reply.positive;
    Ok(reply)
}

/// A session by APOP. A timestamp is no promise: not every user has a secret that is kept in clear.
fn log_in(bench: &mut Bench<'_>) -> Result<Wire, Stop> {
    bench.facts.timestamp()?;
    bench.end_session();
    let mut wire = bench.open()?;
    let digest = digest(bench, &wire)?;
    let reply = apop(bench, &mut wire, &digest)?;
    if !reply.positive {
        return skip(format!("this user can't use APOP: {}", escaped(&reply.raw)));
    }
    Ok(wire)
}
