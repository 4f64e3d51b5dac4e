//! The command line.
#![allow(rustdoc::invalid_html_tags, reason = "these are texts for the terminal")]

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use pop3_proto::url::Url;

use crate::exit::Failure;

/// What `--help` says below the options.
const EXIT_CODES: &str = "\
Exit codes:
  0  all done
  1  some messages failed or were skipped, or some requirements were not met
  2  usage: the command line, or a file that it names, can't be used
  3  no connection: the name, the network, the listener or TLS
  4  the login was refused
  5  protocol error: the other side does not speak POP3 as agreed";

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
    /// Tell what a server can do, its TLS, the figures of a maildrop and oddities
    Check(Box<Check>),
    /// Try the requirements of POP3 on a server, or with --client on a client
    Conformance(Box<Conformance>),
    /// Make a sample maildrop, serve it over TLS, fetch it, and verify every octet
    Demo(Demo),
    /// Print a line for the users file; the password is asked for, or read from standard input
    Passwd(Passwd),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Serve {
    /// The folder of the maildrops: DIR/<user> is that user's Maildir
    #[arg(long, value_name = "DIR")]
    pub(crate) maildrops: PathBuf,
    /// The users file: one name:{PLAIN}secret or name:<PHC string> a line, read again at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) users: PathBuf,
    /// Where to listen for POP3, STLS included where there is a certificate; may be repeated; port 0
    /// takes a free one [default: 127.0.0.1:1110 where no listener is named]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Where to listen for POP3 in TLS from the first octet; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen_tls: Vec<SocketAddr>,
    /// The certificate and its chain, in PEM, read again at SIGHUP
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Make a certificate that nobody knows, for tries on this machine
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls_self_signed: bool,
    /// What drives the connections
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// Take passwords without TLS from peers that are not on this machine
    #[arg(long)]
    pub(crate) allow_insecure_auth: bool,
    /// Offer APOP; it works for users whose password is kept as {PLAIN}
    #[arg(long)]
    pub(crate) apop: bool,
    /// Close a session after so long without a command; RFC 1939 asks for 600 or more
    #[arg(long, value_name = "SECS", default_value = "600", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,
    /// Close a connection that has not logged in after so long
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) login_timeout: Duration,
    /// The most connections at one time
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// The most connections of one user at one time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_user: u32,
    /// The most connections from one address at one time; for IPv6 a /64 counts as one
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_ip: u32,
    /// The name in the greeting and in the APOP timestamp [default: the name of this machine]
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    pub(crate) log: Log,
}

/// What is logged to standard error, and how.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// How much to log on standard error
    #[arg(long = "log", value_enum, value_name = "LEVEL", default_value_t)]
    pub(crate) level: LogLevel,
    /// How to write a line of the log
    #[arg(long = "log-format", value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: LogFormat,
}

