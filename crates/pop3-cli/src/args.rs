//! The command line.

mod account;
#[cfg(feature = "tokio")]
mod bench;
mod conformance;
mod deliver;
mod fetch;
mod generate;
mod help;
#[cfg(feature = "tokio")]
mod lmtp;
mod named;
mod passwd;
mod serve;
mod store;
pub(crate) mod store_at;
pub(crate) mod store_url;
mod user;

use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use pop3_lint::Severity;
use pop3_serve::log::Format;
use tracing::level_filters::LevelFilter;

pub(crate) use account::Account;
#[cfg(feature = "tokio")]
pub(crate) use bench::Bench;
pub(crate) use conformance::Conformance;
pub(crate) use deliver::Deliver;
pub(crate) use fetch::{Check, Fetch};
pub(crate) use generate::Generate;
#[cfg(feature = "tokio")]
pub(crate) use lmtp::{ListenAt, Lmtp};
pub(crate) use passwd::Passwd;
pub(crate) use serve::{Monitoring, Privileges, RunAs, Serve};
#[cfg(feature = "tokio")]
pub(crate) use store::{CheckStore, Init};
pub(crate) use store::{Export, Import, ImportSource, Store, StoreCommand};
pub(crate) use store_at::StoreAt;
pub(crate) use user::{Action, Change, File, User, UsersAt};
#[cfg(feature = "tokio")]
pub(crate) use user::{Del, QuotaOptions};

#[cfg(feature = "tokio")]
use self::account::read_url;
use self::named::named;

/// What `--help` says below the options.
const EXIT_CODES: &str = "\
Exit codes:
  0  success; messages left out by --max-size or --limit are not failures
  1  some messages failed, or some requirements are not met
  2  usage: the command line, or a file named in it, cannot be used
  3  no connection: the name lookup, the network, the listener or TLS failed
  4  the login was refused, or cannot be trusted
  5  protocol error: the other side violates the protocol
  6  temporarily refused: the maildrop is in use, or the server has a temporary failure; try again later
  7  another fetch of this account into this target is running
  129, 130, 143  a fetch was ended by SIGHUP, SIGINT or SIGTERM";

/// Serve and fetch mail with POP3.
#[derive(Debug, Parser)]
#[command(name = "pop3", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve Maildirs to mail clients
    Serve(Box<Serve>),
    /// Deliver a message on standard input into a maildrop, for the pipe transports of mail servers
    Deliver(Box<Deliver>),
    /// Receive mail from a mail server with LMTP, and deliver it into maildrops
    #[cfg(feature = "tokio")]
    Lmtp(Box<Lmtp>),
    /// Create and check stores of maildrops, and move mail between them and Maildirs
    Store(Store),
    /// Download mail into files, a Maildir or an mbox
    Fetch(Box<Fetch>),
    /// Show what a server supports, its TLS and certificate, the size of the maildrop, and oddities
    Check(Box<Check>),
    /// Measure how much load a server of your own can handle
    #[cfg(feature = "tokio")]
    Bench(Box<Bench>),
    /// Test a server, or with --client a client, against the requirements of POP3
    Conformance(Box<Conformance>),
    /// Create a sample maildrop, serve it over TLS, fetch it, and verify every octet
    Demo(Demo),
    /// Find violations of the protocol in recorded sessions
    Lint(Lint),
    /// Print lines for the users file; asks for the password, or reads it from standard input
    Passwd(Passwd),
    /// Edit the users file or the users of a database: add users, change passwords, remove users, list them
    User(User),
    /// Write the manual pages and the completions for shells into a directory such as /usr/local/share
    Generate(Generate),
}

/// The command line as it is defined: the options with their help, in groups, and with examples.
pub(crate) fn definition() -> clap::Command {
    help::arrange(Cli::command())
}

/// Reads a command line. The first argument is the name of the program.
///
/// # Errors
/// When it is not understood, or asks for help or the version.
pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&definition().try_get_matches_from(line)?)
}

