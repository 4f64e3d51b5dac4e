//! What can be seen of the settings without doing anything.

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

use pop3_driver::server::Entrance;

use crate::config::ServeConfig;
use crate::error::ServeError;
use crate::offer::MechanismOffer;

/// A setting that cannot be used, found by [`ServeConfig::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadSetting {
    /// The name of the field of [`ServeConfig`], or `listen` or `listen_tls` for the listeners without and with TLS from
    /// the first octet.
    pub setting: &'static str,
    /// Why it cannot be used.
    pub error: ServeError,
}

impl ServeConfig {
    /// Checks the settings without binding a listener or changing anything: the directory of the Maildirs exists, each
    /// mechanism can be checked, no address is there twice, and listeners for TLS have a certificate.
    ///
    /// Returns all faults. [`Server::bind`](crate::Server::bind) and [`ServerHandle::reload`](crate::ServerHandle::reload)
    /// return the first one as their error.
    #[must_use]
    pub fn check(&self) -> Vec<BadSetting> {
        let unusable = |setting, text: String| BadSetting { setting, error: ServeError::unusable(text) };
        let mut bad = Vec::new();
        if self.store.is_none()
            && let Err(error) = check_maildrops(&self.maildrops)
        {
            bad.push(BadSetting { setting: "maildrops", error });
        }
        let is_implicit = |(entrance, _): &(Entrance, _)| *entrance == Entrance::Implicit;
        if self.certificate.is_none() && self.listeners.iter().any(is_implicit) {
            bad.push(unusable("listen_tls", "a listener for TLS needs a certificate".to_owned()));
        }
        bad.extend(MechanismOffer::new(self).err().map(|error| BadSetting { setting: "mechanisms", error }));
        let mut seen = HashSet::new();
        for listener in self.listeners.iter().filter(|(_, address)| address.port() != 0) {
            let address = listener.1;
            if !seen.insert(address) {
                let setting = if is_implicit(listener) { "listen_tls" } else { "listen" };
                bad.push(unusable(setting, format!("there are two listeners on {address}; remove one")));
            }
        }
        bad
    }

    /// The first fault as an error.
    pub(crate) fn checked(&self) -> Result<(), ServeError> {
        self.check().into_iter().next().map_or(Ok(()), |bad| Err(bad.error))
    }
}

/// Whether the server can find the maildrops in this directory.
fn check_maildrops(folder: &Path) -> Result<(), ServeError> {
    // The directory within itself is found only by those who may search it.
    fs::metadata(folder.join(".")).map(drop).map_err(|error| {
        let what = if error.kind() == io::ErrorKind::NotFound {
            "does not exist; create it".to_owned()
        } else {
            format!("can't be used by the user who serves it: {error}")
        };
        ServeError::unusable(format!("the directory of the maildrops {} {what}", folder.display()))
    })
}
