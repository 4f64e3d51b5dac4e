//! Finishing a call that was dropped.

use super::parts::Part;
use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Finishes a dropped call: sends the rest of the command and discards the replies that are still due. Each call
    /// does this first. Call `drain` only to choose when it happens.
    ///
    /// The future may be dropped. The next call then continues.
    ///
    /// # Errors
    /// Returns [`ClientError::Interrupted`] if this takes longer than
    /// [`ClientOptions::drain_timeout`](super::ClientOptions::drain_timeout), or if an AUTH exchange was dropped. The
    /// connection can no longer be used then. For other errors, see [`ClientError`].
    pub async fn drain(&mut self) -> Result<(), ClientError> {
        self.draining = None;
        if self.lost {
            return Err(ClientError::Interrupted);
        }
        if self.connection.outstanding() == 0 {
            return Ok(());
        }
        if !self.connection.can_drain() {
            self.lost = true;
            return Err(ClientError::Interrupted);
        }
        // No call has waited since the dropped one, so the deadlines start again.
        let now = self.transport.now();
        self.connection.resume(now);
        self.draining = Some(now.after(self.drain_timeout));
        while self.connection.outstanding() > 0 {
            if let Part::Starved = self.part()? {
                if self.is_drained_too_long() {
                    self.lost = true;
                    return Err(ClientError::Interrupted);
                }
                self.progress().await?;
            }
        }
        self.release();
        self.draining = None;
        Ok(())
    }

    /// Whether the time for draining is over.
    pub(super) fn is_drained_too_long(&self) -> bool {
        self.draining.is_some_and(|limit| self.transport.now() >= limit)
    }
}
