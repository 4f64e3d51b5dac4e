//! A connection whose settings are complete.

use core::future::Future;

use pop3_driver::Transport;
use pop3_driver::client::{Client, ClientError, ClientOptions, Security};

use crate::login::Login;

/// All that an adapter needs to connect: settings that fit together, with the files read.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) options: ClientOptions,
    pub(crate) login: Login,
}

impl Prepared {
    /// The host to connect to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How the connection is protected.
    #[must_use]
    pub fn security(&self) -> Security {
        self.security.clone()
    }

    /// The settings of the client.
    #[must_use]
    pub fn options(&self) -> ClientOptions {
        self.options.clone()
    }

    /// Waits for the connection, and logs in. The switch of [`ClientOptions::stop`] ends the wait; once it is thrown, the future
    /// is not polled any more.
    ///
    /// # Errors
    /// Those of the connection and of the login. The connection is closed then.
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
