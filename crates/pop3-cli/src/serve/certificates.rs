//! The certificates of the server: their files change, and they expire.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Instant, SystemTime};

use pop3_serve::ReloadableCertificate;
use tracing::{error, info, warn};

use crate::args::Serve;
use crate::exit::Failure;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How often it is looked whether a certificate expires.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before the end of a certificate a warning is logged.
const SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);

/// The files of the certificates, each with that of its key.
pub(super) fn pairs(options: &Serve) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let (certs, keys) = (&options.tls_cert, &options.tls_key);
    if certs.len() != keys.len() {
        return Err(Failure::usage(format!(
            "--tls-cert is given {} times and --tls-key {} times: each certificate needs its key, in the same order",
            certs.len(),
            keys.len()
        )));
    }
    Ok(certs.iter().cloned().zip(keys.iter().cloned()).collect())
}

/// The certificate that the server uses now, if it has one.
#[derive(Clone, Debug)]
pub(super) struct InUse(Arc<RwLock<Option<Arc<ReloadableCertificate>>>>);

impl InUse {
    pub(super) fn new(certificate: Option<Arc<ReloadableCertificate>>) -> Self {
        Self(Arc::new(RwLock::new(certificate)))
    }

    pub(super) fn get(&self) -> Option<Arc<ReloadableCertificate>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server uses another one.
    pub(super) fn set(&self, certificate: Option<Arc<ReloadableCertificate>>) {
        if let Some(certificate) = &certificate {
            warn_of_expiry(certificate);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

/// Starts a thread that reloads files that have changed, and warns when a certificate is about to expire.
pub(super) fn watch(certificate: &InUse) -> Result<(), Failure> {
    if let Some(certificate) = certificate.get() {
        warn_of_expiry(&certificate);
    }
    let in_use = certificate.clone();
    let watch = move || {
        let (mut told, mut warned) = (None, Instant::now());
        loop {
            thread::sleep(LOOK);
            let Some(certificate) = in_use.get() else { continue };
            match certificate.reload_changed() {
                Ok(false) => told = None,
                Ok(true) => {
                    told = None;
                    info!("reloaded the certificate, because its files have changed");
                    warn_of_expiry(&certificate);
                }
                // Whoever writes the files may not be ready yet. The same fault is told once.
                Err(failure) if told.as_ref() != Some(&failure) => {
                    error!("the old certificate is kept until its files can be used: {failure}");
                    told = Some(failure);
                }
                Err(_) => {}
            }
            if warned.elapsed() >= DAY {
                warned = Instant::now();
                warn_of_expiry(&certificate);
            }
        }
    };
    let started = thread::Builder::new().name("certificates".into()).spawn(watch);
    started.map(drop).map_err(|error| Failure::usage(format!("can't watch the certificates: {error}")))
}

/// Warns of each certificate that expires soon.
fn warn_of_expiry(certificate: &ReloadableCertificate) {
    let now = SystemTime::now();
    for expiry in certificate.expiries() {
        let file = expiry.file.map_or_else(|| "self-signed".to_owned(), |file| file.display().to_string());
        let names = expiry.names.join(" ");
        match expiry.at.duration_since(now) {
            Ok(left) if left >= SOON => {}
            Ok(left) => warn!(
                file,
                names,
                days = left.as_secs() / DAY.as_secs(),
                "a certificate expires soon; renew it"
            ),
            Err(_) => warn!(file, names, "a certificate has expired; renew it"),
        }
    }
}
