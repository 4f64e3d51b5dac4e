//! Whom the client of an account believes, and what helps where a certificate is refused.

use std::sync::Arc;

use pop3_text::reasons;
use pop3_trust::{Error, Reason, Refused, Whom};
use rustls::ClientConfig;

use crate::args::Account;
use crate::exit::{Exit, Failure};

/// The TLS of an account: it believes the authorities that this system knows, those in `--ca-file`, and the
/// certificates themselves that are in it; or those only that have a `--tls-fingerprint`. It shows the
/// certificate in `--client-cert`.
///
/// # Errors
/// When a file can't be read, has no certificate, or does not belong to the other, or nobody is believed
/// at all.
pub(crate) fn client(account: &Account) -> Result<Arc<ClientConfig>, Failure> {
    let own = account.client_cert.clone().zip(account.client_key.clone());
    let whom = Whom::new()
        .with_ca_file(account.ca_file.clone())
        .with_fingerprints(account.tls_fingerprint.clone())
        .with_own(own);
    whom.config().map_err(|error| failure(&error))
}

/// What the error means to the user.
pub(crate) fn failure(error: &Error) -> Failure {
    match error {
        Error::File(error) => Failure::usage(error.to_string()),
        Error::Nobody => Failure::new(Exit::Connect, format!("{error} or give --ca-file")),
        Error::Tls(_) | _ => Failure::usage(reasons(error)),
    }
}

/// What can help.
pub(crate) fn advice(refused: &Refused) -> String {
    let pin = format!("--tls-fingerprint {}", refused.fingerprint());
    let taken = format!("{pin} takes it as it is, if you know it to be the server's");
    match refused.reason() {
        Reason::Fingerprint => "if the server has a new one, ask who runs it for the fingerprint".to_owned(),
        Reason::Expired => format!("who runs the server has to renew it; {taken}"),
        Reason::NotYetValid => format!("see whether the clock is right; {taken}"),
        Reason::OtherNames => format!("see whether the host is the right one; {taken}"),
        Reason::UnknownIssuer | Reason::OtherIssuer => {
            format!("if it is your own, name it or its authority by --ca-file, or it by {pin}")
        }
        Reason::Authority => format!("if it is your own, name it by --ca-file, or by {pin}"),
        Reason::Other(_) | _ => taken,
    }
}
