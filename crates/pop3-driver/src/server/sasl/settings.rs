//! What a server's exchanges have in common.

use std::io;
use std::sync::OnceLock;

use pop3_proto::Secret;
use pop3_sasl::Nonce;
use pop3_sasl::server::{ServerSetup, TokenRefusal};

/// What a server's exchanges of SASL have in common. One value serves all connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sasl {
    /// What makes the salts of users who do not exist (RFC 5802 section 5.1). Default: random octets, new
    /// with each process. Give a server 32 random octets that stay the same, or a restart changes the salts
    /// of those users, and of nobody else.
    pub decoy_key: Option<Secret<[u8; 32]>>,
    /// The iterations that users who do not exist seem to have: those with which keys are usually made.
    /// Default: 4096.
    pub decoy_iterations: Option<u32>,
    /// The server's own host names. A client of OAUTHBEARER that means another is refused (RFC 7628
    /// section 3.2); the first stands in the challenges of CRAM-MD5. Default: none, and any is taken.
    pub hosts: Vec<String>,
    /// The ports at which the server is known, like the hosts. Default: none, and any is taken.
    pub ports: Vec<u16>,
    /// What a client is told whose token is refused. Default: that it is invalid.
    pub token_refusal: TokenRefusal,
}

impl Sasl {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// Adds to [`hosts`](Self::hosts).
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Adds to [`ports`](Self::ports).
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
