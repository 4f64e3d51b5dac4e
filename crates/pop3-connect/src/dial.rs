//! From the settings of an account to a client that has been greeted, on any runtime.

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::net::ToSocketAddrs;

use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::tls::Connector;
use pop3_driver::{Stop, Transport};
use pop3_proto::client::ClientConfig;
use pop3_url::Url;

use crate::error::ConnectError;
use crate::kind::CredentialKind;
use crate::login::Login;
use crate::naming::{Naming, as_fields};
use crate::settings::{Rate, Settings, TlsMode};

/// A server, how to reach it, and how to protect the connection.
///
/// ```no_run
/// use pop3_connect::{Dial, Login, Settings, Source, Url};
///
/// # async fn run() -> Result<(), Box<dyn core::error::Error>> {
/// let url = Url::parse("pop3s://fred@mail.example")?;
/// let settings = Settings::new().with_password(Source::file("/home/fred/.pop3-password"));
/// let dial = Dial::new(&settings, &url)?;
/// let login = Login::new(&settings, &url, dial.place())?.ok_or("the URL names no user")?;
/// let dial = dial.for_login(&login);
///
/// let mut client = dial.connect(pop3_tokio::connect).await.map_err(|error| dial.explain(&error))?;
/// login.log_in(&mut client).await.map_err(|error| dial.explain(&error))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dial {
    place: String,
    /// What is dialled, one after the other.
    hosts: Vec<String>,
    port: u16,
    security: Security,
    options: ClientOptions,
    /// What the login shows.
    pub(crate) kind: CredentialKind,
    pub(crate) naming: Naming,
}

impl Dial {
    /// Creates a value from the settings and the URL. If neither specifies TLS, STLS is required, except for a server
    /// on this machine. To find out where the server is, this looks up the host name, which blocks.
    ///
    /// # Errors
    /// Returns an error if the trusted certificates cannot be read, or if the host is neither a name nor an address.
    pub fn new(settings: &Settings, url: &Url) -> Result<Self, ConnectError> {
        let place = format!("{}:{}", pop3_url::idn::to_text(url.host()), url.port());
        let mut hosts = vec![url.host().to_owned()];
        let connector = || -> Result<Connector, ConnectError> {
            Connector::new(settings.tls_config()?, url.host()).map_err(|_| {
                ConnectError::settings(format!(
                    "TLS can't verify {}: it is neither a host name nor an IP address",
                    url.host()
                ))
            })
        };
        let pinned = !settings.tls_fingerprint.is_empty();
        let security = match settings.tls {
            Some(TlsMode::Implicit) => Security::Implicit(connector()?),
            Some(TlsMode::StartTls) => Security::StartTls(connector()?),
            Some(TlsMode::Off) if pinned => {
                return Err(ConnectError::settings(format!(
                    "{} needs TLS, which is turned off",
                    settings.name("tls_fingerprint")
                )));
            }
            Some(TlsMode::Off) => Security::TrustedPlaintext,
            None if url.scheme().implicit_tls() => Security::Implicit(connector()?),
            // Who knows the certificate wants to see it.
            None if pinned => Security::StartTls(connector()?),
            None => {
                let loopback = loopback_addresses(url);
                if loopback.is_empty() {
                    Security::StartTls(connector()?)
                } else {
                    // Connect to the addresses that were checked. The name could resolve differently by then.
                    hosts = loopback.iter().map(ToString::to_string).collect();
                    Security::TrustedPlaintext
                }
            }
        };
        let rate = settings.min_rate.unwrap_or_else(|| Rate::patient_for(settings.timeout));
        let mut config = ClientConfig::default();
        config.strict = settings.strict;
        config.raw_credentials = settings.raw_password;
        config.reply_timeout = settings.timeout;
        config.quit_timeout = settings.timeout;
        config.min_octets = rate.octets;
        config.min_octets_period = rate.period;
        let mut options = ClientOptions::new()
            .with_connect_timeout(settings.timeout)
            .with_config(config)
            .with_capabilities(settings.capabilities)
            .with_initial_response(settings.initial_response);
        options.stop.clone_from(&settings.stop);
        options.tracer.clone_from(&settings.tracer);
        let (kind, naming) = (CredentialKind::default(), settings.naming);
        Ok(Self { place, hosts, port: url.port(), security, options, kind, naming })
    }

