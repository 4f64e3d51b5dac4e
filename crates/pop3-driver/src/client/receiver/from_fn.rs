//! Receivers that are closures.

use core::future::{Future, ready};
use std::io;

use super::Receiver;

/// A receiver that calls a function; see [`from_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(F);

/// A receiver that calls an async function; see [`from_async_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FromAsyncFn<F>(F);

/// Creates a receiver that calls this function with the octets of a message.
///
/// ```
/// # use pop3_driver::client::{Client, ClientError, from_fn};
/// # use pop3_driver::Transport;
/// # use pop3_proto::MessageNumber;
/// # async fn example<T: Transport>(mut client: Client<T>) -> Result<(), ClientError> {
/// let mut lines = 0;
/// let mut count = from_fn(|octets| {
///     lines += octets.iter().filter(|&&octet| octet == b'\n').count();
///     Ok(())
/// });
/// client.retr(MessageNumber::FIRST, &mut count).await?;
/// # Ok(())
/// # }
/// ```
pub const fn from_fn<F: FnMut(&[u8]) -> io::Result<()>>(take: F) -> FromFn<F> {
    FromFn(take)
}

/// Creates a receiver that calls this async function with the octets of a message. The client reads on only after the
/// function has finished.
pub const fn from_async_fn<F: AsyncFnMut(&[u8]) -> io::Result<()>>(take: F) -> FromAsyncFn<F> {
    FromAsyncFn(take)
}

impl<F: FnMut(&[u8]) -> io::Result<()>> Receiver for FromFn<F> {
    fn data(&mut self, octets: &[u8]) -> impl Future<Output = io::Result<()>> {
        ready((self.0)(octets))
    }
}

impl<F: AsyncFnMut(&[u8]) -> io::Result<()>> Receiver for FromAsyncFn<F> {
    fn data(&mut self, octets: &[u8]) -> impl Future<Output = io::Result<()>> {
        (self.0)(octets)
    }
}
