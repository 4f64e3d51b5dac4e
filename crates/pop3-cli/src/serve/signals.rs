//! SIGTERM and SIGINT end the server, SIGHUP has it read its files again.

use core::time::Duration;
use std::process;
use std::sync::Arc;
use std::thread;

use pop3_driver::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use super::offer::Offer;
use crate::exit::Failure;
use crate::tls::Certificate;
use crate::users::Users;

/// How long sessions that are busy may go on after the signal to end.
const GRACE: Duration = Duration::from_secs(4);

/// Starts a thread that waits for signals.
pub(super) fn watch(
    stop: &Stop,
    users: &Arc<Users>,
    offer: &Offer,
    certificate: Option<Certificate>,
) -> Result<(), Failure> {
    let cant = |error| Failure::usage(format!("can't watch for signals: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(cant)?;
    let (stop, users, offer) = (stop.clone(), Arc::clone(users), offer.clone());
    let work = move || {
        for signal in &mut signals {
            if signal == SIGHUP {
                match users.reload() {
                    Ok(count) => {
                        info!("read the users file again: {count} users");
                        if let Some(advice) = offer.advice(&users.table()) {
                            warn!("{advice}");
                        }
                    }
                    Err(failure) => error!("the old users are kept: {failure}"),
                }
                if let Some(certificate) = &certificate {
                    match certificate.reload() {
                        Ok(()) => info!("read the certificate again"),
                        Err(failure) => error!("the old certificate is kept: {failure}"),
                    }
                }
            } else if stop.is_stopped() {
                // The second signal: whoever sends it does not want to wait.
                process::exit(0);
            } else {
                info!("stopping");
                stop.stop();
                let _ = thread::Builder::new().name("grace".into()).spawn(|| {
                    thread::sleep(GRACE);
                    warn!("some sessions were busy for too long and are cut off");
                    process::exit(0);
                });
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(work).map(drop).map_err(cant)
}
