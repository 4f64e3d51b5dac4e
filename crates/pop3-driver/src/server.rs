//! The server: from an accepted connection to the report on its session.

mod admitted;
mod drive;
mod ended;
mod link;
mod peer;
mod place;
mod proxy;
mod report;
mod sasl;
mod service;
mod sessions;
mod switches;
mod taken_over;
mod task;
mod telling;
#[cfg(test)]
mod tests;
mod unwelcome;
mod welcoming;

pub use admitted::{Admitted, admit};
pub use peer::{Peer, SessionId};
pub use place::Place;
pub use proxy::Proxy;
pub use report::SessionReport;
pub use sasl::Sasl;
pub use service::{Service, Welcome, is_of_one_connection};
pub use sessions::Sessions;
pub use taken_over::TakenOver;
pub use welcoming::WELCOME_TIMEOUT;

use core::pin::pin;
use core::time::Duration;
use std::io;

use bytes::BytesMut;
use pop3_proto::apop::Timestamp;
use pop3_proto::server::ServerConnection;
use pop3_proto::{Instant, Rejection};

use crate::backend::Backend;
use crate::stop::Stop;
use crate::transport::Transport;
use admitted::Parts;
use drive::{Pause, Session};
use link::Link;
use sasl::Exchanges;
use switches::Switches;
use welcoming::welcome;

/// When TLS starts on the connections of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "POP3 has these two ways to begin")]
pub enum Entrance {
    /// TLS starts with the first octet (port 995, RFC 8314 section 3.3). Also use this for a transport that is
    /// already in TLS.
    Implicit,
    /// TLS starts with STLS (RFC 2595 section 4) if the [`Service`] offers it. Otherwise there is no TLS (port 110).
    Plain,
}

/// Serves one connection until it ends: calls [`admit`], then [`Admitted::serve`]. See the [crate] for an
/// example.
pub async fn serve<T: Transport, S: Service>(
    transport: T,
    entrance: Entrance,
    peer: Peer,
    service: &S,
    stop: &Stop,
) {
    if let Some(admitted) = admit(transport, entrance, peer, service).await {
        admitted.serve(service, stop).await;
    }
}

/// How a connection has ended.
struct Served<T, B> {
    /// The client, and how its session went.
    outcome: Box<(Peer, SessionReport)>,
    /// The connection, if something else continues with it.
    taken: Option<Box<TakenOver<T, B>>>,
}

impl<T, B> Served<T, B> {
    fn new(peer: Peer, report: SessionReport) -> Self {
        Self { outcome: Box::new((peer, report)), taken: None }
    }
}

