//! SCRAM and channel binding.

use super::aut::respond;
use crate::bench::Bench;
use crate::row::Check::Bench as With;
use crate::row::RequirementLevel::{Must, Should};
use crate::row::{Row, late, row, swarm};
use crate::sasl::{First, Hash, Scram, base64, decoded};
use crate::show::escaped;
use crate::verdict::{Stop, done, ensure, fail, note, skip};
use crate::wire::{Answer, Reply, Wire};

pub(super) const ROWS: &[Row] = &[
    row(
        "5802-5.01",
        Must,
        "SCRAM logs in, and the server proves that it knows the password.",
        With(|bench| {
            let mut names = Vec::new();
            for mechanism in scrams(bench)?.iter().filter(|name| !name.ends_with("-PLUS")) {
                log_in(bench, mechanism, "n,,", &[])?;
                names.push(mechanism.clone());
            }
            if names.is_empty() {
                skip("SCRAM is offered only with channel binding")
            } else {
                note(names.join(", "))
            }
        }),
    ),
    swarm(
        "5802-5.03",
        Must,
        "A nonce that differs from the server's is refused.",
        With(|bench| {
            let (mut wire, scram, first) = begin(bench, "n,,", |scram| scram)?;
            let (last, _) = scram.last(&first, &bench.connect.password, &format!("{}x", first.nonce));
            refused(&mut wire, &last, "a different nonce was accepted")?;
            wire.quit();
            done()
        }),
    ),
    row(
        "5802-5.04",
        Should,
        "The iteration count is at least 4096.",
        With(|bench| {
            let (mut wire, _, first) = begin(bench, "n,,", |scram| scram)?;
            wire.refused("*")?;
            wire.quit();
            ensure(first.rounds >= 4096, || format!("the iteration count is {}", first.rounds))?;
            note(format!("{} rounds", first.rounds))
        }),
    ),
    swarm(
        "5802-5.05",
        Must,
        "A wrongly escaped name is refused.",
        With(|bench| {
            for name in ["a=4D", "a=2c", "a="] {
                never(bench, "n,,", &format!("the name {name}"), |scram| scram.with_bare("", name))?;
            }
            done()
        }),
    ),
    swarm(
        "5802-5.06",
        Must,
        "An unknown mandatory extension is refused.",
        With(|bench| {
            let user = bench.user();
            never(bench, "n,,", "the extension m=x", |scram| scram.with_bare("m=x,", &user))?;
            done()
        }),
    ),
    swarm(
        "5802-6.01",
        Must,
        "A client that did not see the offered -PLUS is refused.",
        With(|bench| {
            let plus = scrams(bench)?.iter().any(|name| name.ends_with("-PLUS"));
            if !plus {
                return skip("no -PLUS is offered");
            }
            never(bench, "y,,", "the flag y, although -PLUS is offered,", |scram| scram)?;
            done()
        }),
    ),
    swarm(
        "5802-6.02",
        Must,
        "An unknown binding is refused; without TLS there is no -PLUS.",
        With(|bench| {
            let clear = bench.facts.clear.as_ref().and_then(|list| list.get("SASL")).unwrap_or_default();
            let plus = clear.iter().find(|name| name.ends_with("-PLUS"));
            ensure(plus.is_none(), || format!("{} is offered in clear text", plus.map_or("", |name| name)))?;
            scrams(bench)?;
            never(bench, "p=foo,,", "the binding foo", |scram| scram)?;
            done()
        }),
    ),
    row(
        "5802-6.03",
        Should,
        "An unknown name always gets the same salt.",
        With(|bench| {
            let mut seen: Vec<(Vec<u8>, u32)> = Vec::new();
            for _ in 0..2 {
                let (mut wire, _, first) =
                    begin(bench, "n,,", |scram| scram.with_bare("", "nobody-of-this-name"))?;
                wire.refused("*")?;
                wire.quit();
                seen.push((first.salt, first.rounds));
            }
            ensure(seen.first() == seen.last(), || "it has a different salt each time".to_owned())?;
            done()
        }),
    ),
    row(
        "9266-2.01",
        Must,
        "-PLUS can be bound by tls-exporter.",
        With(|bench| {
            let mechanism = plus(bench)?;
            log_in(bench, &mechanism, "p=tls-exporter,,", b"tls-exporter")?;
            note(mechanism)
        }),
    ),
    late(
        "9266-4.01",
        Must,
        "tls-exporter is used only once on each TLS connection.",
        With(|bench| {
            let mechanism = plus(bench)?;
            let mut wire = bench.open()?;
            let binding = exporter(&wire)?;
            for attempt in [1, 2] {
                let scram = new(&mechanism, "p=tls-exporter,,", &binding, &bench.user())?;
                wire.send(format!("AUTH {mechanism} {}\r\n", scram.first()).as_bytes())?;
                match wire.read_answer(&mechanism)? {
                    Answer::Reply(reply) if attempt == 2 && !reply.positive => {
                        wire.quit();
                        return done();
                    }
                    Answer::Reply(reply) => {
                        return fail(format!("the first message gets {}", escaped(&reply.raw)));
                    }
                    Answer::Challenge(..) if attempt == 2 => break,
                    Answer::Challenge(text, _) => {
                        let Some(first) = scram.read(&text) else {
                            return fail("the challenge is not a SCRAM message");
                        };
                        let (last, _) = scram.last(&first, &bench.wrong_password(), &first.nonce);
                        refused(&mut wire, &last, "a wrong password was accepted")?;
                        if wire.is_over() {
                            return note("the server closes the connection after a failed login");
                        }
                    }
                }
            }
            wire.refused("*")?;
            wire.quit();
            fail("a second exchange on the same TLS connection was accepted")
        }),
    ),
    swarm(
        "5929-3.01",
        Must,
        "tls-unique is refused in TLS 1.3.",
        With(|bench| {
            let mechanism = plus(bench)?;
            let mut wire = bench.open()?;
            let version = wire.tls().and_then(|tls| tls.protocol_version());
            if version != Some(rustls::ProtocolVersion::TLSv1_3) {
                return skip("TLS is older");
            }
            let scram = new(&mechanism, "p=tls-unique,,", b"", &bench.user())?;
            wire.refused(&format!("AUTH {mechanism} {}", scram.first()))?;
            wire.quit();
            done()
        }),
    ),
    row(
        "5929-4.01",
        Must,
        "-PLUS can be bound by tls-server-end-point.",
        With(|bench| {
            let mechanism = plus(bench)?;
            log_in(bench, &mechanism, "p=tls-server-end-point,,", b"tls-server-end-point")?;
            done()
        }),
    ),
];

