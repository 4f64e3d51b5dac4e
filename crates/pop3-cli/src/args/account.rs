//! The options of an account.

use core::time::Duration;
use std::path::PathBuf;

use clap::Args;
use pop3_connect::{Fingerprint, Rate, TlsMode, Url, Way};
use pop3_sasl::Mechanism;

use super::named::named;
use super::{RUNTIMES, Runtime, seconds};
use crate::exit::Failure;

/// How to reach a server and log in: the options that `fetch` and `check` share.
#[derive(Debug, Args)]
pub(crate) struct Account {
    /// pop3://user@host:port, pop3s://... or pop://user;AUTH=...@host (RFC 2384); write @ in the user's
    /// name as %40; the host may be an internationalized name
    // A text and not a `Url`: the parser's error would repeat a password that is wrongly in it.
    // An option, as `conformance` can do without.
    #[arg(value_name = "URL", required = true)]
    pub(super) url: Option<String>,
    /// Read the password from the first line of this file
    #[arg(long, value_name = "F", conflicts_with = "password_command")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the password from the first line that this shell command prints
    #[arg(long, value_name = "CMD")]
    pub(crate) password_command: Option<String>,
    /// How TLS begins [default: implicit for pop3s and pops; starttls for pop3 and pop, or off if the
    /// server is on this machine]
    #[arg(long, value_name = "HOW", value_parser = named(TLS))]
    pub(crate) tls: Option<TlsMode>,
    /// Also trust the certificates in this file: authorities, and certificates of individual servers
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust only the certificate with this fingerprint, whatever its names, dates and issuer: sha256: and
    /// 64 hexadecimal digits, as shown by check; may be repeated
    #[arg(long, value_name = "HASH")]
    pub(crate) tls_fingerprint: Vec<Fingerprint>,
    /// Read an OAuth 2.0 token for OAUTHBEARER or XOAUTH2 from the first line that this shell command
    /// prints
    #[arg(long, value_name = "CMD", conflicts_with_all = ["password_file", "password_command"])]
    pub(crate) token_command: Option<String>,
    /// Present this certificate, with its chain, in the TLS handshake; with EXTERNAL it is the login
    #[arg(long, value_name = "PEM", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// How to log in: user is USER and PASS, apop is APOP, and the others are SASL mechanisms; auto uses the
    /// mechanism in the URL, or else the strongest that both sides support
    #[arg(long, value_name = "HOW", default_value = "auto", ignore_case = true, value_parser = named(WAYS))]
    pub(crate) auth: Way,
    /// Log in only with a mechanism that is bound to the TLS connection (SCRAM-...-PLUS)
    #[arg(long)]
    pub(crate) require_binding: bool,
    /// Send a name or password that is not ASCII with USER and PASS, octet for octet, even if the server
    /// does not announce UTF8 USER; for old servers with passwords in an 8-bit character set
    #[arg(long)]
    pub(crate) raw_password: bool,
    /// Ask for UTF8 mode before the login if the server supports it
    #[arg(long)]
    pub(crate) utf8: bool,
    /// End the session at the server's first violation of the protocol
    #[arg(long)]
    pub(crate) strict: bool,
    /// Do not send CAPA, for old servers that close the connection when they receive it
    #[arg(long)]
    pub(crate) no_capa: bool,
    /// Send the password or token on the AUTH line, which saves a round trip; some servers refuse it
    #[arg(long)]
    pub(crate) initial_response: bool,
    /// Give up if connecting or the first line of a reply takes longer than this, or if a listing or a
    /// message stalls for longer
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Give up if fewer octets of a listing or a message arrive in a minute, or in SECS seconds: 1000, 10k/30;
    /// 0 accepts any rate [default: 1000 in a minute, or in the time of --timeout if that is longer]
    #[arg(long, value_name = "SIZE[/SECS]")]
    pub(crate) min_rate: Option<Rate>,
    /// The runtime of the connection, if the program was built with more than one
    #[arg(long, default_value = RUNTIMES[0].0, value_parser = named(RUNTIMES))]
    pub(crate) runtime: Runtime,
}

/// How TLS begins, by name.
const TLS: &[(&str, TlsMode, &str)] = &[
    ("implicit", TlsMode::Implicit, "TLS from the start of the connection"),
    ("starttls", TlsMode::StartTls, "TLS with STLS, required before anything else"),
    ("off", TlsMode::Off, "No TLS"),
];

/// The ways to log in, by name.
const WAYS: &[(&str, Way, &str)] = &[
    ("auto", Way::Auto, ""),
    ("user", Way::User, ""),
    ("apop", Way::Apop, ""),
    ("plain", Way::Sasl(Mechanism::Plain), ""),
    ("login", Way::Sasl(Mechanism::Login), ""),
    ("cram-md5", Way::Sasl(Mechanism::CramMd5), ""),
    ("scram-sha-1", Way::Sasl(Mechanism::ScramSha1), ""),
    ("scram-sha-256", Way::Sasl(Mechanism::ScramSha256), ""),
    ("scram-sha-512", Way::Sasl(Mechanism::ScramSha512), ""),
    ("scram-sha-1-plus", Way::Sasl(Mechanism::ScramSha1Plus), ""),
    ("scram-sha-256-plus", Way::Sasl(Mechanism::ScramSha256Plus), ""),
    ("scram-sha-512-plus", Way::Sasl(Mechanism::ScramSha512Plus), ""),
    ("external", Way::Sasl(Mechanism::External), ""),
    ("anonymous", Way::Sasl(Mechanism::Anonymous), ""),
    ("xoauth2", Way::Sasl(Mechanism::XOAuth2), ""),
    ("oauthbearer", Way::Sasl(Mechanism::OAuthBearer), ""),
];

impl Account {
    /// The URL, read.
    ///
    /// # Errors
    /// When it is none; the message does not repeat it, as it may hold a password.
    pub(crate) fn url(&self) -> Result<Url, Failure> {
        read_url(self.url.as_deref().ok_or_else(|| Failure::usage("no URL was given"))?)
    }
}

/// Reads a URL. The message of an error does not repeat it.
pub(super) fn read_url(url: &str) -> Result<Url, Failure> {
    let bad = |error: &dyn core::error::Error| Failure::usage(format!("bad URL: {error}"));
    let url = pop3_url::idn::to_ascii(url).map_err(|error| bad(&error))?;
    Url::parse(&url).map_err(|error| bad(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_has_a_name() {
        let names = WAYS.iter().map(|&(name, way, _)| (name.parse(), way));
        assert!(names.into_iter().all(|(parsed, way)| parsed == Ok(way)));
        let has = |mechanism| WAYS.iter().any(|&(_, way, _)| way == Way::Sasl(mechanism));
        assert!(Mechanism::ALL.iter().all(|&mechanism| has(mechanism)));
    }
}
