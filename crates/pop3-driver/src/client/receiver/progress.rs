//! The progress of a message.

use std::io;

use pop3_proto::{MessageNumber, Octets};

use super::{Receiver, Refusal};

/// How much of a message has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of the message.
    pub message: MessageNumber,
    /// The octets received so far, in wire form without dot-stuffing.
    pub octets: Octets,
    /// The size that the server announced. It may be wrong.
    pub size: Option<Octets>,
}

/// A receiver that reports the progress of each message; see [`with_progress`](Receiver::with_progress).
#[derive(Clone, Debug)]
pub struct WithProgress<R, F> {
    receiver: R,
    show: F,
    progress: Progress,
}

impl<R, F> WithProgress<R, F> {
    pub(super) const fn new(receiver: R, show: F) -> Self {
        let progress = Progress { message: MessageNumber::FIRST, octets: 0, size: None };
        Self { receiver, show, progress }
    }

    /// Returns the inner receiver.
    pub fn into_inner(self) -> R {
        self.receiver
    }
}

impl<R: Receiver, F: FnMut(Progress)> Receiver for WithProgress<R, F> {
    async fn begin(&mut self, message: MessageNumber, size: Option<Octets>) -> io::Result<()> {
        self.progress = Progress { message, octets: 0, size };
        self.receiver.begin(message, size).await?;
        (self.show)(self.progress);
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.receiver.data(octets).await?;
        self.progress.octets = self.progress.octets.saturating_add(octets.len() as Octets);
        (self.show)(self.progress);
        Ok(())
    }

    async fn end(&mut self, outstanding: usize) -> io::Result<()> {
        self.receiver.end(outstanding).await
    }

    async fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        self.receiver.refused(message, refusal).await
    }
}
