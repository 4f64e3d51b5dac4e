//! What drives a session.

use core::future::Future;

use pop3_driver::Transport;
use pop3_driver::client::Client;
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
use pop3_driver::client::ClientError;

#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
use crate::dial::Dial;

/// What drives a session, as far as the features of this crate bring it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientRuntime {
    /// tokio, on this thread.
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

/// What is done with a client, whatever its transport.
pub trait ClientTask: Send {
    /// What comes of it.
    type Output: Send;

    /// Does it. The client is connected, and not logged in.
    fn run<T: Transport>(self, client: Client<T>) -> impl Future<Output = Self::Output> + Send;
}

#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
impl Dial {
    /// Connects, and has the session run, on this runtime. It blocks until the session has ended: call it where no
    /// runtime is running, or [`connect`](Self::connect) yourself.
    ///
    /// # Errors
    /// Returns an error if there is no connection. Nothing but STLS was sent then.
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
                // A name that is still looked up is of no interest any more.
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
                // In a thread of its own, as nothing ends a call that connects.
                let connect = async |host: &str, port, security, options| {
                    let host = host.to_owned();
                    smol::unblock(move || pop3_std::connect(&host, port, security, options)).await
                };
                Ok(session.run(self.connect(connect).await?).await)
            }),
        }
    }
}
