//! Robustness and limits.

use core::time::Duration;

use super::aut::begin;
use crate::bench::Bench;
use crate::row::Check::{Bench as With, Known, Outside};
use crate::row::RequirementLevel::Practice;
use crate::row::{Row, row, swarm};
use crate::verdict::{Verdict, done, ensure, fail, note, skip};
use crate::wire::{Answer, Reply};

/// How many bad commands a server may bear.
const PATIENCE: usize = 100;

pub(super) const ROWS: &[Row] = &[
    swarm("SEC-01", Practice, "A client that sends only invalid commands is disconnected.", With(patience)),
    swarm(
        "SEC-02",
        Practice,
        "A failed login delays no other client.",
        With(|bench| {
            let mut wire = bench.open()?;
            wire.reply(&format!("USER {}", bench.user()))?;
            wire.send_as("PASS (wrong)", &[b"PASS ", &*bench.wrong_password(), b"\r\n"].concat())?;
            let started = std::time::Instant::now();
            bench.open()?.quit();
            let other = started.elapsed();
            let _ = wire.read_reply("PASS (wrong)");
            ensure(other < Duration::from_secs(3), || {
                format!("another connection had to wait {} s", other.as_secs())
            })?;
            note(format!("refused after {:.1} s", started.elapsed().as_secs_f32()))
        }),
    ),
    row("SEC-03", Practice, "Connections are limited.", Outside("would disturb others")),
    swarm("SEC-04", Practice, "Arbitrary octets do no harm.", With(wild)),
    row("SEC-05", Practice, "Secrets are compared in constant time.", Outside("needs the source code")),
    swarm(
        "SEC-09",
        Practice,
        "An AUTH exchange has an end.",
        With(|bench| {
            bench.facts.offers("PLAIN").or_else(|_| bench.facts.offers("LOGIN"))?;
            let mechanism = if bench.facts.offers("LOGIN").is_ok() { "LOGIN" } else { "PLAIN" };
            let mut wire = bench.open()?;
            begin(&mut wire, &format!("AUTH {mechanism}"))?;
            for _ in 0..20 {
                wire.send(b"AAAA\r\n")?;
                match wire.read_answer("AAAA") {
                    Ok(Answer::Challenge(..)) => {}
                    Ok(Answer::Reply(reply)) if reply.positive => return fail("random data was accepted"),
                    Ok(Answer::Reply(_)) | Err(_) => {
                        wire.quit();
                        return done();
                    }
                }
            }
            fail("the server still sends challenges after twenty responses")
        }),
    ),
    row("SEC-10", Practice, "A TLS handshake has a time limit.", Outside("takes minutes of silence")),
    swarm(
        "SEC-11",
        Practice,
        "A name is not used as a path.",
        With(|bench| {
            let name = format!("../{}", bench.user());
            let mut wire = bench.open()?;
            if wire.reply(&format!("USER {name}"))?.positive {
                let pass = bench.pass(&mut wire)?;
                ensure(!pass.positive, || format!("{name} was accepted as a user"))?;
            }
            wire.quit();
            done()
        }),
    ),
    row(
        "SEC-12",
        Practice,
        "Lines that look like replies are sent as part of the message.",
        Known(|facts| {
            facts.message()?;
            let alike =
                facts.fetched().find(|message| message.lines.iter().any(|line| Reply::parse(line).is_some()));
            match alike {
                None => skip("no message has such a line"),
                Some(message) => {
                    let length = message.data().len() as u64;
                    ensure(length == message.size || length == message.size + 2, || {
                        format!("message {} has {length} octets, LIST says {}", message.number, message.size)
                    })?;
                    done()
                }
            }
        }),
    ),
];

fn patience(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = bench.open()?;
    for count in 0..PATIENCE {
        if wire.is_over() {
            return note(format!("after {count}"));
        }
        wire.send(b"XYZZ\r\n")?;
        match wire.read_reply("XYZZ") {
            Ok(reply) => ensure(!reply.positive, || "XYZZ was accepted".to_owned())?,
            Err(stop) if wire.end().is_none() => return Err(stop),
            Err(_) => return note(format!("after {count}")),
        }
    }
    fail(format!("the server still answers after {PATIENCE} invalid commands"))
}

fn wild(bench: &mut Bench<'_>) -> Verdict {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let octets: Vec<u8> = (0..65_536)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let mut wire = bench.open()?;
    wire.send_as("(65536 octets)", &octets)?;
    // What it says does not matter; it must not say too much, and others must be served.
    let said = wire.octets(Duration::from_secs(1));
    ensure(said.len() < 1_000_000, || "the server sends a lot of data in reply to random octets".to_owned())?;
    wire.cut(false);
    bench.open()?.quit();
    done()
}
