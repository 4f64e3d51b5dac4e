//! The result of a TLS handshake.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use pop3_sasl::ChannelBindings;

/// The result of a TLS handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The protocol version, such as `TLSv1_3`.
    pub version: String,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The server name that the client asked for (SNI, RFC 6066 section 3). On a server it is in lower case and not
    /// verified. It is `None` if the client sent none, which is usual for a server named by its IP address.
    pub server_name: Option<String>,
    /// The verified certificate chain of the peer, starting with its own certificate. A client sees the chain of the
    /// server. A server sees the chain of the client, if it asks for one (`server_config_with_client_ca`) and the
    /// client has one.
    pub certificates: Vec<Certificate>,
    /// The channel bindings, to which SASL can bind a login (RFC 9266, RFC 5929).
    pub bindings: ChannelBindings,
}

/// An X.509 certificate in DER, as received. Clones share the octets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate(Arc<[u8]>);

impl TlsInfo {
    /// Creates the result of a handshake that another TLS library did, with its names of the version and the cipher
    /// suite.
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

    /// Sets [`certificates`](Self::certificates). They must be verified, because EXTERNAL logs in a client by its
    /// certificate.
    #[must_use]
    pub fn with_certificates(self, certificates: Vec<Certificate>) -> Self {
        Self { certificates, ..self }
    }

    /// Sets [`bindings`](Self::bindings).
    #[must_use]
    pub fn with_bindings(self, bindings: ChannelBindings) -> Self {
        Self { bindings, ..self }
    }

    /// Removes what identifies the peer, for TLS with a proxy that acts for another client.
    pub(crate) fn of_nobody(self) -> Self {
        Self::new(self.version, self.cipher)
    }
}

/// Compares everything except the channel bindings.
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
    /// Creates a certificate from DER. The octets are not checked.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// Returns the certificate in DER.
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
