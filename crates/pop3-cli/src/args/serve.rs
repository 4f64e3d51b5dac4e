//! The options of `pop3 serve`.

mod checks;
mod database;
mod monitoring;
mod privileges;
mod unique_ids;
mod users;

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use pop3_sasl::Mechanism;
use pop3_serve::{parse_days, parse_host, parse_implementation, parse_mechanisms, parse_network};

pub(crate) use self::checks::Checks;
pub(crate) use self::database::DatabaseOptions;
pub(crate) use self::monitoring::Monitoring;
pub(crate) use self::privileges::{Privileges, RunAs};
use self::unique_ids::UniqueIdOptions;
pub(crate) use self::users::{USERS_FORMATS, Users, name_rule};
use super::named::named;
use super::store_url::StoreUrl;
use super::{EXIT_CODES, Log, RUNTIMES, Runtime, seconds};
use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Serve {
    /// Read options from this file in TOML, in which apop = true means --apop; options on the command line
    /// win, and --apop=false turns off a switch of the file; read again at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the options and the files that they name, report each mistake on a line of its own, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print a configuration file with all options and their defaults, and exit
    #[arg(long)]
    pub(crate) print_config: bool,
    /// The directory of the maildrops: DIR/USER is the Maildir of USER, unless --maildrop-path says otherwise; the
    /// same as --store maildir:DIR
    #[arg(long, value_name = "DIR", required_unless_present = "store")]
    pub(crate) maildrops: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,
    #[command(flatten)]
    pub(crate) users: Users,
    /// Where to listen for POP3, with STLS if there is a certificate; may be repeated; port 0 selects a
    /// free port; an IPv6 address accepts IPv6 only [default: 127.0.0.1:1110 if no listener is given]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Where to listen for POP3 with implicit TLS; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen_tls: Vec<SocketAddr>,
    /// The certificate and its chain, in PEM; reloaded when the file changes, and at SIGHUP. May be repeated, each
    /// with its --tls-key: a client gets the certificate for the name that it asks for, or else the first one
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub(crate) tls_cert: Vec<PathBuf>,
    /// The private key of the certificate, in PEM; may be repeated, in the order of --tls-cert
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Vec<PathBuf>,
    /// Create a self-signed certificate, for trying things out on this machine
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls_self_signed: bool,
    /// Ask clients for a certificate of these authorities, and let those that have one log in with
    /// EXTERNAL; others are served as usual
    #[arg(long, value_name = "PEM")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Expect a PROXY header (version 1 or 2), which names the client, on each connection from this network
    /// (192.0.2.0/24, or one address): for proxies such as HAProxy and nginx; may be repeated
    #[arg(long, value_name = "NET", value_parser = parse_network)]
    pub(crate) proxy_from: Vec<IpNet>,
    /// Accept XCLIENT, which names the client, from proxies on this network; may be repeated
    #[arg(long, value_name = "NET", value_parser = parse_network)]
    pub(crate) xclient_from: Vec<IpNet>,
    /// The runtime of the connections, if the program was built with more than one
    #[arg(long, default_value = RUNTIMES[0].0, value_parser = named(RUNTIMES))]
    pub(crate) runtime: Runtime,
    /// The mechanisms of AUTH, separated by commas, or none [default: PLAIN, LOGIN, and each SCRAM that
    /// every user in the users file can use]
    #[arg(long, value_name = "LIST", value_parser = parse_mechanisms)]
    pub(crate) auth_mechanisms: Option<Mechanisms>,
    /// Offer SCRAM with -PLUS over TLS, which binds a login to its connection. With their default settings,
    /// mutt 2.2 and neomutt choose it without supporting it, and cannot log in
    #[arg(long)]
    pub(crate) channel_binding: bool,
    /// The file with the key that makes salts for users without SCRAM keys; created if it does not exist
    /// [default: the users file with .decoy-key appended]
    #[arg(long, value_name = "FILE")]
    pub(crate) decoy_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) checks: Checks,
    /// Accept passwords without TLS from other machines
    #[arg(long)]
    pub(crate) allow_insecure_auth: bool,
    /// Offer APOP; it works for users whose password is stored as {PLAIN}
    #[arg(long)]
    pub(crate) apop: bool,
    /// Offer UTF8 and LANG (RFC 6856), and accept UTF-8 in USER and PASS too
    #[arg(long)]
    pub(crate) utf8: bool,
    /// Announce the minimum time between two logins of a user, and refuse earlier ones
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) login_delay: Option<Duration>,
    /// Announce for how many days messages are kept, or never if they do not expire
    #[arg(long, value_name = "DAYS", value_parser = parse_days)]
    pub(crate) expire: Option<Expiry>,
    /// At QUIT, remove messages that have been read and not touched for more days than that; with 0, remove
    /// every message that was retrieved
    #[arg(long, requires = "expire")]
    pub(crate) expire_enforce: bool,
    /// Announce this as IMPLEMENTATION [default: nothing, because it only helps attackers]
    #[arg(long, value_name = "TEXT", value_parser = parse_implementation)]
    pub(crate) implementation: Option<String>,
    /// Close a session after this time without a command; RFC 1939 requires at least 600
    #[arg(long, value_name = "SECS", default_value = "600", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,
    /// Close a connection that has not logged in after this time
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) login_timeout: Duration,
    /// The maximum number of connections, lowered if the limit of open files (ulimit -n) is too small; when
    /// it is reached, a connection that has not logged in is closed to make room for a new one
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// The maximum number of connections of one user
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_user: u32,
    /// The maximum number of connections from one address; an IPv6 /64 counts as one address
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_ip: u32,
    /// The name in the greeting and in the APOP timestamp [default: the name of this machine]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    pub(crate) unique_ids: UniqueIdOptions,
    #[command(flatten)]
    pub(crate) privileges: Privileges,
    #[command(flatten)]
    pub(crate) monitoring: Monitoring,
    #[command(flatten)]
    pub(crate) log: Log,
}

