//! AUTH and SASL exchanges.

use std::time::Instant;

use crate::bench::{Bench, LOCK, LOCK_PAUSE};
use crate::connect::TestedTls;
use crate::row::Check::{Bench as With, Open, Outside, RefusedBefore};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, late, row, swarm};
use crate::sasl::plain;
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Answer, Reply, Wire};

pub(super) const ROWS: &[Row] = &[
    row(
        "5034-4.01",
        Must,
        "AUTH is accepted before the login; mechanism names are case-insensitive.",
        With(|bench| {
            let mut wire = plain_login(bench, "AUTH pLaIn")?;
            wire.refused("AUTH PLAIN")?;
            wire.accepted("STAT")?;
            wire.quit();
            done()
        }),
    ),
    row(
        "5034-4.02",
        Must,
        "An unsupported mechanism is refused without a challenge.",
        RefusedBefore(&["AUTH FOO", "AUTH FOO ="]),
    ),
    row(
        "5034-4.03",
        Must,
        "The empty challenge is a plus sign, a space, and CRLF.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            let line = begin(wire, "AUTH PLAIN")?;
            ensure(line == b"+ \r\n", || format!("the challenge is {}", escaped(&line)))?;
            wire.refused("*")?;
            done()
        }),
    ),
    row(
        "5034-4.05",
        Must,
        "Without an initial response, an empty challenge requests one.",
        With(|bench| {
            bench.facts.offers("PLAIN")?;
            bench.end_session();
            let mut wire = bench.open()?;
            begin(&mut wire, "AUTH PLAIN")?;
            let reply = respond(&mut wire, &good(bench))?;
            ensure(reply.positive, || format!("the login was refused: {}", escaped(&reply.raw)))?;
            wire.logged_in = true;
            wire.accepted("STAT")?;
            wire.quit();
            done()
        }),
    ),
    row(
        "5034-4.06",
        Must,
        "An initial response of = is empty, and not missing.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            // An empty message is none of PLAIN.
            wire.refused("AUTH PLAIN =")?;
            done()
        }),
    ),
    row(
        "5034-4.07",
        Must,
        "In a later line, = is not a valid response.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            begin(wire, "AUTH PLAIN")?;
            wire.refused("=")?;
            done()
        }),
    ),
    row(
        "5034-4.08",
        Must,
        "If the mechanism begins with the server, an initial response is refused.",
        Open(|wire, facts| {
            facts.offers("CRAM-MD5")?;
            wire.refused("AUTH CRAM-MD5 dQ==")?;
            done()
        }),
    ),
    row(
        "5034-4.10",
        Practice,
        "An initial response may be longer than 255 octets.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            let line = format!("AUTH PLAIN {}", "YWFh".repeat(500));
            wire.send_as("AUTH PLAIN (2000 octets)", format!("{line}\r\n").as_bytes())?;
            let reply = wire.read_reply("AUTH PLAIN with 2000 octets")?;
            ensure(!reply.positive, || "an invalid message was accepted".to_owned())?;
            ensure(!wire.is_over(), || "the connection was closed".to_owned())?;
            note(reply.text)
        }),
    ),
    row(
        "5034-4.11",
        Must,
        "An asterisk cancels, and does not count as a failed login.",
        With(|bench| {
            bench.facts.offers("PLAIN")?;
            let mut wire = bench.open()?;
            begin(&mut wire, "AUTH PLAIN")?;
            let reply = wire.refused("*")?;
            ensure(!reply.has_code("AUTH"), || format!("a cancelled exchange gets {}", escaped(&reply.raw)))?;
            begin(&mut wire, "AUTH PLAIN")?;
            wire.refused("*")?;
            wire.quit();
            done()
        }),
    ),
    swarm("5034-4.12", Must, "Anything but strict base64 is refused.", With(strict_base64)),
    swarm(
        "5034-4.13",
        Practice,
        "Stray bits at the end of base64 may be refused.",
        With(|bench| {
            let (_, tried) = mangled(bench).into_iter().last().ok_or(Stop::NotApplicable(String::new()))?;
            let Some(tried) = tried else {
                return skip("the message of this account has no such bits at any length");
            };
            let reply = try_plain(bench, &tried)?;
            note(if reply.positive { "ignored" } else { "refused" })
        }),
    ),
    row(
        "5034-4.14",
        Must,
        "A response of 12288 octets is accepted as one line.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            super::syn::long_response(wire, 12_288)
        }),
    ),
    late("5034-4.16", Must, "After a failed AUTH, other ways to log in work.", With(after_failure)),
    row(
        "5034-4.17",
        Must,
        "A successful AUTH opens the maildrop; +OK contains no data.",
        With(|bench| {
            let mut wire = plain_login(bench, "AUTH PLAIN")?;
            let stat = wire.accepted("STAT")?;
            wire.quit();
            ensure(stat.raw == bench.facts.stat_line, || format!("STAT is {}", escaped(&stat.raw)))?;
            done()
        }),
    ),
    row(
        "5034-4.19",
        Must,
        "After a login by AUTH, AUTH and USER are refused.",
        With(|bench| {
            let mut wire = plain_login(bench, "AUTH PLAIN")?;
            wire.refused("AUTH PLAIN =")?;
            wire.refused(&format!("USER {}", bench.user()))?;
            wire.accepted("NOOP")?;
            wire.quit();
            done()
        }),
    ),
    swarm(
        "5034-4.20",
        Should,
        "An authorization identity that is empty after preparation is refused.",
        With(|bench| {
            let message = plain("\u{ad}".as_bytes(), &bench.connect.user, &bench.connect.password);
            let reply = try_plain(bench, &message)?;
            ensure(!reply.positive, || "a soft hyphen was accepted as authorization identity".to_owned())?;
            done()
        }),
    ),
    row(
        "5034-4.21",
        Must,
        "PLAIN works under TLS.",
        With(|bench| {
            let mut wire = bench.tls()?;
            let list = crate::facts::capabilities(&mut wire)?.unwrap_or_default();
            let Some(names) = list.get("SASL") else { return skip("no SASL offered") };
            let offered = names.iter().any(|name| name == "PLAIN");
            ensure(offered, || "PLAIN is not offered under TLS".to_owned())?;
            bench.end_session();
            let message = good(bench);
            let reply = wire.reply_secretly("AUTH PLAIN ***", format!("AUTH PLAIN {message}").as_bytes())?;
            wire.logged_in = reply.positive;
            wire.quit();
            ensure(reply.positive, || format!("the login was refused: {}", escaped(&reply.raw)))?;
            done()
        }),
    ),
    row(
        "5034-4.22",
        Must,
        "A plaintext mechanism that is not listed without TLS is refused.",
        With(unlisted),
    ),
    row("5034-4.24", Must, "The service name is pop.", Outside("no such mechanism is tried")),
    row(
        "5034-4.25",
        Must,
        "A security layer begins after the last line.",
        Outside("no such mechanism is tried"),
    ),
    row(
        "5034-3.01",
        Practice,
        "AUTH without a mechanism lists them, or is refused.",
        Open(|wire, _| {
            let reply = wire.reply("AUTH")?;
            if !reply.positive {
                return note("refused");
            }
            let names = wire.body("AUTH", &reply)?;
            note(format!("lists {} mechanisms", names.len()))
        }),
    ),
    row(
        "5034-4.26",
        Must,
        "A mechanism name has 1 to 20 characters from A-Z, 0-9, hyphen and underscore.",
        RefusedBefore(&["AUTH AAAAAAAAAAAAAAAAAAAAA", "AUTH PL@IN"]),
    ),
    row(
        "5034-4.27",
        Practice,
        "During an exchange, no command is executed.",
        Open(|wire, facts| {
            facts.offers("PLAIN")?;
            begin(wire, "AUTH PLAIN")?;
            // It is base64, of three octets that are no message of PLAIN.
            wire.refused("QUIT")?;
            ensure(!wire.is_over(), || "QUIT was executed during the exchange".to_owned())?;
            wire.reply("NOOP")?;
            done()
        }),
    ),
    row("5034-4.30", Practice, "Credentials are masked in logs.", Outside("needs the server's log")),
];

