//! The settings of an observer.

use pop3_proto::Channel;

/// The settings of an [`Observer`](crate::Observer): its limits, and facts that it cannot see itself.
///
/// ```
/// use pop3_observer::ObserverConfig;
/// use pop3_proto::Channel;
/// let config = ObserverConfig::new().with_channel(Channel::Tls).with_max_messages(1000);
/// assert!(!config.data);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObserverConfig {
    /// What carries the connection at the start. Default: [`Channel::Plaintext`], where passwords and tokens are
    /// violations of good practice.
    pub channel: Channel,
    /// Whether to report the octets of messages. Default: `false`; they are only counted.
    pub data: bool,
    /// The maximum number of octets kept of a line. The rest of a longer line is only counted. Default: 16,384, which
    /// is enough for a token in an AUTH response.
    pub max_line: usize,
    /// The maximum number of outstanding commands. If there are more, the observer gives up, because it can no longer
    /// match replies with commands. Default: 16,384.
    pub max_outstanding: usize,
    /// The maximum number of messages whose sizes, unique-ids and marks are remembered. If there are more, rules that
    /// need all of them are no longer checked. Default: 100,000.
    pub max_messages: usize,
}

impl ObserverConfig {
    /// Creates the default settings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            channel: Channel::Plaintext,
            data: false,
            max_line: 16_384,
            max_outstanding: 16_384,
            max_messages: 100_000,
        }
    }

    /// Sets [`channel`](Self::channel).
    #[must_use]
    pub const fn with_channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// Sets [`data`](Self::data).
    #[must_use]
    pub const fn with_data(mut self, data: bool) -> Self {
        self.data = data;
        self
    }

    /// Sets [`max_line`](Self::max_line).
    #[must_use]
    pub const fn with_max_line(mut self, octets: usize) -> Self {
        self.max_line = octets;
        self
    }

    /// Sets [`max_outstanding`](Self::max_outstanding).
    #[must_use]
    pub const fn with_max_outstanding(mut self, commands: usize) -> Self {
        self.max_outstanding = commands;
        self
    }

    /// Sets [`max_messages`](Self::max_messages).
    #[must_use]
    pub const fn with_max_messages(mut self, messages: usize) -> Self {
        self.max_messages = messages;
        self
    }
}

impl Default for ObserverConfig {
    fn default() -> Self {
        Self::new()
    }
}
