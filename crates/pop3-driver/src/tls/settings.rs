//! Settings of rustls that mail wants.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::ALPN;

/// A server's TLS with one certificate chain and its key.
///
/// # Errors
/// When the key does not fit the certificate, or is of a kind that is not known. Without the feature `ring`, when this process has installed no rustls crypto provider; so do the other settings here.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
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
    let builder = ServerConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    let config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
    Ok(harden_server(config))
}

/// Who verifies the certificates of clients, for a rustls configuration of one's own: those of these
/// authorities are good, and none is needed.
///
/// # Errors
/// When no authority is given.
pub fn client_verifier(authorities: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), chosen()?)
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
    let builder = ClientConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
    Ok(harden_client(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A client's TLS that leaves it to the caller which certificates are believed, and for which names.
///
/// # Errors
/// When rustls refuses the settings.
pub fn client_config_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(chosen()?).with_safe_default_protocol_versions()?;
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

/// The cryptography that is used: that which the process has installed, or ring's.
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
