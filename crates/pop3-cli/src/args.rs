//! The command line.
#![allow(rustdoc::invalid_html_tags, reason = "these are texts for the terminal")]

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use pop3_proto::url::Url;
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{MAX_ITERATIONS, MIN_ITERATIONS};

use crate::exit::Failure;
use crate::users::parse_days;

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
    /// The users file: lines of name:{PLAIN}secret, name:<PHC string>, name:<SCRAM keys> and more, read
    /// again at SIGHUP
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
    /// Ask clients for a certificate of these authorities, and let those that have one log in by
    /// EXTERNAL; others are served as before
    #[arg(long, value_name = "PEM")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Connections from this network (192.0.2.0/24, or one address) are a proxy's, as HAProxy and nginx
    /// are: each begins with a PROXY header (version 1 or 2), which names the client; may be repeated
    #[arg(long, value_name = "NET", value_parser = network)]
    pub(crate) proxy_from: Vec<IpNet>,
    /// Clients on this network are proxies that may tell by XCLIENT whom they speak for; may be repeated
    #[arg(long, value_name = "NET", value_parser = network)]
    pub(crate) xclient_from: Vec<IpNet>,
    /// What drives the connections
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// The mechanisms of AUTH, with commas between, or none; SCRAM-... brings SCRAM-...-PLUS along
    /// [default: PLAIN, LOGIN, and those of SCRAM that every user of the users file can use]
    #[arg(long, value_name = "LIST", value_parser = Mechanisms::parse)]
    pub(crate) auth_mechanisms: Option<Mechanisms>,
    /// The key of the salts of those who have no SCRAM keys; it is made where there is none
    /// [default: the users file with .salt-key appended]
    #[arg(long, value_name = "FILE")]
    pub(crate) salt_key: Option<PathBuf>,
    /// Turn on OAUTHBEARER and XOAUTH2; this shell command checks tokens: it reads one from standard
    /// input, and POP3_MECHANISM, POP3_USER and POP3_PEER from its environment, may print the user's
    /// name, and ends with 0 for a good token, 1 for a bad one
    #[arg(long, value_name = "CMD")]
    pub(crate) token_command: Option<String>,
    /// Kill the token command after so long
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub(crate) token_timeout: Duration,
    /// Take passwords without TLS from peers that are not on this machine
    #[arg(long)]
    pub(crate) allow_insecure_auth: bool,
    /// Offer APOP; it works for users whose password is kept as {PLAIN}
    #[arg(long)]
    pub(crate) apop: bool,
    /// Offer UTF8 and LANG (RFC 6856), and take names and passwords in UTF-8 after USER and PASS too
    #[arg(long)]
    pub(crate) utf8: bool,
    /// Announce the least time between two logins of a user, and refuse those that come sooner
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) login_delay: Option<Duration>,
    /// Announce for how many days messages are kept, or never, which means that they do not expire
    #[arg(long, value_name = "DAYS", value_parser = Expiry::parse)]
    pub(crate) expire: Option<Expiry>,
    /// Remove at QUIT what has expired: what was read, and left alone for more days than that; with 0
    /// what was retrieved
    #[arg(long, requires = "expire")]
    pub(crate) expire_enforce: bool,
    /// Announce this as IMPLEMENTATION [default: nothing, as it helps attackers only]
    #[arg(long, value_name = "TEXT", value_parser = implementation)]
    pub(crate) implementation: Option<String>,
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

/// A list of mechanisms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mechanisms(Vec<Mechanism>);

impl Mechanisms {
    fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let parse = |name: &str| {
            Mechanism::parse(name.trim().as_bytes()).ok_or_else(|| {
                let known: Vec<_> = Mechanism::ALL.into_iter().map(Mechanism::name).collect();
                format!("{name} is none of {}", known.join(", "))
            })
        };
        text.split(',').map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this one is in the list; -PLUS comes along with the same without.
    pub(crate) fn has(&self, mechanism: Mechanism) -> bool {
        let base = mechanism.name().strip_suffix("-PLUS");
        self.0.iter().any(|&named| named == mechanism || base == Some(named.name()))
    }
}

/// For how many days messages are kept, `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry(pub(crate) Option<u32>);

