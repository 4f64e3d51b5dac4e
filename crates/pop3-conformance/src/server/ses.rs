//! The session: greeting, states, the lock, numbering.

use core::time::Duration;
use std::time::Instant;

use crate::bench::Bench;
use crate::row::Check::{Bench as With, Known, Outside};
use crate::row::RequirementLevel::{May, Must, Practice, Should};
use crate::row::{Row, late, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, fail, note, skip};

/// Within what time the lock of a lost session must be free.
const FREED: Duration = Duration::from_secs(10);

const TEN_MINUTES: &str = "takes ten minutes of silence";
const STORE: &str = "needs a fault in the store";

pub(super) const ROWS: &[Row] = &[
    row("1939-4.01", Must, "The server begins with a greeting: one line with +OK.", With(greeting)),
    row("1939-3.40", Must, "Port 110, and 995 for TLS, are the defaults.", Outside("the port was given")),
    row("1939-4.03", Must, "The server offers a way to log in.", Known(|_| done())),
    row("1939-4.04", Must, "A second session for a maildrop is refused while the first is open.", With(lock)),
    row("1939-4.05", Must, "The lock is released after QUIT and after a lost connection.", With(freed)),
    late(
        "1939-4.06",
        May,
        "After a failed login, the server closes the connection or allows a retry.",
        With(|bench| {
            let wrong = bench.wrong()?;
            match wrong.then {
                _ if wrong.closed => note("the server closes the connection after a failed login"),
                Some(reply) if !reply.positive => {
                    fail(format!("a valid login after a failed one was refused: {}", escaped(&reply.raw)))
                }
                Some(_) | None => note("the connection allows another attempt"),
            }
        }),
    ),
    row("1939-4.07", Must, "No message is marked when a session begins.", With(unmarked)),
    row("1939-4.08", Must, "Numbers begin with 1 and do not change in a session.", With(numbers)),
    row(
        "1939-4.09",
        Must,
        "Mail that arrives during a session does not appear in it.",
        Outside("needs a delivery"),
    ),
    row("1939-4.10", Practice, "If the maildrop cannot be opened, the login is refused.", Outside(STORE)),
    row("1939-3.41", Must, "The server waits for at least ten minutes.", Outside(TEN_MINUTES)),
    row("1939-3.42", Should, "Any command restarts the timer.", Outside(TEN_MINUTES)),
    row("1939-3.43", Must, "After a timeout, nothing is removed.", Outside(TEN_MINUTES)),
    row("1939-3.44", Should, "At a timeout, the server sends nothing.", Outside(TEN_MINUTES)),
    row("1939-3.45", Practice, "A client that does not read times out.", Outside(TEN_MINUTES)),
    row(
        "1939-3.46",
        Practice,
        "Before the login, the timeout is shorter.",
        Outside("takes minutes of silence"),
    ),
    row("1939-6.01", Must, "A session that is cut off removes nothing.", With(cut)),
    row(
        "1939-4.11",
        Must,
        "QUIT before the login gets +OK, and the server closes the connection.",
        With(quit_early),
    ),
];

fn greeting(bench: &mut Bench<'_>) -> Verdict {
    let wire = bench.open()?;
    let line = if wire.greeting.is_empty() { &bench.facts.greeting } else { &wire.greeting };
    ensure(line.starts_with(b"+OK"), || format!("the greeting is {}", escaped(line)))?;
    wire.quit();
    done()
}

pub(super) fn lock(bench: &mut Bench<'_>) -> Verdict {
    let first = bench.fresh()?;
    let mut second = bench.open()?;
    let reply = bench.try_log_in(&mut second)?;
    if reply.positive {
        second.quit();
        first.quit();
        return fail("a second session was admitted");
    }
    let mut closed = second.is_over();
    if !closed {
        // Still before the login: NOOP is no command there.
        second.refused("NOOP")?;
    }
    first.quit();
    if !closed {
        let again = bench.try_log_in(&mut second)?;
        closed = second.is_over();
        ensure(again.positive || closed, || {
            format!("the lock is still held after QUIT: {}", escaped(&again.raw))
        })?;
        second.quit();
    }
    if closed {
        bench.log_in()?.quit();
    }
    note(reply.code().map_or_else(|| "refused without a code".to_owned(), |code| format!("[{code}]")))
}

