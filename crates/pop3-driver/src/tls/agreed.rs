//! What rustls has agreed on.

use pop3_sasl::ChannelBindings;
use rustls::{ClientConnection, CommonState, ProtocolVersion, ServerConnection};
use zeroize::Zeroize as _;

use super::end_point;
use super::info::{Certificate, TlsInfo};

impl TlsInfo {
    /// Returns the result of a client's handshake, or `None` before it is done. `server_name` is the name that the
    /// client asked for; see [`Connector::server_name`](super::Connector::server_name).
    #[must_use]
    pub fn of_client(connection: &ClientConnection, server_name: Option<String>) -> Option<Self> {
        let info = Self { server_name, ..Self::of(connection)? };
        let server = info.certificates.first().cloned();
        Some(info.bound(server.as_deref(), |octets, label, context| {
            connection.export_keying_material(octets, label, context).is_ok()
        }))
    }

    /// What a server's connection has agreed on, which has shown this certificate.
    pub(super) fn of_server(connection: &ServerConnection, own: Option<&[u8]>) -> Option<Self> {
        let server_name = connection.server_name().map(str::to_owned);
        let info = Self { server_name, ..Self::of(connection)? };
        Some(info.bound(own, |octets, label, context| {
            connection.export_keying_material(octets, label, context).is_ok()
        }))
    }

    fn of(connection: &CommonState) -> Option<Self> {
        let version = format!("{:?}", connection.protocol_version()?);
        let cipher = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
        let chain = connection.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| Certificate::from_der(certificate)).collect();
        Some(Self::new(version, cipher).with_certificates(chain))
    }

    /// The same with channel bindings.
    ///
    /// The exporter is used with TLS 1.3 only: with TLS 1.2 it is safe only where the extended master
    /// secret was agreed on (RFC 9266 section 4.2), which rustls does not tell.
    fn bound(
        mut self,
        server: Option<&[u8]>,
        export: impl FnOnce(&mut [u8; 32], &[u8], Option<&[u8]>) -> bool,
    ) -> Self {
        let mut octets = [0; 32];
        if self.version == format!("{:?}", ProtocolVersion::TLSv1_3)
            && export(&mut octets, ChannelBindings::EXPORTER_LABEL, Some(b""))
        {
            self.bindings = self.bindings.with_exporter(octets);
        }
        octets.zeroize();
        if let Some(hash) = server.and_then(end_point::server_end_point) {
            self.bindings = self.bindings.with_server_end_point(hash);
        }
        self
    }
}
