//! The runtime smol.

use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use smol::net::{TcpListener, TcpStream};
use smol::{Task, Timer};

use crate::runtime::Runtime;

/// The runtime smol, with its global executor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Smol;

/// A smol task that continues when this handle is dropped.
#[derive(Debug)]
pub struct SmolTask(Option<Task<()>>);

impl Future for SmolTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |task| Pin::new(task).poll(context))
    }
}

impl Drop for SmolTask {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl Runtime for Smol {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Task = SmolTask;

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
        Timer::after(span).await;
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> SmolTask {
        SmolTask(Some(smol::spawn(future)))
    }

    async fn unblock<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
        smol::unblock(call).await
    }
}
