//! A client's side of TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};

/// A client's TLS for one server: the settings, and the name that the certificate must have.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// TLS with the server of this name: a DNS name, or an IP address.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(config: Arc<ClientConfig>, name: &str) -> Result<Self, InvalidDnsNameError> {
        let name = ServerName::try_from(name)?.to_owned();
        Ok(Self { config, name })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// The name that the server is told (SNI), if the settings have it told, and it is no IP address.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        match &self.name {
            ServerName::DnsName(name) if self.config.enable_sni => Some(name.as_ref().to_lowercase()),
            ServerName::DnsName(_) | ServerName::IpAddress(_) | _ => None,
        }
    }
}
