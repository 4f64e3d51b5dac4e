//! STLS and TLS.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::bench::Bench;
use crate::connect::TestedTls;
use crate::row::Check::{Bench as With, Outside};
use crate::row::RequirementLevel::{May, Must, Practice, Should};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{End, Handshake, Wire};

const LOG: &str = "needs the server's log";

pub(super) const ROWS: &[Row] = &[
    row(
        "2595-4.10",
        Must,
        "STLS is refused after the login.",
        With(|bench| {
            bench.refused_after(&["STLS"])?;
            done()
        }),
    ),
    row(
        "2595-4.11",
        Must,
        "TLS begins immediately after the reply to STLS.",
        With(|bench| {
            bench.offers_stls()?;
            let mut wire = bench.clear()?;
            wire.accepted("STLS")?;
            ensure(wire.quiet(wire.pause), || "octets in clear text follow the reply to STLS".to_owned())?;
            bench.secure(&mut wire)?;
            wire.quit();
            done()
        }),
    ),
    row(
        "2595-4.12",
        Practice,
        "Commands sent in clear text after STLS are not executed under TLS.",
        With(injected),
    ),
    row(
        "2595-4.16",
        Practice,
        "After STLS, the server discards what the client sent before.",
        With(forgotten),
    ),
    row(
        "2595-4.17",
        Must,
        "After STLS, there is no second greeting, and a login is still required.",
        With(|bench| {
            let mut wire = bench.stls()?;
            ensure(wire.quiet(wire.pause), || format!("{} came unasked", escaped(&wire.take_unread())))?;
            wire.refused("STAT")?;
            wire.quit();
            done()
        }),
    ),
    row(
        "2595-4.18",
        May,
        "STLS within TLS is refused.",
        With(|bench| {
            let mut wire = bench.tls()?;
            wire.refused("STLS")?;
            wire.quit();
            done()
        }),
    ),
    row(
        "2595-4.19",
        Practice,
        "If STLS is not offered, it is refused, and the session continues.",
        With(|bench| {
            let mut wire = bench.clear()?;
            if bench.facts.clear.as_ref().is_some_and(|list| list.has("STLS")) {
                wire.quit();
                return skip("STLS is offered");
            }
            wire.refused("STLS")?;
            wire.accepted("QUIT")?;
            done()
        }),
    ),
    row("2595-4.20", Practice, "A failed TLS handshake ends the connection.", With(garbage)),
    row("2595-2.10", Should, "The server can be configured to require TLS.", Outside("the site's choice")),
    row(
        "8314-3.01",
        Must,
        "On the TLS port, the greeting follows the handshake.",
        With(|bench| {
            if bench.connect.tls != TestedTls::Implicit {
                return skip("the connection does not use implicit TLS");
            }
            let wire = bench.open()?;
            ensure(wire.greeting.starts_with(b"+OK"), || {
                format!("the greeting is {}", escaped(&wire.greeting))
            })?;
            wire.quit();
            let mut wire = bench.dial()?;
            ensure(wire.quiet(wire.pause), || {
                format!("{} comes before the handshake", escaped(&wire.take_unread()))
            })?;
            done()
        }),
    ),
    row(
        "8314-3.02",
        Should,
        "The server ends TLS with close_notify.",
        With(|bench| {
            let mut wire = bench.tls()?;
            wire.accepted("QUIT")?;
            ensure(wire.ends(wire.timeout), || "the connection stays open after QUIT".to_owned())?;
            ensure(wire.end() == Some(&End::CloseNotify), || format!("it ended with {:?}", wire.end()))?;
            done()
        }),
    ),
    row(
        "8314-4.01",
        Must,
        "TLS 1.1 and older are refused.",
        With(|bench| {
            // TLS 1.1, and suites that it had.
            refuses(bench, &hello(0x0302, &[0xc014, 0xc013, 0x0035, 0x002f]), "TLS 1.1")
        }),
    ),
    row("8314-4.02", Should, "The TLS parameters are logged with logins.", Outside(LOG)),
    row(
        "8314-4.03",
        Must,
        "Without EXTERNAL, the server does not ask for a client certificate.",
        With(certificate_asked),
    ),
    row(
        "9325-3.01",
        Must,
        "ALPN pop3 is negotiated.",
        With(|bench| {
            let (wire, handshake) = with_alpn(bench, &[b"pop3"])?;
            ensure(handshake == Handshake::Established, || format!("{handshake:?}"))?;
            let chosen = wire.tls().and_then(|tls| tls.alpn_protocol()).map(escaped);
            wire.quit();
            ensure(chosen.as_deref() == Some("pop3"), || {
                format!("the server chose {}", chosen.as_deref().unwrap_or("nothing"))
            })?;
            done()
        }),
    ),
    row(
        "9325-3.02",
        Practice,
        "A client without ALPN is served; other protocols may be refused.",
        With(alpn),
    ),
    row(
        "9325-3.03",
        Should,
        "No compression, no insecure renegotiation.",
        Outside("needs an old TLS library"),
    ),
    row(
        "2595-2.12",
        Practice,
        "Cipher suites with 3DES are refused.",
        With(|bench| refuses(bench, &hello(0x0303, &[0x0013, 0x000a, 0xc012, 0x0016]), "3DES")),
    ),
];

