//! Settings of the store.

use core::time::Duration;

use crate::url::SqlUrl;

/// The settings of a [`SqlStore`](crate::SqlStore). All fields are public: create the settings with
/// [`SqlConfig::new`] and change the fields you need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlConfig {
    /// The maximum number of connections to the database, without the one of a [`SqlNode`](crate::SqlNode). A
    /// session uses one only during a call, so that a few serve thousands of sessions. Default: 8.
    pub connections: usize,
    /// The maximum time that a call waits for a free connection. Calls get connections in the order in which they
    /// have asked for them. Default: 10 seconds.
    pub wait: Duration,
    /// The maximum time to establish a connection. Default: 5 seconds.
    pub connect_timeout: Duration,
    /// How long one statement may take in the database, and how long a transaction may wait for rows that others
    /// hold, or for its next statement. Default: 20 seconds.
    pub statement_timeout: Duration,
    /// The URL for the connection of a node, if [`SqlUrl`] leads to a pooler in transaction mode: that connection
    /// needs a session of its own in the database. Default: the same URL.
    pub node_url: Option<SqlUrl>,
}

impl SqlConfig {
    /// Creates the default settings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connections: 8,
            wait: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(20),
            node_url: None,
        }
    }

    /// Sets [`connections`](Self::connections).
    #[must_use]
    pub fn with_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Sets [`wait`](Self::wait).
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Sets [`node_url`](Self::node_url).
    #[must_use]
    pub fn with_node_url(self, url: SqlUrl) -> Self {
        Self { node_url: Some(url), ..self }
    }
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self::new()
    }
}
