//! The command line.

#[cfg(feature = "tokio")]
mod bench;
mod conformance;
mod named;
mod passwd;
mod serve;

use core::time::Duration;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use pop3_connect::{Fingerprint, Rate, TlsMode, Url, Way};
use pop3_fetch::{RecognisedBy, Target};
use pop3_lint::Severity;
use pop3_serve::log::Format;
use tracing::level_filters::LevelFilter;

#[cfg(feature = "tokio")]
pub(crate) use bench::Bench;
pub(crate) use conformance::Conformance;
pub(crate) use passwd::Passwd;
pub(crate) use serve::{Monitoring, Privileges, RunAs, Serve};

use self::named::named;
use crate::exit::Failure;

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
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve Maildirs to mail clients
    Serve(Box<Serve>),
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

/// How to reach a server and log in: the options that `fetch` and `check` share.
#[derive(Debug, Args)]
pub(crate) struct Account {
    /// pop3://user@host:port, pop3s://... or pop://user;AUTH=...@host (RFC 2384); write @ in the user's
    /// name as %40; the host may be an internationalized name
    // A text and not a `Url`: the parser's error would repeat a password that is wrongly in it.
    // An option, as `conformance` can do without.
    #[arg(value_name = "URL", required = true)]
    url: Option<String>,
    /// Read the password from the first line of this file
    #[arg(long, value_name = "F", conflicts_with = "password_command")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the password from the first line that this shell command prints
    #[arg(long, value_name = "CMD")]
    pub(crate) password_command: Option<String>,
    /// How TLS begins [default: implicit for pop3s and pops; starttls for pop3 and pop, or off if the
    /// server is on this machine]
    #[arg(long, value_name = "HOW", value_parser = named(TLS))]
    pub(crate) tls: Option<TlsMode>,
    /// Also trust the certificates in this file: authorities, and certificates of individual servers
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust only the certificate with this fingerprint, whatever its names, dates and issuer: sha256: and
    /// 64 hexadecimal digits, as shown by check; may be repeated
    #[arg(long, value_name = "HASH")]
    pub(crate) tls_fingerprint: Vec<Fingerprint>,
    /// Read an OAuth 2.0 token for OAUTHBEARER or XOAUTH2 from the first line that this shell command
    /// prints
    #[arg(long, value_name = "CMD", conflicts_with_all = ["password_file", "password_command"])]
    pub(crate) token_command: Option<String>,
    /// Present this certificate, with its chain, in the TLS handshake; with EXTERNAL it is the login
    #[arg(long, value_name = "PEM", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// How to log in: auto, user (USER and PASS), apop, or a SASL mechanism: plain, login, cram-md5,
    /// scram-sha-1, scram-sha-256, scram-sha-512 (each scram also with -plus), external, anonymous,
    /// xoauth2, oauthbearer; auto uses the mechanism in the URL, or else the strongest that both sides
    /// support
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) auth: Way,
    /// Log in only with a mechanism that is bound to the TLS connection (SCRAM-...-PLUS)
    #[arg(long)]
    pub(crate) require_binding: bool,
    /// Ask for UTF8 mode before the login if the server supports it
    #[arg(long)]
    pub(crate) utf8: bool,
    /// End the session at the server's first violation of the protocol
    #[arg(long)]
    pub(crate) strict: bool,
    /// Do not send CAPA, for old servers that close the connection when they receive it
    #[arg(long)]
    pub(crate) no_capa: bool,
    /// Send the password or token on the AUTH line, which saves a round trip; some servers refuse it
    #[arg(long)]
    pub(crate) initial_response: bool,
    /// Give up if connecting or the first line of a reply takes longer than this, or if a listing or a
    /// message stalls for longer
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Give up if fewer octets of a listing or a message arrive in a minute, or in SECS seconds; 0 accepts
    /// any rate [default: 1000 in a minute, or in the time of --timeout if that is longer]
    #[arg(long, value_name = "N[/SECS]")]
    pub(crate) min_rate: Option<Rate>,
    /// The runtime of the connection, if the program was built with more than one
    #[arg(long, default_value = RUNTIMES[0].0, value_parser = named(RUNTIMES))]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Fetch {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Where to store the mail: maildir:DIR, mbox:FILE, dir:DIR (one file per message, octet for octet), or
    /// - for standard output
    #[arg(long, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(Target::parse))]
    pub(crate) to: Target,
    /// Delete messages from the server after they are stored safely
    #[arg(long)]
    pub(crate) delete: bool,
    /// Skip messages larger than this
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_size: Option<u64>,
    /// Fetch at most N new messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Also fetch messages that were fetched before
    #[arg(long)]
    pub(crate) all: bool,
    /// The file that records what was fetched [default: one for this account and target in
    /// $XDG_STATE_HOME/pop3 or ~/.local/state/pop3]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// How long to remember messages that the server no longer lists, in case they come back
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) forget_after: u32,
    /// How to recognise messages in later runs: by the server's unique-ids (UIDL), or by their content,
    /// which is fetched each time. By default, the first run of an account decides. After a change,
    /// messages that are still on the server are fetched once more
    #[arg(long, value_name = "HOW", value_parser = named(TRAITS))]
    pub(crate) recognise_by: Option<RecognisedBy>,
    /// Send one command at a time
    #[arg(long)]
    pub(crate) no_pipelining: bool,
    /// Print a summary as JSON to standard output (to standard error with --to -), also with --quiet and
    /// after errors
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only errors; messages skipped on purpose are not errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
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