/// A connection on which the next octets are those of a handshake.
fn at_handshake(bench: &Bench<'_>) -> Result<Wire, Stop> {
    if bench.connect.tls == TestedTls::Implicit {
        return bench.dial();
    }
    bench.offers_stls()?;
    let mut wire = bench.clear()?;
    wire.accepted("STLS")?;
    Ok(wire)
}

fn injected(bench: &mut Bench<'_>) -> Verdict {
    bench.offers_stls()?;
    let mut wire = bench.clear()?;
    // In one write, so that it comes in one piece.
    wire.send(b"STLS\r\nXYZZ\r\n")?;
    let reply = wire.read_reply("STLS")?;
    if !reply.positive {
        return note("STLS followed by a command is refused");
    }
    let Some((config, name)) = bench.connect.trust.clone() else { return skip("no TLS was configured") };
    if wire.handshake(config, name)? != Handshake::Established {
        return note("the connection is closed");
    }
    wire.send(b"QUIT\r\n")?;
    let first = match wire.read_reply("QUIT") {
        Ok(first) => first,
        Err(_) if wire.end().is_some() => return note("the connection is closed after the handshake"),
        Err(stop) => return Err(stop),
    };
    ensure(first.positive && wire.ends(wire.timeout), || {
        "a command sent in clear text was answered under TLS".to_owned()
    })?;
    note("thrown away")
}

fn forgotten(bench: &mut Bench<'_>) -> Verdict {
    bench.offers_stls()?;
    bench.end_session();
    let mut wire = bench.clear()?;
    let user = wire.reply(&format!("USER {}", bench.user()))?;
    if !user.positive {
        wire.quit();
        return skip("USER is refused in clear text");
    }
    let stls = wire.reply("STLS")?;
    if !stls.positive {
        wire.quit();
        return note("STLS is refused after USER");
    }
    bench.secure(&mut wire)?;
    let pass = bench.pass(&mut wire)?;
    wire.quit();
    ensure(!pass.positive, || "a name sent in clear text was used under TLS".to_owned())?;
    done()
}

fn garbage(bench: &mut Bench<'_>) -> Verdict {
    let mut wire = at_handshake(bench)?;
    wire.send(b"CAPA\r\nNOOP\r\nQUIT\r\n")?;
    let octets = wire.octets(wire.timeout);
    let clear = octets.starts_with(b"+OK") || octets.starts_with(b"-ERR");
    ensure(!clear, || format!("the server continues in clear text: {}", escaped(&octets)))?;
    ensure(wire.end().is_some() || wire.ends(wire.timeout), || "the connection stays open".to_owned())?;
    done()
}

