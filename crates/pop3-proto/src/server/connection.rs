//! The server's connection: octets in, octets out, with limits and deadlines.

mod lines;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::ControlFlow;

use bytes::BytesMut;

use super::action::ServerAction;
use super::body::Body;
use super::config::ServerConfig;
use super::line::Line;
use super::listing::Listing;
use super::mechanism::OfferedMechanism;
use super::session::ServerSession;
use super::state::ServerState;
use super::timing::{Held, Times};
use super::vocabulary::{Answer, Close, Request, ServerEvent, ServerMisuse};
use super::write;
use crate::apop::Timestamp;
use crate::line::LineFinder;
use crate::{Channel, Input, Instant, Rejection};

/// The server side of a connection: reads commands, writes replies, and applies the rules of the protocol.
///
/// The caller does the I/O. Pass the received octets to [`poll`](Self::poll), do what the returned [`ServerStep`]
/// says, and call `poll` again. Replies are appended to `out`. The step says when to send them. Remove from `out`
/// what you have sent.
///
/// See the [module](super) for an example.
#[derive(Debug)]
pub struct ServerConnection {
    session: ServerSession,
    finder: LineFinder,
    /// How many more octets of a line that is too long may be discarded before the connection ends.
    skipping: Option<usize>,
    greeted: bool,
    listing: Option<Listing>,
    body: Option<Body>,
    /// In a box, because it is rare.
    refusal: Option<Box<Refusal>>,
    times: Times,
}

/// What the caller must do next.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a driver must not compile when there is a new one")]
pub enum ServerStep {
    /// Send all of `out`, if there is any. Then receive octets and poll.
    Read,
    /// Send all of `out`. Then poll with the same input.
    Flush,
    /// Pass the request to the store and its [`Answer`] to [`answer`](ServerConnection::answer). `out` may be sent
    /// now or together with later replies.
    Ask(Request),
    /// A request is still open. Call [`answer`](ServerConnection::answer), or [`body`](ServerConnection::body) for
    /// the rest of a message, and then poll.
    Wait,
    /// Wait until this time, and then poll. `out` may be sent now or later. No more input is read before then.
    Pause(Instant),
    /// Send all of `out`, discard all octets that were received but not consumed, and do the TLS handshake. Then call
    /// [`ServerConnection::tls_established`]. If the handshake fails, close the connection.
    StartTls,
    /// Send all of `out` and close the connection. If the reason is [`Close::TimedOut`] or [`Close::PeerClosed`],
    /// close it at once.
    Close(Close),
}

/// A reply that is held back.
#[derive(Debug)]
struct Refusal {
    until: Instant,
    reply: Line,
}

impl ServerConnection {
    /// Creates a connection that was just opened. With implicit TLS, create it when the handshake is complete.
    ///
    /// `timestamp` is for APOP. It must be new for each connection, see [`Timestamp::from_random`]. Without it, or
    /// without the feature `md5`, the server refuses APOP.
    #[must_use]
    pub fn new(
        config: Arc<ServerConfig>,
        channel: Channel,
        timestamp: Option<Timestamp>,
        now: Instant,
    ) -> Self {
        Self {
            session: ServerSession::new(config, channel, timestamp),
            finder: LineFinder::new(),
            skipping: None,
            greeted: false,
            listing: None,
            body: None,
            refusal: None,
            times: Times { opened: now, progress: now },
        }
    }

    /// Sets the mechanisms that AUTH offers on this connection from now on. Use it for mechanisms that depend on the
    /// connection, such as those with channel binding. After STLS the connection offers those of the [`ServerConfig`]
    /// again.
    ///
    /// Connections can share a list.
    pub fn set_mechanisms(&mut self, mechanisms: impl Into<Arc<[OfferedMechanism]>>) {
        self.session.set_mechanisms(mechanisms);
    }

    /// Sets whether the peer is a proxy that may use XCLIENT to tell which client it speaks for. Default: `false`.
    /// Call this before the first poll, because the greeting announces XCLIENT to the proxy.
    pub const fn set_trusted_proxy(&mut self, trusted: bool) {
        self.session.set_trusted_proxy(trusted);
    }