/// The mechanisms of SCRAM that are offered.
fn scrams(bench: &Bench<'_>) -> Result<Vec<String>, Stop> {
    let names: Vec<String> =
        bench.facts.mechanisms().into_iter().filter(|name| Hash::of(name).is_some()).collect();
    if names.is_empty() { skip("no SCRAM offered") } else { Ok(names) }
}

fn plain_scram(bench: &Bench<'_>) -> Result<String, Stop> {
    let name = scrams(bench)?.into_iter().find(|name| !name.ends_with("-PLUS"));
    name.map_or_else(|| skip("SCRAM is offered only with channel binding"), Ok)
}

fn plus(bench: &Bench<'_>) -> Result<String, Stop> {
    let name = scrams(bench)?.into_iter().find(|name| name.ends_with("-PLUS"));
    name.map_or_else(|| skip("no -PLUS offered"), Ok)
}

fn new(mechanism: &str, header: &str, binding: &[u8], user: &str) -> Result<Scram, Stop> {
    let hash = Hash::of(mechanism);
    hash.map_or_else(|| skip("no SCRAM"), |hash| Ok(Scram::new(hash, header, binding, user)))
}

/// An exchange up to the server's first message.
fn begin(
    bench: &mut Bench<'_>,
    header: &str,
    change: impl FnOnce(Scram) -> Scram,
) -> Result<(Wire, Scram, First), Stop> {
    let mechanism = plain_scram(bench)?;
    let scram = change(new(&mechanism, header, &[], &bench.user())?);
    let mut wire = bench.open()?;
    wire.send(format!("AUTH {mechanism} {}\r\n", scram.first()).as_bytes())?;
    match wire.read_answer(&mechanism)? {
        Answer::Reply(reply) => fail(format!("the first message gets {}", escaped(&reply.raw))),
        Answer::Challenge(text, _) => match scram.read(&text) {
            Some(first) if scram.extends(&first) => Ok((wire, scram, first)),
            Some(_) => fail("the server's nonce does not begin with the client's"),
            None => fail(format!("{} is no first message", escaped(text.as_bytes()))),
        },
    }
}

