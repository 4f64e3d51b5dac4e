//! The options of `pop3 serve` with which it can be watched.

use core::net::SocketAddr;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Monitoring {
    /// Where to answer HTTP requests for /metrics (OpenMetrics), /healthz and /readyz, without a password: choose an
    /// address that only the monitoring system reaches
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
}
