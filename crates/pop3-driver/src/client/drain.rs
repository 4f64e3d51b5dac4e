//! What is left of a call that was dropped.

use super::parts::Part;
use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Takes what is left of a call that was dropped before its end: what it had begun to send is sent, and
    /// the replies that are still to come are thrown away. Each call does this first, so there is no need to;
    /// it is for choosing when.
    ///
    /// The future may be dropped; the next call goes on.
    ///
    /// # Errors
    /// [`ClientError::Interrupted`] when that takes longer than
    /// [`ClientOptions::drain_timeout`](super::ClientOptions::drain_timeout), or an exchange of AUTH was dropped: the
    /// connection is of no use then. Else see [`ClientError`].
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
        // Nobody has waited since the call was dropped.
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
