//! SIGTERM and SIGINT end the server, SIGHUP has it read its files again.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::sync::Arc;
use std::{panic, process, thread};

use pop3_serve::{MechanismOffer, ReloadableCertificate, Stop, Users as _, UsersFile};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{error, info, warn};

use crate::exit::Failure;
use crate::interrupt::on_signals;
use crate::logging;

/// How long sessions that are busy may go on after the signal to end. Then they are cut, and logged.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// How long the rest may take: a call of the store that hangs is not waited for.
const REST: Duration = Duration::from_secs(1);

/// Starts a thread that waits for signals.
pub(super) fn watch(
    stop: &Stop,
    users: Option<Arc<UsersFile>>,
    offer: &MechanismOffer,
    certificate: Option<Arc<ReloadableCertificate>>,
) -> Result<(), Failure> {
    let (stop, offer) = (stop.clone(), offer.clone());
    on_signals([SIGTERM, SIGINT, SIGHUP], move |signal| {
        if signal == SIGHUP {
            // Whatever is wrong with the files, the signals to end must be heard.
            let read = || read_again(users.as_deref(), &offer, certificate.as_deref());
            if panic::catch_unwind(AssertUnwindSafe(read)).is_err() {
                error!("the files could not be reloaded");
            }
        } else if stop.is_stopped() {
            // The second signal: whoever sends it does not want to wait.
            process::exit(0);
        } else {
            let _ = thread::Builder::new().name("grace".into()).spawn(|| {
                thread::sleep(GRACE + REST);
                warn!("some sessions could not be ended and were abandoned");
                logging::flush();
                process::exit(0);
            });
            stop.stop();
            info!("stopping");
        }
    })
}

/// Reads the users and the certificate again; what can't be read stays as it was.
fn read_again(
    users: Option<&UsersFile>,
    offer: &MechanismOffer,
    certificate: Option<&ReloadableCertificate>,
) {
    match users.map(|users| (users, users.reload())) {
        None => {}
        Some((users, Ok(count))) => {
            info!("reloaded the users file: {count} users");
            for warning in users.warnings() {
                warn!("{warning}");
            }
            if let Some(advice) = offer.advice(&users.profile()) {
                warn!("{advice}; pop3 passwd makes keys");
            }
        }
        Some((_, Err(failure))) => error!("the old users are kept: {failure}"),
    }
    if let Some(certificate) = certificate {
        match certificate.reload() {
            Ok(()) => info!("reloaded the certificate"),
            Err(failure) => error!("the old certificate is kept: {failure}"),
        }
    }
}
