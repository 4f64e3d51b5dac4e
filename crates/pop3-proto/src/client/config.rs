//! The settings of a client.

use core::time::Duration;

/// The settings of a [`ClientConnection`](super::ClientConnection): how lenient it is, what it takes at most,
/// how long it waits.
///
/// ```
/// use core::time::Duration;
/// let config = pop3_proto::client::ClientConfig::default().with_strict(true).with_reply_timeout(Duration::from_secs(10));
/// assert!(config.strict && config.pipelining);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Whether a [`Quirk`](crate::Quirk) of the server ends the connection. Default: `false`, each is told
    /// with the event that it is about, as real servers have them. Where a body ends is read strictly in any
    /// case.
    pub strict: bool,
    /// Whether commands are sent before the replies to earlier ones are there, if the server
    /// announces PIPELINING. Default: `true`, as it saves a round trip for each message.
    pub pipelining: bool,
    /// How many commands may be outstanding with pipelining. Default: 128, which hides the round trip
    /// on any line. 0 counts as 1.
    pub max_in_flight: usize,
    /// How many octets of commands may be on their way with pipelining. Default: 4096, less than any
    /// socket buffer holds, so that a write never waits for a server that itself waits for us to
    /// read (RFC 2449 section 6.6).
    pub max_octets_in_flight: usize,
    /// How many octets the first line of a reply may have, line end included. Default: 8192; RFC
    /// 1939 section 3 allows 512, and some servers send more.
    pub max_reply_line: usize,
    /// How many octets a line of a listing or of an extension's lines may have, line end included.
    /// Default: 8192; a unique-id has 70, and servers that depart from the protocol send more.
    pub max_list_line: usize,
    /// How many octets a line of an exchange of AUTH may have, in either direction, line end included.
    /// Default: 65,536; RFC 5034 section 4 sets no limit but the mechanism's, and tokens are long.
    pub max_sasl_line: usize,
    /// How many lines a LIST, a UIDL, or an extension's lines may have. Default: 1,000,000, more
    /// than maildrops hold, and little enough that a caller that keeps them survives.
    pub max_list_entries: usize,
    /// How many lines a CAPA may have; they are kept. Default: 1000; servers send about 15.
    pub max_capabilities: usize,
    /// How many octets the lines of a CAPA may have together, without line ends; they are kept. Default:
    /// 65,536; servers send some hundred.
    pub max_capability_octets: usize,
    /// How many octets of content a body may have. Default: `None`, no limit: bodies are handed out
    /// as they come, and the caller may stop at any time.
    pub max_body: Option<u64>,
    /// How long the whole greeting may take. Default: 60 seconds, as servers look up names before.
    pub greeting_timeout: Duration,
    /// How long the first line of a reply may take as a whole, and how long the server may send nothing
    /// behind it. Default: 60 seconds. Of replies in a row, each has this time from the end of the one
    /// before on. In a listing or a body each octet starts it anew, so that a long message on a slow line is
    /// no fault; but before the login a whole reply, or challenge of AUTH, has no more time than this.
    pub reply_timeout: Duration,
    /// How many octets of a listing or a body must come in each
    /// [`min_octets_period`](Self::min_octets_period) after the login, unless it ends before. Default:
    /// 1000, which is less than the handshake of TLS needs in a minute, and a server that gives a message
    /// octet by octet is not followed for ever. 0 takes any rate.
    pub min_octets: u64,
    /// The period in which [`min_octets`](Self::min_octets) must come. Default: 60 seconds. It bounds silence
    /// too: where [`reply_timeout`](Self::reply_timeout) is longer, this should be as long.
    pub min_octets_period: Duration,
    /// The same for the reply to QUIT. Default: 300 seconds, as the server removes the messages
    /// before it answers, and giving up leaves it unknown which are gone.
    pub quit_timeout: Duration,
    /// Whether the timestamp of the greeting is kept after STLS. Default: `false`: what was learnt
    /// before TLS may be forged (RFC 2595 section 4). APOP can't be used after STLS without it, as
    /// there is no second greeting; better use TLS from the start, on port 995.
    pub apop_after_stls: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            strict: false,
            pipelining: true,
            max_in_flight: 128,
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
        }
    }
}

macro_rules! setters {
    ($($with:ident, $field:ident: $type:ty;)*) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
        #[must_use]
        pub fn $with(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )*};
}

impl ClientConfig {
    setters! {
        with_strict, strict: bool;
        with_pipelining, pipelining: bool;
        with_max_in_flight, max_in_flight: usize;
        with_max_octets_in_flight, max_octets_in_flight: usize;
        with_max_reply_line, max_reply_line: usize;
        with_max_list_line, max_list_line: usize;
        with_max_sasl_line, max_sasl_line: usize;
        with_max_list_entries, max_list_entries: usize;
        with_max_capabilities, max_capabilities: usize;
        with_max_capability_octets, max_capability_octets: usize;
        with_max_body, max_body: Option<u64>;
        with_greeting_timeout, greeting_timeout: Duration;
        with_reply_timeout, reply_timeout: Duration;
        with_min_octets, min_octets: u64;
        with_min_octets_period, min_octets_period: Duration;
        with_quit_timeout, quit_timeout: Duration;
        with_apop_after_stls, apop_after_stls: bool;
    }

    /// How many octets the caller's buffer must be able to hold: the longest line that may come.
    #[must_use]
    pub fn min_buffer(&self) -> usize {
        self.max_reply_line.max(self.max_list_line).max(self.max_sasl_line)
    }
}
