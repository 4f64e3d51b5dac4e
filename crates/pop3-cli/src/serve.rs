//! `pop3 serve`: Maildirs for mail clients.

mod prepare;
mod reload;
mod signals;

use pop3_serve::{Entrance, Server, Stop};
use tracing::{info, warn};

use self::prepare::{Fault, Purpose, explain, prepare};
use self::reload::Reloader;
use crate::args::Serve;
use crate::config::{CommandLine, Settings};
use crate::exit::{Exit, Failure};
use crate::tell::{hand_out, tell};

/// Serves until a signal ends it.
pub(crate) fn run(options: &Serve, line: CommandLine, settings: Settings) -> Result<Exit, Failure> {
    if options.check_config {
        return match prepare(options, &mut None, Purpose::Check) {
            Ok(_) => hand_out("ok\n").map(|()| Exit::Done),
            Err(faults) => Ok(report(&settings, &faults)),
        };
    }
    let _log = crate::logging::init(&options.log)?;
    let mut made = None;
    let prepared = match prepare(options, &mut made, Purpose::Serve) {
        Ok(prepared) => prepared,
        Err(faults) => return Ok(report(&settings, &faults)),
    };
    for warning in prepared.warnings() {
        warn!("{warning}");
    }
    pop3_serve::raise_open_files();
    let server = Server::bind(prepared.config, prepared.users).map_err(explain)?;
    let stop = Stop::with_grace(signals::GRACE);
    let (handle, started) = (server.handle(), settings.clone());
    signals::watch(&stop, Reloader { line, handle, started, current: settings, made })?;
    announce(&server)?;
    server.run(options.runtime.serve, &stop)?;
    info!("stopped");
    Ok(Exit::Done)
}

/// Tells all faults.
fn report(settings: &Settings, faults: &[Fault]) -> Exit {
    lines(settings, faults).iter().for_each(tell);
    faults.first().map_or(Exit::Usage, |fault| fault.failure.exit())
}

/// A line for each fault: those of the configuration file with their places, in its order, then all others.
fn lines(settings: &Settings, faults: &[Fault]) -> Vec<String> {
    let (mut of_file, mut others) = (Vec::new(), Vec::new());
    for fault in faults {
        match settings.mistake(fault.option, &fault.failure.message()) {
            Some(mistake) => of_file.push(mistake),
            None => others.push(fault.failure.to_string()),
        }
    }
    of_file.sort();
    of_file.iter().map(ToString::to_string).chain(others).collect()
}

/// Says on standard output where clients can connect. What reads it may go on when it reads `ready`.
fn announce(server: &Server) -> Result<(), Failure> {
    let mut lines = String::new();
    for (entrance, address) in server.addresses() {
        let scheme = match entrance {
            Entrance::Plain => "pop3",
            Entrance::Implicit => "pop3s",
        };
        lines.push_str(&format!("listening {scheme} {address}\n"));
    }
    lines.push_str("ready\n");
    hand_out(&lines)
}
