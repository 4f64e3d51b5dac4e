//! The settings of a client.

use core::time::Duration;

/// The settings of a [`ClientConnection`](super::ClientConnection): how lenient it is, how much it accepts, and how
/// long it waits.
///
/// ```
/// use core::time::Duration;
/// use pop3_proto::client::ClientConfig;
///
/// let mut config = ClientConfig::default();
/// config.strict = true;
/// config.reply_timeout = Duration::from_secs(10);
/// assert!(config.pipelining);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Whether a departure from the protocol, a [`Quirk`](crate::Quirk), ends the connection. Default: `false`,
    /// because real servers have them. Quirks are then only reported with the event in which they occur. The end of a
    /// body is always detected strictly.
    pub strict: bool,
    /// Whether commands may be sent before earlier ones are answered, if the server announces PIPELINING. Default:
    /// `true`, because this saves a round trip for each message.
    pub pipelining: bool,
    /// How many octets of commands may be in flight with pipelining, which also limits their number. Default: 4096,
    /// less than any socket buffer holds. A write therefore never waits for a server that is itself waiting for the
    /// client to read (RFC 2449 section 6.6). One command may always be sent.
    pub max_octets_in_flight: usize,
    /// The maximum length of the first line of a reply in octets, including the line end. Default: 8192. RFC 1939
    /// section 3 allows 512, but some servers send more.
    pub max_reply_line: usize,
    /// The maximum length of a line of a listing, or of the lines in the reply to an extension, in octets, including
    /// the line end. Default: 8192. A unique-id has at most 70 octets, but some servers send longer ones.
    pub max_list_line: usize,
    /// The maximum length of a line in an exchange of AUTH in octets, in either direction, including the line end.
    /// Default: 65,536. RFC 5034 section 4 leaves the limit to the mechanism, and tokens can be long.
    pub max_sasl_line: usize,
    /// How many lines the reply to LIST, UIDL or an extension may have. Default: 1,000,000. This is more than real
    /// maildrops need, and few enough to keep in memory.
    pub max_list_entries: usize,
    /// How many lines the reply to CAPA may have. They are kept in memory. Default: 1000. Servers send about 15.
    pub max_capabilities: usize,
    /// How many octets the lines of the reply to CAPA may have in total, without line ends. They are kept in memory.
    /// Default: 65,536. Servers send a few hundred.
    pub max_capability_octets: usize,
    /// How many octets of content a body may have. Default: `None`, no limit. Bodies are returned in pieces as they
    /// arrive, and the caller can stop at any time.
    pub max_body: Option<u64>,
    /// How long the whole greeting may take. Default: 60 seconds, because servers may look up names first.
    pub greeting_timeout: Duration,
    /// How long the first line of a reply may take, and how long the server may then send nothing. Default: 60
    /// seconds.
    ///
    /// With several outstanding commands, the time for each reply begins at the end of the reply before. In a listing
    /// or a body, each received octet restarts the time, so a long message on a slow network is not an error. Before
    /// the login, however, a complete reply or challenge of AUTH must arrive within this time.
    pub reply_timeout: Duration,
    /// How many octets of a listing or a body must arrive in each [`min_octets_period`](Self::min_octets_period)
    /// after the login, unless it ends earlier. Default: 1000. Even a very slow network is faster than that, but a
    /// server that sends a message octet by octet can't occupy the client forever. 0 allows any rate.
    pub min_octets: u64,
    /// The period in which [`min_octets`](Self::min_octets) must arrive. Default: 60 seconds. This also limits how
    /// long the server may send nothing. If you set a longer [`reply_timeout`](Self::reply_timeout), set this to the
    /// same value.
    pub min_octets_period: Duration,
    /// How long the reply to QUIT may take, in place of [`reply_timeout`](Self::reply_timeout). Default: 300 seconds.
    /// The server removes the messages before it answers, and a client that gives up does not know which ones are
    /// gone.
    pub quit_timeout: Duration,
    /// Whether to keep the timestamp of the greeting after STLS. Default: `false`, because everything received before
    /// TLS may be forged (RFC 2595 section 4). Without it, APOP can't be used after STLS, because there is no second
    /// greeting. Prefer TLS from the start, on port 995.
    pub apop_after_stls: bool,
    /// Whether USER, PASS and APOP may carry a name or password outside ASCII although the server has not announced
    /// `UTF8 USER` (RFC 6856 section 2.2). Default: `false`, because RFC 1939 section 3 allows only ASCII there. Old
    /// servers with passwords in some 8-bit character set need it.
    pub raw_credentials: bool,
    /// Whether the secrets of the login are remembered until the connection ends, so that
    /// [`masked`](super::ClientConnection::masked) removes them from all later texts, too. Default: `false`, which
    /// erases them from memory at the first reply after the login. Set it if the dialogue is shown to people.
    pub keep_secrets: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            strict: false,
            pipelining: true,
            max_octets_in_flight: 4096,
            max_reply_line: 8192,
            max_list_line: 8192,
            max_sasl_line: 65_536,
            max_list_entries: 1_000_000,
            max_capabilities: 1000,
            max_capability_octets: 65_536,
            max_body: None,
            greeting_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            min_octets: 1000,
            min_octets_period: Duration::from_secs(60),
            quit_timeout: Duration::from_secs(300),
            apop_after_stls: false,
            raw_credentials: false,
            keep_secrets: false,
        }
    }
}

impl ClientConfig {
    /// Returns how many octets the caller's input buffer must be able to hold: the longest line that is accepted.
    #[must_use]
    pub fn min_buffer(&self) -> usize {
        self.max_reply_line.max(self.max_list_line).max(self.max_sasl_line)
    }
}