/// What is logged to standard error, and how.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// How much to log to standard error
    #[arg(long = "log", value_name = "LEVEL", default_value = "info", value_parser = named(LOG_LEVELS))]
    pub(crate) level: LevelFilter,
    /// The format of a log line
    #[arg(long = "log-format", value_name = "FORMAT", default_value = "text", value_parser = named(LOG_FORMATS))]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The runtime of the connections, if the program was built with more than one
    #[arg(long, default_value = RUNTIMES[0].0, value_parser = named(RUNTIMES))]
    pub(crate) runtime: Runtime,
}

/// What `pop3 lint --help` says below the options.
const LINT_EXIT_CODES: &str = "\
Exit codes:
  0  no violation of a MUST
  1  some violation of a MUST
  2  the file cannot be read, or contains no session";

#[derive(Debug, Args)]
#[command(after_help = LINT_EXIT_CODES)]
pub(crate) struct Lint {
    /// A transcript with one line per line sent (C: by the client, S: by the server), or a packet capture
    /// (pcap or pcapng); - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A further port of the server in a capture, besides 110 and 1110; may be repeated
    #[arg(long, value_name = "N")]
    pub(crate) port: Vec<u16>,
    /// The lowest level to report
    #[arg(long, value_name = "LEVEL", default_value = "practice", value_parser = named(LINT_LEVELS))]
    pub(crate) level: Severity,
    /// Print the violations without the dialogue
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print one line of JSON for each violation, and one for the summary
    #[arg(long)]
    pub(crate) json: bool,
}

/// What drives the connections, of a client and of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runtime {
    pub(crate) connect: pop3_connect::ClientRuntime,
    pub(crate) serve: pop3_serve::ServerRuntime,
}

impl Runtime {
    /// Whether it is tokio.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_tokio(self) -> bool {
        self.serve == pop3_serve::ServerRuntime::Tokio
    }

    /// Whether it is tokio, which is not there.
    #[cfg(not(feature = "tokio"))]
    pub(crate) const fn is_tokio(self) -> bool {
        false
    }
}

macro_rules! runtime {
    ($name:literal, $runtime:ident, $help:literal) => {{
        let (connect, serve) = (pop3_connect::ClientRuntime::$runtime, pop3_serve::ServerRuntime::$runtime);
        ($name, Runtime { connect, serve }, $help)
    }};
}

/// The runtimes that are built in. The first one is the default.
const RUNTIMES: &[(&str, Runtime, &str)] = &[
    #[cfg(feature = "tokio")]
    runtime!("tokio", Tokio, ""),
    #[cfg(feature = "async-std")]
    runtime!("async-std", AsyncStd, ""),
    #[cfg(feature = "smol")]
    runtime!("smol", Smol, ""),
    #[cfg(feature = "threads")]
    runtime!("std", Threads, "Threads and blocking sockets"),
];

const LOG_LEVELS: &[(&str, LevelFilter, &str)] = &[
    ("off", LevelFilter::OFF, ""),
    ("error", LevelFilter::ERROR, ""),
    ("warn", LevelFilter::WARN, ""),
    ("info", LevelFilter::INFO, ""),
    ("debug", LevelFilter::DEBUG, ""),
    ("trace", LevelFilter::TRACE, ""),
];

const LOG_FORMATS: &[(&str, Format, &str)] = &[
    ("text", Format::Text, ""),
    ("journald", Format::Journald, "as text, for journald: a priority instead of time and level"),
    ("json", Format::Json, ""),
];

const LINT_LEVELS: &[(&str, Severity, &str)] = &[
    ("must", Severity::Must, "What an RFC requires"),
    ("should", Severity::Should, "Also what an RFC recommends"),
    ("practice", Severity::Practice, "Also what is allowed but causes problems in practice"),
];

/// Reads a time: seconds, or a number with a unit.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 60 * 60),
        Some(number) if text.ends_with('d') => (number, 24 * 60 * 60),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    match number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit)) {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds.into())),
        Some(0) | None => {
            Err("expected a whole number of seconds, at least 1, or one with a unit: 90s, 10m, 2h, 1d")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        definition().debug_assert();
    }

    #[test]
    fn times_have_units() {
        for (text, expected) in [("1", 1), ("90s", 90), ("10m", 600), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(seconds(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        for bad in ["", "0", "0m", "m", "-1", "1.5", "1w", "1 m", "10ms", "4294967295m", "1\u{e9}"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
