//! TLS settings of a server that change while it runs.

use core::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;

/// TLS settings of a server that can be replaced while it listens, for
/// [`Role::ReloadableServer`](super::Role::ReloadableServer). All clones share the settings.
///
/// A handshake uses the settings that are current when it begins. Connections that are in TLS already keep theirs. A
/// client cannot resume a session of the old settings, and does a full handshake instead.
#[derive(Clone, Default)]
pub struct ReloadableServerConfig(Arc<RwLock<Option<Arc<ServerConfig>>>>);

impl ReloadableServerConfig {
    /// Creates it, with or without settings. Without settings no handshake is possible.
    #[must_use]
    pub fn new(config: Option<Arc<ServerConfig>>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Returns the current settings.
    #[must_use]
    pub fn get(&self) -> Option<Arc<ServerConfig>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the settings for all handshakes that begin from now on.
    pub fn set(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }
}

impl fmt::Debug for ReloadableServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            if self.get().is_some() { "ReloadableServerConfig(..)" } else { "ReloadableServerConfig(none)" };
        f.write_str(text)
    }
}