    /// Reads commands from the input and appends replies to `out`, until the caller has to do something.
    ///
    /// One call answers several commands as long as `out` is below [`Limits::high_water`](super::Limits::high_water).
    /// A burst of commands is therefore answered with one write.
    pub fn poll(&mut self, now: Instant, input: &mut Input<'_>, out: &mut BytesMut) -> ServerStep {
        if !self.greeted {
            self.greeted = true;
            let session = &self.session;
            let (timestamp, xclient) = (session.offers_apop().ok(), session.offers_xclient().is_ok());
            write::greeting(&session.config.greeting, timestamp, xclient, out);
        }
        loop {
            if let Some(refusal) = &self.refusal {
                match self.session.held(refusal.until, self.times, now) {
                    Held::Waits(until) => return ServerStep::Pause(until),
                    Held::Due => refusal.reply.write(out),
                    Held::Lost => self.session.close(Close::TimedOut),
                }
                self.refusal = None;
            }
            match self.session.state() {
                ServerState::Closed(why) => return ServerStep::Close(why),
                ServerState::StartingTls => return ServerStep::StartTls,
                ServerState::Authenticating
                | ServerState::Exchanging { .. }
                | ServerState::Cancelling { .. }
                | ServerState::Proxying
                | ServerState::Fetching { .. }
                | ServerState::Sending { .. }
                | ServerState::Committing { .. } => return ServerStep::Wait,
                ServerState::Authorization | ServerState::Responding { .. } if now >= self.deadline() => {
                    self.session.close(Close::TimedOut);
                    continue;
                }
                ServerState::Authorization | ServerState::Responding { .. } | ServerState::Transaction => {}
            }
            if out.len() >= self.high_water() {
                return ServerStep::Flush;
            }
            if self.listing.is_some() {
                self.continue_listing(out);
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
                    return ServerStep::Read;
                }
                continue;
            };
            self.times.progress = now;
            // The state takes commands, so that no event is a misuse.
            if let Ok(action) = self.session.step(event)
                && let Some(request) = self.perform(action, now, Some(input), out)
            {
                return ServerStep::Ask(request);
            }
        }
    }

    /// Passes the store's answer to the open request. Call [`poll`](Self::poll) afterwards.
    ///
    /// # Errors
    /// Returns [`ServerMisuse`] if the answer does not fit an open request. Nothing is changed.
    pub fn answer(&mut self, answer: Answer, now: Instant, out: &mut BytesMut) -> Result<(), ServerMisuse> {
        // A message whose size differs from LIST is broken: no terminator may follow.
        let breaks = || self.body.as_ref().is_some_and(Body::breaks_promise);
        let answer = if matches!(answer, Answer::EndOfMessage) && breaks() {
            Answer::Unavailable(Rejection::plain("the message has changed"))
        } else {
            answer
        };
        let action = self.session.step(ServerEvent::Answer(answer))?;
        let asked = core::mem::replace(&mut self.times.progress, now);
        // No answer leads to another request.
        self.perform(action, asked, None, out);
        Ok(())
    }

    /// Appends octets of the open message. They are in stored form: lines may end in LF or CRLF.
    ///
    /// Returns [`Continue`](ControlFlow::Continue) if more octets are needed: give the next ones, or
    /// [`Answer::EndOfMessage`] if there are no more. Returns [`Break`](ControlFlow::Break) if TOP has all its lines:
    /// give [`Answer::EndOfMessage`].
    ///
    /// # Errors
    /// Returns [`ServerMisuse`] if no message is open. Nothing is changed.
    pub fn body(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<ControlFlow<()>, ServerMisuse> {
        let body = self.body.as_mut().ok_or(ServerMisuse)?;
        let (chunk, done) = match &mut body.top {
            Some(top) => top.cut(chunk),
            None => (chunk, false),
        };
        body.stuffer.encode(chunk, out);
        body.enough |= done;
        Ok(if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Reports that the TLS handshake is complete. The server forgets what it learned from the client before.
    ///
    /// # Errors
    /// Returns [`ServerMisuse`] if [`poll`](Self::poll) did not return [`ServerStep::StartTls`]. Nothing is changed.
    pub fn tls_established(&mut self, now: Instant) -> Result<(), ServerMisuse> {
        let ServerAction::Nothing = self.session.step(ServerEvent::TlsEstablished)? else {
            return Err(ServerMisuse);
        };
        self.finder = LineFinder::new();
        self.skipping = None;
        self.times.progress = now;
        Ok(())
    }

    /// Reports that the peer has accepted octets of the output. This restarts the autologout timer, so that it does
    /// not run out while a long message is being sent.
    pub const fn wrote(&mut self, now: Instant) {
        self.times.progress = now;
    }

    /// Ends the session for a reason of the caller's own. No messages are removed. If the store was already asked to
    /// remove messages, it continues, but the reply is not sent.
    pub fn close(&mut self, why: Close) {
        self.refusal = None;
        self.body = None;
        self.session.close(why);
    }

    /// Returns when to call [`poll`](Self::poll) even if nothing was received. At that time, the connection is closed
    /// if nothing has happened. The deadline applies to reading, writing and the TLS handshake, but not to the store.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.session.deadline(self.times)
    }

    /// Returns the session: its state, snapshot, marks and totals.
    #[must_use]
    pub const fn session(&self) -> &ServerSession {
        &self.session
    }

    /// Performs an action as far as it concerns octets. `asked` is when the client sent what led to it.
    fn perform(
        &mut self,
        action: ServerAction,
        asked: Instant,
        input: Option<&mut Input<'_>>,
        out: &mut BytesMut,
    ) -> Option<Request> {
        match action {
            ServerAction::Nothing => {}
            ServerAction::Reply(line) => line.write(out),
            ServerAction::Refuse { reply, delay, last: _ } => {
                // Not from the answer on, or the time would tell how long the store has looked.
                self.refusal = Some(Box::new(Refusal { until: asked.after(delay), reply }));
            }
            ServerAction::DropListing { messages, octets } => write::drop_listing(messages, octets, out),
            ServerAction::Listing { line, listing } => {
                line.write(out);
                self.listing = Some(listing);
            }
            ServerAction::Entry(mut listing) => {
                if let Some(entry) = listing.next_entry() {
                    out.extend_from_slice(b"+OK ");
                    write::entry(entry, out);
                }
            }
            ServerAction::Last(highest) => write::last(highest, out),
            ServerAction::Capabilities { line, capabilities } => {
                line.write(out);
                write::capabilities(&capabilities, out);
            }
            ServerAction::Mechanisms { line, names } => {
                line.write(out);
                write::mechanisms(&names, out);
            }
            ServerAction::Challenge(challenge) => write::challenge(&challenge, out),
            ServerAction::Language { language, line } => write::language(&language, &line, out),
            ServerAction::Languages { line, languages } => {
                line.write(out);
                write::languages(&languages, out);
            }
            ServerAction::Ask(request) => return Some(request),
            ServerAction::BeginBody { line, octets, extent } => {
                self.body = Some(Body::new(extent, octets));
                line.write(out);
            }
            ServerAction::EndBody => {
                if let Some(body) = self.body.take() {
                    self.session.count(body.top.is_some(), body.stuffer.total());
                    body.stuffer.finish(out);
                }
            }
            ServerAction::StartTls(line) => {
                line.write(out);
                // Input after STLS arrived in clear text: it must not be believed after the handshake.
                if let Some(input) = input {
                    input.take_all();
                }
            }
            ServerAction::Close { why: _, line } => {
                self.body = None;
                if let Some(line) = line {
                    line.write(out);
                }
            }
        }
        None
    }

    /// Appends listing lines up to the high-water mark.
    fn continue_listing(&mut self, out: &mut BytesMut) {
        let high_water = self.high_water();
        let Some(listing) = &mut self.listing else { return };
        while out.len() < high_water {
            match listing.next_entry() {
                Some(entry) => write::entry(entry, out),
                None => {
                    out.extend_from_slice(b".\r\n");
                    self.listing = None;
                    return;
                }
            }
        }
    }

    /// The high-water mark, at least 1: with 0 there would never be room for a reply.
    fn high_water(&self) -> usize {
        self.session.limits().high_water.max(1)
    }
}