/// That the server answers this ClientHello by an alert or the end.
fn refuses(bench: &mut Bench<'_>, hello: &[u8], what: &str) -> Verdict {
    if bench.connect.trust.is_none() {
        return skip("no TLS was configured");
    }
    let mut wire = at_handshake(bench)?;
    wire.send_as(&format!("(ClientHello with {what})"), hello)?;
    let octets = wire.octets(wire.timeout.min(Duration::from_secs(10)));
    // 22 is a handshake, 2 a ServerHello.
    let accepted = octets.first() == Some(&22) && octets.get(5) == Some(&2);
    ensure(!accepted, || {
        let version = octets.get(9..11).unwrap_or_default();
        format!("{what} is accepted: ServerHello with version {version:02x?}")
    })?;
    ensure(octets.first() == Some(&21) || octets.is_empty() && wire.end().is_some(), || {
        format!("neither an alert nor the end of the connection: {}", escaped(&octets))
    })?;
    done()
}

/// A ClientHello of TLS 1.2 or older.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(&[0x5a; 32]);
    body.push(0);
    body.extend_from_slice(&(suites.len() as u16 * 2).to_be_bytes());
    body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend_from_slice(&[1, 0]);
    // Extensions: groups x25519 and P-256, uncompressed points, RSA and ECDSA with SHA-256 and SHA-1.
    let extensions: [&[u8]; 3] = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 10, 0, 8, 4, 1, 4, 3, 2, 1, 2, 3],
    ];
    let extensions = extensions.concat();
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);
    let length = (body.len() as u32).to_be_bytes();
    let handshake = [&[1], &length[1..], &*body].concat();
    let record = (handshake.len() as u16).to_be_bytes();
    [&[22, 3, 1], &record[..], &handshake].concat()
}

/// A client's side that notes whether it was asked for a certificate.
#[derive(Debug, Default)]
struct Spy(AtomicBool);

impl ResolvesClientCert for Spy {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Else nobody asks here.
        true
    }
}

fn certificate_asked(bench: &mut Bench<'_>) -> Verdict {
    let Some((config, name)) = bench.connect.trust.clone() else { return skip("no TLS was configured") };
    let mut wire = at_handshake(bench)?;
    let spy = Arc::new(Spy::default());
    let mut config: ClientConfig = (*config).clone();
    config.client_auth_cert_resolver = Arc::clone(&spy) as Arc<dyn ResolvesClientCert>;
    let handshake = wire.handshake(Arc::new(config), name)?;
    if !spy.0.load(Ordering::Relaxed) {
        return match handshake {
            Handshake::Established => {
                wire.quit();
                note("the server does not ask for a certificate")
            }
            Handshake::Untrusted(fault) => skip(format!("the certificate is not trusted: {fault}")),
            Handshake::Refused(fault) => fail(format!("no TLS: {fault}")),
        };
    }
    if bench.connect.tls == TestedTls::Implicit {
        wire.line("the greeting")?;
    }
    let list = crate::facts::capabilities(&mut wire)?.unwrap_or_default();
    wire.quit();
    let external = list.get("SASL").is_some_and(|names| names.iter().any(|name| name == "EXTERNAL"));
    // EXTERNAL may be listed only to who has shown a certificate.
    if external {
        note("asked for, EXTERNAL is offered")
    } else {
        note("the server asks for one; EXTERNAL is not offered without it")
    }
}

fn with_alpn(bench: &Bench<'_>, protocols: &[&[u8]]) -> Result<(Wire, Handshake), Stop> {
    let Some((config, name)) = bench.connect.trust.clone() else { return skip("no TLS was configured") };
    let mut wire = at_handshake(bench)?;
    let mut config: ClientConfig = (*config).clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let handshake = wire.handshake(Arc::new(config), name)?;
    if let Handshake::Untrusted(fault) = &handshake {
        return skip(format!("the certificate is not trusted: {fault}"));
    }
    Ok((wire, handshake))
}

fn alpn(bench: &mut Bench<'_>) -> Verdict {
    let (wire, handshake) = with_alpn(bench, &[])?;
    wire.quit();
    ensure(handshake == Handshake::Established, || {
        format!("the handshake failed without ALPN: {handshake:?}")
    })?;
    let (wire, handshake) = with_alpn(bench, &[b"http/1.1"])?;
    wire.quit();
    note(if handshake == Handshake::Established {
        "a different protocol is accepted"
    } else {
        "a different protocol is refused"
    })
}
