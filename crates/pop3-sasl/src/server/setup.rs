//! What an exchange has to know of its server and its connection.

use alloc::string::String;
use alloc::vec::Vec;

use super::token_refusal::TokenRefusal;
use crate::{ChannelBindings, Nonce, Secret};

/// What one exchange has to know.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    pub(super) nonce: Nonce,
    pub(super) decoy_key: Secret,
    pub(super) decoy_iterations: u32,
    pub(super) bindings: ChannelBindings,
    pub(super) plus_offered: bool,
    pub(super) hosts: Vec<String>,
    pub(super) ports: Vec<u16>,
    pub(super) token_refusal: TokenRefusal,
}

impl ServerSetup {
    /// The nonce must be new for each exchange. The key makes the salts of users who do not exist: 16 or
    /// more octets that nobody else knows and that stay the same for years, or the salts of those users
    /// change and tell that they do not exist.
    #[must_use]
    pub fn new(nonce: Nonce, decoy_key: impl Into<Secret>) -> Self {
        Self {
            nonce,
            decoy_key: decoy_key.into(),
            decoy_iterations: crate::scram::MIN_ITERATIONS,
            bindings: ChannelBindings::none(),
            plus_offered: false,
            hosts: Vec::new(),
            ports: Vec::new(),
            token_refusal: TokenRefusal::default(),
        }
    }

    /// Sets the iterations that users who do not exist seem to have: those with which keys are usually made. Default:
    /// 4096.
    #[must_use]
    pub const fn with_decoy_iterations(mut self, iterations: u32) -> Self {
        self.decoy_iterations = iterations;
        self
    }

    /// Sets the bindings of the connection, for -PLUS mechanisms. Default: none.
    #[must_use]
    pub fn with_bindings(mut self, bindings: ChannelBindings) -> Self {
        self.bindings = bindings;
        self
    }

    /// Sets whether this connection was told of a -PLUS mechanism. Then a client that could bind, but saw none
    /// offered, was shown a list that somebody had changed: it is refused (RFC 5802 section 6). Default: no.
    #[must_use]
    pub const fn with_plus_offered(mut self, offered: bool) -> Self {
        self.plus_offered = offered;
        self
    }

    /// Sets the server's own host names. A client of OAUTHBEARER that means another host is refused (RFC 7628 section
    /// 3.2). The first one is put into the challenge of CRAM-MD5. Default: none, and any is taken.
    #[must_use]
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the ports at which the server is known, like the hosts. Default: none, and any is taken.
    #[must_use]
    pub fn with_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// What a client is told whose token is refused without more being said. Default: no more than
    /// that it is invalid.
    #[must_use]
    pub fn with_token_refusal(mut self, refusal: TokenRefusal) -> Self {
        self.token_refusal = refusal;
        self
    }
}
