//! The builder of clients.

use futures_io::{AsyncRead, AsyncWrite};
use pop3_builder::{Adapter, Connecting, Over, Plan};
use pop3_driver::client::{self, Buildable};
use pop3_driver::tls::TlsInfo;

use crate::runtime::Runtime;
use crate::socket::Socket;
use crate::{connect, connect_in_tls, connect_over};

/// A client over TCP on a [`Runtime`]. Create it with [`Client::builder`](client::Client::builder).
///
/// This is the client of [`client`]. Over a stream of your own, the type is `client::Client<Socket<R, S>>`.
pub type Client<R> = client::Client<Socket<R>>;

/// The builder of clients; see [`Client::builder`](client::Client::builder).
pub type Builder<R> = pop3_builder::Builder<Socket<R>>;

impl<R: Runtime> Buildable for Socket<R> {
    type Builder = Builder<R>;

    fn builder(host: &str) -> Builder<R> {
        Builder::new(host)
    }
}

impl<R: Runtime> Adapter for Socket<R> {
    type Connected = Connecting<Client<R>>;

    fn connect(plan: Plan) -> Connecting<Client<R>> {
        Connecting::new(async move {
            let ready = R::unblock(|| plan.prepare()).await?;
            let connecting = connect::<R>(ready.host(), ready.port(), ready.security(), ready.options());
            ready.finish(connecting).await
        })
    }
}

impl<R, S> Over<S> for Socket<R>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type ConnectedOver = Connecting<client::Client<Socket<R, S>>>;

    fn connect_over(stream: S, plan: Plan) -> Self::ConnectedOver {
        Connecting::new(async move {
            let ready = R::unblock(|| plan.prepare()).await?;
            ready.finish(connect_over::<R, S>(stream, ready.security(), ready.options())).await
        })
    }

    fn connect_in_tls(stream: S, tls: Option<TlsInfo>, plan: Plan) -> Self::ConnectedOver {
        Connecting::new(async move {
            let ready = plan.prepare_in_tls()?;
            ready.finish(connect_in_tls::<R, S>(stream, tls, ready.options())).await
        })
    }
}
