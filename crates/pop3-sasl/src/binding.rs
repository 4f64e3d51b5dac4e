//! What ties an exchange to the TLS connection it runs in (RFC 5056).

use alloc::vec::Vec;

use crate::Secret;

/// A channel binding type.
///
/// `tls-unique` is not supported: TLS 1.3 does not define it, and with older versions it is safe only with the
/// extended master secret (RFC 9266 section 1). TLS libraries do not report whether that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindingKind {
    /// `tls-exporter`: keying material of this connection (RFC 9266).
    TlsExporter,
    /// `tls-server-end-point`: the hash of the server's certificate (RFC 5929 section 4).
    TlsServerEndPoint,
}

impl BindingKind {
    /// Parses a registered name. The name is case-sensitive.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        [Self::TlsExporter, Self::TlsServerEndPoint].into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// Returns the registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

/// The channel bindings of a connection. Without TLS there are none.
///
/// Each side must obtain the bindings from its own TLS library, never from the peer. The octets of the exporter may
/// be used for only one exchange of a connection (RFC 9266 section 4.1). After a -PLUS exchange has failed, continue
/// without bindings or open a new connection.
#[derive(Clone, Debug, Default)]
pub struct ChannelBindings {
    exporter: Option<Secret>,
    server_end_point: Option<Secret>,
}

impl ChannelBindings {
    /// The label for the TLS exporter. Use it with an empty context and a length of 32 octets (RFC 9266 section 2).
    pub const EXPORTER_LABEL: &'static [u8] = b"EXPORTER-Channel-Binding";

    /// Creates an empty set of bindings.
    #[must_use]
    pub const fn none() -> Self {
        Self { exporter: None, server_end_point: None }
    }

    /// Adds the output of the TLS exporter for [`EXPORTER_LABEL`](Self::EXPORTER_LABEL) and an empty context. Use it
    /// only with TLS 1.3, or with TLS 1.2 and the extended master secret.
    #[must_use]
    pub fn with_exporter(mut self, octets: [u8; 32]) -> Self {
        self.exporter = Some(Secret::from(octets.as_slice()));
        self
    }

    /// Adds the hash of the server's certificate in DER. Use the hash function of the certificate's signature, or
    /// SHA-256 if that is MD5 or SHA-1 (RFC 5929 section 4.1). An empty hash and a hash of more than 64 octets are
    /// ignored.
    #[must_use]
    pub fn with_server_end_point(mut self, hash: impl Into<Vec<u8>>) -> Self {
        let hash = hash.into();
        self.server_end_point = (!hash.is_empty() && hash.len() <= 64).then(|| Secret::new(hash));
        self
    }

    /// Returns whether there are no bindings.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.server_end_point.is_none()
    }

    /// Returns the type that a client should use. It prefers the exporter, because it identifies the connection and
    /// not only the server.
    #[must_use]
    pub const fn preferred(&self) -> Option<BindingKind> {
        match (&self.exporter, &self.server_end_point) {
            (Some(_), _) => Some(BindingKind::TlsExporter),
            (None, Some(_)) => Some(BindingKind::TlsServerEndPoint),
            (None, None) => None,
        }
    }

    /// Returns the octets of a type, or `None` if they are unknown.
    #[must_use]
    pub const fn octets(&self, kind: BindingKind) -> Option<&Secret> {
        match kind {
            BindingKind::TlsExporter => self.exporter.as_ref(),
            BindingKind::TlsServerEndPoint => self.server_end_point.as_ref(),
        }
    }
}
