//! The login that a builder has collected.

use pop3_driver::client::{Client, ClientError, Credentials, LoginPolicy};
use pop3_driver::{LoginMethod, Transport};
use pop3_sasl::client::Unusable;

use crate::fault::Fault;

/// Who logs in, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) credentials: Option<Credentials>,
    /// Whether to add the endpoint to the credentials.
    pub(crate) needs_endpoint: bool,
    pub(crate) method: Option<LoginMethod>,
    pub(crate) policy: LoginPolicy,
}

impl Login {
    /// The same for a server at this place, if its parts go together.
    pub(crate) fn at(self, host: &str, port: u16) -> Result<Self, ClientError> {
        let binds =
            |method| matches!(method, LoginMethod::Auth(mechanism) if mechanism.needs_channel_binding());
        if self.policy.require_binding && self.method.is_some_and(|method| !binds(method)) {
            return Err(Fault::CannotBind.into());
        }
        if self.method.is_some() && self.credentials.is_none() {
            return Err(Fault::Nobody.into());
        }
        let endpoint = |credentials: Credentials| {
            if self.needs_endpoint { credentials.with_endpoint(host, port) } else { credentials }
        };
        Ok(Self { credentials: self.credentials.map(endpoint), ..self })
    }

    /// Logs in if there are credentials.
    pub(crate) async fn log_in<T: Transport>(&self, client: &mut Client<T>) -> Result<(), ClientError> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let parts = || -> Result<_, Unusable> {
            let name = credentials.name().ok_or(Unusable::NoName)?.as_bytes();
            Ok((name, credentials.password().ok_or(Unusable::NoPassword)?.expose()))
        };
        match self.method {
            None => client.login_with(credentials, &self.policy).await.map(drop),
            Some(LoginMethod::Auth(mechanism)) => client.authenticate(mechanism, credentials).await,
            Some(LoginMethod::User) => {
                let (name, password) = parts()?;
                client.login(name, password).await
            }
            Some(LoginMethod::Apop) => {
                let (name, password) = parts()?;
                client.login_apop(name, password).await
            }
            Some(_) => Err(Unusable::NotBuilt.into()),
        }
    }
}
