//! The client side of TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};

/// The TLS settings of a client for one server, with the name that the certificate of the server must have.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// Creates a connector for the server with this name, which is a DNS name or an IP address.
    ///
    /// # Errors
    /// Returns an error if the name is neither.
    pub fn new(config: Arc<ClientConfig>, name: &str) -> Result<Self, InvalidDnsNameError> {
        let name = ServerName::try_from(name)?.to_owned();
        Ok(Self { config, name })
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// Returns the name that is sent to the server (SNI). Returns `None` for an IP address, or if the settings
    /// disable SNI.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        match &self.name {
            ServerName::DnsName(name) if self.config.enable_sni => Some(name.as_ref().to_lowercase()),
            ServerName::DnsName(_) | ServerName::IpAddress(_) | _ => None,
        }
    }
}
