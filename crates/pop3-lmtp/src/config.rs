//! Settings of the server.

use core::time::Duration;

/// The settings of an [`LmtpServer`](crate::LmtpServer). All fields are public: create the settings with [`LmtpConfig::new`] and
/// change the fields you need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LmtpConfig {
    /// The name of this machine, in the greeting and in the field `Received`.
    pub hostname: String,
    /// The maximum size of a message in octets (RFC 1870). Default: 50 MiB.
    pub max_octets: u64,
    /// The maximum number of recipients of a message. A client tries the others again in another transaction
    /// (RFC 5321 section 4.5.3.1.10). Default: 1,000.
    pub max_recipients: usize,
    /// The maximum number of connections. Others wait until they are accepted. Default: 100.
    pub max_connections: usize,
    /// How long a client may wait with a command, or with reading a reply. Default: 5 minutes (RFC 5321 section
    /// 4.5.3.2.7).
    pub idle_timeout: Duration,
    /// How long a client may take to send a message, from DATA to its end. Default: 10 minutes.
    pub content_timeout: Duration,
    /// How long the delivery to one recipient may take. After that, the client is told to try again, although the
    /// message may have been delivered. Default: 2 minutes.
    pub delivery_timeout: Duration,
    /// How long messages that are being received may take when the server is stopped. Default: 20 seconds.
    pub grace: Duration,
}

impl LmtpConfig {
    /// Creates the default settings.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            max_octets: 50 << 20,
            max_recipients: 1_000,
            max_connections: 100,
            idle_timeout: Duration::from_secs(5 * 60),
            content_timeout: Duration::from_secs(10 * 60),
            delivery_timeout: Duration::from_secs(2 * 60),
            grace: Duration::from_secs(20),
        }
    }
}
