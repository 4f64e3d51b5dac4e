//! What takes messages.

mod from_fn;
mod progress;

pub use from_fn::{FromAsyncFn, FromFn, from_async_fn, from_fn};
pub use progress::{Progress, WithProgress};

use core::future::{Future, ready};
use std::io::{self, Write};

use pop3_proto::{MessageNumber, Octets};

use super::Refusal;

/// Takes messages as they come, one after the other.
///
/// Everything that is [`Write`] is a receiver of the octets: a `Vec<u8>`, a file, the standard output. As
/// these block, async code uses the adapters for the writers of its runtime: `pop3_tokio::Writer`,
/// `pop3_async_std::Writer`. Closures are made receivers by [`from_fn`] and [`from_async_fn`].
///
/// What it takes may be slow: the time that a receiver needs is not counted as the server's. But the server
/// counts it, and may close a connection on which nothing is read, often after ten minutes.
///
/// The trait asks for no `Send`. The future of a call is `Send` if the receiver and its futures are.
///
/// ```
/// use std::io;
/// use pop3_driver::client::{Client, ClientError, Receiver, Refusal};
/// use pop3_driver::Transport;
/// use pop3_proto::{MessageNumber, Octets};
///
/// /// Counts complete messages.
/// struct Count(u64);
///
/// impl Receiver for Count {
///     async fn data(&mut self, _octets: &[u8]) -> io::Result<()> {
///         Ok(())
///     }
///
///     async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
///
/// async fn count<T: Transport>(client: &mut Client<T>) -> Result<u64, ClientError> {
///     let numbers: Vec<_> = client.list().await?.into_iter().map(|(number, _)| number).collect();
///     let mut count = Count(0);
///     client.retr_all(&numbers, &mut count).await?;
///     Ok(count.0)
/// }
/// ```
pub trait Receiver {
    /// The content of a message follows. `size` is what the server has said of its octets, in LIST or else in
    /// the reply to RETR: a hint, which may be wrong, and anything up to [`u64::MAX`].
    ///
    /// # Errors
    /// When it can't be stored.
    fn begin(
        &mut self,
        message: MessageNumber,
        size: Option<Octets>,
    ) -> impl Future<Output = io::Result<()>> {
        let _ = (message, size);
        ready(Ok(()))
    }

    /// Octets of the message, in wire form without dot-stuffing: its lines end in CRLF.
    ///
    /// # Errors
    /// When they can't be stored.
    fn data(&mut self, octets: &[u8]) -> impl Future<Output = io::Result<()>>;

    /// The message is complete: its terminator has come. So many commands behind the one that fetched it have
    /// been sent: with none, nothing else can have been taken for the message but what follows later.
    ///
    /// # Errors
    /// When it can't be stored.
    fn end(&mut self, outstanding: usize) -> impl Future<Output = io::Result<()>> {
        let _ = outstanding;
        ready(Ok(()))
    }

    /// The server does not give this message. The next one follows. Only
    /// [`retr_all`](super::Client::retr_all) calls this; of a single message the call itself tells. Unless it
    /// is implemented, it fails.
    ///
    /// # Errors
    /// When that can't be noted.
    fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> impl Future<Output = io::Result<()>> {
        ready(Err(io::Error::other(format!("message {message} was not delivered: {refusal}"))))
    }

    /// Has a function called with each piece of a message, and once at its beginning.
    ///
    /// ```
    /// use pop3_driver::client::{Client, ClientError, Receiver as _};
    /// use pop3_driver::Transport;
    /// use pop3_proto::MessageNumber;
    ///
    /// async fn fetch<T: Transport>(client: &mut Client<T>) -> Result<Vec<u8>, ClientError> {
    ///     let mut message = Vec::new();
    ///     let mut shown = (&mut message).with_progress(|progress| {
    ///         println!("{} octets of {:?}", progress.octets, progress.size);
    ///     });
    ///     client.retr(MessageNumber::FIRST, &mut shown).await?;
    ///     Ok(message)
    /// }
    /// ```
    fn with_progress<F: FnMut(Progress)>(self, show: F) -> WithProgress<Self, F>
    where
        Self: Sized,
    {
        WithProgress::new(self, show)
    }
}

impl<W: Write + ?Sized> Receiver for W {
    fn data(&mut self, octets: &[u8]) -> impl Future<Output = io::Result<()>> {
        ready(self.write_all(octets))
    }

    fn end(&mut self, _outstanding: usize) -> impl Future<Output = io::Result<()>> {
        ready(self.flush())
    }
}
