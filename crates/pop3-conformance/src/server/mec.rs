//! Mechanisms other than SCRAM.

use super::aut::{begin, begin_plain, respond, try_plain};
use crate::bench::Bench;
use crate::row::Check::{Bench as With, Open, Outside};
use crate::row::RequirementLevel::{May, Must, Practice, Should};
use crate::row::{Row, late, row, swarm};
use crate::sasl::{base64, cram_md5, decoded, plain};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Answer, Reply, Wire};

pub(super) const ROWS: &[Row] = &[
    swarm(
        "4616-2.01",
        Must,
        "PLAIN accepts names and passwords of 255 octets.",
        With(|bench| {
            let mut wire = begin_plain(bench)?;
            let reply = respond(&mut wire, &plain(b"", &[b'a'; 255], &[b'b'; 255]))?;
            ensure(!reply.positive, || "an invalid login was accepted".to_owned())?;
            ensure(!wire.is_over(), || "the connection was closed".to_owned())?;
            wire.quit();
            done()
        }),
    ),
    swarm("4616-2.02", Must, "A malformed PLAIN message is refused.", With(malformed)),
    swarm(
        "4616-2.03",
        Must,
        "No user can log in as another user.",
        With(|bench| {
            let message = plain(b"nobody-of-this-name", &bench.connect.user, &bench.connect.password);
            let reply = try_plain(bench, &message)?;
            ensure(!reply.positive, || {
                "the login as another user was accepted, or its name was ignored".to_owned()
            })?;
            done()
        }),
    ),
    row(
        "4616-2.04",
        Should,
        "Names and passwords are prepared before they are compared.",
        Outside("needs such an account"),
    ),
    row("LOGIN-1.01", Practice, "LOGIN asks for the name, then for the password.", With(login)),
    row(
        "2195-2.01",
        Must,
        "CRAM-MD5 is the HMAC of a challenge in angle brackets.",
        With(|bench| {
            bench.facts.offers("CRAM-MD5")?;
            bench.end_session();
            let mut wire = bench.open()?;
            let challenge = cram_challenge(&mut wire)?;
            let text = String::from_utf8_lossy(&challenge).into_owned();
            let good = text.starts_with('<') && text.ends_with('>') && text.contains('@');
            ensure(good, || format!("the challenge is {}", escaped(&challenge)))?;
            let response =
                cram_md5(&bench.connect.user, &bench.connect.password, &challenge).unwrap_or_default();
            let reply = respond(&mut wire, &response)?;
            wire.logged_in = reply.positive;
            wire.quit();
            if !reply.positive {
                return skip(format!("this user can't use CRAM-MD5: {}", escaped(&reply.raw)));
            }
            done()
        }),
    ),
    row(
        "2195-2.02",
        Must,
        "Each CRAM-MD5 exchange has a different challenge.",
        With(|bench| {
            bench.facts.offers("CRAM-MD5")?;
            let mut seen = Vec::new();
            for _ in 0..3 {
                let mut wire = bench.open()?;
                let challenge = cram_challenge(&mut wire)?;
                wire.refused("*")?;
                wire.quit();
                ensure(!seen.contains(&challenge), || format!("{} came twice", escaped(&challenge)))?;
                seen.push(challenge);
            }
            done()
        }),
    ),
    row("2195-2.03", Practice, "CRAM-MD5 is not offered by default.", Outside("the site's choice")),
    row("7628-3.01", Must, "OAUTHBEARER accepts a token.", Outside("needs a token")),
    late(
        "7628-3.02",
        Must,
        "An invalid token gets JSON and then a refusal.",
        With(|bench| {
            let message = format!("n,a={},\x01auth=Bearer bad\x01\x01", bench.user());
            token(bench, "OAUTHBEARER", &message, "AQ==")
        }),
    ),
    row("7628-3.03", Must, "A different host is refused.", Outside("needs a token")),
    row(
        "7628-3.04",
        Must,
        "Tokens are accepted only over TLS.",
        With(|bench| {
            let Some(list) = &bench.facts.clear else { return skip("CAPA does not work before TLS") };
            let names = list.get("SASL").unwrap_or_default();
            let token = names.iter().find(|name| ["OAUTHBEARER", "XOAUTH2"].contains(&name.as_str()));
            if let Some(name) = token {
                return fail(format!("{name} is offered in clear text"));
            }
            let mut wire = bench.clear()?;
            wire.refused("AUTH OAUTHBEARER bixhPXUsAWF1dGg9QmVhcmVyIGJhZAEB")?;
            wire.quit();
            done()
        }),
    ),
    late(
        "XOA-1.01",
        Practice,
        "XOAUTH2 with an invalid token is refused.",
        With(|bench| {
            let message = format!("user={}\x01auth=Bearer bad\x01\x01", bench.user());
            token(bench, "XOAUTH2", &message, "")
        }),
    ),
    row(
        "EXT-1.01",
        May,
        "EXTERNAL without a client certificate is refused.",
        Open(|wire, facts| {
            let listed = facts.mechanisms().iter().any(|name| name == "EXTERNAL");
            ensure(!listed, || "EXTERNAL is offered without a client certificate".to_owned())?;
            wire.refused("AUTH EXTERNAL =")?;
            done()
        }),
    ),
    row(
        "4505-2.01",
        May,
        "ANONYMOUS is refused if it is not offered.",
        Open(|wire, facts| {
            if facts.mechanisms().iter().any(|name| name == "ANONYMOUS") {
                return skip("ANONYMOUS is offered");
            }
            wire.refused("AUTH ANONYMOUS c2lyaGM=")?;
            done()
        }),
    ),
];

