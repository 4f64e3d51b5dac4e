//! The server's connection: octets in, octets out, with limits and deadlines.

mod lines;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::BytesMut;

use super::body::Body;
use super::config::Config;
use super::mechanism::OfferedMechanism;
use super::session::{Session, State};
use super::texts;
use super::vocabulary::{Action, Answer, Close, Column, Event, Extent, Line, Misuse, Request};
use super::write;
use crate::line::LineFinder;
use crate::number::put_decimal;
use crate::{Channel, Input, Instant, MessageNumber};

/// A server's side of a connection.
///
/// Call [`poll`](Self::poll) with what was received; do what the [`Step`] says; call it again. The
/// output is in `out` whenever a step says that it is to be sent; the caller removes what it has
/// sent.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    finder: LineFinder,
    /// How many octets of a line that is too long may still be thrown away before the connection ends.
    skipping: Option<usize>,
    greeted: bool,
    listing: Option<(Column, MessageNumber)>,
    body: Option<Body>,
    held: Option<Held>,
    opened: Instant,
    progress: Instant,
}

/// The one thing that moves the connection on.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a driver must not compile when there is a new one")]
pub enum Step {
    /// Send all of `out`, if there is any, then receive octets, and poll.
    Read,
    /// Send all of `out`, then poll with the same input.
    Flush,
    /// Ask the store, and give its [`Answer`]. `out` may be sent now or with what follows.
    Ask(Request),
    /// An answer is owed, or the rest of a message.
    Wait,
    /// Wait until then, and poll. `out` may be sent now or later; nothing more is read before.
    Pause(Instant),
    /// Send all of `out`, throw away whatever was received and not consumed, do the TLS handshake,
    /// and call [`Connection::tls_established`]. If the handshake fails, close.
    StartTls,
    /// Send all of `out`, and close. If the reason is [`Close::TimedOut`] or [`Close::PeerClosed`],
    /// close at once.
    Close(Close),
}

/// Whether more of a message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "it is a yes or a no with a name")]
pub enum Wanted {
    /// Give the next octets, or [`Answer::EndOfMessage`] where there are none.
    More,
    /// TOP has all its lines: give [`Answer::EndOfMessage`].
    Enough,
}

/// A reply that is held back.
#[derive(Debug)]
struct Held {
    until: Instant,
    reply: Line,
}

impl Connection {
    /// A connection that was just opened; for implicit TLS, one whose handshake is complete.
    ///
    /// `timestamp` is for APOP, angle brackets included (see
    /// [`make_timestamp`](crate::apop::make_timestamp)); without it APOP is refused.
    #[must_use]
    pub fn new(config: Arc<Config>, channel: Channel, timestamp: Option<String>, now: Instant) -> Self {
        Self {
            session: Session::new(config, channel, timestamp),
            finder: LineFinder::new(),
            skipping: None,
            greeted: false,
            listing: None,
            body: None,
            held: None,
            opened: now,
            progress: now,
        }
    }

    /// Sets what AUTH offers on this connection from here on: what depends on the connection, as channel
    /// binding, is known only when it stands. TLS begun by STLS brings back what the settings say.
    pub fn set_mechanisms(&mut self, mechanisms: Vec<OfferedMechanism>) {
        self.session.set_mechanisms(mechanisms);
    }

    /// Sets whether the peer is a proxy that may say by XCLIENT for whom it speaks. Default: no. Say so
    /// before the first poll, as the greeting tells the proxy.
    pub const fn set_trusted_proxy(&mut self, trusted: bool) {
        self.session.set_trusted_proxy(trusted);
    }

