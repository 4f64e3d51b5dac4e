//! Response codes.

use crate::bench::Bench;
use crate::row::Check::{Bench as With, Known, Outside};
use crate::row::RequirementLevel::{May, Must, Practice};
use crate::row::{Row, late, review, row};
use crate::show::escaped;
use crate::verdict::{Verdict, done, ensure, fail, note, skip};
use crate::wire::Reply;

pub(super) const ROWS: &[Row] = &[
    review(
        "2449-8.01",
        Must,
        "A response code is [level/level] after the status and a space.",
        With(|bench| {
            let mut count = 0;
            for seen in bench.record.seen() {
                let Some(code) = Reply::parse(&seen.line).and_then(|reply| reply.code().map(str::to_owned))
                else {
                    continue;
                };
                count += 1;
                let good = code.split('/').all(|level| {
                    !level.is_empty() && level.bytes().all(|octet| matches!(octet, b'!'..=b'~'))
                });
                ensure(good, || format!("{} has the code {code}", escaped(&seen.line)))?;
            }
            if count == 0 { skip("no response code was sent") } else { note(format!("{count} codes")) }
        }),
    ),
    row(
        "2449-8.07",
        Practice,
        "Response codes appear nowhere else.",
        Known(|facts| {
            let (before, after) = facts.both()?;
            let lines = before.lines.iter().chain(&after.lines).chain(&facts.list_lines);
            let code = lines.clone().find(|line| line.starts_with(b"["));
            ensure(code.is_none(), || format!("{} is in a listing", escaped(code.map_or(b"", |line| line))))?;
            done()
        }),
    ),
    review(
        "2449-8.10",
        Must,
        "[LOGIN-DELAY] is sent only in reply to a login.",
        With(|bench| {
            let mut count = 0;
            for seen in bench.record.seen() {
                let delayed = Reply::parse(&seen.line).is_some_and(|reply| reply.has_code("LOGIN-DELAY"));
                if delayed {
                    count += 1;
                    let word = seen.command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                    let login = ["USER", "PASS", "APOP", "AUTH", "THE"].contains(&word.as_str());
                    ensure(login && seen.line.starts_with(b"-"), || {
                        format!("{word} gets {}", escaped(&seen.line))
                    })?;
                }
            }
            if count == 0 { skip("[LOGIN-DELAY] was not sent") } else { done() }
        }),
    ),
    late("2449-8.11", Must, "[IN-USE] is sent only after the correct password.", With(in_use)),
    row(
        "3206-4.01",
        Must,
        "[SYS/TEMP] and [SYS/PERM] distinguish temporary and permanent failures.",
        Outside("needs a fault of the server"),
    ),
    late(
        "3206-5.01",
        Must,
        "[AUTH] is sent for wrong credentials, and not for USER.",
        With(|bench| {
            bench.facts.announced("RESP-CODES")?;
            let wrong = bench.wrong()?.reply;
            let mut wire = bench.open()?;
            let user = wire.reply("USER nobody-of-this-name")?;
            wire.quit();
            ensure(user.code().is_none(), || format!("USER gets {}", escaped(&user.raw)))?;
            match wrong.code() {
                Some(code) if !wrong.has_code("AUTH") => fail(format!("a wrong password gets [{code}]")),
                Some(_) => done(),
                None => skip("no code is sent for a wrong password"),
            }
        }),
    ),
    row(
        "3206-5.03",
        Practice,
        "A failure while a password is checked is not [AUTH].",
        Outside("needs a fault of the server"),
    ),
    row(
        "6856-5.01",
        May,
        "[UTF8] is sent for a message that needs UTF8.",
        Known(|facts| {
            let refused = facts.messages.iter().filter_map(|message| message.refused.as_ref());
            match refused.clone().find(|reply| reply.has_code("UTF8")) {
                Some(_) => note("RETR was refused with it"),
                None => skip("[UTF8] was not sent"),
            }
        }),
    ),
];

fn in_use(bench: &mut Bench<'_>) -> Verdict {
    let first = bench.fresh()?;
    let mut second = bench.open()?;
    let reply = bench.try_log_in(&mut second)?;
    second.quit();
    if reply.positive {
        first.quit();
        return skip("the maildrop is not locked");
    }
    let announced = bench.facts.before.as_ref().is_some_and(|list| list.has("RESP-CODES"));
    ensure(!announced || reply.code().is_some(), || {
        format!("the locked maildrop gets {}", escaped(&reply.raw))
    })?;
    let mut third = bench.open()?;
    third.accepted(&format!("USER {}", bench.user()))?;
    let wrong = third.reply_secretly("PASS (wrong)", &[b"PASS ", &*bench.wrong_password()].concat())?;
    third.quit();
    first.quit();
    ensure(!wrong.has_code("IN-USE"), || format!("a wrong password gets {}", escaped(&wrong.raw)))?;
    done()
}
