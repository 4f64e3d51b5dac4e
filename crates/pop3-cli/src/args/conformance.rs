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
    /// Allow the tests to remove a message: at most the last one, for good
    #[arg(long)]
    pub(crate) destructive: bool,
    /// Test only these requirements or groups, separated by commas
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// List the requirements without testing them
    #[arg(long)]
    pub(crate) list: bool,
    /// Show what was sent and received for all requirements, not only for failures
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Print the table as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Test a client: play a scripted server, a different one on each connection
    #[arg(long)]
    pub(crate) client: bool,
    /// The address where clients connect; port 0 selects a free port
    #[arg(long, value_name = "ADDR", requires = "client")]
    pub(crate) listen: Option<SocketAddr>,
    /// Run this shell command for each script: a client that fetches and deletes all messages. Its
    /// environment contains POP3_HOST, POP3_PORT, POP3_USER, POP3_PASSWORD, POP3_SCENARIO and POP3_TLS
    #[arg(long, value_name = "CMD", requires = "client")]
    pub(crate) exec: Option<String>,
    /// Exit after the first script
    #[arg(long, requires = "client")]
    pub(crate) once: bool,
    /// The certificate and its chain, in PEM, for scripts with STLS
    #[arg(long, value_name = "PEM", requires = "tls_key", requires = "client")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}