/// That a first message leads to no login: it is refused at once, or the last one is.
fn never(
    bench: &mut Bench<'_>,
    header: &str,
    what: &str,
    change: impl FnOnce(Scram) -> Scram,
) -> Result<(), Stop> {
    let mechanism = plain_scram(bench)?;
    let scram = change(new(&mechanism, header, &[], &bench.user())?);
    let mut wire = bench.open()?;
    wire.send(format!("AUTH {mechanism} {}\r\n", scram.first()).as_bytes())?;
    match wire.read_answer(&mechanism)? {
        Answer::Reply(reply) => ensure(!reply.positive, || format!("{what} was taken"))?,
        Answer::Challenge(text, _) => {
            if let Some(first) = scram.read(&text) {
                let (last, _) = scram.last(&first, &bench.connect.password, &first.nonce);
                refused(&mut wire, &last, &format!("{what} was taken"))?;
            } else {
                // An error of SCRAM as a challenge: the client says nothing, the refusal follows.
                let reply = wire.reply("")?;
                ensure(!reply.positive, || format!("{what} was taken"))?;
            }
        }
    }
    wire.quit();
    Ok(())
}

/// Sends a last message that must not be taken. The refusal may come behind a challenge `e=...`.
fn refused(wire: &mut Wire, last: &str, fault: &str) -> Result<(), Stop> {
    wire.send(format!("{last}\r\n").as_bytes())?;
    let reply: Reply = match wire.read_answer("the last message")? {
        Answer::Reply(reply) => reply,
        Answer::Challenge(text, _) => {
            let text = decoded(&text).unwrap_or_default();
            ensure(!text.starts_with(b"v="), || fault.to_owned())?;
            wire.reply("")?
        }
    };
    wire.logged_in = reply.positive;
    ensure(!reply.positive, || fault.to_owned())
}

/// A whole exchange with the right password. `binding` names what the channel gives.
fn log_in(bench: &mut Bench<'_>, mechanism: &str, header: &str, binding: &[u8]) -> Result<(), Stop> {
    bench.end_session();
    let mut wire = bench.open()?;
    let octets = match binding {
        b"" => Vec::new(),
        b"tls-exporter" => exporter(&wire)?,
        _ => end_point(&wire)?,
    };
    let scram = new(mechanism, header, &octets, &bench.user())?;
    wire.send(format!("AUTH {mechanism} {}\r\n", scram.first()).as_bytes())?;
    let first = match wire.read_answer(mechanism)? {
        Answer::Reply(reply) => return fail(format!("{mechanism}: {}", escaped(&reply.raw))),
        Answer::Challenge(text, _) => match scram.read(&text) {
            Some(first) if scram.extends(&first) => first,
            _ => return fail(format!("{} is no first message", escaped(text.as_bytes()))),
        },
    };
    let (last, signature) = scram.last(&first, &bench.connect.password, &first.nonce);
    wire.send_as("***", format!("{last}\r\n").as_bytes())?;
    let proof = match wire.read_answer("the last message")? {
        Answer::Challenge(text, _) => decoded(&text).unwrap_or_default(),
        Answer::Reply(reply) if reply.positive => return fail("the server sends no proof"),
        Answer::Reply(reply) => {
            // Announced, but this user's secret may be kept in another form.
            return skip(format!("this user can't use {mechanism}: {}", escaped(&reply.raw)));
        }
    };
    let due = format!("v={}", base64(&signature));
    ensure(proof == due.as_bytes(), || format!("{mechanism}: the server's signature is wrong"))?;
    let reply = respond(&mut wire, "")?;
    ensure(reply.positive, || format!("{mechanism}: {}", escaped(&reply.raw)))?;
    wire.logged_in = true;
    wire.accepted("STAT")?;
    wire.quit();
    Ok(())
}

/// RFC 9266 section 2.
fn exporter(wire: &Wire) -> Result<Vec<u8>, Stop> {
    let Some(tls) = wire.tls() else { return skip("the connection does not use TLS") };
    match tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")) {
        Ok(octets) => Ok(octets.to_vec()),
        Err(error) => skip(format!("TLS exports nothing: {error}")),
    }
}

/// RFC 5929 section 4: the certificate's hash, by the hash of its signature, which is SHA-256 but for few.
fn end_point(wire: &Wire) -> Result<Vec<u8>, Stop> {
    use sha2::Digest as _;
    let chain = wire.tls().and_then(|tls| tls.peer_certificates()).and_then(<[_]>::first);
    let Some(certificate) = chain else { return skip("the connection does not use TLS") };
    let has = |oid: &[u8]| certificate.windows(oid.len()).any(|window| window == oid);
    // sha384WithRSAEncryption, ecdsa-with-SHA384, sha512WithRSAEncryption, ecdsa-with-SHA512.
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    if has(&[&RSA[..], &[12]].concat()) || has(&[&ECDSA[..], &[3]].concat()) {
        return Ok(sha2::Sha384::digest(certificate).to_vec());
    }
    if has(&[&RSA[..], &[13]].concat()) || has(&[&ECDSA[..], &[4]].concat()) {
        return Ok(sha2::Sha512::digest(certificate).to_vec());
    }
    Ok(sha2::Sha256::digest(certificate).to_vec())
}
