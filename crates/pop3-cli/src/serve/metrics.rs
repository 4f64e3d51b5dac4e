//! Metrics and health of the server, over HTTP.

mod encode;
mod http;

use core::time::Duration;
use std::net::TcpListener;
use std::sync::Arc;

use pop3_serve::{Heartbeat, Stop};
use tracing::info;

pub(super) use self::encode::Figures;
use self::http::{Request, Response};
use super::database::Database;
use crate::args::Monitoring;
use crate::exit::{Exit, Failure};

/// How long the loop of a listener may stand still before the server counts as unhealthy.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// What the answers are made from.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) figures: Figures,
    pub(super) heartbeat: Heartbeat,
    pub(super) stop: Stop,
    /// Where the maildrops are, if that is a database.
    pub(super) database: Option<Database>,
}

/// Binds the address, if there is one.
pub(super) fn bind(options: &Monitoring) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = options.metrics else { return Ok(None) };
    let cant =
        |error| Failure::new(Exit::Connect, format!("can't listen on {address} for --metrics: {error}"));
    TcpListener::bind(address).map(Some).map_err(cant)
}

/// Answers requests from now on, in threads of its own.
pub(super) fn serve(listener: TcpListener, watched: Watched) -> Result<(), Failure> {
    let cant = |error| Failure::usage(format!("can't serve metrics: {error}"));
    let address = listener.local_addr().map_err(cant)?;
    let watched = Arc::new(watched);
    http::serve(listener, move |request| watched.answer(&request)).map_err(cant)?;
    info!(%address, "metrics");
    Ok(())
}

impl Watched {
    fn answer(&self, request: &Request<'_>) -> Response {
        if !matches!(request.method, "GET" | "HEAD") {
            return Response::new(405, "only GET and HEAD are answered\n");
        }
        match request.path {
            "/metrics" => match self.figures.encode() {
                Ok(text) => Response::new(200, text).of_type(encode::CONTENT_TYPE),
                Err(_) => Response::new(500, "the metrics can't be written\n"),
            },
            "/healthz" => self.health(),
            "/readyz" if self.stop.is_stopped() => Response::new(503, "stopping\n"),
            "/readyz" if self.database.as_ref().is_some_and(|database| !database.is_ready()) => {
                Response::new(503, "the database does not answer\n")
            }
            "/readyz" => self.health(),
            _ => Response::new(404, "there are /metrics, /healthz and /readyz\n"),
        }
    }

    fn health(&self) -> Response {
        if self.heartbeat.silence() < LONGEST_SILENCE {
            Response::new(200, "ok\n")
        } else {
            Response::new(503, "a listener accepts no connections\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use pop3_serve::Counters;

    use super::*;
    use crate::serve::certificates::InUse;

    #[test]
    fn who_stops_is_healthy_but_not_ready() {
        let watched = Watched {
            figures: Figures::new(Counters::default(), InUse::new(None), None),
            database: None,
            heartbeat: Heartbeat::new(Duration::from_secs(1)),
            stop: Stop::new(),
        };
        let ask = |method, path| watched.answer(&Request { method, path }).status();
        assert_eq!((ask("GET", "/healthz"), ask("HEAD", "/readyz"), ask("GET", "/metrics")), (200, 200, 200));
        assert_eq!((ask("POST", "/metrics"), ask("GET", "/metrics/x")), (405, 404));
        watched.stop.stop();
        assert_eq!((ask("GET", "/healthz"), ask("GET", "/readyz")), (200, 503));
    }
}
