//! What ties an exchange to the TLS connection it runs in (RFC 5056).

use alloc::vec::Vec;

use crate::Secret;

/// A type of channel binding, by its registered name.
///
/// `tls-unique` is not among them: TLS 1.3 does not define it, and before that it is only safe with
/// the extended master secret (RFC 9266 section 1), which TLS libraries do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindingKind {
    /// `tls-exporter`: keying material of this very connection (RFC 9266).
    TlsExporter,
    /// `tls-server-end-point`: the hash of the server's certificate (RFC 5929 section 4).
    TlsServerEndPoint,
}

impl BindingKind {
    /// Reads a name; it counts by case.
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

/// The channel bindings of one connection, as far as they are known. Without TLS there are none.
///
/// Both sides must find them out by themselves; nothing of it is ever taken from the peer. The
/// exporter's octets may serve one exchange of a connection only (RFC 9266 section 4.1): after an
/// exchange of a -PLUS mechanism that failed, go on without bindings, or on a new connection.
#[derive(Clone, Debug, Default)]
pub struct ChannelBindings {
    exporter: Option<Secret>,
    server_end_point: Option<Secret>,
}

impl ChannelBindings {
    /// The label for the TLS exporter, used with an empty context for 32 octets
    /// (RFC 9266 section 2).
    pub const EXPORTER_LABEL: &'static [u8] = b"EXPORTER-Channel-Binding";

    /// No bindings.
    #[must_use]
    pub const fn none() -> Self {
        Self { exporter: None, server_end_point: None }
    }

    /// Adds what the TLS exporter gave for [`EXPORTER_LABEL`](Self::EXPORTER_LABEL) and an empty
    /// context. Only for TLS 1.3, or TLS 1.2 with the extended master secret.
    #[must_use]
    pub fn with_exporter(mut self, octets: [u8; 32]) -> Self {
        self.exporter = Some(Secret::from(octets.as_slice()));
        self
    }

    /// Adds the hash of the server's certificate in DER, by the hash of the certificate's own
    /// signature, or SHA-256 where that is MD5 or SHA-1 (RFC 5929 section 4.1). An empty hash counts
    /// as none, and so does one of more than 64 octets.
    #[must_use]
    pub fn with_server_end_point(mut self, hash: impl Into<Vec<u8>>) -> Self {
        let hash = hash.into();
        self.server_end_point = (!hash.is_empty() && hash.len() <= 64).then(|| Secret::new(hash));
        self
    }

    /// Returns whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.server_end_point.is_none()
    }

    /// Returns the type that a client uses: the exporter where it is known, as it names the connection and not only
    /// the server.
    #[must_use]
    pub const fn preferred(&self) -> Option<BindingKind> {
        match (&self.exporter, &self.server_end_point) {
            (Some(_), _) => Some(BindingKind::TlsExporter),
            (None, Some(_)) => Some(BindingKind::TlsServerEndPoint),
            (None, None) => None,
        }
    }

    /// Returns the octets of a type, where they are known.
    #[must_use]
    pub const fn octets(&self, kind: BindingKind) -> Option<&Secret> {
        match kind {
            BindingKind::TlsExporter => self.exporter.as_ref(),
            BindingKind::TlsServerEndPoint => self.server_end_point.as_ref(),
        }
    }
}
