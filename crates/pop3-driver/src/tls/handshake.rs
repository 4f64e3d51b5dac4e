//! What one handshake of a server leaves behind beside the connection.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;

use super::TlsInfo;

/// The server's side of one handshake: for adapters.
///
/// rustls does not tell which certificate it has sent, and `tls-server-end-point` is the hash of just
/// that one. So each handshake has settings of its own, which note what is chosen; all else is shared.
#[derive(Debug)]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    chosen: Arc<Chosen>,
}

impl ServerHandshake {
    /// A handshake with these settings.
    #[must_use]
    pub fn new(config: &ServerConfig) -> Self {
        let mut config = config.clone();
        let chosen = Arc::new(Chosen { inner: Arc::clone(&config.cert_resolver), last: Mutex::new(None) });
        config.cert_resolver = Arc::<Chosen>::clone(&chosen);
        Self { config: Arc::new(config), chosen }
    }

    /// The settings for the connection.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What was agreed on, once the handshake is done.
    #[must_use]
    pub fn finish(self, connection: &ServerConnection) -> Option<TlsInfo> {
        let chosen = self.chosen.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let own = chosen.as_ref().and_then(|chosen| chosen.cert.first());
        TlsInfo::of_server(connection, own.map(AsRef::as_ref))
    }
}

#[derive(Debug)]
struct Chosen {
    inner: Arc<dyn ResolvesServerCert>,
    last: Mutex<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Chosen {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.inner.resolve(client_hello);
        // A second ClientHello is asked anew.
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&chosen);
        chosen
    }

    fn only_raw_public_keys(&self) -> bool {
        self.inner.only_raw_public_keys()
    }
}
