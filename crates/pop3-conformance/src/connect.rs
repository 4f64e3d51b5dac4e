//! Where a server is, how it is reached, and who logs in.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestedTls {
    /// The maildrop is read in clear text; STLS is tried where the server offers it.
    Off,
    /// By STLS on each connection, before anything secret is sent.
    StartTls,
    /// From the first octet.
    Implicit,
}

/// A server and the account of a maildrop.
#[derive(Clone)]
#[non_exhaustive]
pub struct Connect {
    /// What is dialled, one after the other until somebody answers.
    pub addresses: Vec<SocketAddr>,
    /// How TLS begins.
    pub tls: TestedTls,
    /// The settings of TLS, and the name that the certificate must have. Without them no row of TLS is
    /// tried.
    pub trust: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The user's name.
    pub user: Vec<u8>,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
    /// How long an answer may take. Default: 30 s, as servers hold back the answer to a wrong password.
    pub timeout: Duration,
    /// How long is waited to see that nothing comes. Default: 400 ms; more on a slow line.
    pub pause: Duration,
}

impl Connect {
    /// An account in clear text, with the default timeout and no TLS.
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

    /// With TLS: how it begins, its settings, and the name that the certificate must have.
    #[must_use]
    pub fn with_tls(mut self, tls: TestedTls, config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        self.tls = tls;
        self.trust = Some((config, name));
        self
    }

    /// With another timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another time for which nothing must come.
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
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("addresses", &self.addresses)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
