//! A session between STLS and the end of the handshake.

use std::io;
use std::sync::Arc;

use pop3_proto::Instant;
use pop3_proto::server::{Close, ServerConnection};

use super::Session;
use crate::backend::Backend;
use crate::server::ended::Ended;
use crate::server::sasl::Exchanges;
use crate::server::switches::Failure;
use crate::tls::TlsInfo;

/// A session between STLS and the end of the handshake.
pub(in crate::server) struct Suspended<B> {
    pub(super) connection: ServerConnection,
    pub(super) backend: B,
    pub(super) exchanges: Exchanges,
}

impl<B: Backend> Suspended<B> {
    /// Continues in TLS with this backend, or with the earlier one.
    #[expect(
        clippy::boxed_local,
        reason = "out of its box, the session would become a part of the caller's future"
    )]
    pub(in crate::server) fn resume(
        mut self: Box<Self>,
        backend: Option<B>,
        tls: Option<&Arc<TlsInfo>>,
        now: Instant,
    ) -> Box<Session<B>> {
        // This is no misuse, because the connection has requested the handshake.
        let _ = self.connection.tls_established(now);
        if let Some(backend) = backend {
            self.backend = backend;
        }
        if let Some(tls) = tls {
            self.backend.secured(tls);
        }
        Session::new(self.connection, self.backend, self.exchanges, tls)
    }

    /// Returns the result after a failed handshake.
    pub(in crate::server) fn failed(self: Box<Self>, failure: Failure) -> Ended {
        let (close, fault) = failure.of_handshake();
        self.closed(close, fault)
    }

    /// Returns the result if the session does not continue.
    #[expect(
        clippy::boxed_local,
        reason = "out of its box, the session would become a part of the caller's future"
    )]
    pub(in crate::server) fn closed(mut self: Box<Self>, close: Close, fault: Option<io::Error>) -> Ended {
        self.connection.close(close);
        Ended::of(&self.connection, fault)
    }
}
