//! What the service manager is told, as sd_notify(3) describes. Without one, nothing happens.

use core::time::Duration;
use std::{env, thread};

use pop3_serve::{Heartbeat, Server};
use sd_notify::NotifyState;
use tracing::{error, warn};

use super::sockets::scheme;

/// The server accepts connections, or has read its files again.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The server begins to read its files again.
pub(super) fn reloading() {
    let mut states = vec![NotifyState::Reloading, NotifyState::Status("reading the files again")];
    // systemd waits for this reload, and not for one that it has asked for before.
    states.extend(NotifyState::monotonic_usec_now().ok());
    tell(&states);
}

/// The server ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("waiting for busy sessions to end")]);
}

/// Where the server serves, in one line.
pub(super) fn status(server: &Server) -> String {
    let addresses = server.addresses().map(|(entrance, address)| format!("{} {address}", scheme(entrance)));
    format!("serving {}", addresses.collect::<Vec<_>>().join(", "))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager could not be told about the state of the server");
    }
}

/// How long the watchdog of the service manager waits for the next word, if it has one.
pub(super) fn watchdog() -> Option<Duration> {
    env::var_os("NOTIFY_SOCKET")?;
    sd_notify::watchdog_enabled()
}

/// Starts a thread that tells the watchdog that the server is alive, as long as the loops of the listeners turn.
pub(super) fn watch(timeout: Duration, watched: Heartbeat) {
    let pace = (timeout / 4).max(Duration::from_millis(1));
    let watch = move || {
        let mut turning = true;
        loop {
            thread::sleep(pace);
            let silence = watched.silence();
            let turns = silence < timeout / 2;
            if turns {
                tell(&[NotifyState::Watchdog]);
            } else if turning {
                error!(
                    seconds = silence.as_secs_f32(),
                    "a listener hangs; the watchdog is not told any more"
                );
            }
            turning = turns;
        }
    };
    if let Err(error) = thread::Builder::new().name("watchdog".into()).spawn(watch) {
        warn!(%error, "no thread for the watchdog of the service manager could be started");
    }
}