impl Expiry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        parse_days(text).map(Self)
    }
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
    /// The first line that this shell command prints is an OAuth 2.0 token, for OAUTHBEARER and XOAUTH2
    #[arg(long, value_name = "CMD", conflicts_with_all = ["password_file", "password_command"])]
    pub(crate) token_command: Option<String>,
    /// Show this certificate, and its chain, in the TLS handshake; with EXTERNAL it is the login
    #[arg(long, value_name = "PEM", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// How to log in: auto, user (USER and PASS), apop, or a mechanism of SASL: plain, login, cram-md5,
    /// scram-sha-1, scram-sha-256, scram-sha-512, each of these also with -plus, external, anonymous,
    /// xoauth2, oauthbearer; auto takes what the URL says, else the strongest that both sides have
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = Auth::parse)]
    pub(crate) auth: Auth,
    /// Log in only by a mechanism that is bound to the TLS connection (SCRAM-...-PLUS)
    #[arg(long)]
    pub(crate) require_binding: bool,
    /// Ask for UTF8 mode before the login, where the server has it
    #[arg(long)]
    pub(crate) utf8: bool,
    /// Refuse servers that depart from the protocol, in whatever way
    #[arg(long)]
    pub(crate) strict: bool,
    /// Do not send CAPA, for old servers that hang up on it
    #[arg(long)]
    pub(crate) no_capa: bool,
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
    /// Which lines to print; may be repeated [default: all of them, so that every mechanism works but
    /// APOP and CRAM-MD5, which need the password in clear]
    #[arg(long, value_enum, value_name = "FORM", value_delimiter = ',', default_values_t = PasswordForm::ALL, hide_default_value = true)]
    pub(crate) form: Vec<PasswordForm>,
    /// The iterations of SCRAM keys: more make guessing dearer for who steals the users file, and each
    /// login slower for the client
    #[arg(long, value_name = "N", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(i64::from(MIN_ITERATIONS)..=i64::from(MAX_ITERATIONS)))]
    pub(crate) iterations: u32,
}

/// What `pop3 passwd` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PasswordForm {
    /// For passwords that are sent: PASS, PLAIN, LOGIN
    Argon2id,
    /// Keys for SCRAM-SHA-1
    #[value(name = "scram-sha-1")]
    ScramSha1,
    /// Keys for SCRAM-SHA-256
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// Keys for SCRAM-SHA-512
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

impl PasswordForm {
    const ALL: [Self; 4] = [Self::Argon2id, Self::ScramSha1, Self::ScramSha256, Self::ScramSha512];
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Auth {
    #[default]
    Auto,
    /// USER and PASS
    User,
    /// APOP
    Apop,
    /// AUTH with this mechanism
    Sasl(Mechanism),
}

impl Auth {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "user" => Ok(Self::User),
            "apop" => Ok(Self::Apop),
            name => Mechanism::parse(name.as_bytes()).map(Self::Sasl).ok_or_else(|| {
                let known = Mechanism::ALL.map(|mechanism| mechanism.name().to_ascii_lowercase());
                format!("it is none of auto, user, apop, {}", known.join(", "))
            }),
        }
    }
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

/// Words of printable ASCII (RFC 2449 section 6.9).
fn implementation(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 200 && text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if good && !text.trim().is_empty() {
        Ok(text.trim().to_owned())
    } else {
        Err("IMPLEMENTATION is words of printable ASCII, at most 200 octets")
    }
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "give an address, or a network as 192.0.2.0/24 or 2001:db8::/32")
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
            --hostname a.b --proxy-from 10.0.0.0/8 --proxy-from ::1 --xclient-from 127.0.0.1 --log debug --log-format json --tls-client-ca ca --auth-mechanisms plain,SCRAM-SHA-256 \
            --salt-key s --token-command x --token-timeout 3 --utf8 --login-delay 9 --expire 31 --expire-enforce \
            --implementation v1";
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        assert_eq!((serve.listen.len(), serve.listen_tls.len()), (2, 1));
        assert_eq!(
            (serve.idle_timeout, serve.login_timeout),
            (Duration::from_secs(5), Duration::from_secs(6))
        );
        assert!(serve.proxy_from[1].contains(&IpAddr::from(core::net::Ipv6Addr::LOCALHOST)));
        assert_eq!((serve.runtime, serve.log.level), (Runtime::AsyncStd, LogLevel::Debug));
        assert_eq!((serve.expire, serve.expire_enforce), (Some(Expiry(Some(31))), true));
        assert_eq!(serve.implementation.as_deref(), Some("v1"));
    }

    #[test]
    fn lists_of_mechanisms() {
        let list = Mechanisms::parse("plain, SCRAM-SHA-256").unwrap();
        let has: Vec<_> = Mechanism::ALL.into_iter().filter(|&mechanism| list.has(mechanism)).collect();
        assert_eq!(has, [Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain]);
        let plus = Mechanisms::parse("SCRAM-SHA-1-PLUS").unwrap();
        assert!(plus.has(Mechanism::ScramSha1Plus) && !plus.has(Mechanism::ScramSha1));
        let none = Mechanisms::parse("none").unwrap();
        assert!(!Mechanism::ALL.into_iter().any(|mechanism| none.has(mechanism)));
        for bad in ["", "PLAIN,", "GSSAPI", "PLAIN LOGIN"] {
            assert!(Mechanisms::parse(bad).unwrap_err().contains("SCRAM-SHA-512-PLUS"), "{bad}");
        }
    }

    #[test]
    fn an_implementation_is_words() {
        for (text, good) in
            [(" a b ", Some("a b")), ("", None), (" ", None), ("a\r\nb", None), ("\u{e4}", None)]
        {
            assert_eq!(implementation(text).ok().as_deref(), good);
        }
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        let fetch = fetch(&["pop3://alice:tanstaaf@h", "--to", "-"]).unwrap();
        assert!(!fetch.account.url().unwrap_err().to_string().contains("tanstaaf"));
    }
}
