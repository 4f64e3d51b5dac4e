//! The options of `pop3 serve`.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use pop3_sasl::Mechanism;
use pop3_serve::{parse_days, parse_host, parse_implementation, parse_mechanisms, parse_network};

use super::named::named;
use super::{EXIT_CODES, Log, RUNTIMES, Runtime, seconds};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Serve {
    /// The folder of the maildrops: DIR/USER is that user's Maildir
    #[arg(long, value_name = "DIR")]
    pub(crate) maildrops: PathBuf,
    /// The users file: lines of name:{PLAIN}secret, name:PHC-STRING, name:SCRAM-KEYS and more, read
    /// again at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) users: PathBuf,
    /// Where to listen for POP3, STLS included where there is a certificate; may be repeated; port 0
    /// takes a free one; an IPv6 address takes IPv6 only [default: 127.0.0.1:1110 where no listener is named]
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
    #[arg(long, value_name = "NET", value_parser = parse_network)]
    pub(crate) proxy_from: Vec<IpNet>,
    /// Clients on this network are proxies that may tell by XCLIENT whom they speak for; may be repeated
    #[arg(long, value_name = "NET", value_parser = parse_network)]
    pub(crate) xclient_from: Vec<IpNet>,
    /// What drives the connections
    #[arg(long, default_value = "tokio", value_parser = named(RUNTIMES))]
    pub(crate) runtime: Runtime,
    /// The mechanisms of AUTH, with commas between, or none
    /// [default: PLAIN, LOGIN, and those of SCRAM that every user of the users file can use]
    #[arg(long, value_name = "LIST", value_parser = parse_mechanisms)]
    pub(crate) auth_mechanisms: Option<Mechanisms>,
    /// Offer SCRAM with -PLUS over TLS, which binds a login to its connection. mutt 2.2 and neomutt choose
    /// it and then can't, so with their default settings they get in no more
    #[arg(long)]
    pub(crate) channel_binding: bool,
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
    #[arg(long, value_name = "DAYS", value_parser = parse_days)]
    pub(crate) expire: Option<Expiry>,
    /// Remove at QUIT what has expired: what was read, and left alone for more days than that; with 0
    /// what was retrieved
    #[arg(long, requires = "expire")]
    pub(crate) expire_enforce: bool,
    /// Announce this as IMPLEMENTATION [default: nothing, as it helps attackers only]
    #[arg(long, value_name = "TEXT", value_parser = parse_implementation)]
    pub(crate) implementation: Option<String>,
    /// Close a session after so long without a command; RFC 1939 asks for 600 or more
    #[arg(long, value_name = "SECS", default_value = "600", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,
    /// Close a connection that has not logged in after so long
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) login_timeout: Duration,
    /// The most connections at one time, fewer where the limit of open files (ulimit -n) allows no more; when
    /// all are taken, one without a login is closed for a new one
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// The most connections of one user at one time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_user: u32,
    /// The most connections from one address at one time; for IPv6 a /64 counts as one
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_ip: u32,
    /// The name in the greeting and in the APOP timestamp [default: the name of this machine]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    pub(crate) log: Log,
}

// Names, as clap takes an `Option` or a `Vec` that it sees for itself.
type Mechanisms = Vec<Mechanism>;
type Expiry = Option<u32>;

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use clap::Parser;
    use tracing::level_filters::LevelFilter;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let line = "pop3 serve --maildrops d --users u --listen 127.0.0.1:0";
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        let limits = pop3_proto::server::Limits::new();
        assert_eq!((serve.login_timeout, serve.idle_timeout), (limits.login_timeout, limits.idle_timeout));
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
        assert_eq!(
            (serve.runtime.serve, serve.log.level),
            (pop3_serve::Runtime::AsyncStd, LevelFilter::DEBUG)
        );
        assert_eq!((serve.expire, serve.expire_enforce), (Some(Some(31)), true));
        assert_eq!(serve.implementation.as_deref(), Some("v1"));
    }
}