const TLS: &[(&str, TlsMode, &str)] = &[
    ("implicit", TlsMode::Implicit, "TLS from the start of the connection"),
    ("starttls", TlsMode::StartTls, "TLS with STLS, required before anything else"),
    ("off", TlsMode::Off, "No TLS"),
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

const TRAITS: &[(&str, RecognisedBy, &str)] =
    &[("unique-ids", RecognisedBy::UniqueIds, ""), ("content", RecognisedBy::Content, "")];

impl Account {
    /// The URL, read.
    ///
    /// # Errors
    /// When it is none; the message does not repeat it, as it may hold a password.
    pub(crate) fn url(&self) -> Result<Url, Failure> {
        read_url(self.url.as_deref().ok_or_else(|| Failure::usage("no URL was given"))?)
    }
}

/// Reads a URL. The message of an error does not repeat it.
fn read_url(url: &str) -> Result<Url, Failure> {
    let bad = |error: &dyn core::error::Error| Failure::usage(format!("bad URL: {error}"));
    let url = pop3_url::idn::to_ascii(url).map_err(|error| bad(&error))?;
    Url::parse(&url).map_err(|error| bad(&error))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse::<u32>() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds.into())),
        Ok(0) | Err(_) => Err("expected a whole number of seconds, at least 1"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn fetch(line: &[&str]) -> Result<Fetch, clap::Error> {
        let Command::Fetch(fetch) = Cli::try_parse_from([&["pop3", "fetch"], line].concat())?.command else {
            panic!("not fetch");
        };
        Ok(*fetch)
    }

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn targets() {
        let to = |target| fetch(&["pop3://h", "--to", target]).map(|fetch| fetch.to).ok();
        assert_eq!(to("-"), Some(Target::Stdout));
        assert_eq!(to("dir:/a b"), Some(Target::Dir("/a b".into())));
        assert_eq!(to("maildir:x"), Some(Target::Maildir("x".into())));
        assert_eq!(to("mbox:x:y"), Some(Target::Mbox("x:y".into())));
        for bad in ["", "x", "dir:", "mh:x", "DIR:x"] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        let fetch = fetch(&["pop3://alice:tanstaaf@h", "--to", "-"]).unwrap();
        assert!(!fetch.account.url().unwrap_err().to_string().contains("tanstaaf"));
    }
}
