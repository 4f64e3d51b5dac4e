//! The settings that a builder has collected.

#[cfg(feature = "trust")]
use std::path::PathBuf;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use pop3_driver::Stop;
use pop3_driver::client::{ClientError, ClientOptions, Security};
#[cfg(feature = "rustls")]
use pop3_driver::tls::{Connector, rustls::ClientConfig};
#[cfg(feature = "trust")]
use pop3_trust::{Fingerprint, Whom};

use crate::fault::Fault;
use crate::login::Login;
use crate::prepared::Prepared;

/// The settings that a [`Builder`](crate::Builder) has collected, for adapters.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) protection: Protection,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Tls,
    pub(crate) options: ClientOptions,
    pub(crate) stop: Option<Stop>,
    pub(crate) login: Login,
}

/// How to protect the connection.
#[derive(Clone, Debug, Default)]
pub(crate) enum Protection {
    /// TLS from the first octet.
    #[default]
    Implicit,
    /// TLS by STLS.
    #[cfg(feature = "rustls")]
    StartTls,
    /// As the caller says.
    Given(Security),
}

/// The settings of TLS.
#[cfg(feature = "rustls")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    pub(crate) name: Option<String>,
    pub(crate) config: Option<Arc<ClientConfig>>,
    #[cfg(feature = "trust")]
    pub(crate) ca_file: Option<PathBuf>,
    #[cfg(feature = "trust")]
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// The certificate and the key that the client shows.
    #[cfg(feature = "trust")]
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// POP3 in TLS from the first octet (RFC 8314 section 3.3).
const IMPLICIT_PORT: u16 = 995;
/// POP3 that begins in clear (RFC 1939 section 3).
const PORT: u16 = 110;

impl Plan {
    pub(crate) fn new(host: &str) -> Self {
        let (host, port) = split(host);
        Self {
            host: host.to_owned(),
            port,
            protection: Protection::default(),
            #[cfg(feature = "rustls")]
            tls: Tls::default(),
            options: ClientOptions::new(),
            stop: None,
            login: Login::default(),
        }
    }

    /// Checks and completes the settings of a connection. This reads files, so it may block for a moment.
    ///
    /// # Errors
    /// Returns [`ClientError::Settings`] if a file cannot be read or settings contradict each other.
    pub fn prepare(self) -> Result<Prepared, ClientError> {
        let port = self.port.unwrap_or_else(|| self.default_port());
        let security = self.security()?;
        self.complete(port, security)
    }

    /// Like [`prepare`](Self::prepare), for a stream that is already in TLS from another library.
    ///
    /// # Errors
    /// Also returns [`ClientError::Settings`] if the builder has settings for the protection of the connection.
    pub fn prepare_in_tls(self) -> Result<Prepared, ClientError> {
        if !matches!(self.protection, Protection::Implicit) {
            return Err(Fault::ProtectedTwice.into());
        }
        #[cfg(feature = "rustls")]
        self.without_tls()?;
        let port = self.port.unwrap_or(IMPLICIT_PORT);
        self.complete(port, Security::Plaintext)
    }

    fn complete(self, port: u16, security: Security) -> Result<Prepared, ClientError> {
        let Self { host, mut options, stop, login, .. } = self;
        options.stop = stop.or(options.stop);
        let login = login.at(&host, port)?;
        Ok(Prepared { host, port, security, options, login })
    }

    const fn default_port(&self) -> u16 {
        match &self.protection {
            Protection::Implicit => IMPLICIT_PORT,
            #[cfg(feature = "rustls")]
            Protection::Given(Security::Implicit(_)) => IMPLICIT_PORT,
            #[cfg(feature = "rustls")]
            Protection::StartTls => PORT,
            Protection::Given(_) => PORT,
        }
    }
}