fn freed(bench: &mut Bench<'_>) -> Verdict {
    bench.fresh()?.quit();
    let mut longest = Duration::ZERO;
    for reset in [false, true] {
        let wire = bench.log_in()?;
        wire.cut(reset);
        let started = Instant::now();
        let mut wire = bench.log_in()?;
        longest = longest.max(started.elapsed());
        let stat = wire.accepted("STAT")?;
        ensure(stat.raw == bench.facts.stat_line, || format!("STAT is {} now", escaped(&stat.raw)))?;
        wire.quit();
    }
    ensure(longest < FREED, || format!("the lock was held for {} s", longest.as_secs()))?;
    done()
}

fn unmarked(bench: &mut Bench<'_>) -> Verdict {
    let first = bench.facts.first()?;
    let mut wire = bench.fresh()?;
    wire.accepted(&format!("DELE {first}"))?;
    wire.cut(false);
    let mut wire = bench.log_in()?;
    let stat = wire.accepted("STAT")?;
    let reply = wire.reply(&format!("LIST {first}"))?;
    // A mark that has stayed is not yet a loss, but no more is risked.
    bench.cut_removes |= stat.raw != bench.facts.stat_line;
    ensure(reply.positive && !bench.cut_removes, || {
        format!("message {first} is missing or still marked: {}", escaped(&reply.raw))
    })?;
    bench.keep(wire)?;
    done()
}

fn numbers(bench: &mut Bench<'_>) -> Verdict {
    let facts = std::rc::Rc::clone(&bench.facts);
    let first = facts.first()?;
    for (index, (number, _)) in facts.sizes.iter().enumerate() {
        ensure(*number == index as u64 + 1, || format!("message {} is listed as {number}", index + 1))?;
    }
    if facts.sizes.len() < 2 {
        return skip("there is only one message");
    }
    let mut wire = bench.session()?;
    wire.accepted(&format!("DELE {first}"))?;
    let listed: Vec<(u64, u64)> =
        wire.multiline("LIST")?.iter().filter_map(|line| crate::facts::two_numbers(line)).collect();
    ensure(facts.sizes.get(1..) == Some(&*listed), || {
        format!("after DELE {first}, LIST begins with {:?}", listed.first())
    })?;
    bench.keep(wire)?;
    done()
}

fn cut(bench: &mut Bench<'_>) -> Verdict {
    let first = bench.facts.first()?;
    for reset in [false, true] {
        let mut wire = bench.fresh()?;
        wire.accepted(&format!("DELE {first}"))?;
        wire.cut(reset);
        // Another session, so that nothing is done at the end of the one that was cut any more.
        let mut wire = bench.log_in()?;
        let stat = wire.accepted("STAT")?;
        bench.cut_removes |= stat.raw != bench.facts.stat_line;
        ensure(!bench.cut_removes, || {
            format!("STAT is {}, but was {}", escaped(&stat.raw), escaped(&bench.facts.stat_line))
        })?;
        bench.keep(wire)?;
    }
    done()
}

fn quit_early(bench: &mut Bench<'_>) -> Verdict {
    for user in [None, Some(format!("USER {}", bench.user()))] {
        let mut wire = bench.open()?;
        if let Some(user) = user {
            wire.reply(&user)?;
        }
        wire.accepted("QUIT")?;
        let time = wire.timeout.min(wire.pause * 10);
        ensure(wire.ends(time), || "the connection stays open after QUIT".to_owned())?;
    }
    done()
}
