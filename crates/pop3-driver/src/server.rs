//! The server: from an accepted connection to the report on its session.

mod drive;
mod link;
mod proxy;
mod sasl;
mod service;

pub use proxy::Proxy;
pub use sasl::Sasl;
pub use service::{Peer, Report, Service, Welcome};

use core::time::Duration;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::server::{Close, Connection};
use pop3_proto::{Instant, Rejection};

use crate::backend::Backend as _;
use crate::panics::caught;
use crate::stop::Stop;
use crate::transport::Transport;
use drive::{End, Session};
use link::Link;
use sasl::Exchanges;

/// When TLS begins on a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "POP3 has these two ways to begin")]
pub enum Entrance {
    /// With the first octet (port 995, RFC 8314 section 3.3).
    Implicit,
    /// By STLS, if the [`Service`] offers it, or never (port 110).
    Plain,
}

/// Serves one connection to its end.
///
/// When this returns, the maildrop is released and the transport is closed. The service was told
/// how the session ended. A panic of the service or of its backend ends this session only: it goes no further
/// than here.
pub async fn serve<T: Transport, S: Service>(
    transport: T,
    entrance: Entrance,
    peer: Peer,
    service: &S,
    stop: &Stop,
) {
    let begun = std::time::Instant::now();
    let known = peer.clone();
    if caught(serve_to_end(transport, entrance, peer, service, stop)).await.is_err() {
        let report = Report::panicked(begun.elapsed());
        // There is nobody to tell but the service.
        let _ = caught(async { service.ended(&known, &report) }).await;
    }
}

async fn serve_to_end<T: Transport, S: Service>(
    mut transport: T,
    entrance: Entrance,
    mut peer: Peer,
    service: &S,
    stop: &Stop,
) {
    let opened = transport.now();
    // A handshake that fails takes the transport and its clock along.
    let begun = std::time::Instant::now();
    if service.expects_proxy(&peer) {
        let deadline = opened.after(PROXY_TIMEOUT);
        let read = stop.race(peer.read_proxy_header(&mut transport, deadline)).await;
        let fault = match read {
            Some(Ok(())) => None,
            // Where reading blocks, throwing the switch shows as the end of input.
            Some(Err(_)) if stop.is_stopped() => Some(None),
            Some(Err(error)) => Some(Some(error)),
            None => Some(None),
        };
        if let Some(error) = fault {
            let report = Report::failed_start("PROXY header", error, begun.elapsed());
            return service.ended(&peer, &report);
        }
    }
    let mut link = Link::new(peer);
    let Welcome { config, mut backend, timestamp, trusted, trusted_proxy, sasl } =
        match service.connect(link.peer()) {
            Ok(welcome) => welcome,
            Err(rejection) => return turn_away(transport, entrance, &rejection).await,
        };
    let login_deadline = opened.after(config.limits.login_timeout);
    if entrance == Entrance::Implicit {
        transport = match secure(transport, login_deadline, stop).await {
            Ok(transport) => transport,
            Err(error) => {
                drop(backend);
                let report = Report::failed_start(HANDSHAKE, error, begun.elapsed());
                return service.ended(link.peer(), &report);
            }
        };
        link.secured(transport.tls());
        if let Some(tls) = link.tls() {
            backend.secured(tls);
        }
    }
    let channel = link.channel(trusted);
    let mut connection = Connection::new(Arc::clone(&config), channel, timestamp, opened);
    connection.set_trusted_proxy(trusted_proxy);
    let mut session = Session::new(connection, backend, Exchanges::new(sasl), link.tls());
    let ended = loop {
        match session.drive(&mut transport, stop).await {
            End::Closed(ended) => break ended,
            End::Proxied(mut proxied, client) => {
                link.speaks_for(client);
                let backend = service.connect(link.peer()).map(|welcome| welcome.backend);
                proxied.proxied(backend, link.tls(), transport.now());
                session = *proxied;
            }
            End::StartTls(suspended) => {
                transport = match secure(transport, login_deadline, stop).await {
                    Ok(transport) => transport,
                    Err(error) => {
                        let report = Report::new(suspended.failed(error), begun.elapsed());
                        return service.ended(link.peer(), &report);
                    }
                };
                let backend = if link.secured(transport.tls()) {
                    // It was for the client that XCLIENT named in clear text.
                    match service.connect(link.peer()) {
                        Ok(welcome) => Some(welcome.backend),
                        Err(rejection) => {
                            say(&mut transport, &rejection).await;
                            break suspended.closed(Close::Stopped);
                        }
                    }
                } else {
                    None
                };
                session = suspended.resume(backend, link.tls(), transport.now());
            }
        }
    };
    transport.close(transport.now().after(CLOSE_TIMEOUT)).await;
    service.ended(link.peer(), &Report::new(ended, transport.now().since(opened)));
}

/// Does the handshake. There is no error when it failed because the server was stopped.
async fn secure<T: Transport>(transport: T, deadline: Instant, stop: &Stop) -> Result<T, Option<io::Error>> {
    match stop.race(transport.secure(deadline)).await {
        Some(Ok(transport)) => Ok(transport),
        // Where reading blocks, throwing the switch shows as the end of input.
        Some(Err(_)) if stop.is_stopped() => Err(None),
        Some(Err(error)) => Err(Some(error)),
        None => Err(None),
    }
}

/// How long the header of a proxy may take. Proxies send it with the first octets.
const PROXY_TIMEOUT: Duration = Duration::from_secs(5);

/// What has failed when a handshake has.
const HANDSHAKE: &str = "TLS handshake";

/// How long the end of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Says why the connection is not taken, where that can be said without a handshake.
async fn turn_away<T: Transport>(mut transport: T, entrance: Entrance, rejection: &Rejection) {
    if entrance == Entrance::Plain {
        say(&mut transport, rejection).await;
    }
    transport.close(transport.now().after(CLOSE_TIMEOUT)).await;
}

/// Says why the connection ends. Who is turned away may be gone already.
async fn say<T: Transport>(transport: &mut T, rejection: &Rejection) {
    let mut line = BytesMut::new();
    pop3_proto::server::turn_away(rejection, &mut line);
    let _ = transport.write(&line, transport.now().after(CLOSE_TIMEOUT)).await;
}

/// Makes a timestamp for APOP from the system's source of random octets.
///
/// # Errors
/// When the system has none.
pub fn timestamp(host: &str) -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(pop3_proto::apop::make_timestamp(random, host))
}
