//! Listeners, and the sessions behind them.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::config::LmtpConfig;
use crate::connection::Connection;
use crate::mailboxes::Mailboxes;
use crate::session::Session;

/// How long to wait before connections are accepted again, when the system has refused one.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the server listens.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "LMTP is spoken over these two")]
pub enum Listener {
    /// A TCP port. Anybody who reaches it can deliver mail.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// An LMTP server.
pub struct LmtpServer<M> {
    config: Arc<LmtpConfig>,
    mailboxes: Arc<M>,
    places: Arc<Semaphore>,
    number: Arc<AtomicU64>,
}

impl<M: Mailboxes> LmtpServer<M> {
    /// Creates a server that passes mail to these mailboxes.
    #[must_use]
    pub fn new(config: LmtpConfig, mailboxes: Arc<M>) -> Self {
        let places = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { config: Arc::new(config), mailboxes, places, number: Arc::default() }
    }

    /// Serves until the value of `stop` is `true` or its sender is dropped. Then messages that are being received are
    /// delivered, for at most [`LmtpConfig::grace`], and all connections are closed.
    pub async fn serve(self, listeners: Vec<Listener>, stop: watch::Receiver<bool>) {
        let server = Arc::new(self);
        let mut loops = JoinSet::new();
        for listener in listeners {
            loops.spawn(Arc::clone(&server).accept(listener, stop.clone()));
        }
        let mut sessions = Vec::new();
        while let Some(ended) = loops.join_next().await {
            sessions.extend(ended.ok());
        }
        let rest = async {
            for sessions in &mut sessions {
                while sessions.join_next().await.is_some() {}
            }
        };
        if timeout(server.config.grace, rest).await.is_err() {
            let left: usize = sessions.iter().map(JoinSet::len).sum();
            warn!(sessions = left, "sessions that did not end in time are cut");
        }
    }

    /// Accepts connections until the server is stopped. Returns the sessions that are not over.
    async fn accept(self: Arc<Self>, listener: Listener, mut stop: watch::Receiver<bool>) -> JoinSet<()> {
        let mut sessions = JoinSet::new();
        loop {
            while sessions.try_join_next().is_some() {}
            // Without a place, this connection waits, and the others in the queue of the system.
            let next = async {
                let accepted = listener.accept().await;
                (accepted, Arc::clone(&self.places).acquire_owned().await)
            };
            let next = tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => return sessions,
                next = next => next,
            };
            match next {
                (Ok(stream), Ok(place)) => {
                    sessions.spawn(self.session(stream, stop.clone(), place));
                }
                (Err(error), _) => {
                    warn!(%error, "a connection can't be accepted");
                    sleep(PAUSE).await;
                }
                (_, Err(_)) => return sessions,
            }
        }
    }

    fn session(
        &self,
        stream: Stream,
        stop: watch::Receiver<bool>,
        place: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<M> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let (config, mailboxes) = (Arc::clone(&self.config), Arc::clone(&self.mailboxes));
        async move {
            let _place = place;
            info!(session = number, "connected");
            let connection = Connection::new(stream, config.idle_timeout, stop);
            Session { number, config, mailboxes, connection }.run().await;
        }
    }
}

impl<M> fmt::Debug for LmtpServer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LmtpServer").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A connection over either kind of socket.
type Stream = Box<dyn Both>;

trait Both: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Both for S {}

impl Listener {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}