// Names, as clap takes an `Option` or a `Vec` that it sees for itself.
type Mechanisms = Vec<Mechanism>;
type Expiry = Option<u32>;

impl Serve {
    /// Where the maildrops are.
    ///
    /// # Errors
    /// When `--store` is not understood.
    pub(crate) fn store(&self) -> Result<StoreUrl, Failure> {
        match (&self.database.store, &self.maildrops) {
            (Some(store), _) => store.url(),
            (None, Some(folder)) => Ok(StoreUrl::Maildir(folder.clone())),
            (None, None) => {
                Err(Failure::usage("there are no maildrops: give --maildrops DIR or --store URL"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use clap::Parser;
    use tracing::level_filters::LevelFilter;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn each_runtime_that_is_built_in_can_be_chosen() {
        let chosen = |runtime: &[&str]| {
            let line = ["pop3", "serve", "--maildrops", "d", "--users", "u", "--listen", "127.0.0.1:0"];
            let command = Cli::try_parse_from(line.iter().chain(runtime)).unwrap().command;
            let Command::Serve(serve) = command else { panic!("not serve") };
            serve.runtime.serve
        };
        assert_eq!(chosen(&[]), RUNTIMES[0].1.serve);
        for (name, runtime, _) in RUNTIMES {
            assert_eq!(chosen(&["--runtime", name]), runtime.serve);
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let line = "pop3 serve --maildrops d --users u --listen 127.0.0.1:0";
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        let limits = pop3_proto::server::Limits::default();
        assert_eq!((serve.login_timeout, serve.idle_timeout), (limits.login_timeout, limits.idle_timeout));
    }

    #[test]
    fn every_option_of_serve() {
        let line = "pop3 serve --maildrops d --users u --listen 127.0.0.1:0 --listen [::1]:0 --listen-tls 127.0.0.1:0 \
            --tls-cert c --tls-key k --allow-insecure-auth --apop --idle-timeout 5 \
            --login-timeout 6 --max-connections 7 --max-connections-per-user 8 --max-connections-per-ip 9 \
            --hostname a.b --proxy-from 10.0.0.0/8 --proxy-from ::1 --xclient-from 127.0.0.1 --log debug --log-format json --tls-client-ca ca --auth-mechanisms plain,SCRAM-SHA-256 \
            --decoy-key s --token-command x --token-timeout 3 --utf8 --login-delay 9 --expire 31 --expire-enforce \
            --implementation v1 --run-as pop3:mail --allow-root --metrics 127.0.0.1:0";
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        assert_eq!((serve.listen.len(), serve.listen_tls.len()), (2, 1));
        assert_eq!(
            (serve.idle_timeout, serve.login_timeout),
            (Duration::from_secs(5), Duration::from_secs(6))
        );
        assert!(serve.proxy_from[1].contains(&IpAddr::from(core::net::Ipv6Addr::LOCALHOST)));
        assert_eq!(serve.log.level, LevelFilter::DEBUG);
        assert_eq!((serve.expire, serve.expire_enforce), (Some(Some(31)), true));
        assert_eq!(serve.implementation.as_deref(), Some("v1"));
    }
}
