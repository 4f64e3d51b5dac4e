//! A connection of the client: octets, limits, deadlines.

use alloc::collections::VecDeque;
use core::fmt;

use super::config::ClientConfig;
use super::error::ProtocolError;
use super::event::ClientEvent;
use super::first_line::FirstLine;
use super::lines::Lines;
use super::misuse::ClientMisuse;
use super::outstanding::Outstanding;
use super::patience::{Overdue, Patience};
use super::rules::{ClientSession, Signal};
use super::shown::Shown;
use super::state::ClientState;
use crate::apop::Timestamp;
use crate::capabilities::Capabilities;
use crate::channel::Channel;
use crate::command::Keyword;
use crate::dots::Unstuffer;
use crate::input::Input;
use crate::instant::Instant;
use crate::quirks::Quirks;

/// A client connection: writes commands, reads what the server sends, and applies the rules of the protocol.
///
/// The caller does the I/O. It passes the received octets to [`poll`](Self::poll) until that returns
/// [`ClientEvent::Read`], and sends what [`send`](Self::send) appended. Its input buffer must have room for
/// [`ClientConfig::min_buffer`] octets.
///
/// See the [module](super) for an example.
pub struct ClientConnection {
    pub(super) config: ClientConfig,
    pub(super) session: ClientSession,
    /// Commands whose replies are not complete, the oldest first; no more than the window.
    pub(super) outstanding: VecDeque<Outstanding>,
    /// The octets of those commands that the server may not have read.
    pub(super) octets_in_flight: usize,
    pub(super) reading: Reading,
    pub(super) unstuffer: Unstuffer,
    pub(super) first_line: FirstLine,
    /// The last reply ended with a body. If the body did not really end there, its rest may look like anything.
    pub(super) after_body: bool,
    /// The current challenge can't be parsed.
    pub(super) unreadable: bool,
    pub(super) census: Census,
    pub(super) lines: Lines,
    /// The quirks of lines that were skipped, to be told with the next event.
    pub(super) skipped: Quirks,
    /// The timestamp of the greeting.
    pub(super) timestamp: Option<Timestamp>,
    /// The last list that was complete.
    pub(super) capabilities: Option<Capabilities>,
    /// Whether that list was asked for after the login.
    pub(super) listed_after_login: bool,
    /// The list that is under way.
    pub(super) gathered: Capabilities,
    pub(super) failed: Option<ProtocolError>,
    /// The secrets that the server has got, for the excerpts of faults.
    pub(super) shown: Shown,
    /// How many octets the last poll left in the input.
    pub(super) left: usize,
    pub(super) patience: Patience,
}

/// What is due from the server.
#[derive(Debug)]
pub(super) enum Reading {
    /// The first line of a reply, or the greeting after so many empty lines.
    Status { empty_lines: usize },
    /// Lines of a listing or of an extension.
    Lines(Progress),
    /// A body; the unstuffer knows where in it.
    Body,
}

/// How far a listing has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// How many lines came.
    pub(super) lines: usize,
    /// The number in the last one.
    pub(super) number: u32,
    /// How many messages were listed.
    pub(super) messages: u32,
}

/// What is known of how many messages there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Census {
    /// By STAT, LIST or UIDL.
    pub(super) messages: Option<u32>,
    /// DELE was sent, so that listings have gaps and figures change.
    pub(super) deleting: bool,
}

impl ClientConnection {
    /// Creates a connection that waits for the greeting (RFC 1939 section 4).
    ///
    /// `channel` tells how the connection is protected; use [`Channel::Tls`] if TLS was established from the start.
    /// Otherwise it becomes [`Channel::Tls`] only with STLS.
    #[must_use]
    pub fn new(config: ClientConfig, channel: Channel, now: Instant) -> Self {
        Self {
            lines: Lines::new(),
            skipped: Quirks::NONE,
            config,
            session: ClientSession::new(channel),
            outstanding: VecDeque::new(),
            octets_in_flight: 0,
            reading: Reading::Status { empty_lines: 0 },
            unstuffer: Unstuffer::new(),
            first_line: FirstLine::new(),
            after_body: false,
            unreadable: false,
            census: Census::default(),
            timestamp: None,
            capabilities: None,
            listed_after_login: false,
            gathered: Capabilities::new(),
            failed: None,
            shown: Shown::default(),
            left: 0,
            patience: Patience::new(now),
        }
    }

