//! What was seen of a server.

use pop3_connect::ConnectError;
use pop3_driver::LoginMethod;
use pop3_driver::tls::TlsInfo;
use pop3_proto::Capabilities;
use pop3_proto::listing::DropListing;

use crate::finding::Finding;

/// What a server announces at one time (RFC 2449).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Announced {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It does not answer CAPA, or is not to be asked.
    Unknown,
    /// These capabilities.
    Known(Capabilities),
}

/// What was seen of a server. A field that says nothing was not come to: then there is an [`error`](Self::error).
///
/// `Display` shows it as a page: a title of 18 columns on each line, and what belongs to it. Text of the server's is
/// escaped there and in [JSON](Self::json), and as it came in the fields.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// The server for people: host and port.
    pub server: String,
    /// What it announces before TLS that begins by STLS; not asked where TLS does not begin so.
    pub before_tls: Announced,
    /// The text of its greeting, as it came.
    pub greeting: Option<Vec<u8>>,
    /// Whether the greeting has the timestamp that APOP needs.
    pub offers_apop: bool,
    /// What TLS has agreed on. `None` where there is no TLS.
    pub tls: Option<TlsInfo>,
    /// The certificate in DER for which TLS was given up.
    pub refused_certificate: Option<Vec<u8>>,
    /// What it announces before the login, and within TLS where there is TLS.
    pub before_login: Announced,
    /// How the login went. `None` where nobody is to be logged in.
    pub login: Option<LoginMethod>,
    /// What a person has to know of a login that was successful, if anything: a sentence.
    pub warning: Option<String>,
    /// What it announces after the login.
    pub after_login: Announced,
    /// The figures of the maildrop.
    pub maildrop: Option<DropListing>,
    /// What is odd about it, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Why the check went no further. `None` where it came to its end.
    pub error: Option<ConnectError>,
}

impl Announced {
    /// Returns the capabilities, as far as they are known.
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        match self {
            Self::Known(list) => Some(list),
            Self::NotAsked | Self::Unknown => None,
        }
    }
}

impl From<Option<Capabilities>> for Announced {
    /// The answer to CAPA.
    fn from(list: Option<Capabilities>) -> Self {
        list.map_or(Self::Unknown, Self::Known)
    }
}
