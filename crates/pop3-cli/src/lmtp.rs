//! `pop3 lmtp`: mail from a mail server into maildrops.

mod maildrops;
mod sockets;

use std::process;
use std::sync::Arc;

use pop3_lmtp::{LmtpConfig, LmtpServer};
use pop3_serve::this_host;
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::args::Lmtp;
use crate::exit::{Exit, Failure};
use crate::interrupt::on_signals;
use crate::logging;
use crate::serve::notify;
use crate::tell::hand_out;
use maildrops::Maildrops;

/// Serves until a signal ends it.
pub(crate) fn run(options: &Lmtp) -> Result<Exit, Failure> {
    let sockets = sockets::open(options)?;
    let _log = logging::init(&options.log)?;
    if rustix::process::geteuid().is_root() {
        warn!(
            "this runs as root, to whom the files of new messages will belong; run it as the owner of the maildrops"
        );
    }
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::new(Exit::TryLater, format!("threads can't be started: {error}")))?;
    let (stop, stopped) = watch::channel(false);
    runtime.block_on(async {
        let maildrops = Arc::new(Maildrops::open(options).await?);
        let (listeners, lines) = sockets.listen()?;
        let server = LmtpServer::new(config(options), maildrops);
        on_signals([SIGTERM, SIGINT], move |_| {
            if *stop.borrow() {
                // The second signal: whoever sends it does not want to wait.
                process::exit(0);
            }
            notify::stopping();
            info!("stopping");
            stop.send_replace(true);
        })?;
        hand_out(&format!("{lines}ready\n"))?;
        notify::ready(&format!("receiving mail, {}", lines.trim_end().replace('\n', ", ")));
        server.serve(listeners, stopped).await;
        Ok::<(), Failure>(())
    })?;
    info!("stopped");
    Ok(Exit::Done)
}

fn config(options: &Lmtp) -> LmtpConfig {
    let mut config = LmtpConfig::new(options.hostname.clone().unwrap_or_else(this_host));
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    config.max_octets = options.max_message_size;
    config.max_recipients = count(options.max_recipients);
    config.max_connections = count(options.max_connections);
    config.idle_timeout = options.idle_timeout;
    config.content_timeout = options.message_timeout;
    config.delivery_timeout = options.delivery_timeout;
    config
}
