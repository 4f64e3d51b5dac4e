//! Going on with the connection behind the client's back.

use pop3_proto::client::ProtocolError;

use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Gives the connection to somebody who goes on with it: a relay that has logged in, and lets another client speak
    /// from here on. The session is where it was: nothing is sent, and nothing is closed.
    ///
    /// What is left of a call that was dropped is [drained](Self::drain) first. If the future is dropped, the
    /// connection is closed.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when something has come that nobody asked for: commands and replies would be out of step
    /// for whoever goes on. Else as [`drain`](Self::drain).
    pub async fn into_transport(mut self) -> Result<T, ClientError> {
        self.drain().await?;
        if !self.untaken().is_empty() {
            return Err(ClientError::Protocol(ProtocolError::Unsolicited(self.surplus())));
        }
        Ok(self.transport)
    }
}
