//! Asks the service how to serve a connection.

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io;

use pop3_proto::Rejection;
use pop3_proto::server::Close;

use super::peer::Peer;
use super::service::{Service, Welcome};
use super::switches::Switches;
use super::unwelcome::Unwelcome;
use crate::transport::Transport;

/// The time that [`Service::connect`] may take. After that, the client is told that there is a temporary fault.
pub const WELCOME_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the service, and no longer than it may take.
pub(super) async fn welcome<T: Transport, S: Service>(
    service: &S,
    peer: Peer,
    transport: &mut T,
    switches: &Switches<'_>,
) -> Result<Welcome<S::Backend>, Unwelcome> {
    let overdue = transport.now().after(WELCOME_TIMEOUT);
    let mut overdue = pin!(transport.pause(overdue));
    let mut asked = pin!(service.connect(&peer));
    let answer = poll_fn(|context| match asked.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Ok(Some(answer))),
        Poll::Pending => overdue.as_mut().poll(context).map(|()| Ok(None)),
    });
    let close = Close::Refused;
    match switches.race(answer).await {
        Ok(Some(Ok(welcome))) => Ok(welcome),
        Ok(Some(Err(rejection))) => Err(Unwelcome { rejection: Some(rejection), close, error: None }),
        Ok(None) => {
            let rejection = Some(Rejection::temporary("the server is not ready, try again later"));
            let error =
                io::Error::new(io::ErrorKind::TimedOut, "the service took too long to admit a client");
            Err(Unwelcome { rejection, close, error: Some(error) })
        }
        Err(failure) => {
            let (close, error) = failure.outcome("admitting a client");
            Err(Unwelcome { rejection: None, close, error })
        }
    }
}
