//! What was seen of a server.

use pop3_connect::ConnectError;
use pop3_driver::LoginMethod;
use pop3_driver::tls::TlsInfo;
use pop3_proto::Capabilities;
use pop3_proto::listing::DropListing;

use crate::finding::Finding;

/// The capabilities that a server announces at one point of a session (RFC 2449).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Announced {
    /// The check did not ask for them.
    #[default]
    NotAsked,
    /// The server does not answer CAPA, or the settings forbid CAPA.
    Unknown,
    /// The capabilities.
    Known(Capabilities),
}

/// The result of a check. If the check ended early, the fields that it did not reach are empty, and there is an
/// [`error`](Self::error).
///
/// `Display` formats the report as a page of text, with labels of 18 columns. Text from the server is escaped there
/// and in [JSON](Self::json), but unchanged in the fields.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// The host and port of the server, in a form for people.
    pub server: String,
    /// The capabilities before STLS. [`Announced::NotAsked`] if STLS is not used.
    pub before_tls: Announced,
    /// The text of the greeting, unchanged.
    pub greeting: Option<Vec<u8>>,
    /// Whether the greeting contains the timestamp that APOP needs.
    pub offers_apop: bool,
    /// The parameters of TLS. `None` without TLS.
    pub tls: Option<TlsInfo>,
    /// The server certificate in DER, if it was rejected.
    pub refused_certificate: Option<Vec<u8>>,
    /// The capabilities before the login, within TLS if TLS is used.
    pub before_login: Announced,
    /// The login method that was used. `None` if the check did not log in.
    pub login: Option<LoginMethod>,
    /// A warning for the user about a successful login: one sentence.
    pub warning: Option<String>,
    /// The capabilities after the login.
    pub after_login: Announced,
    /// The numbers of the maildrop.
    pub maildrop: Option<DropListing>,
    /// The findings, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// Why the check ended early. `None` if it was completed.
    pub error: Option<ConnectError>,
}

impl Announced {
    /// Returns the capabilities, if they are known.
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
