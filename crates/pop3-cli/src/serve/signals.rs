//! SIGTERM and SIGINT end the server, SIGHUP has it read its files again.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::sync::Arc;
use std::{panic, process, thread};

use pop3_serve::{MechanismOffer, ReloadableCertificate, Stop, Users as _, UsersFile};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{error, info, warn};

use super::{certificates, notify};
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
    users: &Arc<UsersFile>,
    offer: &MechanismOffer,
    certificate: Option<Arc<ReloadableCertificate>>,
    status: String,
) -> Result<(), Failure> {
    let (stop, users, offer) = (stop.clone(), Arc::clone(users), offer.clone());
    on_signals([SIGTERM, SIGINT, SIGHUP], move |signal| {
        if signal == SIGHUP {
            notify::reloading();
            // Whatever is wrong with the files, the signals to end must be heard.
            let read = || read_again(&users, &offer, certificate.as_deref());
            if panic::catch_unwind(AssertUnwindSafe(read)).is_err() {
                error!("the files could not be reloaded");
            }
            notify::ready(&status);
        } else if stop.is_stopped() {
            // The second signal: whoever sends it does not want to wait.
            process::exit(0);
        } else {
            notify::stopping();
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
fn read_again(users: &UsersFile, offer: &MechanismOffer, certificate: Option<&ReloadableCertificate>) {
    match users.reload() {
        Ok(count) => {
            info!("reloaded the users file: {count} users");
            if let Some(advice) = offer.advice(&users.profile()) {
                warn!("{advice}; pop3 passwd makes keys");
            }
        }
        Err(failure) => error!("the old users are kept: {failure}"),
    }
    if let Some(certificate) = certificate {
        certificates::reload(certificate);
    }
}
