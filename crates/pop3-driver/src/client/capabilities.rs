//! Asking for the capabilities, as seldom as that is right.

use pop3_proto::{Capabilities, Capability, Command};

use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Asks for the capabilities (CAPA, RFC 2449 section 5). Returns `None` if the server does not know the command,
    /// or if [`ClientOptions::capabilities`](super::ClientOptions::capabilities) says not to ask.
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn capabilities(&mut self) -> Result<Option<Capabilities>, ClientError> {
        if !self.asks_capabilities {
            return Ok(None);
        }
        match self.call(&Command::Capa, |_| Ok(())).await {
            Ok(()) => Ok(self.known_capabilities().cloned()),
            Err(ClientError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for the capabilities, unless they are known.
    pub(super) async fn learn_capabilities(&mut self) -> Result<(), ClientError> {
        if self.known_capabilities().is_none() && !self.without_capabilities {
            let none = self.capabilities().await?.is_none();
            self.without_capabilities = none;
        }
        Ok(())
    }

    /// Asks again after a login: at once, or with the next command where that takes no round trip. PIPELINING is the
    /// same before and after the login (RFC 2449 section 6.6).
    pub(super) async fn ask_again(&mut self) -> Result<(), ClientError> {
        if self.has(Capability::Pipelining) { Ok(()) } else { self.capabilities().await.map(drop) }
    }

    /// Whether the user has logged in since the server was asked for its capabilities. It also has to be asked when
    /// the call that logged in was dropped.
    pub(super) const fn owes_capa(&self) -> bool {
        self.asks_capabilities && self.is_logged_in() && !self.asked_logged_in
    }

    /// Puts a CAPA that is owed into the output, in front of this command. Returns whether it is there.
    ///
    /// If the command can't be sent, nothing is.
    pub(super) fn enqueue_owed_capa(&mut self, command: &Command<'_>) -> Result<bool, ClientError> {
        // The end of the session depends on no capability.
        let asks = self.owes_capa() && !matches!(command, Command::Capa | Command::Quit);
        if asks {
            let may = self.connection.may_send(command);
            self.check_sent(may)?;
            self.enqueue(Command::Capa)?;
        }
        Ok(asks)
    }

    /// Takes the reply to a CAPA that was sent. If it is refused, what was announced before the login remains.
    pub(super) async fn take_capabilities(&mut self) -> Result<(), ClientError> {
        self.follow(|_| Ok(())).await
    }

    /// Sends a CAPA that is owed, and waits for the reply. This command is to follow. If it can't be sent, nothing is.
    pub(super) async fn pay_capa(&mut self, command: &Command<'_>) -> Result<(), ClientError> {
        if self.enqueue_owed_capa(command)? { self.take_capabilities().await } else { Ok(()) }
    }
}
