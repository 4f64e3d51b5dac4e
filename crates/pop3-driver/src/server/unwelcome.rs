//! A connection that is not served.

use std::io;

use pop3_proto::Rejection;
use pop3_proto::server::Close;

/// Why a connection is not served.
#[derive(Debug)]
pub(super) struct Unwelcome {
    /// What the client is told, if anything.
    pub(super) rejection: Option<Rejection>,
    pub(super) close: Close,
    pub(super) error: Option<io::Error>,
}

impl Unwelcome {
    /// Returns the rejection for the client (a default if there is none), and the close and the error for the report.
    pub(super) fn into_parts(self) -> (Rejection, Close, Option<io::Error>) {
        let rejection = self.rejection.unwrap_or_else(|| Rejection::temporary("the server is shutting down"));
        (rejection, self.close, self.error)
    }
}
