//! A connection of the client: octets, limits, deadlines.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::config::Config;
use super::error::{Error, Misuse, SendError};
use super::event::Event;
use super::first_line::FirstLine;
use super::lines::Lines;
use super::outgoing::{MAX_COMMAND, Outstanding, check_text, length};
use super::patience::{Overdue, Patience};
use super::session::{Session, Signal, State};
use super::shown::Shown;
use crate::apop::Timestamp;
use crate::capability::{Capabilities, Capability};
use crate::channel::Channel;
use crate::command::{Command, Keyword};
use crate::dots::Unstuffer;
use crate::input::Input;
use crate::instant::Instant;
use crate::sasl::{Base64, MechanismName, SaslResponse};

/// A connection to a server: writes commands, reads what the server sends, and applies the rules.
///
/// The caller reads from and writes to the network. It passes what it has read to
/// [`poll`](Self::poll) until that says [`Event::Read`], and writes what [`send`](Self::send)
/// appended. Its input buffer must be able to hold [`Config::min_buffer`] octets.
///
/// See the [module](super) for an example.
#[derive(Debug)]
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
    /// The timestamp of the greeting.
    pub(super) timestamp: Option<Vec<u8>>,
    /// The last list that was complete.
    pub(super) capabilities: Option<Capabilities>,
    /// Whether that list was asked for after the login.
    pub(super) listed_after_login: bool,
    /// The list that is under way.
    pub(super) gathered: Capabilities,
    failed: Option<Error>,
    /// The secrets that the server has got, for the excerpts of faults.
    pub(super) shown: Shown,
    /// How many octets the last poll left in the input.
    left: usize,
    pub(super) patience: Patience,
}

/// What is due from the server.
#[derive(Debug)]
pub(super) enum Reading {
    /// The first line of a reply, or the greeting after so many empty lines.
    Status { empty_lines: usize },
    /// Lines of a listing or of an extension.
    Lines {
        count: usize,
        /// The number in the last line.
        number: u32,
        /// How many messages were listed.
        messages: u32,
    },
    /// A body; the unstuffer knows where in it.
    Body,
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
            lines: Lines::new(config.strict),
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

    /// Appends a command to `out`, if it may be sent now.
    ///
    /// AUTH counts as showing a password or a token to who listens: see
    /// [`send_sealed_auth`](Self::send_sealed_auth). USER, PASS and APOP take UTF-8 only when the last
    /// CAPA announced `UTF8 USER`.
    ///
    /// Several commands may be outstanding after the login, if [`Config::pipelining`] is set and the
    /// server announced PIPELINING in the last CAPA. Otherwise there is one at a time.
    ///
    /// # Errors
    /// See [`SendError`]; nothing is written then, and nothing has changed.
    pub fn send(&mut self, command: &Command<'_>, now: Instant, out: &mut BytesMut) -> Result<(), SendError> {
        self.send_as(command, Signal::Send(command.keyword()), now, out)
    }

    /// Appends AUTH with a mechanism in which neither a password nor a token is shown to who listens,
    /// and so may go over any channel: the SCRAM family, CRAM-MD5, EXTERNAL, ANONYMOUS. For PLAIN,
    /// LOGIN, XOAUTH2, OAUTHBEARER, and all that is not known, use [`send`](Self::send).
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn send_sealed_auth(
        &mut self,
        mechanism: MechanismName,
        initial: Option<Base64<'_>>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        self.send_as(&Command::Auth { mechanism, initial }, Signal::SendSealedAuth, now, out)
    }

    fn send_as(
        &mut self,
        command: &Command<'_>,
        signal: Signal,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let (outstanding, session) = self.check(command, signal)?;
        // Behind another command, its reply is due when that of the other is complete.
        if self.outstanding.is_empty() {
            self.patience.sent(now);
        }
        command.write(out);
        self.shown.command(command);
        self.session = session;
        self.census.deleting |= outstanding.keyword == Keyword::Dele;
        self.octets_in_flight = self.octets_in_flight.saturating_add(outstanding.octets);
        self.outstanding.push_back(outstanding);
        Ok(())
    }

