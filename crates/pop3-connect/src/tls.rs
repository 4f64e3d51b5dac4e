//! Whom the client of an account believes, and what helps where a certificate is refused.

use std::sync::Arc;

use pop3_text::reasons;
use pop3_trust::{Reason, Refused, TrustError, Whom};
use rustls::ClientConfig;

use crate::error::{ConnectError, ConnectErrorKind};
use crate::naming::Naming;
use crate::settings::Settings;

impl Settings {
    /// Creates the TLS configuration. It trusts the authorities of the system and the certificates in
    /// [`ca_file`](Self::ca_file), both as authorities and as server certificates. With a
    /// [`tls_fingerprint`](Self::tls_fingerprint), it trusts only the matching certificates. It uses the client
    /// certificate in [`client_cert`](Self::client_cert).
    ///
    /// The type is that of rustls 0.23, re-exported as [`pop3_driver::tls::rustls`].
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or contains no certificate, if certificate and key do not belong
    /// together, or if no certificate would be trusted at all.
    pub fn tls_config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let whom = Whom::new()
            .with_ca_file(self.ca_file.clone())
            .with_fingerprints(self.tls_fingerprint.clone())
            .with_own(self.client_cert.clone().zip(self.client_key.clone()));
        whom.config().map_err(|error| match error {
            TrustError::File(error) => ConnectError::settings(error.to_string()),
            TrustError::Nobody => ConnectError::new(
                ConnectErrorKind::Connection,
                format!("{error}, or give {}", self.name("ca_file")),
            ),
            TrustError::Tls(_) | _ => ConnectError::settings(reasons(&error)),
        })
    }
}

/// What can help where a certificate was refused.
pub(crate) fn advice(refused: &Refused, naming: Naming) -> String {
    let ca_file = naming("ca_file", None);
    let pin = naming("tls_fingerprint", Some(&refused.fingerprint().to_string()));
    let taken = format!("if you know that it is the server's, accept it with {pin}");
    match refused.reason() {
        Reason::Fingerprint => "if the server has a new certificate, ask its administrator for the \
            fingerprint"
            .to_owned(),
        Reason::Expired => format!("the server's administrator has to renew it; {taken}"),
        Reason::NotYetValid => format!("check the clock of this machine; {taken}"),
        Reason::OtherNames => format!("check the host name; {taken}"),
        Reason::UnknownIssuer | Reason::OtherIssuer => {
            format!("if it is your own, trust it or its authority with {ca_file}, or it alone with {pin}")
        }
        Reason::Authority => format!("if it is your own, trust it with {ca_file} or {pin}"),
        Reason::Other(_) | _ => taken,
    }
}

/// What to do about a handshake that failed otherwise.
pub(crate) fn handshake_advice(error: &std::io::Error, naming: Naming) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => format!(
            "the port may not expect TLS from the start; use pop3:// or {} for STLS",
            naming("tls", Some("starttls"))
        ),
        _ => "client and server could not agree".to_owned(),
    }
}
