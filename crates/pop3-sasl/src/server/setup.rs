//! What an exchange has to know of its server and its connection.

use alloc::string::String;
use alloc::vec::Vec;

use super::token_refusal::TokenRefusal;
use crate::{ChannelBindings, Nonce, Secret};

/// The settings of one server exchange.
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
    /// Creates the settings. Use a new nonce for each exchange.
    ///
    /// `decoy_key` determines the salts of users who do not exist. It should have 16 or more random octets. Keep it
    /// secret, and do not change it for years: if those salts change, they reveal that the users do not exist.
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

    /// Sets the number of iterations for users who do not exist. Use the number with which keys are usually made.
    /// Default: 4096.
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

    /// Sets whether the server offered a -PLUS mechanism on this connection. If it did, and the client supports
    /// channel binding but saw no such offer, then the list was changed on the way, and the client is refused (RFC
    /// 5802 section 6). Default: no.
    #[must_use]
    pub const fn with_plus_offered(mut self, offered: bool) -> Self {
        self.plus_offered = offered;
        self
    }

    /// Sets the host names of the server. A client that names another host with OAUTHBEARER is refused (RFC 7628
    /// section 3.2). The challenge of CRAM-MD5 contains the first name. Default: none; then every host is accepted.
    #[must_use]
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the ports of the server, which are checked like the hosts. Default: none; then every port is accepted.
    #[must_use]
    pub fn with_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// Sets the error that a client receives if its token is refused without a specific [`TokenRefusal`]. Default:
    /// the token is invalid.
    #[must_use]
    pub fn with_token_refusal(mut self, refusal: TokenRefusal) -> Self {
        self.token_refusal = refusal;
        self
    }
}