    /// Whether [`send`](Self::send) would take the command now.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn can_send(&self, command: &Command<'_>) -> Result<(), SendError> {
        self.check(command, Signal::Send(command.keyword())).map(|_| ())
    }

    /// Whether AUTH may have this initial response: the line has 255 octets at most, and the last CAPA
    /// announced SASL, so that the server is known to follow RFC 5034 (sections 3 and 4).
    #[must_use]
    pub fn takes_initial_response(&self, mechanism: MechanismName, initial: Base64<'_>) -> bool {
        let announced = self.capabilities.as_ref().is_some_and(Capabilities::has_sasl);
        announced && length(&Command::Auth { mechanism, initial: Some(initial) }) <= MAX_COMMAND
    }

    /// Appends the answer to a challenge.
    ///
    /// # Errors
    /// [`SendError::State`] when no challenge waits, [`SendError::Unreadable`] when it can't be read,
    /// [`SendError::Unread`] when octets came behind it, [`SendError::TooLong`] when the answer's line
    /// is longer than [`Config::max_sasl_line`]. Nothing is written then, and nothing has changed.
    pub fn respond(
        &mut self,
        response: Base64<'_>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        if self.unreadable && self.state() == State::Challenged {
            return Err(SendError::Unreadable);
        }
        if response.expose().len().saturating_add(2) > self.config.max_sasl_line {
            return Err(SendError::TooLong);
        }
        self.answer(SaslResponse::Octets(response), Signal::Respond, now, out)
    }

    /// Appends `*`, which cancels the exchange. The server answers it with a negative reply.
    ///
    /// # Errors
    /// As [`respond`](Self::respond), but for the answer's own.
    pub fn cancel(&mut self, now: Instant, out: &mut BytesMut) -> Result<(), SendError> {
        self.answer(SaslResponse::Cancel, Signal::Cancel, now, out)
    }

    fn answer(
        &mut self,
        response: SaslResponse<'_>,
        signal: Signal,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        if self.failed.is_some() {
            return Err(SendError::State(State::Closed));
        }
        let mut session = self.session;
        // Only the state changes by sending: there is nothing to do.
        let _ = session.step(signal)?;
        if self.left > 0 {
            return Err(SendError::Unread);
        }
        response.write(out);
        if let SaslResponse::Octets(text) = response {
            self.shown.response(text);
        }
        self.session = session;
        self.patience.sent(now);
        Ok(())
    }

    fn check(&self, command: &Command<'_>, signal: Signal) -> Result<(Outstanding, Session), SendError> {
        if self.failed.is_some() {
            return Err(SendError::State(State::Closed));
        }
        let outstanding = Outstanding::new(command)?;
        let mut session = self.session;
        // Only the state changes by sending: there is nothing to do.
        let _ = session.step(signal)?;
        let utf8 = Capability::Utf8 { user: true };
        check_text(command, || self.capabilities.as_ref().is_some_and(|list| list.has(utf8)))?;
        if self.outstanding.is_empty() {
            return if self.left == 0 { Ok((outstanding, session)) } else { Err(SendError::Unread) };
        }
        let octets = self.octets_in_flight.saturating_add(outstanding.octets);
        let full = self.outstanding.len() >= self.config.max_in_flight
            || octets > self.config.max_octets_in_flight
            || !self.is_pipelining();
        if full { Err(SendError::Window) } else { Ok((outstanding, session)) }
    }

    /// Whether several commands may be outstanding: after the login, and announced.
    fn is_pipelining(&self) -> bool {
        self.config.pipelining
            && self.session.state() == State::Transaction
            && self.capabilities.as_ref().is_some_and(|list| list.has(Capability::Pipelining))
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
            if event != Event::Read {
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
        self.lines = Lines::new(self.config.strict);
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
    pub fn greeting_timestamp(&self) -> Option<Timestamp<'_>> {
        self.timestamp.as_deref().and_then(Timestamp::parse)
    }

    /// The list that the last positive reply to CAPA gave. It is forgotten at STLS, but kept at the
    /// login: ask again then, as it may differ (RFC 2449 section 5).
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// How many commands have been sent whose replies are not complete.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
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