/// Begins an exchange; the challenge as it came.
pub(super) fn begin(wire: &mut Wire, command: &str) -> Result<Vec<u8>, Stop> {
    wire.send(format!("{command}\r\n").as_bytes())?;
    match wire.read_answer(command)? {
        Answer::Challenge(_, line) => Ok(line),
        Answer::Reply(reply) => fail(format!("{command} gets {}, no challenge", escaped(&reply.raw))),
    }
}

/// Sends a response that is not shown; the reply.
pub(super) fn respond(wire: &mut Wire, response: &str) -> Result<Reply, Stop> {
    wire.send_as("***", format!("{response}\r\n").as_bytes())?;
    match wire.read_answer("the response")? {
        Answer::Reply(reply) => Ok(reply),
        Answer::Challenge(text, _) => {
            // Some mechanism wants to go on; who has nothing to say cancels.
            wire.send(b"*\r\n")?;
            let _ = wire.read_answer("*")?;
            fail(format!("another challenge: {}", escaped(text.as_bytes())))
        }
    }
}

/// The message of PLAIN that logs in.
pub(super) fn good(bench: &Bench<'_>) -> String {
    plain(b"", &bench.connect.user, &bench.connect.password)
}

/// An exchange of PLAIN that waits for its message.
pub(super) fn begin_plain(bench: &Bench<'_>) -> Result<Wire, Stop> {
    bench.facts.offers("PLAIN")?;
    let mut wire = bench.open()?;
    begin(&mut wire, "AUTH PLAIN")?;
    Ok(wire)
}

