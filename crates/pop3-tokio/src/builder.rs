//! The builder of clients.

use pop3_builder::{Adapter, Connecting, Over, Plan, Prepared};
use pop3_driver::client::{self, Buildable, ClientError};
use pop3_driver::tls::TlsInfo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;

use crate::socket::Socket;
use crate::{connect, connect_in_tls, connect_over};

/// A client over TCP. Create it with [`Client::builder`](client::Client::builder).
///
/// This is the client of [`client`]. Over a stream of your own, the type is `client::Client<Socket<S>>`.
pub type Client = client::Client<Socket>;

/// The builder of clients; see [`Client::builder`](client::Client::builder).
pub type Builder = pop3_builder::Builder<Socket>;

impl Buildable for Socket {
    type Builder = Builder;

    fn builder(host: &str) -> Builder {
        Builder::new(host)
    }
}

impl Adapter for Socket {
    type Connected = Connecting<Client>;

    fn connect(plan: Plan) -> Connecting<Client> {
        Connecting::new(async move {
            let ready = off_the_loop(|| plan.prepare()).await?;
            let connecting = connect(ready.host(), ready.port(), ready.security(), ready.options());
            ready.finish(connecting).await
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Over<S> for Socket {
    type ConnectedOver = Connecting<client::Client<Socket<S>>>;

    fn connect_over(stream: S, plan: Plan) -> Self::ConnectedOver {
        Connecting::new(async move {
            let ready = off_the_loop(|| plan.prepare()).await?;
            ready.finish(connect_over(stream, ready.security(), ready.options())).await
        })
    }

    fn connect_in_tls(stream: S, tls: Option<TlsInfo>, plan: Plan) -> Self::ConnectedOver {
        Connecting::new(async move {
            let ready = plan.prepare_in_tls()?;
            ready.finish(connect_in_tls(stream, tls, ready.options())).await
        })
    }
}

/// Reads files without blocking the runtime.
async fn off_the_loop(
    prepare: impl FnOnce() -> Result<Prepared, ClientError> + Send + 'static,
) -> Result<Prepared, ClientError> {
    spawn_blocking(prepare).await.map_err(|error| ClientError::Network(std::io::Error::other(error)))?
}
