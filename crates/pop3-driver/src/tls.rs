//! What all adapters need of TLS: rustls with the settings that mail wants.
//!
//! This is the only module of this crate whose signatures have types of rustls. It follows rustls 0.23, which it has
//! as [`rustls`]; a later major version of rustls is a major version of this crate.
//!
//! TLS 1.2 and 1.3 and nothing older (RFC 8314 section 4.1, RFC 8997), ALPN `pop3` (RFC 7301), no
//! early data: a command that can be replayed is a message that can be lost.

use std::io;
use std::sync::Arc;

mod agreed;
mod end_point;
mod handshake;
mod info;

pub use handshake::ServerHandshake;
pub use info::{Certificate, TlsInfo};
pub use rustls;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The protocol's name in ALPN.
pub const ALPN: &[u8] = b"pop3";

/// A server's TLS with one certificate chain and its key.
///
/// # Errors
/// When the key does not fit the certificate, or is of a kind that is not known.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    Ok(harden_server(config))
}

/// The same for a server that asks clients for a certificate of these authorities. A client without one
/// is served all the same; one with a certificate that is not good is not (RFC 8314 section 4.2). The
/// certificate alone logs nobody in: it is what EXTERNAL goes by.
///
/// # Errors
/// As [`server_config`]; and when no authority is given.
pub fn server_config_with_client_ca(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: RootCertStore,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let verifier = client_verifier(authorities)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
    Ok(harden_server(config))
}

/// Who verifies the certificates of clients, for a rustls configuration of one's own: those of these
/// authorities are good, and none is needed.
///
/// # Errors
/// When no authority is given.
pub fn client_verifier(authorities: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// Gives a server's rustls configuration, however it was made, what mail wants: ALPN `pop3`, no
/// early data.
#[must_use]
pub fn harden_server(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// A client's TLS that believes certificates of these authorities, for the name that was dialled.
///
/// # Errors
/// When rustls refuses the settings.
pub fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(harden_client(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A client's TLS that leaves it to the caller which certificates are believed, and for which names.
///
/// # Errors
/// When rustls refuses the settings.
pub fn client_config_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(harden_client(builder.with_no_client_auth()))
}

/// Gives a client's rustls configuration, however it was made, what mail wants: ALPN `pop3`, no early
/// data.
#[must_use]
pub fn harden_client(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_early_data = false;
    Arc::new(config)
}

/// The cryptography that is used.
#[must_use]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

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

/// Who a transport is in a handshake.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "TLS has two sides; a transport may have none")]
pub enum Role {
    /// The server's side.
    Server(Arc<ServerConfig>),
    /// The client's side.
    Client(Connector),
    /// No handshake can be done.
    None,
}

/// The fault of a handshake that can't be done.
#[must_use]
pub fn unavailable() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "there is no certificate, or the connection is in TLS already")
}
