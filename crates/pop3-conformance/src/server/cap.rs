//! CAPA and what it announces.

use crate::bench::Bench;
use crate::facts::{Capabilities, Facts, capabilities};
use crate::row::Check::{Bench as With, Known, Outside, Session};
use crate::row::RequirementLevel::{May, Must, Practice, Should};
use crate::row::{Row, late, review, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Reply, Wire, trimmed};

/// The capabilities of the IANA registry.
const REGISTERED: [&str; 13] = [
    "TOP",
    "USER",
    "SASL",
    "RESP-CODES",
    "LOGIN-DELAY",
    "PIPELINING",
    "EXPIRE",
    "UIDL",
    "IMPLEMENTATION",
    "STLS",
    "AUTH-RESP-CODE",
    "UTF8",
    "LANG",
];

/// Announced in both states by rule, but for STLS; EXPIRE and LOGIN-DELAY may have other parameters.
const VARYING: [&str; 3] = ["LOGIN-DELAY", "EXPIRE", "IMPLEMENTATION"];

/// How many commands are sent without reading.
const MANY: usize = 5_000;

pub(super) const ROWS: &[Row] = &[
    row(
        "2449-5.01",
        Must,
        "CAPA works before and after the login.",
        With(|bench| match (&bench.facts.before, &bench.facts.after) {
            (None, None) => skip("the server does not support CAPA"),
            (Some(_), Some(_)) => done(),
            (before, _) => fail(format!(
                "CAPA works only {} the login",
                if before.is_some() { "before" } else { "after" }
            )),
        }),
    ),
    row("2449-5.03", Must, "What is announced before the login is announced after it.", Known(kept)),
    row(
        "2449-5.05",
        Must,
        "A line of CAPA has at most 512 octets.",
        Known(|facts| each_line(facts, |line| line.len() <= 512)),
    ),
    row(
        "2449-5.06",
        Must,
        "A capability name is printable and contains no dot.",
        Known(|facts| {
            each_line(facts, |line| {
                let tag = trimmed(line).split(|octet| *octet == b' ').next().unwrap_or_default();
                !tag.is_empty() && tag.iter().all(|octet| matches!(octet, b'!'..=b'\x7f') && *octet != b'.')
            })
        }),
    ),
    row(
        "2449-5.10",
        Must,
        "An unregistered capability begins with X.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            for words in before.words().iter().chain(&after.words()) {
                let Some(tag) = words.first() else { continue };
                // CAPA itself is listed by some, which is another row.
                let good = REGISTERED.contains(&tag.as_str()) || tag.starts_with('X') || tag == "CAPA";
                ensure(good, || format!("{tag} is not registered"))?;
            }
            done()
        }),
    ),
    row(
        "2449-5.12",
        Practice,
        "Each capability is listed once.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            for list in [before, after] {
                let mut tags: Vec<String> =
                    list.words().into_iter().filter_map(|words| words.into_iter().next()).collect();
                tags.sort();
                let twice = tags.windows(2).find(|pair| pair.first() == pair.last());
                ensure(twice.is_none(), || {
                    format!("{:?} stands twice", twice.and_then(|pair| pair.first()))
                })?;
            }
            done()
        }),
    ),
    row(
        "2449-5.13",
        Practice,
        "CAPA need not list itself.",
        Known(|facts| {
            let (before, _) = facts.both()?;
            note(if before.has("CAPA") { "CAPA is listed" } else { "" })
        }),
    ),
    row(
        "2449-6.10",
        Must,
        "TOP is announced if, and only if, it works.",
        Session(|wire, facts| {
            let (_, after) = facts.both()?;
            let first = facts.first()?;
            let works = wire.multiline_if(&format!("TOP {first} 0"))?.is_some();
            agree("TOP", after, works)
        }),
    ),
    row(
        "2449-6.20",
        Must,
        "USER is announced if, and only if, it works here.",
        With(|bench| {
            let (before, _) = bench.facts.both()?;
            let mut wire = bench.open()?;
            let works = wire.reply(&format!("USER {}", bench.user()))?.positive;
            wire.quit();
            agree("USER", before, works)
        }),
    ),
    row(
        "2449-6.30",
        Must,
        "SASL and its mechanisms stay announced after the login.",
        Session(|wire, facts| {
            let (before, after) = facts.both()?;
            if !before.has("SASL") {
                return skip("no SASL offered");
            }
            ensure(after.has("SASL"), || "SASL is not announced after the login".to_owned())?;
            wire.refused("AUTH PLAIN")?;
            done()
        }),
    ),
    review(
        "2449-6.40",
        Must,
        "With RESP-CODES, a text that begins with [ is a response code.",
        With(|bench| {
            let announced = bench.facts.before.as_ref().is_some_and(|list| list.has("RESP-CODES"));
            for seen in bench.record.seen() {
                let Some(reply) = Reply::parse(&seen.line) else { continue };
                if reply.text.starts_with('[') {
                    ensure(announced, || {
                        format!("{} has a code, but RESP-CODES is not announced", escaped(&seen.line))
                    })?;
                    ensure(reply.code().is_some(), || {
                        format!("{} has an incomplete code", escaped(&seen.line))
                    })?;
                }
            }
            if announced { done() } else { skip("RESP-CODES is not announced") }
        }),
    ),
    row(
        "2449-6.50",
        Must,
        "LOGIN-DELAY is a number of seconds; USER follows it only before the login.",
        Known(|facts| varying(facts, "LOGIN-DELAY", &[])),
    ),
    late(
        "2449-6.51",
        Should,
        "The announced login delay is enforced.",
        With(|bench| {
            let seconds = bench.facts.announced("LOGIN-DELAY")?;
            if seconds.first().is_none_or(|seconds| seconds == "0") {
                return skip("the delay is zero");
            }
            bench.fresh()?.quit();
            let mut wire = bench.open()?;
            let reply = bench.try_log_in(&mut wire)?;
            wire.quit();
            ensure(reply.has_code("LOGIN-DELAY"), || {
                format!("a login at once gets {}", escaped(&reply.raw))
            })?;
            done()
        }),
    ),
    row(
        "2449-6.60",
        Must,
        "With PIPELINING, many outstanding commands are answered in order.",
        With(pipelining),
    ),
    row(
        "2449-6.62",
        Must,
        "A client that does not read for a while loses nothing.",
        Session(|wire, facts| {
            let (_, after) = facts.both()?;
            if !after.has("PIPELINING") {
                return skip("no PIPELINING offered");
            }
            wire.send_as(&format!("NOOP ({MANY} times)"), "NOOP\r\n".repeat(MANY).as_bytes())?;
            for _ in 0..MANY {
                ensure(wire.read_reply("NOOP")?.positive, || "a NOOP was refused".to_owned())?;
            }
            done()
        }),
    ),
    row(
        "2449-6.70",
        Must,
        "EXPIRE is a number of days or NEVER; USER follows it only before the login.",
        Known(|facts| varying(facts, "EXPIRE", &["NEVER"])),
    ),
    row("2449-6.71", Should, "A site that removes mail announces EXPIRE.", Outside("the site's choice")),
    row(
        "2449-6.80",
        Must,
        "UIDL is announced if, and only if, it works.",
        Known(|facts| {
            let (_, after) = facts.both()?;
            agree("UIDL", after, facts.uids.is_some())
        }),
    ),
    row(
        "2449-6.90",
        May,
        "IMPLEMENTATION names the server.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            match after.get("IMPLEMENTATION").or_else(|| before.get("IMPLEMENTATION")) {
                None => skip("IMPLEMENTATION is not announced"),
                Some(words) => {
                    ensure(!words.is_empty(), || "IMPLEMENTATION has no argument".to_owned())?;
                    note(words.join(" ").to_lowercase())
                }
            }
        }),
    ),
    late(
        "3206-6.01",
        Must,
        "With AUTH-RESP-CODE, a wrong password gets [AUTH].",
        With(|bench| {
            bench.facts.announced("AUTH-RESP-CODE")?;
            let reply = bench.wrong()?.reply;
            ensure(reply.has_code("AUTH"), || format!("a wrong password gets {}", escaped(&reply.raw)))?;
            done()
        }),
    ),
    review(
        "3206-6.02",
        Should,
        "A server that sends [AUTH] announces AUTH-RESP-CODE and RESP-CODES.",
        With(|bench| {
            let sent = bench
                .record
                .seen()
                .iter()
                .any(|seen| Reply::parse(&seen.line).is_some_and(|reply| reply.has_code("AUTH")));
            if !sent {
                return skip("[AUTH] was not sent");
            }
            for tag in ["AUTH-RESP-CODE", "RESP-CODES"] {
                let announced = bench.facts.before.as_ref().is_some_and(|list| list.has(tag));
                ensure(announced, || format!("[AUTH] is sent, but {tag} is not announced"))?;
            }
            done()
        }),
    ),
    row(
        "2595-4.01",
        Must,
        "STLS is announced if it works.",
        With(|bench| {
            let mut wire = bench.clear()?;
            let announced = bench.facts.clear.as_ref().is_some_and(|list| list.has("STLS"));
            let works = wire.reply("STLS")?.positive;
            match (announced, works) {
                (true, true) => done(),
                (false, false) => {
                    wire.quit();
                    skip("no STLS offered")
                }
                (true, false) => fail("STLS is announced but refused"),
                (false, true) => fail("STLS is accepted but not announced"),
            }
        }),
    ),
    row(
        "2595-4.02",
        Must,
        "STLS is announced neither under TLS nor after the login.",
        With(|bench| {
            let listed = bench.facts.after.as_ref().is_some_and(|list| list.has("STLS"));
            ensure(!listed, || "STLS is announced after the login".to_owned())?;
            let mut wire = bench.tls()?;
            let list = capabilities(&mut wire)?.unwrap_or_default();
            wire.quit();
            ensure(!list.has("STLS"), || "STLS is announced under TLS".to_owned())?;
            done()
        }),
    ),
    row(
        "6856-2.01",
        Must,
        "UTF8 and LANG are announced in both states.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            let mut seen = false;
            for tag in ["UTF8", "LANG"] {
                let (first, second) = (before.has(tag), after.has(tag));
                seen |= first || second;
                ensure(first == second, || format!("{tag} is announced in only one state"))?;
            }
            if seen { done() } else { skip("neither UTF8 nor LANG is announced") }
        }),
    ),
];

