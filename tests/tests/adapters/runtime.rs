//! The four runtimes behind one trait, so that each scenario is written once.

use core::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use pop3_async_std::{AsyncStd, Smol};
use pop3_driver::client::{Client, Error, Options, Security};
use pop3_driver::server::{Entrance, Service};
use pop3_driver::store::Pool;
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, Transport};

use crate::overheard::{Other, Overheard};

/// What the scenarios need of an adapter.
pub(crate) trait Runtime: Send + Sync + 'static {
    /// Its socket.
    type Socket: Transport + core::fmt::Debug;
    /// Its pool of threads that may block.
    type Pool: Pool + Default;

    /// Runs a scenario on this thread.
    fn run<F: Future>(scenario: F) -> F::Output;

    /// Connects to a port of this machine, by the adapter's own function. Nobody listens in.
    fn connect(
        port: u16,
        security: Security,
        options: Options,
    ) -> impl Future<Output = Result<Client<Self::Socket>, Error>>;

    /// The socket that is connected to a port of this machine.
    fn dial(port: u16, role: Role) -> impl Future<Output = io::Result<Self::Socket>>;

    /// Does what the adapter's own function does, with an observer at the socket.
    fn connect_overheard(
        port: u16,
        security: Security,
        options: Options,
        other: Other,
    ) -> impl Future<Output = Result<Client<Overheard<Self::Socket>>, Error>> {
        async move {
            let socket = Self::dial(port, security.role()).await.map_err(Error::Network)?;
            let deadline = socket.now().after(options.connect_timeout);
            Client::open(Overheard::new(socket, &security, other), &security, options, deadline).await
        }
    }

    /// Serves on this thread until the switch is thrown and all sessions have ended.
    fn serve<S: Service>(
        listener: TcpListener,
        entrance: Entrance,
        role: Role,
        service: Arc<S>,
        stop: Stop,
    ) -> io::Result<()>;
}

const HOST: &str = "127.0.0.1";

pub(crate) struct Tokio;

impl Runtime for Tokio {
    type Socket = pop3_tokio::Socket;
    type Pool = pop3_tokio::Pool;

    fn run<F: Future>(scenario: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime").block_on(scenario)
    }

    async fn connect(port: u16, security: Security, options: Options) -> Result<Client<Self::Socket>, Error> {
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
}

impl Runtime for AsyncStd {
    type Socket = pop3_async_std::Socket<Self>;
    type Pool = pop3_async_std::Pool<Self>;

    fn run<F: Future>(scenario: F) -> F::Output {
        async_std::task::block_on(scenario)
    }

    async fn connect(port: u16, security: Security, options: Options) -> Result<Client<Self::Socket>, Error> {
        pop3_async_std::connect::<Self>(HOST, port, security, options).await
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        let stream = <Self as pop3_async_std::Runtime>::connect(HOST, port).await?;
        Ok(pop3_async_std::Socket::new(stream, role, Clock::start()))
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
}

impl Runtime for Smol {
    type Socket = pop3_async_std::Socket<Self>;
    type Pool = pop3_async_std::Pool<Self>;

    fn run<F: Future>(scenario: F) -> F::Output {
        smol::block_on(scenario)
    }

    async fn connect(port: u16, security: Security, options: Options) -> Result<Client<Self::Socket>, Error> {
        pop3_async_std::connect::<Self>(HOST, port, security, options).await
    }

    async fn dial(port: u16, role: Role) -> io::Result<Self::Socket> {
        let stream = <Self as pop3_async_std::Runtime>::connect(HOST, port).await?;
        Ok(pop3_async_std::Socket::new(stream, role, Clock::start()))
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
}

pub(crate) struct Std;

impl Runtime for Std {
    type Socket = pop3_std::Socket;
    type Pool = pop3_std::Pool;

    fn run<F: Future>(scenario: F) -> F::Output {
        pop3_std::wait(scenario)
    }

    async fn connect(port: u16, security: Security, options: Options) -> Result<Client<Self::Socket>, Error> {
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
        pop3_std::serve(&listener, entrance, &role, &service, &stop)
    }
}
