//! Returning the connection of a client.

use pop3_proto::client::ProtocolError;

use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Returns the connection, for example for a relay that has logged in and now forwards the commands of another
    /// client. The session continues: the client sends nothing and closes nothing.
    ///
    /// The client first [finishes](Self::drain) a dropped call. If the future is dropped, the connection is closed.
    ///
    /// # Errors
    /// Returns [`ClientError::Protocol`] if unexpected octets have arrived. Commands and replies would then be out of
    /// step. Otherwise as [`drain`](Self::drain).
    pub async fn into_transport(mut self) -> Result<T, ClientError> {
        self.drain().await?;
        if !self.untaken().is_empty() {
            return Err(ClientError::Protocol(ProtocolError::Unsolicited(self.surplus())));
        }
        Ok(self.transport)
    }
}