fn malformed(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.offers("PLAIN")?;
    let (user, password) = (bench.connect.user.as_slice(), bench.connect.password.as_slice());
    let tries: [(&str, Vec<u8>); 6] = [
        ("no NUL", b"a".to_vec()),
        ("one NUL", [user, b"\0", password].concat()),
        ("three NULs", [b"\0", user, b"\0", password, b"\0"].concat()),
        ("no name", [b"\0\0", password].concat()),
        ("no password", [b"\0", user, b"\0"].concat()),
        ("a name that is not UTF-8", [b"\0\xff\0", password].concat()),
    ];
    for (what, message) in tries {
        let mut wire = begin_plain(bench)?;
        let reply = respond(&mut wire, &base64(&message))?;
        wire.logged_in = reply.positive;
        wire.quit();
        ensure(!reply.positive, || format!("a message with {what} was accepted"))?;
    }
    done()
}

fn login(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.offers("LOGIN")?;
    bench.end_session();
    let mut wire = bench.open()?;
    begin(&mut wire, "AUTH LOGIN")?;
    wire.send(format!("{}\r\n", base64(&bench.connect.user)).as_bytes())?;
    let Answer::Challenge(prompt, _) = wire.read_answer("the name")? else {
        return fail("there was no prompt after the name");
    };
    let reply = respond(&mut wire, &base64(&bench.connect.password))?;
    wire.logged_in = reply.positive;
    wire.quit();
    ensure(reply.positive, || format!("the login was refused: {}", escaped(&reply.raw)))?;
    note(escaped(&decoded(&prompt).unwrap_or_default()))
}

fn cram_challenge(wire: &mut Wire) -> Result<Vec<u8>, Stop> {
    let line = begin(wire, "AUTH CRAM-MD5")?;
    let text = String::from_utf8_lossy(crate::wire::trimmed(&line).get(2..).unwrap_or_default()).into_owned();
    match decoded(&text) {
        Some(challenge) => Ok(challenge),
        None => fail(format!("{} is not base64", escaped(text.as_bytes()))),
    }
}

/// A token that nobody has given: a challenge with JSON, an answer that means nothing, the refusal.
fn token(bench: &mut Bench<'_>, mechanism: &str, message: &str, answer: &str) -> Verdict {
    let mut wire = bench.open()?;
    bench.facts.offers(mechanism)?;
    wire.send(format!("AUTH {mechanism}\r\n").as_bytes())?;
    if let Answer::Challenge(..) = wire.read_answer(mechanism)? {
        wire.send(format!("{}\r\n", base64(message.as_bytes())).as_bytes())?;
    }
    let reply: Reply = match wire.read_answer("the token")? {
        Answer::Reply(reply) => reply,
        Answer::Challenge(text, _) => {
            let json = decoded(&text).unwrap_or_default();
            ensure(json.starts_with(b"{"), || format!("the challenge is {}", escaped(&json)))?;
            wire.send(format!("{answer}\r\n").as_bytes())?;
            let reply = wire.read_reply("the reply to the response")?;
            ensure(!reply.positive, || "an invalid token was accepted".to_owned())?;
            wire.quit();
            return done();
        }
    };
    wire.quit();
    ensure(!reply.positive, || "an invalid token was accepted".to_owned())?;
    fail(format!("no challenge reports the error: {}", escaped(&reply.raw)))
}
