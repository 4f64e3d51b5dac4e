//! The TLS handshake of a server.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;

use super::TlsInfo;

/// One TLS handshake of a server, for adapters.
///
/// Channel binding with `tls-server-end-point` needs the certificate that the server has sent, but rustls does not
/// report which one it chose. Each handshake therefore has its own copy of the settings that records the choice. The
/// copies share everything else.
#[derive(Debug)]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    chosen: Arc<Chosen>,
}

impl ServerHandshake {
    /// Creates a handshake with these settings.
    #[must_use]
    pub fn new(config: &ServerConfig) -> Self {
        let mut config = config.clone();
        let chosen = Arc::new(Chosen { inner: Arc::clone(&config.cert_resolver), last: Mutex::new(None) });
        config.cert_resolver = Arc::<Chosen>::clone(&chosen);
        Self { config: Arc::new(config), chosen }
    }

    /// Returns the settings for the connection.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Returns the result of the handshake, or `None` before it is done.
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
        // After a HelloRetryRequest, the second ClientHello is resolved again.
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&chosen);
        chosen
    }

    fn only_raw_public_keys(&self) -> bool {
        self.inner.only_raw_public_keys()
    }
}
