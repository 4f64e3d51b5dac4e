//! `pop3 serve`: maildrops for mail clients.

mod certificates;
#[cfg_attr(not(feature = "tokio"), path = "serve/no_database.rs")]
mod database;
mod fault;
mod maildrops;
mod metric;
mod metrics;
pub(crate) mod notify;
mod prepare;
mod privileges;
mod reload;
mod signals;
mod sockets;

use core::time::Duration;
use std::fs::File;
use std::net::TcpListener;

use pop3_serve::{Heartbeat, Listeners, Server, Stop};
use tracing::{info, warn};

use self::certificates::InUse;
use self::database::Database;
use self::fault::{Fault, Purpose};
use self::metrics::{Figures, Watched};
use self::prepare::{Kept, Prepared, explain, prepare};
use self::reload::Reloader;
use crate::args::Serve;
use crate::config::{CommandLine, Settings};
use crate::exit::{Exit, Failure};
use crate::tell::{hand_out, tell};

/// Serves until a signal ends it.
pub(crate) fn run(options: &Serve, line: CommandLine, settings: Settings) -> Result<Exit, Failure> {
    if options.check_config {
        return match prepare(options, &mut Kept::default(), Purpose::Check) {
            Ok(prepared) => {
                prepared.warnings().iter().for_each(|warning| tell(format!("warning: {warning}")));
                hand_out("ok\n").map(|()| Exit::Done)
            }
            Err(faults) => Ok(report(&settings, &faults)),
        };
    }
    // Before there are other threads, and before the files are read: what is reloaded later has to be readable later.
    let rights = privileges::decide(&options.privileges)?;
    let listeners = match sockets::open(options) {
        Ok(listeners) => listeners,
        // Whatever is wrong with the settings says more than a socket that can't be bound.
        Err(failure) => match prepare(options, &mut Kept::default(), Purpose::Check) {
            Ok(_) => return Err(failure),
            Err(faults) => return Ok(report(&settings, &faults)),
        },
    };
    let metrics = metrics::bind(&options.monitoring)?;
    rights.apply()?;
    check_readable(&settings).map_err(|failure| privileges::explain(&options.privileges, failure))?;
    let _log = crate::logging::init(&options.log)?;
    let mut kept = Kept::default();
    let prepared = match prepare(options, &mut kept, Purpose::Serve) {
        Ok(prepared) => prepared,
        Err(faults) => {
            let faults = faults
                .into_iter()
                .map(|fault| fault.map(|failure| privileges::explain(&options.privileges, failure)));
            return Ok(report(&settings, &faults.collect::<Vec<_>>()));
        }
    };
    for warning in prepared.warnings() {
        warn!("{warning}");
    }
    let reloading = Reloading { line, settings, kept };
    serve(options, prepared, listeners, metrics, reloading)
        .map_err(|failure| privileges::explain(&options.privileges, failure))?;
    info!("stopped");
    Ok(Exit::Done)
}

/// The configuration file was read before the rights changed, and is read again with those that are left.
fn check_readable(settings: &Settings) -> Result<(), Failure> {
    let Some(file) = settings.file() else { return Ok(()) };
    let cant =
        |error| Failure::usage(format!("the configuration file {} can't be read: {error}", file.display()));
    File::open(file).map(drop).map_err(cant)
}

/// What is needed to read everything again.
struct Reloading {
    line: CommandLine,
    settings: Settings,
    kept: Kept,
}

/// Serves on these sockets.
fn serve(
    options: &Serve,
    prepared: Prepared,
    listeners: Listeners,
    metrics: Option<TcpListener>,
    Reloading { line, settings, kept }: Reloading,
) -> Result<(), Failure> {
    pop3_serve::raise_open_files();
    let certificate = InUse::new(prepared.config.certificate.clone());
    let server = Server::on(listeners, prepared.config, prepared.users).map_err(explain)?;
    let stop = Stop::with_grace(signals::GRACE);
    let database = prepared.source.database;
    let server = watched(server, metrics, &certificate, database.as_ref(), &stop)?;
    certificates::watch(&certificate)?;
    let status = notify::status(&server);
    let (handle, started) = (server.handle(), settings.clone());
    let reloader = Reloader { line, handle, started, current: settings, kept, certificate };
    signals::watch(&stop, reloader, status.clone())?;
    announce(&server)?;
    if let Some(database) = &database {
        database.share_failures(server.handle());
    }
    notify::ready(&status);
    let served = server.run(options.runtime.serve, &stop);
    if let Some(database) = &database {
        database.leave();
    }
    Ok(served?)
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

/// The server, whose listeners are watched if somebody wants to know of them.
fn watched(
    server: Server,
    metrics: Option<TcpListener>,
    certificate: &InUse,
    database: Option<&Database>,
    stop: &Stop,
) -> Result<Server, Failure> {
    let timeout = notify::watchdog();
    if timeout.is_none() && metrics.is_none() {
        return Ok(server);
    }
    let pace = timeout.map_or(HEARTBEAT, |timeout| HEARTBEAT.min(timeout / 4));
    let heartbeat = Heartbeat::new(pace);
    if let Some(timeout) = timeout {
        notify::watch(timeout, heartbeat.clone());
    }
    if let Some(listener) = metrics {
        let database = database.cloned();
        let figures = Figures::new(server.counters(), certificate.clone(), database.clone());
        let (heartbeat, stop) = (heartbeat.clone(), stop.clone());
        metrics::serve(listener, Watched { figures, heartbeat, stop, database })?;
    }
    Ok(server.with_heartbeat(heartbeat))
}

/// How often the listeners are looked at, at least.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Says on standard output where clients can connect. What reads it may go on when it reads `ready`.
fn announce(server: &Server) -> Result<(), Failure> {
    let mut lines = String::new();
    for (entrance, address) in server.addresses() {
        lines.push_str(&format!("listening {} {address}\n", sockets::scheme(entrance)));
    }
    lines.push_str("ready\n");
    hand_out(&lines)
}
