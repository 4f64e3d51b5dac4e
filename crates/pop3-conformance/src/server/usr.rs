//! USER and PASS.

use crate::bench::Bench;
use crate::row::Check::{Bench as With, Outside, RefusedBefore};
use crate::row::RequirementLevel::{May, Must, Practice, Should};
use crate::row::{Row, late, row, swarm};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, note, skip};
use crate::wire::Reply;

pub(super) const ROWS: &[Row] = &[
    row(
        "1939-7.10",
        Must,
        "USER is accepted after the greeting.",
        With(|bench| {
            offered(bench)?;
            let mut wire = bench.open()?;
            wire.accepted(&format!("USER {}", bench.user()))?;
            wire.quit();
            done()
        }),
    ),
    row("1939-7.11", Must, "USER needs a name.", RefusedBefore(&["USER", "USER "])),
    row("1939-7.12", May, "USER does not reveal which names exist.", With(unknown_name)),
    row("1939-7.13", May, "A user may be refused this kind of login.", Outside("the site's choice")),
    late(
        "1939-7.14",
        Must,
        "PASS is accepted only after a USER that was accepted.",
        With(|bench| {
            offered(bench)?;
            let mut wire = bench.open()?;
            wire.refused("PASS x")?;
            wire.quit();
            match bench.wrong()?.password_alone {
                None => note("the server closes the connection after a failed login"),
                Some(reply) => {
                    ensure(!reply.positive, || "the right password was accepted without USER".to_owned())?;
                    done()
                }
            }
        }),
    ),
    row(
        "1939-7.15",
        Practice,
        "CAPA between USER and PASS does no harm.",
        With(|bench| between(bench, "CAPA", "a CAPA between")),
    ),
    row(
        "1939-7.16",
        Practice,
        "If USER is sent twice, the last one counts.",
        With(|bench| between(bench, "USER", "the last USER counts")),
    ),
    swarm("1939-7.17", May, "Spaces belong to the password.", With(spaces)),
    row(
        "1939-7.19",
        Practice,
        "A name with a space is refused or accepted as a whole.",
        With(|bench| {
            let mut wire = bench.open()?;
            let reply = wire.reply("USER a b")?;
            wire.quit();
            note(if reply.positive { "the rest of the line is the name" } else { "refused" })
        }),
    ),
    swarm(
        "1939-7.20",
        Practice,
        "PASS without a password is refused.",
        With(|bench| {
            offered(bench)?;
            for command in ["PASS", "PASS "] {
                let mut wire = bench.open()?;
                wire.accepted(&format!("USER {}", bench.user()))?;
                wire.refused(command)?;
                wire.quit();
            }
            done()
        }),
    ),
    row(
        "1939-7.21",
        Must,
        "The correct password opens the maildrop.",
        With(|bench| {
            offered(bench)?;
            let mut wire = bench.session()?;
            let stat = wire.accepted("STAT")?;
            ensure(stat.raw == bench.facts.stat_line, || format!("STAT is {}", escaped(&stat.raw)))?;
            bench.keep(wire)?;
            done()
        }),
    ),
    late(
        "1939-7.22",
        Must,
        "After a wrong password, the login can be tried again.",
        With(|bench| {
            offered(bench)?;
            let wrong = bench.wrong()?;
            ensure(!wrong.reply.positive, || "a wrong password was accepted".to_owned())?;
            match wrong.stat {
                None => note("the server closes the connection after a failed login"),
                Some(stat) => {
                    ensure(!stat.positive, || "STAT works after a wrong password".to_owned())?;
                    done()
                }
            }
        }),
    ),
    late("1939-7.23", Should, "A wrong name and a wrong password get the same refusal.", With(same_refusal)),
    row("2595-2.01", Must, "If logins in clear text are not allowed, none succeeds.", With(no_clear_text)),
];

/// That USER is worth a try.
fn offered(bench: &Bench<'_>) -> Result<(), Stop> {
    match &bench.facts.before {
        Some(list) if !list.has("USER") => skip("USER is not announced"),
        _ => Ok(()),
    }
}

fn unknown_name(bench: &mut Bench<'_>) -> Verdict {
    offered(bench)?;
    let mut wire = bench.open()?;
    let unknown = "nobody-of-this-name";
    let known = wire.reply(&format!("USER {}", bench.user()))?;
    let other = wire.reply(&format!("USER {unknown}"))?;
    wire.quit();
    let same = nameless(&known, &bench.user()) == nameless(&other, unknown);
    note(if same { "" } else { "unknown names are distinguishable" })
}

fn between(bench: &mut Bench<'_>, command: &str, what: &str) -> Verdict {
    offered(bench)?;
    bench.end_session();
    let mut wire = bench.open()?;
    if command == "USER" {
        wire.accepted("USER nobody-of-this-name")?;
        let second = wire.reply(&format!("USER {}", bench.user()))?;
        if !second.positive {
            wire.quit();
            return note("a second USER is refused");
        }
    } else {
        wire.accepted(&format!("USER {}", bench.user()))?;
        wire.multiline_if(command)?;
    }
    let pass = bench.pass(&mut wire)?;
    wire.quit();
    note(if pass.positive { what.to_owned() } else { format!("not accepted: {}", escaped(&pass.raw)) })
}

fn spaces(bench: &mut Bench<'_>) -> Verdict {
    offered(bench)?;
    let password = bench.connect.password.as_slice();
    for (shown, tried) in [
        ("PASS (two spaces) ***", [b" ", password].concat()),
        ("PASS *** (a space)", [password, b" "].concat()),
    ] {
        let mut wire = bench.open()?;
        wire.accepted(&format!("USER {}", bench.user()))?;
        let reply = wire.reply_secretly(shown, &[b"PASS ", &*tried].concat())?;
        wire.logged_in = reply.positive;
        ensure(!reply.positive, || format!("{shown} was accepted: a space was trimmed"))?;
        wire.quit();
    }
    done()
}

fn same_refusal(bench: &mut Bench<'_>) -> Verdict {
    offered(bench)?;
    let known = bench.wrong()?.reply;
    let unknown = "nobody-of-this-name";
    let mut wire = bench.open()?;
    let user = wire.reply(&format!("USER {unknown}"))?;
    let other = if user.positive {
        wire.reply_secretly("PASS (wrong)", &[b"PASS ", &*bench.wrong_password()].concat())?
    } else {
        user
    };
    wire.quit();
    ensure(nameless(&known, &bench.user()) == nameless(&other, unknown), || {
        format!("a wrong password gets {}, a wrong name {}", escaped(&known.raw), escaped(&other.raw))
    })?;
    done()
}

fn no_clear_text(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.clear()?;
    let Some(list) = &bench.facts.clear else { return skip("CAPA is not known") };
    if list.has("USER") {
        return skip("USER is offered in clear text");
    }
    // No right name and no right password: they are not for this line.
    let user = wire.reply("USER nobody-of-this-name")?;
    if user.positive {
        wire.refused("PASS wrong")?;
    }
    ensure(wire.quiet(wire.pause) || wire.end().is_some(), || {
        "there are further octets after the refusal".to_owned()
    })?;
    wire.quit();
    done()
}

/// The reply without the name, which may stand in it.
fn nameless(reply: &Reply, name: &str) -> String {
    String::from_utf8_lossy(&reply.raw).replace(name, "(name)")
}
