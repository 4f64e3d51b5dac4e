//! A connection of the client: octets, limits, deadlines.

use alloc::collections::VecDeque;
use core::fmt;

use super::config::Config;
use super::error::Error;
use super::event::Event;
use super::first_line::FirstLine;
use super::lines::Lines;
use super::misuse::Misuse;
use super::outstanding::Outstanding;
use super::patience::{Overdue, Patience};
use super::session::{Session, Signal};
use super::shown::Shown;
use super::state::State;
use crate::apop::Timestamp;
use crate::capabilities::Capabilities;
use crate::channel::Channel;
use crate::command::Keyword;
use crate::dots::Unstuffer;
use crate::input::Input;
use crate::instant::Instant;
use crate::quirks::Quirks;

/// A connection to a server: writes commands, reads what the server sends, and applies the rules.
///
/// The caller reads from and writes to the network. It passes what it has read to
/// [`poll`](Self::poll) until that says [`Event::Read`], and writes what [`send`](Self::send)
/// appended. Its input buffer must be able to hold [`Config::min_buffer`] octets.
///
/// See the [module](super) for an example.
pub struct Connection {
    pub(super) config: Config,
    pub(super) session: Session,
    /// Commands whose replies are not complete, the oldest first; no more than the window.
    pub(super) outstanding: VecDeque<Outstanding>,
    /// The octets of those commands that the server may not have read.
    pub(super) octets_in_flight: usize,
    pub(super) reading: Reading,
    pub(super) unstuffer: Unstuffer,
    pub(super) first_line: FirstLine,
    /// The last reply ended with a body. If that went on, its rest looks like anything.
    pub(super) after_body: bool,
    /// The challenge to be answered can't be read.
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
    pub(super) failed: Option<Error>,
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

impl Connection {
    /// A connection just made: it waits for the greeting.
    ///
    /// `channel` is what the caller knows of the connection; [`Channel::Tls`] when TLS was
    /// established from the start. It becomes [`Channel::Tls`] by STLS and in no other way.
    #[must_use]
    pub fn new(config: Config, channel: Channel, now: Instant) -> Self {
        Self {
            lines: Lines::new(),
            skipped: Quirks::NONE,
            config,
            session: Session::new(channel),
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

    /// Takes octets from the front of the input and says what they mean.
    ///
    /// Call it again until it says [`Event::Read`]; then read, or send, or wait until
    /// [`deadline`](Self::deadline). Octets that it did not take must be passed again, with those
    /// behind them that have come since. [`Input::last`] says that the server has closed.
    ///
    /// # Errors
    /// See [`Error`]. Each is final, and told again by every later call.
    pub fn poll<'b>(&mut self, now: Instant, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
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
            if !matches!(event, Event::Read) {
                return Ok(event);
            }
            self.patience.wait();
            match self.due().map(|due| self.patience.deadline(due, &self.config)) {
                Some((deadline, Overdue::Silent)) if now >= deadline => {
                    Err(Error::TimedOut { during: self.awaited() })
                }
                Some((deadline, Overdue::Slow)) if now >= deadline => {
                    Err(Error::TooSlow { during: self.awaited() })
                }
                _ => Ok(event),
            }
        });
        self.left = input.rest().len();
        let result = result.map_err(|error| error.in_line(|| self.excerpt(input.rest())));
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Tells that the caller begins to wait anew for what is due: the time that has passed since the last poll
    /// was not the server's, even if that said [`Event::Read`]. It is for who has left a reply alone for a
    /// while.
    pub const fn resume(&mut self, now: Instant) {
        self.patience.sent(now);
    }

    /// Tells that the TLS handshake after [`Event::StartTls`] is finished and the certificate
    /// verified. What was learnt before is forgotten (RFC 2595 section 4): ask for the capabilities
    /// again. The input begins anew.
    ///
    /// # Errors
    /// When no handshake was due; nothing has changed then.
    pub fn tls_established(&mut self, now: Instant) -> Result<(), Misuse> {
        if self.failed.is_some() {
            return Err(Misuse::State(State::Closed));
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

    /// When [`poll`](Self::poll) will give up if nothing comes until then; `None` when nothing is
    /// awaited from the server. During the TLS handshake the caller must have a deadline of its own.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.failed.is_some() {
            return None;
        }
        self.due().map(|due| self.patience.deadline(due, &self.config).0)
    }

    /// The timestamp for APOP in the greeting, if it has one (RFC 1939 section 7). It is forgotten at
    /// STLS unless [`Config::apop_after_stls`] is set.
    #[must_use]
    pub const fn greeting_timestamp(&self) -> Option<&Timestamp> {
        self.timestamp.as_ref()
    }

    /// The list that the last positive reply to CAPA gave. It is forgotten at STLS, but kept at the
    /// login: ask again then, as it may differ (RFC 2449 section 5).
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// How many commands have been sent whose replies are not complete: so many events that
    /// [end a reply](Event::ends_reply) the server owes, not counting challenges.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Whether the replies outstanding can be read and thrown away by somebody who does not know what they
    /// are for: [`poll`](Self::poll) until [`outstanding`](Self::outstanding) is 0, and the session goes on.
    ///
    /// Not so before the greeting and after the end; not with STLS, whose reply is followed by the
    /// handshake; and not with AUTH, where a challenge may come that only the mechanism can answer, and where
    /// success is to be believed only when the mechanism agrees.
    #[must_use]
    pub fn can_drain(&self) -> bool {
        let decides = |command: &Outstanding| matches!(command.keyword, Keyword::Auth | Keyword::Stls);
        match self.state() {
            State::Greeting | State::Handshake | State::Challenged | State::Closed => false,
            State::Authorization | State::Transaction | State::Closing => {
                !self.outstanding.iter().any(decides)
            }
        }
    }

    /// Whether nothing is due from the server, and nothing has come that was not asked for: all commands are
    /// answered, and the last [`poll`](Self::poll) left no octet in the input.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.failed.is_none() && self.outstanding.is_empty() && self.left == 0
    }

    /// The oldest command outstanding: the one that the next events are about.
    #[must_use]
    pub fn awaited(&self) -> Option<Keyword> {
        self.outstanding.front().map(|command| command.keyword)
    }

    /// Where the session is; [`State::Closed`] after an error as well.
    #[must_use]
    pub const fn state(&self) -> State {
        if self.failed.is_some() { State::Closed } else { self.session.state() }
    }

    /// What carries the connection.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.session.channel()
    }
}

/// Without the octets of the server, but for capabilities and the line that was a fault.
impl fmt::Debug for Connection {
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
