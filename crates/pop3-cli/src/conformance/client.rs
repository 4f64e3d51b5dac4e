//! A client under test: plays scripted servers to it.

use core::sync::atomic::AtomicBool;
use std::path::Path;
use std::sync::Arc;

use pop3_conformance::client::Stage;
use pop3_conformance::{ConformanceReport, Selection};
use pop3_serve::ReloadableCertificate;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args::Conformance;
use crate::exit::{Exit, Failure};
use crate::tell::tell;

/// Plays the scripts to whoever connects, or to the command.
///
/// # Errors
/// When it can't listen, or the certificate or the command can't be used.
pub(super) fn run(options: &Conformance, selection: &Selection) -> Result<ConformanceReport, Failure> {
    let Some(address) = options.listen else { return Err(Failure::usage("--client needs --listen")) };
    let failed = |error: std::io::Error| Failure::new(Exit::Connect, format!("{address}: {error}"));
    let mut stage =
        Stage::bind(address).map_err(failed)?.with_timeout(options.account.timeout).once(options.once);
    let bound = stage.address().map_err(failed)?;
    if let Some(certificate) = certificate(options)? {
        stage = stage.with_tls(certificate.config());
    }
    if let Some(command) = &options.exec {
        stage = stage.with_command(command);
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
    }
    tell(format_args!("listening pop3 {bound}"));
    stage.run(selection, &stop, &mut super::progress).map_err(failed)
}

fn certificate(options: &Conformance) -> Result<Option<ReloadableCertificate>, Failure> {
    let pair: (Option<&Path>, Option<&Path>) = (options.tls_cert.as_deref(), options.tls_key.as_deref());
    let (Some(cert), Some(key)) = pair else { return Ok(None) };
    Ok(Some(ReloadableCertificate::from_files(cert, key)?))
}
