//! Verifying that replies and commands are in step.

use pop3_proto::Command;
use pop3_proto::client::ProtocolError;

use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Verifies that replies and commands are in step: sends NOOP and STAT, and expects their replies and nothing
    /// more.
    ///
    /// A server that sends a reply too many shifts all later ones by one. The rest of a message may then look like the
    /// reply to NOOP, but not also like the reply to STAT, which has two numbers in it. The reply to NOOP has none, so
    /// it is not mistaken for that to STAT either. Both may be refused.
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// Returns [`ClientError::Protocol`] if they are out of step. For other errors, see [`ClientError`].
    pub async fn verify_step(&mut self) -> Result<(), ClientError> {
        let noop = self.call(&Command::Noop, |_| Ok(())).await;
        unless_refused(noop)?;
        let stat = self.call(&Command::Stat, |_| Ok(())).await;
        unless_refused(stat)?;
        self.be_quiet()
    }

    /// Whether nothing arrived that nobody asked for.
    pub(super) fn be_quiet(&self) -> Result<(), ClientError> {
        if self.is_quiet() { Ok(()) } else { Err(ProtocolError::Unsolicited(self.surplus()).into()) }
    }
}

fn unless_refused(result: Result<(), ClientError>) -> Result<(), ClientError> {
    match result {
        Err(ClientError::Refused(_)) => Ok(()),
        other => other,
    }
}
