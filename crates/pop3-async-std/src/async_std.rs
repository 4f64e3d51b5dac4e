//! The runtime async-std.

use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use async_std::net::{TcpListener, TcpStream};
use async_std::task::{self, JoinHandle};

use crate::runtime::Runtime;

/// The runtime async-std.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AsyncStd;

impl Runtime for AsyncStd {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Task = JoinHandle<()>;

    async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok((stream, address, local))
    }

    #[cfg(target_os = "linux")]
    fn acknowledge(stream: &TcpStream) {
        // Nothing is lost if the system refuses.
        let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
    }

    async fn sleep(span: Duration) {
        task::sleep(span).await;
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        task::spawn(future)
    }

    async fn unblock<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
        task::spawn_blocking(call).await
    }
}