    /// Creates a value for a server with a known address.
    #[must_use]
    pub fn to(address: SocketAddr, security: Security, options: ClientOptions) -> Self {
        Self {
            place: address.to_string(),
            hosts: vec![address.ip().to_string()],
            port: address.port(),
            security,
            options,
            kind: CredentialKind::default(),
            naming: as_fields,
        }
    }

    /// Returns the host and port in a form for people. An internationalized name is shown in its own script.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub const fn security(&self) -> &Security {
        &self.security
    }

    /// Returns the addresses to try, in this order. If the host was already looked up, these are the addresses found
    /// then.
    ///
    /// # Errors
    /// Returns an error if the host has to be looked up, which blocks, and cannot be found.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let look_up = |host: &String| (host.as_str(), self.port).to_socket_addrs();
        let found: Vec<_> = self.hosts.iter().map(look_up).collect::<io::Result<_>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Returns a copy with a different protection.
    #[must_use]
    pub fn with_security(&self, security: Security) -> Self {
        Self { security, ..self.clone() }
    }

    /// Sets whether to send commands before earlier ones are answered, if the server allows it (RFC 2449 section
    /// 6.6). Default: `true`.
    #[must_use]
    pub const fn with_pipelining(mut self, pipelining: bool) -> Self {
        self.options.config.pipelining = pipelining;
        self
    }

    /// Sets a switch that aborts connecting and ends the session.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.options.stop = Some(stop);
        self
    }

    /// Records which credentials the login uses, so that [`explain`](Self::explain) can name them.
    #[must_use]
    pub fn for_login(self, login: &Login) -> Self {
        Self { kind: login.kind(), ..self }
    }

    /// Connects with the `connect` function of an adapter, such as `pop3_tokio::connect`. Tries the addresses one
    /// after the other until one answers.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// Returns an error if no connection can be established. At most STLS was sent.
    pub async fn connect<T: Transport>(
        &self,
        connect: impl AsyncFn(&str, u16, Security, ClientOptions) -> Result<Client<T>, ClientError>,
    ) -> Result<Client<T>, ClientError> {
        let mut result = Err(ClientError::Network(io::ErrorKind::NotFound.into()));
        for host in &self.hosts {
            let connecting = connect(host, self.port, self.security.clone(), self.options.clone());
            result = match &self.options.stop {
                Some(stop) => stop.race(connecting).await.unwrap_or(Err(ClientError::Stopped)),
                None => connecting.await,
            };
            // Try the next address only if nobody answers at this one.
            if !matches!(result, Err(ClientError::Network(_))) {
                break;
            }
        }
        result
    }
}

/// All addresses of the host, if each is on this machine; else none.
fn loopback_addresses(url: &Url) -> Vec<IpAddr> {
    let Ok(addresses) = (url.host(), url.port()).to_socket_addrs() else { return Vec::new() };
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    if addresses.iter().all(|address| address.to_canonical().is_loopback()) { addresses } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outside_ascii_is_dialled_and_checked_by_its_a_labels() {
        let url = pop3_url::idn::to_ascii("pop3s://alice@B\u{fc}cher.invalid").unwrap();
        let dial = Dial::new(&Settings::new(), &Url::parse(&url).unwrap()).unwrap();
        assert_eq!(dial.hosts, ["xn--bcher-kva.invalid"]);
        assert_eq!(dial.place, "b\u{fc}cher.invalid:995");
        let Security::Implicit(connector) = dial.security else { panic!("no TLS") };
        assert_eq!(connector.name(), "xn--bcher-kva.invalid".try_into().unwrap());
    }
}
