//! SIGTERM and SIGINT end the server, SIGHUP has it read its options and files again.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::{panic, process, thread};

use pop3_serve::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{error, info, warn};

use super::notify;
use super::reload::Reloader;
use crate::exit::Failure;
use crate::interrupt::on_signals;
use crate::logging;

/// How long sessions that are busy may go on after the signal to end. Then they are cut, and logged.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// How long the rest may take: a call of the store that hangs is not waited for.
const REST: Duration = Duration::from_secs(1);

/// Starts a thread that waits for signals.
pub(super) fn watch(stop: &Stop, mut reloader: Reloader, status: String) -> Result<(), Failure> {
    let stop = stop.clone();
    on_signals([SIGTERM, SIGINT, SIGHUP], move |signal| {
        if signal == SIGHUP {
            notify::reloading();
            // Whatever is wrong with the files, the signals to end must be heard.
            if panic::catch_unwind(AssertUnwindSafe(|| reloader.reload())).is_err() {
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