/// The reply to a message of PLAIN, sent on a connection of its own. While the maildrop is locked it is sent again: other
/// rows log in at the same time, and such a refusal does not judge the message.
pub(super) fn try_plain(bench: &Bench<'_>, message: &str) -> Result<Reply, Stop> {
    let started = Instant::now();
    loop {
        let mut wire = begin_plain(bench)?;
        let reply = respond(&mut wire, message)?;
        wire.logged_in = reply.positive;
        wire.quit();
        if !reply.is_locked() || started.elapsed() > LOCK {
            return Ok(reply);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn plain_login(bench: &mut Bench<'_>, command: &str) -> Result<Wire, Stop> {
    bench.facts.offers("PLAIN")?;
    bench.end_session();
    let mut wire = bench.open()?;
    let message = good(bench);
    let reply = wire.reply_secretly(&format!("{command} ***"), format!("{command} {message}").as_bytes())?;
    ensure(reply.positive, || format!("the login was refused: {}", escaped(&reply.raw)))?;
    wire.logged_in = true;
    Ok(wire)
}

/// The message that logs in, spoilt in ways that a lenient reader of base64 does not see; the last one
/// has bits behind its end.
fn mangled(bench: &Bench<'_>) -> Vec<(&'static str, Option<String>)> {
    let user = &bench.connect.user;
    let password = bench.connect.password.as_slice();
    let short = plain(b"", user, password);
    let long = plain(user, user, password);
    // One of the lengths may be a multiple of three, but not each has to be.
    let padded = [&short, &long].into_iter().find(|text| text.ends_with('='));
    let (front, back) = short.split_at(4);
    let bits = padded.and_then(|text| {
        let at = text.find('=')?;
        let last = text.as_bytes().get(at - 1)?;
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = alphabet.iter().position(|octet| octet == last)?;
        Some(format!("{}{}{}", &text[..at - 1], char::from(alphabet[value | 1]), &text[at..]))
    });
    vec![
        ("a foreign character", Some(format!("{front}!{back}"))),
        ("a space inside", Some(format!("{front} {back}"))),
        ("four more equals signs", Some(format!("{short}===="))),
        ("no padding", padded.map(|text| text.trim_end_matches('=').to_owned())),
        ("stray bits at the end", bits),
    ]
}

fn strict_base64(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.offers("PLAIN")?;
    let tries = mangled(bench);
    for (what, tried) in tries.iter().take(tries.len() - 1) {
        let Some(tried) = tried else { continue };
        let reply = try_plain(bench, tried)?;
        ensure(!reply.positive, || format!("base64 with {what} was taken"))?;
    }
    let mut wire = bench.open()?;
    wire.refused("AUTH PLAIN !!!!")?;
    wire.quit();
    done()
}

fn after_failure(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.offers("PLAIN")?;
    bench.end_session();
    let mut wire = begin_plain(bench)?;
    let reply = respond(&mut wire, &plain(b"", &bench.connect.user, &bench.wrong_password()))?;
    ensure(!reply.positive, || "a wrong password was accepted".to_owned())?;
    if wire.is_over() {
        return note("the server closes the connection after a failed login");
    }
    wire.refused("STAT")?;
    let again = bench.try_log_in(&mut wire)?;
    wire.quit();
    ensure(again.positive, || format!("a valid login after it was refused: {}", escaped(&again.raw)))?;
    let announced = bench.facts.before.as_ref().is_some_and(|list| list.has("AUTH-RESP-CODE"));
    ensure(!announced || reply.has_code("AUTH"), || {
        format!("a wrong password gets {}", escaped(&reply.raw))
    })?;
    done()
}

fn unlisted(bench: &mut Bench<'_>) -> Verdict {
    if bench.connect.tls == TestedTls::Implicit {
        return skip("the connection uses implicit TLS");
    }
    let names = bench.facts.clear.as_ref().and_then(|list| list.get("SASL")).unwrap_or_default();
    if names.iter().any(|name| name == "PLAIN") {
        return skip("PLAIN is offered in clear text");
    }
    let mut wire = bench.clear()?;
    // Not the account of this run: it is not for this line.
    wire.refused(&format!("AUTH PLAIN {}", plain(b"", b"nobody-of-this-name", b"wrong")))?;
    wire.quit();
    done()
}
