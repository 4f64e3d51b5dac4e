//! The server's connection: octets in, octets out, with limits and deadlines.

mod lines;

use alloc::sync::Arc;
use alloc::vec::Vec;

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

/// A server's side of a connection.
///
/// Call [`poll`](Self::poll) with what was received; do what the [`ServerStep`] says; call it again. The
/// output is in `out` whenever a step says that it is to be sent; the caller removes what it has
/// sent.
#[derive(Debug)]
pub struct ServerConnection {
    session: ServerSession,
    finder: LineFinder,
    /// How many octets of a line that is too long may still be thrown away before the connection ends.
    skipping: Option<usize>,
    greeted: bool,
    listing: Option<Listing>,
    body: Option<Body>,
    refusal: Option<Refusal>,
    times: Times,
}

/// The one thing that moves the connection on.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a driver must not compile when there is a new one")]
pub enum ServerStep {
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
    /// and call [`ServerConnection::tls_established`]. If the handshake fails, close.
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
struct Refusal {
    until: Instant,
    reply: Line,
}

impl ServerConnection {
    /// A connection that was just opened; for implicit TLS, one whose handshake is complete.
    ///
    /// `timestamp` is for APOP, and new for each connection: see
    /// [`Timestamp::from_random`]. Without it, or without the feature `md5`, APOP is refused.
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
                    Held::Due => write::put_line(&refusal.reply, out),
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

    /// Gives the store's answer to the open request. Poll afterwards.
    ///
    /// # Errors
    /// [`ServerMisuse`] when the answer fits no open request; nothing is changed.
    pub fn answer(&mut self, answer: Answer, now: Instant, out: &mut BytesMut) -> Result<(), ServerMisuse> {
        // A message that is not as long as LIST has told is broken: no terminator may follow.
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

    /// Appends octets of the open message, given in stored form: lines may end in LF or CRLF.
    ///
    /// # Errors
    /// [`ServerMisuse`] when no message is open; nothing is changed.
    pub fn body(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<Wanted, ServerMisuse> {
        let body = self.body.as_mut().ok_or(ServerMisuse)?;
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
    /// [`ServerMisuse`] when no [`ServerStep::StartTls`] was given; nothing is changed.
    pub fn tls_established(&mut self, now: Instant) -> Result<(), ServerMisuse> {
        let ServerAction::Nothing = self.session.step(ServerEvent::TlsEstablished)? else {
            return Err(ServerMisuse);
        };
        self.finder = LineFinder::new();
        self.skipping = None;
        self.times.progress = now;
        Ok(())
    }

    /// Notes that the peer has taken octets of the output, which keeps the autologout timer from
    /// running out while a long message is on its way.
    pub const fn wrote(&mut self, now: Instant) {
        self.times.progress = now;
    }

    /// Ends the session for a reason of the caller's: nothing is removed. A commit that was asked
    /// for goes on in the store, but its reply will not be sent.
    pub fn close(&mut self, why: Close) {
        self.refusal = None;
        self.body = None;
        self.session.close(why);
    }

    /// When to poll, whether octets have come or not: the time at which the connection is closed if
    /// nothing happens. It holds for reading, for writing and for the TLS handshake, not for the
    /// store.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.session.deadline(self.times)
    }

    /// The session underneath: its state, snapshot, marks and totals.
    #[must_use]
    pub const fn session(&self) -> &ServerSession {
        &self.session
    }

    /// Does what the session wants, as far as it is octets. `asked` is when the client said what led to it.
    fn perform(
        &mut self,
        action: ServerAction,
        asked: Instant,
        input: Option<&mut Input<'_>>,
        out: &mut BytesMut,
    ) -> Option<Request> {
        match action {
            ServerAction::Nothing => {}
            ServerAction::Reply(line) => write::put_line(&line, out),
            ServerAction::Refuse { reply, delay, last: _ } => {
                // Not from the answer on, or the time would tell how long the store has looked.
                self.refusal = Some(Refusal { until: asked.after(delay), reply });
            }
            ServerAction::DropListing { messages, octets } => write::drop_listing(messages, octets, out),
            ServerAction::Listing { line, listing } => {
                write::put_line(&line, out);
                self.listing = Some(listing);
            }
            ServerAction::Entry(mut listing) => {
                if let Some(entry) = listing.next_entry() {
                    out.extend_from_slice(b"+OK ");
                    write::entry(entry, out);
                }
            }
            ServerAction::Last(highest) => write::last(highest, out),
            ServerAction::Capabilities { line, announcement } => {
                write::put_line(&line, out);
                write::capabilities(&announcement, out);
            }
            ServerAction::Mechanisms { line, names } => {
                write::put_line(&line, out);
                write::mechanisms(&names, out);
            }
            ServerAction::Challenge(challenge) => write::challenge(&challenge, out),
            ServerAction::Language { language, line } => write::language(&language, &line, out),
            ServerAction::Languages { line, languages } => {
                write::put_line(&line, out);
                write::languages(&languages, out);
            }
            ServerAction::Ask(request) => return Some(request),
            ServerAction::BeginBody { line, octets, extent } => {
                self.body = Some(Body::new(extent, octets));
                write::put_line(&line, out);
            }
            ServerAction::EndBody => {
                if let Some(body) = self.body.take() {
                    self.session.count(body.top.is_some(), body.stuffer.total());
                    body.stuffer.finish(out);
                }
            }
            ServerAction::StartTls(line) => {
                write::put_line(&line, out);
                // What was sent behind STLS came in clear text: it must not be believed after the handshake.
                if let Some(input) = input {
                    input.take_all();
                }
            }
            ServerAction::Close { why: _, line } => {
                self.body = None;
                if let Some(line) = line {
                    write::put_line(&line, out);
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

    /// At 0 there would never be room for a reply.
    fn high_water(&self) -> usize {
        self.session.limits().high_water.max(1)
    }
}
