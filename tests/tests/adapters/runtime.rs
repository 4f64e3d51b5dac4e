//! The four runtimes behind one trait, so that each scenario is written only once.

use core::future::Future;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use pop3_async_std::{AsyncStd, Smol};
use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Service, TakenOver};
use pop3_driver::store::BlockingPool;
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, Transport};
use smol::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::overheard::{Other, Overheard};
use crate::server::PATIENCE;

/// What the scenarios need from an adapter.
pub(crate) trait Runtime: Send + Sync + 'static {
    /// Its socket.
    type Socket: Transport + core::fmt::Debug;
    /// Its pool of threads for blocking calls.
    type Pool: BlockingPool + Default;

    /// Its pool that can give up a call of a store that hangs.
    type Patient: BlockingPool + Default;

    /// Runs a scenario on this thread.
    fn run<F: Future>(scenario: F) -> F::Output;

    /// Connects to a port of this machine, with the adapter's own function and without an observer.
    fn connect(
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> impl Future<Output = Result<Client<Self::Socket>, ClientError>>;

    /// A socket that is connected to a port of this machine.
    fn dial(port: u16, role: Role) -> impl Future<Output = io::Result<Self::Socket>>;

    /// Does the same as the adapter's own function, with an observer at the socket.
    fn connect_overheard(
        port: u16,
        security: Security,
        options: ClientOptions,
        other: Other,
    ) -> impl Future<Output = Result<Client<Overheard<Self::Socket>>, ClientError>> {
        async move {
            let socket = Self::dial(port, security.role()).await.map_err(ClientError::Network)?;
            let deadline = socket.now().after(options.connect_timeout);
            Client::open(Overheard::new(socket, &security, other), &security, options, deadline).await
        }
    }

    /// Serves on this thread until it is told to stop and all sessions have ended.
    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()>;

    /// The same, except for connections that are taken over.
    fn serve_or_hand_over<S, H, F>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
        take_over: H,
    ) -> io::Result<()>
    where
        S: Service,
        H: Fn(TakenOver<Self::Socket, S::Backend>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static;

    /// Forwards octets in both directions until both sides have ended.
    fn relay(client: Self::Socket, upstream: TcpStream) -> impl Future<Output = io::Result<()>> + Send;
}

/// What the two runtimes over futures-io share.
async fn relay_futures(
    client: impl AsyncRead + AsyncWrite + Unpin,
    upstream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let (from_client, mut to_client) = smol::io::split(client);
    let (from_upstream, mut to_upstream) = smol::io::split(upstream);
    let there = async {
        smol::io::copy(from_client, &mut to_upstream).await?;
        to_upstream.close().await?;
        core::future::pending().await
    };
    let back = async {
        smol::io::copy(from_upstream, &mut to_client).await?;
        to_client.close().await
    };
    // The streams of async-std close when they are dropped, so this ends when the other server closes.
    smol::future::or(back, there).await
}

const HOST: &str = "127.0.0.1";

pub(crate) struct Tokio;

impl Runtime for Tokio {
    type Socket = pop3_tokio::Socket;
    type Pool = pop3_tokio::Pool;
    type Patient = pop3_tokio::Pool;

    fn run<F: Future>(scenario: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime").block_on(scenario)
    }

    async fn connect(
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> Result<Client<Self::Socket>, ClientError> {
        pop3_tokio::connect(HOST, port, security, options).await
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        let stream = tokio::net::TcpStream::connect((HOST, port)).await?;
        pop3_tokio::Socket::new(stream, role, Clock::start())
    }

    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()> {
        Self::run(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            pop3_tokio::serve(listener, entrance, role, service, stop).await;
            Ok(())
        })
    }

    fn serve_or_hand_over<S, H, F>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
        take_over: H,
    ) -> io::Result<()>
    where
        S: Service,
        H: Fn(TakenOver<Self::Socket, S::Backend>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            pop3_tokio::serve_or_hand_over(listener, entrance, role, service, stop, take_over).await;
            io::Result::Ok(())
        })?;
        // Nobody waits for calls of a store that hang.
        runtime.shutdown_background();
        Ok(())
    }

    async fn relay(mut client: Self::Socket, upstream: TcpStream) -> io::Result<()> {
        upstream.set_nonblocking(true)?;
        let mut upstream = tokio::net::TcpStream::from_std(upstream)?;
        tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
    }
}

impl Runtime for AsyncStd {
    type Socket = pop3_async_std::Socket<Self>;
    type Pool = pop3_async_std::Pool<Self>;
    type Patient = pop3_async_std::Pool<Self>;

    fn run<F: Future>(scenario: F) -> F::Output {
        async_std::task::block_on(scenario)
    }

