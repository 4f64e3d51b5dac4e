//! A connection with a session, and what happens before and after the session runs.

use core::ops::ControlFlow;
use core::pin::pin;
use std::time::Instant as StdInstant;

use pop3_proto::Instant;
use pop3_proto::server::ServerConnection;

use super::admitted::Parts;
use super::drive::{Pause, Session};
use super::link::Link;
use super::report::SessionReport;
use super::sasl::Exchanges;
use super::service::{Service, Welcome};
use super::switches::Switches;
use super::welcoming::welcome;
use super::{CLOSE_TIMEOUT, Entrance, Served, say, turn_away};
use crate::backend::Backend;
use crate::transport::Transport;

/// A connection with a session. If it is dropped, the session ends first, then the connection is closed, and then its
/// place is free: the order of the fields.
pub(super) struct Running<T, B> {
    pub(super) session: Box<Session<B>>,
    pub(super) transport: T,
    link: Link,
    opened: Instant,
    begun: StdInstant,
    login_deadline: Instant,
}

impl<T: Transport, B: Backend> Running<T, B> {
    /// Begins the session of a new connection, unless it ends before.
    pub(super) async fn start<S: Service<Backend = B>>(
        parts: Box<Parts<T>>,
        service: &S,
        switches: &Switches<'_>,
    ) -> Result<Box<Self>, Served<T, B>> {
        let Parts { mut transport, entrance, start, place, opened, begun, .. } = parts.unboxed();
        let mut link = Link::new(start, place);
        #[cfg(feature = "proxy")]
        if service.expects_proxy(&link.peer()) {
            let deadline = opened.after(super::PROXY_TIMEOUT);
            match switches.race(super::proxy::Header::read(&mut transport, deadline)).await {
                Ok(header) => link.came_through(&header),
                Err(failure) => {
                    let report = SessionReport::failed_start("PROXY header", failure, begun.elapsed());
                    return Err(Served::new(link.into_peer(), report));
                }
            }
        }
        let unserved = |link: Link, (close, error)| {
            Served::new(link.into_peer(), SessionReport::unserved(close, error, begun.elapsed()))
        };
        let welcomed = match welcome(service, link.peer(), &mut transport, switches).await {
            Ok(welcomed) => welcomed,
            Err(unwelcome) => {
                if let Some(rejection) = &unwelcome.rejection {
                    let told = pin!(turn_away(transport, entrance, rejection));
                    let _ = switches.unless_ended(told).await;
                }
                return Err(unserved(link, (unwelcome.close, unwelcome.error)));
            }
        };
        let login_deadline = opened.after(welcomed.config.limits.login_timeout);
        if entrance == Entrance::Implicit && !transport.is_tls() {
            transport = match switches.race(Box::pin(transport.secure(login_deadline))).await {
                Ok(transport) => transport,
                Err(failure) => return Err(unserved(link, failure.of_handshake())),
            };
        }
        let session = begin(welcomed, &transport, &mut link, opened);
        Ok(Box::new(Self { session, transport, link, opened, begun, login_deadline }))
    }

    /// Does what the session has paused for. It continues, or the connection has ended.
    pub(super) async fn go_on<S: Service<Backend = B>>(
        self: Box<Self>,
        pause: Pause,
        service: &S,
        switches: &Switches<'_>,
    ) -> ControlFlow<Served<T, B>, Box<Self>> {
        // Dropped in the reverse order.
        let Self { opened, begun, login_deadline, mut link, mut transport, mut session } = *self;
        let ended = match pause {
            Pause::Over => session.into_ended(),
            Pause::TakenOver => {
                let (ended, taken) = session.into_taken_over(transport, link.peer(), switches.end.clone());
                let report = SessionReport::new(ended, begun.elapsed());
                let served = Served::new(link.into_peer(), report);
                return ControlFlow::Break(Served { taken: Some(Box::new(taken)), ..served });
            }
            Pause::Proxied(client) => {
                link.speaks_for(&client);
                let welcome = welcome(service, link.peer(), &mut transport, switches).await;
                let backend = welcome.map(|welcome| welcome.backend);
                session.proxied(backend, link.tls(), transport.now());
                let running = Self { session, transport, link, opened, begun, login_deadline };
                return ControlFlow::Continue(Box::new(running));
            }
            Pause::StartTls => {
                let suspended = session.suspend();
                transport = match switches.race(Box::pin(transport.secure(login_deadline))).await {
                    Ok(transport) => transport,
                    Err(failure) => {
                        let report = SessionReport::new(suspended.failed(failure), begun.elapsed());
                        return ControlFlow::Break(Served::new(link.into_peer(), report));
                    }
                };
                let backend = if link.secured(transport.tls()) {
                    // The earlier backend was for the client that XCLIENT named in clear text.
                    let welcome = welcome(service, link.peer(), &mut transport, switches).await;
                    welcome.map(|welcome| Some(welcome.backend))
                } else {
                    Ok(None)
                };
                match backend {
                    Ok(backend) => {
                        let session = suspended.resume(backend, link.tls(), transport.now());
                        let running = Self { session, transport, link, opened, begun, login_deadline };
                        return ControlFlow::Continue(Box::new(running));
                    }
                    Err(unwelcome) => {
                        let (rejection, close, fault) = unwelcome.into_parts();
                        let told = pin!(say(&mut transport, &rejection));
                        let _ = switches.unless_ended(told).await;
                        suspended.closed(close, fault)
                    }
                }
            }
        };
        let duration = transport.now().since(opened);
        // If another connection has taken the place, close without a farewell. After the cut, do not wait for the close.
        let deadline = transport.now().after(CLOSE_TIMEOUT);
        let _ = switches.unless_ended(pin!(transport.close(deadline))).await;
        drop(transport);
        ControlFlow::Break(Served::new(link.into_peer(), SessionReport::new(ended, duration)))
    }
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
