//! What a handshake has agreed on, whoever did it.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use pop3_sasl::ChannelBindings;

/// What a handshake has agreed on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version, as `TLSv1_3`.
    pub version: String,
    /// The cipher suite, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The name of the server that the client asked for (SNI, RFC 6066 section 3): as a client has sent it to a
    /// server, in lower case, and unverified; as a client of ours asks for it. `None` where there was none, as for
    /// servers that are called by their IP address.
    pub server_name: Option<String>,
    /// The peer's certificate and its chain: a client sees the server's; a server sees the client's,
    /// where it asks for one (`server_config_with_client_ca`) and the client has one. Both are
    /// verified.
    pub certificates: Vec<Certificate>,
    /// What SASL can tie a login to (RFC 9266, RFC 5929).
    pub bindings: ChannelBindings,
}

/// An X.509 certificate in DER, as it came over the network. Clones share it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate(Arc<[u8]>);

impl TlsInfo {
    /// What a TLS that is not this crate's has agreed on: the version and the cipher suite, as it names them.
    #[must_use]
    pub fn new(version: impl Into<String>, cipher: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            cipher: cipher.into(),
            server_name: None,
            certificates: Vec::new(),
            bindings: ChannelBindings::none(),
        }
    }

    /// Sets [`server_name`](Self::server_name).
    #[must_use]
    pub fn with_server_name(self, server_name: impl Into<String>) -> Self {
        Self { server_name: Some(server_name.into()), ..self }
    }

    /// Sets [`certificates`](Self::certificates), which have to be verified: EXTERNAL logs in whoever has shown the
    /// right one.
    #[must_use]
    pub fn with_certificates(self, certificates: Vec<Certificate>) -> Self {
        Self { certificates, ..self }
    }

    /// Sets [`bindings`](Self::bindings).
    #[must_use]
    pub fn with_bindings(self, bindings: ChannelBindings) -> Self {
        Self { bindings, ..self }
    }

    /// The same without what tells who is at the other end: TLS with somebody who speaks for another.
    pub(crate) fn of_nobody(self) -> Self {
        Self::new(self.version, self.cipher)
    }
}

/// The channel bindings are not compared: the rest tells connections apart as far as a log does.
impl PartialEq for TlsInfo {
    fn eq(&self, other: &Self) -> bool {
        (&self.version, &self.cipher, &self.server_name, &self.certificates)
            == (&other.version, &other.cipher, &other.server_name, &other.certificates)
    }
}

impl Eq for TlsInfo {}

impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)
    }
}

impl Certificate {
    /// A certificate of these octets of DER, which are not looked at.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// Its octets.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Certificate {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} octets)", self.0.len())
    }
}