    async fn connect(
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> Result<Client<Self::Socket>, ClientError> {
        pop3_async_std::connect::<Self>(HOST, port, security, options).await
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        let stream = <Self as pop3_async_std::Runtime>::connect(HOST, port).await?;
        Ok(pop3_async_std::Socket::over(stream, role, Clock::start()))
    }

    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        <Self as Runtime>::run(pop3_async_std::serve::<Self, S>(
            listener.into(),
            entrance,
            role,
            service,
            stop,
        ));
        Ok(())
    }

    fn serve_or_hand_over<S, H, F>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
        take_over: H,
    ) -> io::Result<()>
    where
        S: Service,
        H: Fn(TakenOver<Self::Socket, S::Backend>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        listener.set_nonblocking(true)?;
        <Self as Runtime>::run(pop3_async_std::serve_or_hand_over::<Self, _, _, _>(
            listener.into(),
            entrance,
            role,
            service,
            stop,
            take_over,
        ));
        Ok(())
    }

    async fn relay(client: Self::Socket, upstream: TcpStream) -> io::Result<()> {
        upstream.set_nonblocking(true)?;
        relay_futures(client, async_std::net::TcpStream::from(upstream)).await
    }
}

impl Runtime for Smol {
    type Socket = pop3_async_std::Socket<Self>;
    type Pool = pop3_async_std::Pool<Self>;
    type Patient = pop3_async_std::Pool<Self>;

    fn run<F: Future>(scenario: F) -> F::Output {
        smol::block_on(scenario)
    }

    async fn connect(
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> Result<Client<Self::Socket>, ClientError> {
        pop3_async_std::connect::<Self>(HOST, port, security, options).await
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        let stream = <Self as pop3_async_std::Runtime>::connect(HOST, port).await?;
        Ok(pop3_async_std::Socket::over(stream, role, Clock::start()))
    }

    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()> {
        let listener = smol::net::TcpListener::try_from(listener)?;
        <Self as Runtime>::run(pop3_async_std::serve::<Self, S>(listener, entrance, role, service, stop));
        Ok(())
    }

    fn serve_or_hand_over<S, H, F>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
        take_over: H,
    ) -> io::Result<()>
    where
        S: Service,
        H: Fn(TakenOver<Self::Socket, S::Backend>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = smol::net::TcpListener::try_from(listener)?;
        <Self as Runtime>::run(pop3_async_std::serve_or_hand_over::<Self, _, _, _>(
            listener, entrance, role, service, stop, take_over,
        ));
        Ok(())
    }

    async fn relay(client: Self::Socket, upstream: TcpStream) -> io::Result<()> {
        relay_futures(client, smol::net::TcpStream::try_from(upstream)?).await
    }
}

pub(crate) struct Std;

impl Runtime for Std {
    type Socket = pop3_std::Socket;
    type Pool = pop3_std::Pool;
    type Patient = pop3_std::Threads;

    fn run<F: Future>(scenario: F) -> F::Output {
        pop3_std::wait(scenario)
    }

    async fn connect(
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> Result<Client<Self::Socket>, ClientError> {
        pop3_std::connect(HOST, port, security, options)
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        pop3_std::Socket::new(TcpStream::connect((HOST, port))?, role, Clock::start())
    }

    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()> {
        pop3_std::serve(listener, entrance, &role, &service, &stop)
    }

    fn serve_or_hand_over<S, H, F>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
        take_over: H,
    ) -> io::Result<()>
    where
        S: Service,
        H: Fn(TakenOver<Self::Socket, S::Backend>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        pop3_std::serve_or_hand_over(listener, entrance, &role, &service, &stop, take_over)
    }

    async fn relay(mut client: Self::Socket, mut upstream: TcpStream) -> io::Result<()> {
        const TURN: Duration = Duration::from_millis(5);
        upstream.set_read_timeout(Some(TURN))?;
        let in_vain =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        let long = |client: &Self::Socket| client.now().after(PATIENCE);
        let mut buffer = [0; 16 * 1024];
        loop {
            // Only one of the two can be waited for at a time.
            let deadline = client.now().after(TURN);
            match client.read(&mut buffer, deadline).await {
                Ok(0) => return upstream.shutdown(Shutdown::Both),
                Ok(octets) => upstream.write_all(&buffer[..octets])?,
                Err(error) if in_vain(&error) => {}
                Err(error) => return Err(error),
            }
            match upstream.read(&mut buffer) {
                Ok(0) => {
                    let deadline = long(&client);
                    client.close(deadline).await;
                    return Ok(());
                }
                Ok(octets) => {
                    let mut given = 0;
                    while given < octets {
                        let deadline = long(&client);
                        given += client.write(&buffer[given..octets], deadline).await?;
                    }
                    let deadline = long(&client);
                    client.flush(deadline).await?;
                }
                Err(error) if in_vain(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
