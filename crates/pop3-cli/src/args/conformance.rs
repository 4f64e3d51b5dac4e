//! The options of `pop3 conformance`.

use core::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Account, EXIT_CODES};

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
