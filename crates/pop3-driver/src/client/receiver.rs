//! Receivers of messages.

mod from_fn;
mod progress;

pub use from_fn::{FromAsyncFn, FromFn, from_async_fn, from_fn};
pub use progress::{Progress, WithProgress};

use core::future::{Future, ready};
use std::io::{self, Write};

use pop3_proto::{MessageNumber, Octets};

use super::Refusal;

/// Receives the content of messages, one message after the other.
///
/// Every type that implements [`Write`] is a receiver: a `Vec<u8>`, a file, the standard output. These writers block.
/// Async code uses the adapters for the writers of its runtime: `pop3_tokio::Writer` and `pop3_async_std::Writer`.
/// [`from_fn`] and [`from_async_fn`] turn a closure into a receiver.
///
/// A receiver may be slow: its time does not count towards the deadlines of the server. But the server has a timeout
/// of its own. It may close a connection on which nothing is read, often after ten minutes.
///
/// The trait does not require `Send`. The future of a call is `Send` if the receiver and its futures are.
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
    /// Called before the content of a message. `size` is the size in octets that the server announced, in LIST or
    /// else in the reply to RETR. It is a hint: it may be wrong, and may be as large as [`u64::MAX`].
    ///
    /// # Errors
    /// Returns an error if the message cannot be stored.
    fn begin(
        &mut self,
        message: MessageNumber,
        size: Option<Octets>,
    ) -> impl Future<Output = io::Result<()>> {
        let _ = (message, size);
        ready(Ok(()))
    }

    /// Called with the next octets of the message, in wire form without dot-stuffing: lines end in CRLF.
    ///
    /// # Errors
    /// Returns an error if they cannot be stored.
    fn data(&mut self, octets: &[u8]) -> impl Future<Output = io::Result<()>>;

    /// Called when the message is complete, after its terminator was received. `outstanding` is the number of
    /// commands that were sent after the one that fetched this message. If it is zero, the octets cannot come from
    /// the reply to a later command.
    ///
    /// # Errors
    /// Returns an error if the message cannot be stored.
    fn end(&mut self, outstanding: usize) -> impl Future<Output = io::Result<()>> {
        let _ = outstanding;
        ready(Ok(()))
    }

    /// Called when the server refuses to send this message. The next message follows. Only
    /// [`retr_all`](super::Client::retr_all) calls this; for a single message, the call itself fails. The default
    /// returns an error.
    ///
    /// # Errors
    /// Returns an error if the refusal cannot be recorded.
    fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> impl Future<Output = io::Result<()>> {
        ready(Err(io::Error::other(format!("message {message} was not delivered: {refusal}"))))
    }

    /// Calls a function at the beginning of each message and with each piece of it.
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