/// The host and the port of `host:port`, as [`std::net::ToSocketAddrs`] reads it. An IPv6 address needs brackets if a
/// port follows.
fn split(text: &str) -> (&str, Option<u16>) {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, rest) = match bracketed {
        Some((host, "")) => return (host, None),
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, rest)) => (host, Some(rest)),
            None => return (text, None),
        },
    };
    let digits = rest.filter(|rest| rest.bytes().all(|octet| octet.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(port) => (host, Some(port)),
        None => (text, None),
    }
}

#[cfg(not(feature = "rustls"))]
impl Plan {
    fn security(&self) -> Result<Security, ClientError> {
        match &self.protection {
            Protection::Implicit => Err(Fault::NoTls.into()),
            Protection::Given(security) => Ok(security.clone()),
        }
    }
}

#[cfg(feature = "rustls")]
impl Plan {
    fn security(&self) -> Result<Security, ClientError> {
        Ok(match &self.protection {
            Protection::Implicit => Security::Implicit(self.connector()?),
            Protection::StartTls => Security::StartTls(self.connector()?),
            Protection::Given(security) => {
                self.without_tls()?;
                security.clone()
            }
        })
    }

    fn connector(&self) -> Result<Connector, ClientError> {
        let name = self.tls.name.as_deref().unwrap_or(&self.host);
        Connector::new(self.tls.config()?, name).map_err(|error| ClientError::Settings(Box::new(error)))
    }

    /// Refuses TLS settings that would have no effect.
    fn without_tls(&self) -> Result<(), ClientError> {
        let Tls { name, config, .. } = &self.tls;
        if name.is_some() || config.is_some() || self.tls.has_trust() {
            return Err(Fault::UnusedTls.into());
        }
        Ok(())
    }
}

#[cfg(all(feature = "rustls", not(feature = "trust")))]
impl Tls {
    fn config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        self.config.clone().ok_or_else(|| Fault::NoTrust.into())
    }

    const fn has_trust(&self) -> bool {
        false
    }
}

#[cfg(feature = "trust")]
impl Tls {
    fn config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        match &self.config {
            Some(_) if self.has_trust() => Err(Fault::TwoConfigs.into()),
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let whom = Whom::new()
                    .with_ca_file(self.ca_file.clone())
                    .with_fingerprints(self.fingerprints.clone())
                    .with_own(self.own.clone());
                whom.config().map_err(|error| ClientError::Settings(Box::new(error)))
            }
        }
    }

    const fn has_trust(&self) -> bool {
        self.ca_file.is_some() || !self.fingerprints.is_empty() || self.own.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_follow_the_host() {
        for (text, parts) in [
            ("pop.example.org", ("pop.example.org", None)),
            ("pop.example.org:1995", ("pop.example.org", Some(1995))),
            ("127.0.0.1:0", ("127.0.0.1", Some(0))),
            ("::1", ("::1", None)),
            ("2001:db8::110", ("2001:db8::110", None)),
            ("2001:110", ("2001", Some(110))),
            ("[::1]", ("::1", None)),
            ("[::1]:995", ("::1", Some(995))),
            // No host has such a name, so connecting fails.
            ("pop.example.org:", ("pop.example.org:", None)),
            ("pop.example.org:+1", ("pop.example.org:+1", None)),
            ("pop.example.org:65536", ("pop.example.org:65536", None)),
            ("[::1]995", ("[::1]995", None)),
        ] {
            assert_eq!(split(text), parts, "{text}");
        }
    }

    #[test]
    fn a_port_that_is_set_replaces_the_one_after_the_host() {
        let plan = Plan::new("127.0.0.1:1110");
        let ports = |plan: Plan| plan.prepare_in_tls().map(|ready| (ready.host, ready.port)).unwrap();
        assert_eq!(ports(plan.clone()), ("127.0.0.1".to_owned(), 1110));
        assert_eq!(ports(Plan { port: Some(1), ..plan }), ("127.0.0.1".to_owned(), 1));
    }
}