/// How to reach a server and log in: the options that `fetch` and `check` share.
#[derive(Debug, Args)]
pub(crate) struct Account {
    /// pop3://user@host:port, pop3s://... or pop://user;AUTH=...@host (RFC 2384); @ in the user's
    /// name is written %40
    // A text and not a `Url`: the parser's error would repeat a password that is wrongly in it.
    // An option, as `conformance` can do without.
    #[arg(value_name = "URL", required = true)]
    url: Option<String>,
    /// The first line of this file is the password
    #[arg(long, value_name = "F", conflicts_with = "password_command")]
    pub(crate) password_file: Option<PathBuf>,
    /// The first line that this shell command prints is the password
    #[arg(long, value_name = "CMD")]
    pub(crate) password_command: Option<String>,
    /// How TLS begins [default: implicit for pop3s and pops; starttls for pop3 and pop, off where
    /// the server is on this machine]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) tls: Option<Tls>,
    /// Trust the certificates in this file too
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How to log in; auto takes what the URL says, else what suits server and connection
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub(crate) auth: Auth,
    /// Give up when a command makes no progress for so long; the handshake counts
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// What drives the connection
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Fetch {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Where the mail goes: maildir:DIR, mbox:FILE, dir:DIR (one file a message, octet for octet),
    /// or - for standard output
    #[arg(long, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(Target::parse))]
    pub(crate) to: Target,
    /// Delete from the server what is stored safely
    #[arg(long)]
    pub(crate) delete: bool,
    /// Skip messages that are larger
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_size: Option<u64>,
    /// Fetch at most so many messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Fetch what was fetched before too
    #[arg(long)]
    pub(crate) all: bool,
    /// Where to remember what was fetched [default: a file for this account and target in
    /// $XDG_STATE_HOME/pop3 or ~/.local/state/pop3]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Send one command at a time
    #[arg(long)]
    pub(crate) no_pipelining: bool,
    /// Print a summary in JSON on standard output (on standard error with --to -)
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) account: Account,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[command(mut_arg("url", |url| url.required(false).required_unless_present_any(["client", "list"])))]
pub(crate) struct Conformance {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Let the rows remove messages: at most the last one, for good
    #[arg(long)]
    pub(crate) destructive: bool,
    /// Try these rows and groups only
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// List the rows, with what each asks, and try none
    #[arg(long)]
    pub(crate) list: bool,
    /// Show what was sent and received for all rows, not only for those that failed
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Print the table in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Try a client: play a server that follows a script, another one on each connection
    #[arg(long)]
    pub(crate) client: bool,
    /// Where clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", requires = "client")]
    pub(crate) listen: Option<SocketAddr>,
    /// Run this shell command for each script: a client that fetches all and deletes it. It finds
    /// POP3_HOST, POP3_PORT, POP3_USER, POP3_PASSWORD and POP3_SCENARIO in its environment
    #[arg(long, value_name = "CMD", requires = "client")]
    pub(crate) exec: Option<String>,
    /// End behind the first script
    #[arg(long, requires = "client")]
    pub(crate) once: bool,
    /// The certificate and its chain, in PEM, for scripts with STLS
    #[arg(long, value_name = "PEM", requires = "tls_key", requires = "client")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What drives the connections
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The user's name: letters, digits and . _ - + @, at most 64, no dot first
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// What drives the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    #[default]
    Tokio,
    AsyncStd,
    Smol,
    /// Threads and blocking sockets
    Std,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// TLS from the first octet
    Implicit,
    /// Required by STLS, before anything else is said
    Starttls,
    /// None
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    #[default]
    Auto,
    /// USER and PASS
    User,
    /// APOP
    Apop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Where fetched mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Maildir(PathBuf),
    Mbox(PathBuf),
    Dir(PathBuf),
    Stdout,
}

impl Target {
    fn parse(text: OsString) -> Result<Self, &'static str> {
        if text == "-" {
            return Ok(Self::Stdout);
        }
        let bytes = text.as_bytes();
        let (kind, path): (fn(PathBuf) -> Self, _) = if let Some(path) = bytes.strip_prefix(b"maildir:") {
            (Self::Maildir, path)
        } else if let Some(path) = bytes.strip_prefix(b"mbox:") {
            (Self::Mbox, path)
        } else if let Some(path) = bytes.strip_prefix(b"dir:") {
            (Self::Dir, path)
        } else {
            return Err("the target is one of maildir:DIR, mbox:FILE, dir:DIR and -");
        };
        if path.is_empty() {
            return Err("the target names no file or folder");
        }
        Ok(kind(OsString::from_vec(path.to_vec()).into()))
    }
}

impl fmt::Display for Target {
    /// As it stands on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(path) => write!(f, "maildir:{}", path.display()),
            Self::Mbox(path) => write!(f, "mbox:{}", path.display()),
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Stdout => f.write_str("-"),
        }
    }
}

impl Account {
    /// The URL, read.
    ///
    /// # Errors
    /// When it is none; the message does not repeat it, as it may hold a password.
    pub(crate) fn url(&self) -> Result<Url, Failure> {
        let url = self.url.as_deref().ok_or_else(|| Failure::usage("there is no URL"))?;
        Url::parse(url).map_err(|error| Failure::usage(format!("bad URL: {error}")))
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse::<u32>() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds.into())),
        Ok(0) | Err(_) => Err("give a whole number of seconds, at least 1"),
    }
}

/// A name that can stand in a greeting and in a msg-id (RFC 822): letters, digits, hyphens, dots.
fn host_name(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 200
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        });
    if good {
        Ok(text.to_owned())
    } else {
        Err("a host name has letters, digits and hyphens between its dots")
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
    fn every_option_of_serve() {
        let line = "pop3 serve --maildrops d --users u --listen 127.0.0.1:0 --listen [::1]:0 --listen-tls 127.0.0.1:0 \
            --tls-cert c --tls-key k --runtime async-std --allow-insecure-auth --apop --idle-timeout 5 \
            --login-timeout 6 --max-connections 7 --max-connections-per-user 8 --max-connections-per-ip 9 \
            --hostname a.b --log debug --log-format json";
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        assert_eq!((serve.listen.len(), serve.listen_tls.len()), (2, 1));
        assert_eq!(
            (serve.idle_timeout, serve.login_timeout),
            (Duration::from_secs(5), Duration::from_secs(6))
        );
        assert_eq!((serve.runtime, serve.log.level), (Runtime::AsyncStd, LogLevel::Debug));
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        let fetch = fetch(&["pop3://alice:tanstaaf@h", "--to", "-"]).unwrap();
        assert!(!fetch.account.url().unwrap_err().to_string().contains("tanstaaf"));
    }
}
