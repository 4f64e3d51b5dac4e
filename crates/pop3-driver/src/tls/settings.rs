//! Settings of rustls for mail.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::ALPN;

/// Creates the TLS settings of a server with this certificate chain and its key.
///
/// # Errors
/// Returns an error if the key does not match the certificate or has an unknown type. Without the feature `ring`,
/// this and the following functions also return an error if the process has not installed a rustls crypto provider.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    let config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    Ok(harden_server(config))
}

/// Like [`server_config`], for a server that asks its clients for a certificate of these authorities. Clients without
/// a certificate are served too. The handshake fails if a client has a certificate that is not valid (RFC 8314
/// section 4.2).
///
/// The certificate by itself does not log a client in. EXTERNAL uses it to check the user.
///
/// # Errors
/// Returns an error for the same reasons as [`server_config`], or if there is no authority.
pub fn server_config_with_client_ca(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: RootCertStore,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let verifier = client_verifier(authorities)?;
    let builder = ServerConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    let config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
    Ok(harden_server(config))
}

/// Creates a verifier of client certificates, for a rustls configuration of your own. It accepts certificates of
/// these authorities, and clients without a certificate.
///
/// # Errors
/// Returns an error if there is no authority.
pub fn client_verifier(authorities: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), chosen()?)
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// Adapts the rustls configuration of a server to mail: sets ALPN to `pop3` and disables early data.
#[must_use]
pub fn harden_server(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// Creates the TLS settings of a client that trusts these authorities. The certificate must match the name that the
/// client connects to.
///
/// # Errors
/// Returns an error if rustls refuses the settings.
pub fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    Ok(harden_client(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Creates the TLS settings of a client with a verifier of your own. It decides which certificates to trust, and for
/// which names.
///
/// # Errors
/// Returns an error if rustls refuses the settings.
pub fn client_config_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(harden_client(builder.with_no_client_auth()))
}

/// Adapts the rustls configuration of a client to mail: sets ALPN to `pop3` and disables early data.
#[must_use]
pub fn harden_client(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_early_data = false;
    Arc::new(config)
}

/// Returns the crypto provider that is used: the one that the process has installed, or else ring.
#[cfg(feature = "ring")]
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let installed = CryptoProvider::get_default().cloned();
    installed.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "without ring there may be none")]
fn chosen() -> Result<Arc<CryptoProvider>, rustls::Error> {
    Ok(provider())
}

#[cfg(not(feature = "ring"))]
fn chosen() -> Result<Arc<CryptoProvider>, rustls::Error> {
    let missing = || rustls::Error::General("this process has installed no rustls crypto provider".into());
    CryptoProvider::get_default().cloned().ok_or_else(missing)
}