    /// Takes commands from the input and appends replies to `out`, until something else has to
    /// happen first.
    ///
    /// Several commands are answered by one call, as far as `out` stays below the high-water mark,
    /// so that a burst of commands is answered by one write.
    pub fn poll(&mut self, now: Instant, input: &mut Input<'_>, out: &mut BytesMut) -> Step {
        if !self.greeted {
            self.greeted = true;
            write::greeting(&self.session, out);
        }
        loop {
            if let Some(held) = &self.held {
                let deadline = self.login_deadline();
                if now < held.until && now < deadline {
                    return Step::Pause(held.until.min(deadline));
                }
                if now < held.until {
                    // The reply is not given early, or the wait could be had for less.
                    self.held = None;
                    self.session.close(Close::TimedOut);
                    continue;
                }
                if let Some(Held { reply, .. }) = self.held.take() {
                    write::put_line(&self.session, &reply, out);
                }
            }
            match self.session.state() {
                State::Closed => return Step::Close(self.session.closed().unwrap_or(Close::Stopped)),
                State::StartingTls => return Step::StartTls,
                State::Authenticating
                | State::Exchanging
                | State::Cancelling
                | State::Proxying
                | State::Fetching
                | State::Sending
                | State::Committing => return Step::Wait,
                State::Authorization | State::Named | State::Responding if now >= self.deadline() => {
                    self.session.close(Close::TimedOut);
                    continue;
                }
                State::Authorization | State::Named | State::Responding | State::Transaction => {}
            }
            if out.len() >= self.high_water() {
                return Step::Flush;
            }
            if let Some((column, next)) = self.listing.take() {
                self.continue_listing(column, next, out);
                continue;
            }
            let Some(event) = self.next_event(input) else {
                if input.is_last() {
                    self.session.close(Close::PeerClosed);
                } else if self.skipping == Some(0) {
                    self.session.close(Close::EndlessLine);
                } else if now >= self.deadline() {
                    self.session.close(Close::TimedOut);
                } else {
                    return Step::Read;
                }
                continue;
            };
            self.progress = now;
            // The state takes commands, so that no event is a misuse.
            if let Ok(action) = self.session.step(event)
                && let Some(request) = self.perform(action, now, Some(input), out)
            {
                return Step::Ask(request);
            }
        }
    }

    /// Gives the store's answer to the open request. Poll afterwards.
    ///
    /// # Errors
    /// [`Misuse`] when the answer fits no open request; nothing is changed.
    pub fn answer(&mut self, answer: Answer, now: Instant, out: &mut BytesMut) -> Result<(), Misuse> {
        let answer = match answer {
            // A message that is not as long as LIST has told is broken: no terminator may follow.
            Answer::EndOfMessage if self.body.as_ref().is_some_and(Body::breaks_promise) => {
                Answer::Unavailable(crate::Rejection::plain("the message has changed"))
            }
            answer @ (Answer::Accept(_)
            | Answer::TakeOver
            | Answer::Reject(_)
            | Answer::Challenge(_)
            | Answer::Abandon(_)
            | Answer::Proxied
            | Answer::Message
            | Answer::EndOfMessage
            | Answer::Unavailable(_)
            | Answer::Committed { .. }) => answer,
        };
        let action = self.session.step(Event::Answer(answer))?;
        let asked = core::mem::replace(&mut self.progress, now);
        // No answer leads to another request.
        self.perform(action, asked, None, out);
        Ok(())
    }

    /// Appends octets of the open message, given in stored form: lines may end in LF or CRLF.
    ///
    /// # Errors
    /// [`Misuse`] when no message is open; nothing is changed.
    pub fn body(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<Wanted, Misuse> {
        let body = self.body.as_mut().ok_or(Misuse)?;
        let (chunk, done) = match &mut body.top {
            Some(top) => top.cut(chunk),
            None => (chunk, false),
        };
        body.stuffer.encode(chunk, out);
        body.enough |= done;
        Ok(if done { Wanted::Enough } else { Wanted::More })
    }

    /// Notes that the TLS handshake is complete: what was learnt before is forgotten.
    ///
    /// # Errors
    /// [`Misuse`] when no [`Step::StartTls`] was given; nothing is changed.
    pub fn tls_established(&mut self, now: Instant) -> Result<(), Misuse> {
        let Action::Nothing = self.session.step(Event::TlsEstablished)? else { return Err(Misuse) };
        self.finder = LineFinder::new();
        self.skipping = None;
        self.progress = now;
        Ok(())
    }

    /// Notes that the peer has taken octets of the output, which keeps the autologout timer from
    /// running out while a long message is on its way.
    pub const fn wrote(&mut self, now: Instant) {
        self.progress = now;
    }

    /// Ends the session for a reason of the caller's: nothing is removed. A commit that was asked
    /// for goes on in the store, but its reply will not be sent.
    pub fn close(&mut self, why: Close) {
        self.held = None;
        self.body = None;
        self.session.close(why);
    }

    /// When to poll, whether octets have come or not: the time at which the connection is closed if
    /// nothing happens. It holds for reading, for writing and for the TLS handshake, not for the
    /// store.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let limits = self.session.limits();
        if self.session.is_logged_in() {
            self.progress.after(limits.idle_timeout)
        } else if self.session.closed().is_some() {
            // The last reply is still to be sent, however long ago the connection was opened.
            self.progress.after(limits.idle_timeout.min(limits.login_timeout))
        } else {
            self.login_deadline()
        }
    }