fn kept(facts: &Facts) -> Verdict {
    let (before, after) = facts.both()?;
    let mut lost = Vec::new();
    for words in before.words() {
        let Some(tag) = words.first() else { continue };
        let same = after.words().contains(&words) || VARYING.contains(&tag.as_str()) && after.has(tag);
        if tag != "STLS" && !same {
            lost.push(words.join(" "));
        }
    }
    ensure(lost.is_empty(), || format!("not announced after the login: {}", lost.join(", ")))?;
    done()
}

fn each_line(facts: &Facts, good: impl Fn(&[u8]) -> bool) -> Verdict {
    let (before, after) = facts.both()?;
    for line in before.lines.iter().chain(&after.lines) {
        ensure(good(line), || format!("CAPA has the line {}", escaped(line)))?;
    }
    done()
}

fn agree(tag: &str, list: &Capabilities, works: bool) -> Result<String, Stop> {
    match (list.has(tag), works) {
        (true, false) => fail(format!("{tag} is announced but refused")),
        (false, true) => fail(format!("{tag} works but is not announced")),
        (true, true) | (false, false) => done(),
    }
}

/// A capability with a number, which may be one of the user's own.
fn varying(facts: &Facts, tag: &str, words: &[&str]) -> Verdict {
    let (before, after) = facts.both()?;
    if !before.has(tag) && !after.has(tag) {
        return skip(format!("{tag} is not announced"));
    }
    for (list, login) in [(before, false), (after, true)] {
        let Some(parameters) = list.get(tag) else { continue };
        let number = parameters.first().is_some_and(|word| {
            words.contains(&word.as_str())
                || word.bytes().all(|octet| octet.is_ascii_digit()) && !word.is_empty()
        });
        let rest = match parameters.get(1..).unwrap_or_default() {
            [] => true,
            [word] => word == "USER" && !login,
            _ => false,
        };
        ensure(number && rest, || format!("{tag} {}", parameters.join(" ")))?;
    }
    done()
}

fn pipelining(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.announced("PIPELINING")?;
    let mut wire: Wire = bench.fresh()?;
    let commands = format!("{}QUIT\r\n", "NOOP\r\nSTAT\r\n".repeat(500));
    wire.send_as("(NOOP, STAT) 500 times, QUIT", commands.as_bytes())?;
    for _ in 0..500 {
        wire.read_reply("NOOP")?;
        let stat = wire.read_reply("STAT")?;
        ensure(stat.raw == bench.facts.stat_line, || format!("{} where STAT was due", escaped(&stat.raw)))?;
    }
    let quit = wire.read_reply("QUIT")?;
    ensure(quit.positive && wire.ends(wire.timeout), || "QUIT did not end the session".to_owned())?;
    done()
}
