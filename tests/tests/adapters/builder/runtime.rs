//! The builders of the adapters behind one trait.

use core::future::Future;
use std::net::TcpStream;

use pop3_async_std::{AsyncStd, Smol};
use pop3_builder::Builder;
use pop3_driver::client::{Client, ClientError};

use crate::runtime::{Runtime, Std, Tokio};

/// The result of a builder.
type Built<R> = Result<Client<<R as Runtime>::Socket>, ClientError>;

/// An adapter with a builder.
pub(crate) trait Builds: Runtime {
    /// The type for which the builder builds.
    type Adapter;

    /// The adapter's own function.
    fn builder(host: &str) -> Builder<Self::Adapter>;

    /// Connects.
    fn build(builder: Builder<Self::Adapter>) -> impl Future<Output = Built<Self>>;

    /// Connects over a stream to this port.
    fn build_over(builder: Builder<Self::Adapter>, port: u16) -> impl Future<Output = Built<Self>>;

    /// Declares that the stream uses TLS.
    fn build_in_tls(builder: Builder<Self::Adapter>, port: u16) -> impl Future<Output = Built<Self>>;
}

impl Builds for Tokio {
    type Adapter = pop3_tokio::Socket;

    fn builder(host: &str) -> pop3_tokio::Builder {
        pop3_tokio::Client::builder(host)
    }

    async fn build(builder: pop3_tokio::Builder) -> Built<Self> {
        builder.connect().await
    }

    async fn build_over(builder: pop3_tokio::Builder, port: u16) -> Built<Self> {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a listener");
        builder.connect_over(stream).await
    }

    async fn build_in_tls(builder: pop3_tokio::Builder, port: u16) -> Built<Self> {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a listener");
        builder.connect_in_tls(stream, None).await
    }
}

macro_rules! futures_io {
    ($runtime:ty) => {
        impl Builds for $runtime {
            type Adapter = pop3_async_std::Socket<$runtime>;

            fn builder(host: &str) -> pop3_async_std::Builder<$runtime> {
                pop3_async_std::Client::<$runtime>::builder(host)
            }

            async fn build(builder: pop3_async_std::Builder<$runtime>) -> Built<Self> {
                builder.connect().await
            }

            async fn build_over(builder: pop3_async_std::Builder<$runtime>, port: u16) -> Built<Self> {
                let stream = <$runtime as pop3_async_std::Runtime>::connect("127.0.0.1", port);
                builder.connect_over(stream.await.expect("a listener")).await
            }

            async fn build_in_tls(builder: pop3_async_std::Builder<$runtime>, port: u16) -> Built<Self> {
                let stream = <$runtime as pop3_async_std::Runtime>::connect("127.0.0.1", port);
                builder.connect_in_tls(stream.await.expect("a listener"), None).await
            }
        }
    };
}

futures_io!(AsyncStd);
futures_io!(Smol);

impl Builds for Std {
    type Adapter = pop3_std::Client;

    fn builder(host: &str) -> pop3_std::Builder {
        pop3_std::Client::builder(host)
    }

    async fn build(builder: pop3_std::Builder) -> Built<Self> {
        builder.connect().map(Client::from)
    }

    async fn build_over(builder: pop3_std::Builder, port: u16) -> Built<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        builder.connect_over(pop3_std::Tcp::from(stream)).map(Client::from)
    }

    async fn build_in_tls(builder: pop3_std::Builder, port: u16) -> Built<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        builder.connect_in_tls(pop3_std::Tcp::from(stream), None).map(Client::from)
    }
}
