//! What drives a session.

use core::future::Future;

use pop3_driver::Transport;
use pop3_driver::client::Client;
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
use pop3_driver::client::ClientError;

#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
use crate::dial::Dial;

/// The runtime that drives a session. Each variant needs the feature of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientRuntime {
    /// tokio, on the current thread.
    #[cfg(feature = "tokio")]
    Tokio,
    /// async-std.
    #[cfg(feature = "async-std")]
    AsyncStd,
    /// smol.
    #[cfg(feature = "smol")]
    Smol,
    /// Blocking sockets.
    #[cfg(feature = "threads")]
    Threads,
}

/// What to do with a client, on any transport.
pub trait ClientTask: Send {
    /// The result of the task.
    type Output: Send;

    /// Runs the task. The client is connected, but not logged in.
    fn run<T: Transport>(self, client: Client<T>) -> impl Future<Output = Self::Output> + Send;
}

#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
impl Dial {
    /// Connects and runs the task on this runtime. Blocks until the session has ended. Do not call it from within a
    /// runtime; use [`connect`](Self::connect) there.
    ///
    /// # Errors
    /// Returns an error if no connection can be established. At most STLS was sent.
    pub fn run<S: ClientTask>(&self, runtime: ClientRuntime, session: S) -> Result<S::Output, ClientError> {
        match runtime {
            #[cfg(feature = "tokio")]
            ClientRuntime::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(ClientError::Network)?;
                let result = runtime
                    .block_on(async { Ok(session.run(self.connect(pop3_tokio::connect).await?).await) });
                // A pending name look-up no longer matters.
                runtime.shutdown_background();
                result
            }
            #[cfg(feature = "async-std")]
            ClientRuntime::AsyncStd => async_std::task::block_on(async {
                let connect = pop3_async_std::connect::<pop3_async_std::AsyncStd>;
                Ok(session.run(self.connect(connect).await?).await)
            }),
            #[cfg(feature = "smol")]
            ClientRuntime::Smol => smol::block_on(async {
                let connect = pop3_async_std::connect::<pop3_async_std::Smol>;
                Ok(session.run(self.connect(connect).await?).await)
            }),
            #[cfg(feature = "threads")]
            ClientRuntime::Threads => pop3_std::wait(async {
                // Use a separate thread, because a blocking connect cannot be cancelled.
                let connect = async |host: &str, port, security, options| {
                    let host = host.to_owned();
                    smol::unblock(move || pop3_std::connect(&host, port, security, options)).await
                };
                Ok(session.run(self.connect(connect).await?).await)
            }),
        }
    }
}
