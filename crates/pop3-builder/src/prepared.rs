//! Settings that are ready to connect.

use core::future::Future;

use pop3_driver::Transport;
use pop3_driver::client::{Client, ClientError, ClientOptions, Security};

use crate::login::Login;

/// The checked and complete settings of a connection, with all files read. An adapter connects with them.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) options: ClientOptions,
    pub(crate) login: Login,
}

impl Prepared {
    /// Returns the host to connect to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub fn security(&self) -> Security {
        self.security.clone()
    }

    /// Returns the options of the client.
    #[must_use]
    pub fn options(&self) -> ClientOptions {
        self.options.clone()
    }

    /// Waits for the connection and logs in. The switch of [`ClientOptions::stop`] ends the wait. Once it is stopped,
    /// the future is no longer polled.
    ///
    /// # Errors
    /// Returns the errors of the connection and of the login. The connection is then closed.
    pub async fn finish<T: Transport>(
        &self,
        connecting: impl Future<Output = Result<Client<T>, ClientError>>,
    ) -> Result<Client<T>, ClientError> {
        let connected = match &self.options.stop {
            Some(stop) => stop.before(connecting).await.unwrap_or(Err(ClientError::Stopped)),
            None => connecting.await,
        };
        let mut client = connected?;
        self.login.log_in(&mut client).await?;
        Ok(client)
    }
}
