//! The server: from an accepted connection to the report on its session.

mod admitted;
mod drive;
mod ended;
mod link;
mod peer;
mod place;
mod proxy;
mod report;
mod running;
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

use core::ops::ControlFlow;
use core::time::Duration;
use std::io;

use bytes::BytesMut;
use pop3_proto::Rejection;
use pop3_proto::apop::Timestamp;

use crate::boxed::boxed;
use crate::stop::Stop;
use crate::transport::Transport;
use admitted::Parts;
use running::Running;
use switches::Switches;

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

/// Serves a connection until its session has ended.
///
/// The future exists as long as the connection, which waits for its client most of the time. It holds little more than
/// what a session needs to wait. Everything else has a future of its own, in a box.
async fn serve_to_end<T: Transport, S: Service>(
    parts: Box<Parts<T>>,
    service: &S,
    stop: &Stop,
) -> Served<T, S::Backend> {
    let end = parts.end.clone();
    let switches = Switches { stop, end: &end };
    let mut running = match boxed(|| Running::start(parts, service, &switches)).await {
        Ok(running) => running,
        Err(served) => return served,
    };
    loop {
        let pause = running.session.drive(&mut running.transport, &switches).await;
        running = match boxed(|| running.go_on(pause, service, &switches)).await {
            ControlFlow::Continue(running) => running,
            ControlFlow::Break(served) => return served,
        };
    }
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
