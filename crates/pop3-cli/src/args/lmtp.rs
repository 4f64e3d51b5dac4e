//! The options of `pop3 lmtp`.

use core::net::SocketAddr;
use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

use clap::Args;
use pop3_connect::parse_octets;
use pop3_serve::parse_host;

use super::store_at::StoreAt;
use super::{EXIT_CODES, Log, seconds};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Lmtp {
    /// Where to listen for LMTP: an address such as 127.0.0.1:24, or unix:PATH for a Unix socket; may be repeated.
    /// LMTP has no passwords, so nobody but the mail server may reach it
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<ListenAt>,
    /// The mode of Unix sockets, in octal digits
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode)]
    pub(crate) socket_mode: u32,
    #[command(flatten)]
    pub(crate) at: StoreAt,
    /// Deliver to the user whose name stands before the @ of the address; by default, the whole address is the
    /// name of the user
    #[arg(long)]
    pub(crate) strip_domain: bool,
    /// Leave out what follows this character in the part before the @, as in alice+lists@example.org
    #[arg(long, value_name = "CHAR")]
    pub(crate) recipient_delimiter: Option<char>,
    /// Store nothing again if the mail server sends a message once more, octet for octet, within a week, because it
    /// did not get the reply; only for databases, and for mail servers that add a field Received, as all do
    #[arg(long)]
    pub(crate) recognise_retries: bool,
    /// The name of this server in the greeting and in the field Received [default: the name of this machine]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub(crate) hostname: Option<String>,
    /// The maximum size of a message; larger ones go back to the sender
    #[arg(long, value_name = "SIZE", default_value = "50M", value_parser = parse_octets)]
    pub(crate) max_message_size: u64,
    /// The maximum number of recipients of a message; the client sends it again to the others
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_recipients: u32,
    /// The maximum number of connections; others wait
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// Close a connection after this time without a command
    #[arg(long, value_name = "SECS", default_value = "300", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,
    /// Give up a message that is not complete after this time
    #[arg(long, value_name = "SECS", default_value = "600", value_parser = seconds)]
    pub(crate) message_timeout: Duration,
    /// Give up the delivery to a recipient after this time; the client then tries again
    #[arg(long, value_name = "SECS", default_value = "120", value_parser = seconds)]
    pub(crate) delivery_timeout: Duration,
    #[command(flatten)]
    pub(crate) log: Log,
}

/// Where LMTP is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListenAt {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for ListenAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected an address such as 127.0.0.1:24, or unix:PATH";

        match text.strip_prefix("unix:") {
            Some("") => Err(EXPECTED),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| EXPECTED),
        }
    }
}

fn mode(text: &str) -> Result<u32, &'static str> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or("expected octal digits such as 660")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_modes() {
        assert_eq!("unix:/run/a:b".parse(), Ok(ListenAt::Unix("/run/a:b".into())));
        assert_eq!("[::1]:24".parse(), Ok(ListenAt::Tcp("[::1]:24".parse().unwrap())));
        for bad in ["", "unix:", "24", "localhost:24", "/run/a"] {
            assert!(bad.parse::<ListenAt>().is_err(), "{bad}");
        }
        assert_eq!((mode("660"), mode("0600")), (Ok(0o660), Ok(0o600)));
        assert!(mode("8").is_err() && mode("1777").is_err() && mode("").is_err());
    }
}
