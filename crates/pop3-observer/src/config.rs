//! The settings of an observer.

use pop3_proto::Channel;

/// The settings of an [`Observer`](crate::Observer): what it may keep, and what it cannot see itself.
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
    /// What carries the connection at first. Default: [`Channel::Plaintext`], where passwords and
    /// tokens are remarked upon.
    pub channel: Channel,
    /// Whether the octets of messages are told as they come. Default: `false`, they are counted.
    pub data: bool,
    /// How many octets of a line are kept; of a longer line the rest is counted and not seen.
    /// Default: 16,384, which holds a token as responses of AUTH carry it.
    pub max_line: usize,
    /// How many commands may be under way. Default: 16,384. With more the observer gives up, as it
    /// could not tell any longer which reply is whose.
    pub max_outstanding: usize,
    /// Of how many messages sizes, unique-ids and marks are remembered. Default: 100,000. With more,
    /// what needs all of them is not checked any longer.
    pub max_messages: usize,
}

impl ObserverConfig {
    /// The defaults.
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
