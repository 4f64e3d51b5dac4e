//! The settings of SASL exchanges.

use std::io;
use std::sync::{Arc, OnceLock};

use pop3_proto::Secret;
use pop3_sasl::Nonce;
use pop3_sasl::server::{ServerSetup, TokenRefusal};

/// The settings of the SASL exchanges of a server. One value serves all connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sasl {
    /// The key from which the server derives salts for users that do not exist (RFC 5802 section 5.1). Default:
    /// random octets, new for each process.
    ///
    /// Set it to 32 random octets that stay the same. Otherwise a restart changes the salts of these users but not
    /// those of real users, and a client can tell them apart.
    pub decoy_key: Option<Secret<[u8; 32]>>,
    /// The number of iterations that the server announces for users that do not exist. Set it to the number with
    /// which you usually create keys. Default: 4096.
    pub decoy_iterations: Option<u32>,
    /// The host names of this server. It refuses OAUTHBEARER clients that name another host (RFC 7628 section 3.2).
    /// The first name is used in the challenges of CRAM-MD5. Default: none, and any host is accepted.
    pub hosts: Vec<String>,
    /// The ports of this server, checked like the hosts. Default: none, and any port is accepted.
    pub ports: Vec<u16>,
    /// What a client is told if its token is refused. Default: that the token is invalid.
    pub token_refusal: TokenRefusal,
}

impl Sasl {
    /// Creates the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The default settings, which all connections share that have no others.
    pub(in crate::server) fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Sasl>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(Arc::default))
    }

    /// Sets [`decoy_key`](Self::decoy_key).
    #[must_use]
    pub fn with_decoy_key(mut self, key: [u8; 32]) -> Self {
        self.decoy_key = Some(Secret::new(key));
        self
    }

    /// Sets [`decoy_iterations`](Self::decoy_iterations).
    #[must_use]
    pub const fn with_decoy_iterations(mut self, iterations: u32) -> Self {
        self.decoy_iterations = Some(iterations);
        self
    }

    /// Adds a name to [`hosts`](Self::hosts).
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Adds a port to [`ports`](Self::ports).
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Sets [`token_refusal`](Self::token_refusal).
    #[must_use]
    pub fn with_token_refusal(mut self, refusal: TokenRefusal) -> Self {
        self.token_refusal = refusal;
        self
    }

    /// What a new exchange has to know of its server.
    ///
    /// # Errors
    /// When the system has no random octets.
    pub(super) fn setup(&self) -> io::Result<ServerSetup> {
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let key = match &self.decoy_key {
            Some(key) => key,
            None => process_key()?,
        };
        let mut setup = ServerSetup::new(Nonce::from_random(random), key.expose().as_slice())
            .with_hosts(&self.hosts)
            .with_ports(self.ports.iter().copied())
            .with_token_refusal(self.token_refusal.clone());
        if let Some(iterations) = self.decoy_iterations {
            setup = setup.with_decoy_iterations(iterations);
        }
        Ok(setup)
    }
}

/// Random octets that stay the same as long as the process runs.
fn process_key() -> io::Result<&'static Secret<[u8; 32]>> {
    static KEY: OnceLock<Secret<[u8; 32]>> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(KEY.get_or_init(|| Secret::new(key)))
}