async fn serve_to_end<T: Transport, S: Service>(
    parts: Box<Parts<T>>,
    service: &S,
    stop: &Stop,
) -> Served<T, S::Backend> {
    let Parts { mut transport, entrance, peer, end, opened, begun, .. } = *parts;
    let switches = Switches { stop, end: &end };
    #[cfg(feature = "proxy")]
    let mut peer = peer;
    #[cfg(feature = "proxy")]
    if service.expects_proxy(&peer) {
        let deadline = opened.after(PROXY_TIMEOUT);
        match switches.race(Box::pin(proxy::Header::read(&mut transport, deadline))).await {
            Ok(header) => peer.came_through(&header),
            Err(failure) => {
                peer.place = Place::none();
                let report = SessionReport::failed_start("PROXY header", failure, begun.elapsed());
                return Served::new(peer, report);
            }
        }
    }
    let mut link = Link::new(peer);
    let unserved = |link: Link, (close, error)| {
        Served::new(link.into_peer(), SessionReport::unserved(close, error, begun.elapsed()))
    };
    let welcomed = match Box::pin(welcome(service, link.peer(), &mut transport, &switches)).await {
        Ok(welcomed) => welcomed,
        Err(unwelcome) => {
            if let Some(rejection) = &unwelcome.rejection {
                let _ = switches.unless_ended(Box::pin(turn_away(transport, entrance, rejection))).await;
            }
            return unserved(link, (unwelcome.close, unwelcome.error));
        }
    };
    let login_deadline = opened.after(welcomed.config.limits.login_timeout);
    if entrance == Entrance::Implicit && !transport.is_tls() {
        transport = match switches.race(Box::pin(transport.secure(login_deadline))).await {
            Ok(transport) => transport,
            Err(failure) => return unserved(link, failure.of_handshake()),
        };
    }
    let mut session = begin(welcomed, &transport, &mut link, opened);
    let ended = loop {
        match session.drive(&mut transport, &switches).await {
            Pause::Over => break session.into_ended(),
            Pause::TakenOver => {
                let (ended, taken) = session.into_taken_over(transport, link.peer().clone(), end.clone());
                let report = SessionReport::new(ended, begun.elapsed());
                return Served { taken: Some(Box::new(taken)), ..Served::new(link.into_peer(), report) };
            }
            Pause::Proxied(client) => {
                link.speaks_for(&client);
                let welcome = Box::pin(welcome(service, link.peer(), &mut transport, &switches)).await;
                let backend = welcome.map(|welcome| welcome.backend);
                session.proxied(backend, link.tls(), transport.now());
            }
            Pause::StartTls => {
                let suspended = session.suspend();
                transport = match switches.race(Box::pin(transport.secure(login_deadline))).await {
                    Ok(transport) => transport,
                    Err(failure) => {
                        let report = SessionReport::new(suspended.failed(failure), begun.elapsed());
                        return Served::new(link.into_peer(), report);
                    }
                };
                let backend = if link.secured(transport.tls()) {
                    // The earlier backend was for the client that XCLIENT named in clear text.
                    match Box::pin(welcome(service, link.peer(), &mut transport, &switches)).await {
                        Ok(welcome) => Some(welcome.backend),
                        Err(unwelcome) => {
                            let (rejection, close, fault) = unwelcome.into_parts();
                            let told = Box::pin(say(&mut transport, &rejection));
                            let _ = switches.unless_ended(told).await;
                            break suspended.closed(close, fault);
                        }
                    }
                } else {
                    None
                };
                session = suspended.resume(backend, link.tls(), transport.now());
            }
        }
    };
    let duration = transport.now().since(opened);
    // If another connection has taken the place, close without a farewell. After the cut, do not wait for the close.
    let deadline = transport.now().after(CLOSE_TIMEOUT);
    let _ = switches.unless_ended(pin!(transport.close(deadline))).await;
    drop(transport);
    Served::new(link.into_peer(), SessionReport::new(ended, duration))
}

/// Begins the session of a welcome client.
fn begin<T: Transport, B: Backend>(
    welcome: Welcome<B>,
    transport: &T,
    link: &mut Link,
    opened: Instant,
) -> Box<Session<B>> {
    let Welcome { config, mut backend, timestamp, trusted, trusted_proxy, sasl } = welcome;
    if transport.is_tls() {
        link.secured(transport.tls());
        if let Some(tls) = link.tls() {
            backend.secured(tls);
        }
    }
    let mut connection = ServerConnection::new(config, link.channel(trusted), timestamp, opened);
    connection.set_trusted_proxy(trusted_proxy);
    Session::new(connection, backend, Exchanges::new(sasl), link.tls())
}

/// How long the header of a proxy may take. Proxies send it with the first octets.
#[cfg(feature = "proxy")]
const PROXY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Tells the client why the connection is refused, if that is possible without a handshake.
async fn turn_away<T: Transport>(mut transport: T, entrance: Entrance, rejection: &Rejection) {
    if entrance == Entrance::Plain || transport.is_tls() {
        say(&mut transport, rejection).await;
    }
    transport.close(transport.now().after(CLOSE_TIMEOUT)).await;
}

/// Tells the client why the connection ends. The client may have left already.
async fn say<T: Transport>(transport: &mut T, rejection: &Rejection) {
    let mut line = BytesMut::new();
    pop3_proto::server::turn_away(rejection, &mut line);
    let deadline = transport.now().after(CLOSE_TIMEOUT);
    if transport.write(&line, deadline).await.is_ok() {
        let _ = transport.flush(deadline).await;
    }
}

/// Creates a timestamp for APOP (RFC 1939 section 7) from random octets of the system.
///
/// # Errors
/// Returns an error if the system has no source of random octets.
pub fn timestamp(host: &str) -> io::Result<Timestamp> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(Timestamp::from_random(random, host))
}
