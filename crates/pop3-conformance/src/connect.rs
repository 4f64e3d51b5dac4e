//! The address of a server, how to connect to it, and the account.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestedTls {
    /// Not at all for most rows: the session is in clear text. STLS is tested if the server offers it.
    Off,
    /// With STLS on each connection, before any secret is sent.
    StartTls,
    /// With the first octet of the connection.
    Implicit,
}

/// A server and the account of a maildrop.
#[derive(Clone)]
#[non_exhaustive]
pub struct Connect {
    /// The addresses, tried in this order until one answers.
    pub addresses: Vec<SocketAddr>,
    /// When TLS begins.
    pub tls: TestedTls,
    /// The TLS settings, and the name that the certificate must have. Without them the rows about TLS
    /// are skipped.
    pub trust: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The user's name.
    pub user: Vec<u8>,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
    /// How long a reply may take. Default: 30 s, because servers delay the reply to a wrong password.
    pub timeout: Duration,
    /// How long to wait to be sure that nothing arrives. Default: 400 ms. A slow connection needs more.
    pub pause: Duration,
}

impl Connect {
    /// Creates the settings for an account in clear text, with the default timeouts and without TLS.
    #[must_use]
    pub fn new(addresses: Vec<SocketAddr>, user: &[u8], password: &[u8]) -> Self {
        Self {
            addresses,
            tls: TestedTls::Off,
            trust: None,
            user: user.to_vec(),
            password: password.to_vec().into(),
            timeout: Duration::from_secs(30),
            pause: Duration::from_millis(400),
        }
    }

    /// Sets up TLS: when it begins, its settings, and the name that the certificate must have.
    #[must_use]
    pub fn with_tls(mut self, tls: TestedTls, config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        self.tls = tls;
        self.trust = Some((config, name));
        self
    }

    /// Sets how long a reply may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long to wait to be sure that nothing arrives.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    pub(crate) fn dial(&self) -> std::io::Result<TcpStream> {
        let mut result = Err(std::io::ErrorKind::NotFound.into());
        for address in &self.addresses {
            result = TcpStream::connect_timeout(address, self.timeout);
            if result.is_ok() {
                break;
            }
        }
        let stream = result?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(stream)
    }
}

impl fmt::Debug for Connect {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("addresses", &self.addresses)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