    /// Consumes octets from the front of the input and returns what they mean.
    ///
    /// Call it again until it returns [`ClientEvent::Read`]. Then read, send, or wait until
    /// [`deadline`](Self::deadline). Octets that were not consumed must be passed again, followed by newly received
    /// ones. Use [`Input::last`] when the server has closed the connection.
    ///
    /// # Errors
    /// Returns a [`ProtocolError`] if the server breaks the protocol or a limit, or is too slow, or if the connection
    /// ends too early. Every error is final: later calls return it again.
    pub fn poll<'b>(
        &mut self,
        now: Instant,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.patience.polled(now);
        let came = input.rest().len().saturating_sub(self.left);
        if came > 0 {
            self.patience.came(came, now, &self.config);
        }
        let before = self.part();
        let result = self.receive(input).and_then(|event| {
            if self.part() != before {
                self.patience.begin(now);
            }
            if !matches!(event, ClientEvent::Read) {
                return Ok(event);
            }
            self.patience.wait();
            match self.due().map(|due| self.patience.deadline(due, &self.config)) {
                Some((deadline, Overdue::Silent)) if now >= deadline => {
                    Err(ProtocolError::TimedOut { during: self.awaited() })
                }
                Some((deadline, Overdue::Slow)) if now >= deadline => {
                    Err(ProtocolError::TooSlow { during: self.awaited() })
                }
                _ => Ok(event),
            }
        });
        self.left = input.rest().len();
        let result = result.map_err(|error| error.in_line(|| self.excerpt(input.rest())));
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Restarts the time limit for the reply that is due. If you stop reading for a while, call it before you read
    /// again, even if the last poll returned [`ClientEvent::Read`]. The pause then does not count against the server.
    pub const fn resume(&mut self, now: Instant) {
        self.patience.sent(now);
    }

    /// Reports that the TLS handshake after [`ClientEvent::StartTls`] is complete and the certificate is verified.
    /// The client forgets everything that it learned before (RFC 2595 section 4), so ask for the capabilities again.
    /// Start with an empty input.
    ///
    /// # Errors
    /// Returns an error if no handshake was due. Nothing is changed.
    pub fn tls_established(&mut self, now: Instant) -> Result<(), ClientMisuse> {
        if self.failed.is_some() {
            return Err(ClientMisuse::State(ClientState::Closed));
        }
        // The rules ask for nothing here.
        let _ = self.session.step(Signal::TlsEstablished)?;
        self.capabilities = None;
        self.listed_after_login = false;
        if !self.config.apop_after_stls {
            self.timestamp = None;
        }
        self.lines = Lines::new();
        self.skipped = Quirks::NONE;
        self.left = 0;
        self.patience.sent(now);
        Ok(())
    }

    /// Returns when [`poll`](Self::poll) will give up if nothing is received, or `None` if nothing is due from the
    /// server. During the TLS handshake, use a deadline of your own.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.failed.is_some() {
            return None;
        }
        self.due().map(|due| self.patience.deadline(due, &self.config).0)
    }

    /// Returns the APOP timestamp of the greeting, if it has one (RFC 1939 section 7). STLS discards it unless
    /// [`ClientConfig::apop_after_stls`] is set.
    #[must_use]
    pub const fn greeting_timestamp(&self) -> Option<&Timestamp> {
        self.timestamp.as_ref()
    }

    /// Returns the list of the last positive reply to CAPA. STLS discards it. A login does not: ask again after the
    /// login, because the list may differ (RFC 2449 section 5).
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// Returns how many commands are not completely answered. This is the number of events that [end a
    /// reply](ClientEvent::ends_reply) and are still due, not counting challenges.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Returns whether the outstanding replies can be discarded without knowing what they are for. If so, call
    /// [`poll`](Self::poll) until [`outstanding`](Self::outstanding) is 0, and then continue the session.
    ///
    /// This is not possible before the greeting, after the end, and during STLS, whose reply is followed by the
    /// handshake. It is also not possible during AUTH, because only the code for the mechanism can answer a challenge
    /// and decide whether to believe a success.
    #[must_use]
    pub fn can_drain(&self) -> bool {
        let decides = |command: &Outstanding| matches!(command.keyword, Keyword::Auth | Keyword::Stls);
        match self.state() {
            ClientState::Greeting
            | ClientState::Handshake
            | ClientState::Challenged
            | ClientState::Closed => false,
            ClientState::Authorization | ClientState::Transaction | ClientState::Closing => {
                !self.outstanding.iter().any(decides)
            }
        }
    }

    /// Returns whether every command is answered and the last [`poll`](Self::poll) left no octets in the input.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.failed.is_none() && self.outstanding.is_empty() && self.left == 0
    }

    /// Returns the oldest command without a complete reply. The next events are about this command.
    #[must_use]
    pub fn awaited(&self) -> Option<Keyword> {
        self.outstanding.front().map(|command| command.keyword)
    }

    /// Returns the state of the session. After an error, it is [`ClientState::Closed`].
    #[must_use]
    pub const fn state(&self) -> ClientState {
        if self.failed.is_some() { ClientState::Closed } else { self.session.state() }
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.session.channel()
    }
}

/// Shows no octets from the server, except capabilities and the line that caused an error.
impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .field("outstanding", &self.outstanding)
            .field("reading", &self.reading)
            .field("capabilities", &self.capabilities)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
