//! How a server is reached, and how to log in.

use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

use pop3_certificates::Fingerprint;
use pop3_driver::Stop;
use pop3_driver::client::Tracer;

use crate::naming::{Naming, as_fields};
use crate::octets::parse_octets;
use crate::source::Source;
use crate::way::Way;

/// How TLS starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// TLS from the first octet (RFC 8314 section 3.3).
    Implicit,
    /// TLS after STLS, which is the first command (RFC 2595). It is required.
    StartTls,
    /// No TLS. Use it only if nobody can read the connection.
    Off,
}

/// The minimum rate at which listings and messages must arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// The number of octets. 0 accepts any rate.
    pub octets: u64,
    /// The period in which they must arrive.
    pub period: Duration,
}

impl Rate {
    /// Creates a rate of this many octets in each period.
    #[must_use]
    pub const fn new(octets: u64, period: Duration) -> Self {
        Self { octets, period }
    }

    /// Creates a rate of 1,000 octets per minute, or per timeout if that is longer. A long timeout thus also
    /// tolerates a slow connection.
    #[must_use]
    pub fn patient_for(timeout: Duration) -> Self {
        Self { octets: 1000, period: timeout.max(Duration::from_secs(60)) }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Octets as [`parse_octets`] reads them, with a slash and the seconds behind it if it is not a minute: `1000`,
    /// `10k/60`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (octets, seconds) = text.split_once('/').unwrap_or((text, "60"));
        match (parse_octets(octets), seconds.parse::<u32>()) {
            (Ok(octets), Ok(seconds @ 1..)) => Ok(Self::new(octets, Duration::from_secs(seconds.into()))),
            _ => Err("expected octets per minute, such as 1000, or octets per number of seconds, such as \
                1000/60"),
        }
    }
}

/// How to reach a server and how to log in. The URL adds the host, the port and the user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How TLS starts. Default: as the URL specifies. If it does not, STLS is used, or no TLS if all addresses of the
    /// host are on this machine and no [fingerprint](Self::tls_fingerprint) is given.
    pub tls: Option<TlsMode>,
    /// A PEM file with additional trusted certificates, of authorities or of servers. Default: none.
    pub ca_file: Option<PathBuf>,
    /// The fingerprints of trusted certificates. If there is any, only these certificates are trusted, and their
    /// names, dates and issuers are ignored. Default: none.
    pub tls_fingerprint: Vec<Fingerprint>,
    /// The PEM file with the client certificate and its chain, for the TLS handshake. Default: none.
    pub client_cert: Option<PathBuf>,
    /// The PEM file with the private key of the client certificate. Default: none.
    pub client_key: Option<PathBuf>,
    /// The login method. Default: [`Way::Auto`].
    pub auth: Way,
    /// The source of the password. Default: none.
    pub password: Option<Source>,
    /// The source of the OAuth 2.0 token. With [`Way::Auto`], a token is preferred over a password. Default: none.
    pub token: Option<Source>,
    /// Whether to use only mechanisms that are bound to the TLS connection (RFC 5929, RFC 9266). Default: no.
    pub require_binding: bool,
    /// Whether to enable UTF8 mode before the login, if the server supports it (RFC 6856). Default: no.
    pub utf8: bool,
    /// Whether to reject any violation of the protocol by the server. Default: no.
    pub strict: bool,
    /// Whether to ask for the capabilities. Some old servers close the connection after CAPA. Default: yes.
    pub capabilities: bool,
    /// Whether to send the password or token in the AUTH line. This saves a round trip, but some servers refuse it.
    /// Default: no.
    pub initial_response: bool,
    /// The maximum time for connecting, for the first line of a reply, and for a pause within a listing or a message.
    /// Default: 60 s.
    pub timeout: Duration,
    /// The minimum rate of listings and messages. Default: [`Rate::patient_for`] the timeout.
    pub min_rate: Option<Rate>,
    /// Whether USER, PASS and APOP send a name or password outside ASCII as it is, even if the server has not announced
    /// `UTF8 USER`. Default: no.
    pub raw_password: bool,
    /// A function that receives the dialogue with the server, without secrets. Default: none.
    pub tracer: Option<Tracer>,
    /// A switch that aborts connecting, the session, and a command that provides a secret. Default: none.
    pub stop: Option<Stop>,
    /// How messages to people name a setting. Default: `tls=implicit`.
    pub naming: Naming,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tls: None,
            ca_file: None,
            tls_fingerprint: Vec::new(),
            client_cert: None,
            client_key: None,
            auth: Way::Auto,
            password: None,
            token: None,
            require_binding: false,
            utf8: false,
            strict: false,
            capabilities: true,
            initial_response: false,
            timeout: Duration::from_secs(60),
            min_rate: None,
            raw_password: false,
            tracer: None,
            stop: None,
            naming: as_fields,
        }
    }
}

/// Builders that set the field of their name.
macro_rules! setters {
    ($($with:ident $field:ident: $type:ty),* $(,)?) => {
        $(
            #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
            #[must_use]
            pub fn $with(mut self, $field: impl Into<$type>) -> Self {
                self.$field = $field.into();
                self
            }
        )*
    };
}

impl Settings {
    /// Creates the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        with_tls tls: Option<TlsMode>,
        with_ca_file ca_file: Option<PathBuf>,
        with_tls_fingerprint tls_fingerprint: Vec<Fingerprint>,
        with_auth auth: Way,
        with_password password: Option<Source>,
        with_token token: Option<Source>,
        with_require_binding require_binding: bool,
        with_utf8 utf8: bool,
        with_strict strict: bool,
        with_capabilities capabilities: bool,
        with_initial_response initial_response: bool,
        with_timeout timeout: Duration,
        with_min_rate min_rate: Option<Rate>,
        with_raw_password raw_password: bool,
        with_tracer tracer: Option<Tracer>,
        with_stop stop: Option<Stop>,
    }

    /// Sets [`client_cert`](Self::client_cert) and [`client_key`](Self::client_key).
    #[must_use]
    pub fn with_client_cert(mut self, own: Option<(PathBuf, PathBuf)>) -> Self {
        (self.client_cert, self.client_key) = own.unzip();
        self
    }

    /// Sets [`naming`](Self::naming).
    #[must_use]
    pub fn with_naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// The name of a setting, for people.
    pub(crate) fn name(&self, key: &str) -> String {
        (self.naming)(key, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |octets, seconds| Ok(Rate::new(octets, Duration::from_secs(seconds)));
        assert_eq!("1000".parse(), rate(1000, 60));
        assert_eq!("0".parse(), rate(0, 60));
        assert_eq!("2k/5".parse(), rate(2048, 5));
        assert_eq!("20/5".parse(), rate(20, 5));
        for bad in ["", "x", "1/", "/1", "1/0", "-1", "1/1/1", "1.5"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_is_patient_with_silence_is_so_with_a_slow_line() {
        let patient = |seconds| Rate::patient_for(Duration::from_secs(seconds));
        assert_eq!(patient(5), Rate::new(1000, Duration::from_secs(60)));
        assert_eq!(patient(300), Rate::new(1000, Duration::from_secs(300)));
    }
}