    /// When a connection without a login is closed, whatever it waits for.
    fn login_deadline(&self) -> Instant {
        self.opened.after(self.session.config.limits.login_timeout)
    }

    /// The session underneath: its state, snapshot, marks and totals.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Does what the session wants, as far as it is octets. `asked` is when the client said what led to it.
    fn perform(
        &mut self,
        action: Action,
        asked: Instant,
        input: Option<&mut Input<'_>>,
        out: &mut BytesMut,
    ) -> Option<Request> {
        match action {
            Action::Nothing => {}
            Action::Reply(line) => write::put_line(&self.session, &line, out),
            Action::Refuse { reply, failures, delay, last: _ } => {
                // Not from the answer on, or the time would tell how long the store has looked.
                let until = asked.after(self.failure_delay(failures).max(delay));
                self.held = Some(Held { until, reply });
            }
            Action::DropListing => write::drop_listing(&self.session, out),
            Action::Listing(column) => {
                write::begin_listing(&self.session, out);
                self.listing = Some((column, MessageNumber::FIRST));
            }
            Action::Entry(column, message) => {
                out.extend_from_slice(b"+OK ");
                write::entry(&self.session, column, message, out);
            }
            Action::Last => {
                out.extend_from_slice(b"+OK ");
                put_decimal(out, self.session.marks().highest().map_or(0, MessageNumber::number).into());
                out.extend_from_slice(b"\r\n");
            }
            Action::Capabilities => write::capabilities(&self.session, out),
            Action::Mechanisms => write::mechanisms(&self.session, out),
            Action::Challenge(challenge) => write::challenge(&challenge, out),
            Action::Language(line) => write::language(&self.session, &line, out),
            Action::Languages => write::languages(&self.session, out),
            Action::Ask(request) => return Some(request),
            Action::BeginBody { octets, extent } => {
                self.body = Some(Body::new(extent, octets));
                match extent {
                    Extent::Whole => write::positive(&self.session, texts::OCTETS, &[octets], out),
                    Extent::Top { .. } => write::positive(&self.session, texts::TOP, &[], out),
                }
            }
            Action::EndBody => {
                if let Some(body) = self.body.take() {
                    self.session.count(body.top.is_some(), body.stuffer.total());
                    body.stuffer.finish(out);
                }
            }
            Action::StartTls => {
                write::positive(&self.session, texts::BEGIN_TLS, &[], out);
                // What was sent behind STLS came in clear text: it must not be believed after the handshake.
                if let Some(input) = input {
                    input.take_all();
                }
            }
            Action::Close(_, line) => {
                self.body = None;
                if let Some(line) = line {
                    write::put_line(&self.session, &line, out);
                }
            }
        }
        None
    }

    /// Appends listing lines up to the high-water mark.
    fn continue_listing(&mut self, column: Column, first: MessageNumber, out: &mut BytesMut) {
        let high_water = self.high_water();
        for index in first.index()..self.session.maildrop().len() {
            let Some(message) = MessageNumber::from_index(index) else { break };
            if out.len() >= high_water {
                self.listing = Some((column, message));
                return;
            }
            if !self.session.marks().is_deleted(message) {
                write::entry(&self.session, column, message, out);
            }
        }
        out.extend_from_slice(b".\r\n");
    }

    /// At 0 there would never be room for a reply.
    fn high_water(&self) -> usize {
        self.session.limits().high_water.max(1)
    }

    /// How long the reply to this refusal is held back; not at all when nothing was counted.
    fn failure_delay(&self, failures: u32) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let doublings = failures.saturating_sub(1).min(16);
        self.session.config.limits.failure_delay.saturating_mul(1 << doublings)
    }
}
