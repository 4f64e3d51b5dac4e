//! The log, on standard error.

use std::io;

use tracing::level_filters::LevelFilter;

use crate::args::{Log, LogFormat, LogLevel};

/// Begins to log as the command line says.
pub(crate) fn start(options: &Log) {
    let level = match options.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    // The log is begun once; a second time there is one already, and nothing has to be done.
    let _ = match options.format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
