//! SIGHUP has the server read its options and files again.

use pop3_serve::ServerHandle;
use tracing::{error, info, warn};

use super::certificates::InUse;
use super::fault::Purpose;
use super::lines;
use super::prepare::{Kept, explain, prepare};
use crate::args::{Command, Serve};
use crate::config::{CommandLine, Given, NEEDS_RESTART, Refused, Settings};
use crate::exit::first_line;
use crate::logging;

/// What is read again, and for which server.
#[derive(Debug)]
pub(super) struct Reloader {
    pub(super) line: CommandLine,
    pub(super) handle: ServerHandle,
    /// The options with which the server began.
    pub(super) started: Settings,
    /// The options that were read last.
    pub(super) current: Settings,
    pub(super) kept: Kept,
    pub(super) certificate: InUse,
}

impl Reloader {
    /// Reads everything again. If anything is wrong, nothing changes, and each mistake is logged.
    pub(super) fn reload(&mut self) {
        let read = match self.line.read() {
            Ok(Given::Run(Command::Serve(options), settings)) => self.replace(&options, *settings),
            Ok(_) => Err(vec!["this is not the command line of a server".to_owned()]),
            Err(Refused::CommandLine(error)) => Err(vec![first_line(&error)]),
            Err(Refused::File(mistakes)) => Err(mistakes.iter().map(ToString::to_string).collect()),
        };
        for mistake in read.err().unwrap_or_default() {
            error!("the old settings are kept: {mistake}");
        }
    }

    fn replace(&mut self, options: &Serve, settings: Settings) -> Result<(), Vec<String>> {
        let mut kept = self.kept.clone();
        let prepared =
            prepare(options, &mut kept, Purpose::Serve).map_err(|faults| lines(&settings, &faults))?;
        let certificate = prepared.config.certificate.clone();
        let (warnings, file) = (prepared.warnings(), prepared.file);
        // Another directory of Maildirs needs no restart.
        let has_store = options.store().is_ok_and(|store| store == prepared.source.store);
        let not_changed = self
            .handle
            .reload(prepared.config, prepared.users)
            .map_err(|error| vec![explain(error).message()])?;
        self.kept = kept;
        logging::set_level(options.log.level);
        if let Some(file) = file {
            info!("reloaded the users file: {} users", file.count());
        }
        for warning in warnings {
            warn!("{warning}");
        }
        if certificate.is_some() {
            info!("reloaded the certificate");
        }
        self.certificate.set(certificate);
        if let Some(file) = settings.file() {
            let changed: Vec<_> = settings.differences(&self.current).collect();
            let changed = if changed.is_empty() { "none".to_owned() } else { changed.join(", ") };
            info!(file = %file.display(), changed, "reloaded the settings");
        }
        for one in not_changed {
            needs_restart(&one.setting.replace('_', "-"), &one.current, &one.wanted);
        }
        // The listeners are told by the server, which knows what it listens on.
        let others = settings.differences(&self.started);
        let others = others.filter(|option| {
            let is_told = option.starts_with("listen") || (*option == "store" && has_store);
            NEEDS_RESTART.contains(option) && !is_told
        });
        for option in others {
            needs_restart(option, &self.started.value(option), &settings.value(option));
        }
        self.current = settings;
        Ok(())
    }
}

fn needs_restart(option: &str, current: &str, wanted: &str) {
    let [current, wanted] = [current, wanted].map(|value| if value.is_empty() { "none" } else { value });
    warn!("{option} needs a restart: it is still {current}, not {wanted}");
}
