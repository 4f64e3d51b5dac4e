//! Watches a POP3 connection between a client and a server, and reports which rules of RFC 1939 and its extensions
//! they break.
//!
//! Use this crate in a proxy, a test suite or a debugging tool that sees the octets of both directions. To read
//! recorded sessions from files, use `pop3-lint`, which is built on this crate.
//!
//! # Example: two streams
//!
//! Pass the octets of each direction to the [`Observer`] in the order in which you see them. It calls your function
//! with [`ObserverEvent`]s.
//!
//! ```
//! use pop3_observer::{ObserverConfig, ObserverEvent, Severity, Observer};
//!
//! let mut observer = Observer::new(ObserverConfig::new());
//! let mut found = Vec::new();
//! let mut sink = |event: ObserverEvent<'_>| {
//!     if let ObserverEvent::Violation(violation) = event {
//!         found.push(violation.to_string());
//!     }
//! };
//! observer.server(b"+OK hi\r\n", &mut sink);
//! observer.client(b"USER mrose\r\n", &mut sink);
//! observer.server(b"+OK\r\n", &mut sink);
//! observer.client(b"PASS secret\r\n", &mut sink);
//! observer.server(b"+ok welcome\r\n", &mut sink);
//! assert_eq!(
//!     found,
//!     [
//!         "server practice 1957-1.02: a reply has no text, which confuses some clients",
//!         "client SHOULD 2595-2.10: a password is sent in clear text",
//!         "server MUST 1939-3.09: a status indicator that is not in upper case",
//!     ]
//! );
//! ```
//!
//! # Promises and limits
//!
//! - **It only watches.** It sends nothing and has no deadlines.
//! - **It accepts any octets**, in pieces of any size. The result does not depend on how they are split.
//! - **Its memory is bounded** by its [`ObserverConfig`]. It keeps no messages.
//! - **It reveals no secrets.** Events contain no passwords, no digests, and nothing from within AUTH.
//! - **It reports only what it can be sure of.** It matches replies with commands and follows pipelining (RFC 2449
//!   section 6.6), AUTH (RFC 5034) and STLS (RFC 2595). If a rule depends on something that it has not seen, it does
//!   not apply the rule.
//!
//! [`Rule`] lists everything that it checks, each with its RFC and section. The crate is `no_std` with `alloc`.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

extern crate alloc;

mod announced;
mod asked;
mod assembler;
mod body;
mod config;
mod event;
mod exchange;
mod from_client;
mod from_server;
mod judge;
mod known;
mod listing;
mod naming;
mod queue;
mod rule;
mod told;
mod words;

pub use asked::Asked;
pub use config::ObserverConfig;
pub use event::{ObserverEvent, Sent};
pub use rule::{Rule, Severity, Side, Violation};

use alloc::boxed::Box;

use pop3_proto::{Channel, ReplyShape};

use announced::Announced;
use assembler::Assembler;
use body::Body;
use exchange::Exchange;
use known::Known;
use naming::{Named, Naming};
use queue::{Outstanding, Queue};
use told::Told;

/// The function that receives the events.
type Sink<'s> = &'s mut dyn FnMut(ObserverEvent<'_>);

/// Watches one connection and reports its events and violations. The [crate] has a longer example.
///
/// ```
/// use pop3_observer::{Observer, ObserverConfig, ObserverEvent};
/// let mut observer = Observer::new(ObserverConfig::new());
/// let mut violations = Vec::new();
/// observer.server(b"+ok ready\r\n", &mut |event| {
///     if let ObserverEvent::Violation(violation) = event {
///         violations.push(violation.to_string());
///     }
/// });
/// assert_eq!(violations, ["server MUST 1939-3.09: a status indicator that is not in upper case"]);
/// ```
#[derive(Debug)]
pub struct Observer {
    config: ObserverConfig,
    stage: Stage,
    tls: bool,
    client_lines: Assembler,
    server_lines: Assembler,
    client_ended: bool,
    server_ended: bool,
    /// How many commands there were.
    commands: u64,
    queue: Queue,
    reading: Reading,
    /// The AUTH that is the oldest command, once its first line was answered.
    exchange: Option<Exchange>,
    announced: Announced,
    known: Known,
    /// The rules broken within this reply.
    told: Told,
    naming: Naming,
    named: Named,
    timestamp: bool,
    utf8: bool,
    /// A password or a response was sent, and what is no command may be one, too.
    wary: bool,
    quit_sent: bool,
    quit_answered: bool,
    capa_answered: bool,
    language: bool,
    before: Before,
    dismissed: bool,
    /// What was sent behind STLS, and must not be answered within TLS.
    dropped: usize,
    /// TLS has begun, and the server has said nothing yet.
    fresh: bool,
    /// Why the first line of the server's is no greeting was told.
    greeting_missed: bool,
}

/// Where the session is, by the server's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Authorization,
    Transaction,
    Closed,
    Opaque { accepted: bool, client: bool, server: bool },
    GaveUp,
}

/// The most octets of a line that a server has to take, line end included (RFC 2449 section 4). Where so many have come
/// without an end, the line is too long.
const LONG_LINE: u64 = 255;

/// What the server's octets are.
#[derive(Debug)]
enum Reading {
    Status,
    /// A command that is not known was accepted: lines may follow.
    Perhaps(Outstanding),
    Lines(Lines),
    Body(Outstanding, Box<Body>),
}

/// Lines behind the first one of a reply.
#[derive(Clone, Copy, Debug)]
struct Lines {
    of: Outstanding,
    /// The command is out of the queue already.
    popped: bool,
    count: u64,
    octets: u64,
    /// The number in the last line.
    number: u32,
    /// The sizes so far.
    sum: u64,
}

/// What the last reply was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Other,
    Message,
    /// A refusal where lines would follow a positive reply.
    Refusal,
}

impl Observer {
    /// Creates an observer for a new connection.
    #[must_use]
    pub fn new(config: ObserverConfig) -> Self {
        Self {
            stage: Stage::Greeting,
            tls: config.channel.is_tls(),
            client_lines: Assembler::default(),
            server_lines: Assembler::default(),
            client_ended: false,
            server_ended: false,
            commands: 0,
            queue: Queue::default(),
            reading: Reading::Status,
            exchange: None,
            announced: Announced::default(),
            known: Known::new(config.max_messages),
            told: Told::default(),
            naming: Naming::Nothing,
            named: Named::No,
            timestamp: false,
            utf8: false,
            wary: false,
            quit_sent: false,
            quit_answered: false,
            capa_answered: false,
            language: false,
            before: Before::Other,
            dismissed: false,
            dropped: 0,
            fresh: false,
            greeting_missed: false,
            config,
        }
    }

    /// Processes octets that the client sent. Calls `sink` for each event.
    pub fn client(&mut self, octets: &[u8], sink: &mut dyn FnMut(ObserverEvent<'_>)) {
        let mut rest = octets;
        while !rest.is_empty() && self.is_clear(Side::Client, rest, sink) {
            let mut lines = core::mem::take(&mut self.client_lines);
            rest = lines.feed(rest, self.config.max_line, |line| self.client_line(line, sink));
            // A line from before TLS does not continue within it.
            if matches!(self.stage, Stage::Opaque { .. } | Stage::GaveUp) {
                lines.clear();
            }
            self.client_lines = lines;
        }
    }

    /// Processes octets that the server sent. Calls `sink` for each event.
    pub fn server(&mut self, octets: &[u8], sink: &mut dyn FnMut(ObserverEvent<'_>)) {
        let mut rest = octets;
        while !rest.is_empty() && self.is_clear(Side::Server, rest, sink) {
            if let Reading::Body(command, _) = self.reading {
                rest = self.body(command, rest, sink);
                continue;
            }
            let mut lines = core::mem::take(&mut self.server_lines);
            rest = lines.feed(rest, self.config.max_line, |line| self.server_line(line, sink));
            self.server_lines = lines;
        }
    }

    /// Records that the client has closed its direction of the connection.
    pub fn client_end(&mut self, sink: &mut dyn FnMut(ObserverEvent<'_>)) {
        if core::mem::replace(&mut self.client_ended, true) {
            return;
        }
        let mut lines = core::mem::take(&mut self.client_lines);
        lines.end(|line| self.client_line(line, sink));
        sink(ObserverEvent::Ended(Side::Client));
        let open = matches!(self.stage, Stage::Authorization | Stage::Transaction);
        if open && !self.quit_sent && !self.server_ended && !self.dismissed {
            let marks = self.stage == Stage::Transaction && self.known.has_marks();
            let rule = if marks { Rule::QuitMissingMarks } else { Rule::QuitMissing };
            flag(sink, None, rule);
        }
    }

    /// Records that the server has closed its direction of the connection.
    pub fn server_end(&mut self, sink: &mut dyn FnMut(ObserverEvent<'_>)) {
        if core::mem::replace(&mut self.server_ended, true) {
            return;
        }
        let mut lines = core::mem::take(&mut self.server_lines);
        if matches!(self.reading, Reading::Status | Reading::Perhaps(_)) {
            lines.end(|line| self.server_line(line, sink));
        }
        sink(ObserverEvent::Ended(Side::Server));
        if matches!(self.stage, Stage::Opaque { .. } | Stage::GaveUp) {
            return;
        }
        if self.stage == Stage::Greeting && !self.greeting_missed {
            flag(sink, None, Rule::GreetingMissing);
        }
        let within = match self.reading {
            Reading::Status | Reading::Perhaps(_) => None,
            Reading::Lines(Lines { of, .. }) | Reading::Body(of, _) => Some(of.asked),
        };
        match (within, self.queue.front()) {
            (Some(_), _) => flag(sink, within, Rule::Truncated),
            (None, Some(front)) if !self.client_ended => flag(sink, Some(front.asked), Rule::Unanswered),
            (None, _) => {}
        }
    }

    /// Records that TLS is established. From now on, pass the octets inside TLS. The observer forgets what it learnt
    /// before, as both sides must (RFC 2595 section 4).
    pub fn tls_established(&mut self, sink: &mut dyn FnMut(ObserverEvent<'_>)) {
        if self.stage == Stage::GaveUp {
            return;
        }
        self.client_lines.clear();
        self.server_lines.clear();
        self.tls = true;
        if let Stage::Opaque { accepted, .. } = self.stage {
            self.stage = if accepted { Stage::Authorization } else { Stage::Greeting };
            self.fresh = accepted;
        }
        self.announced = Announced::default();
        (self.naming, self.named, self.utf8, self.wary) = (Naming::Nothing, Named::No, false, false);
        (self.capa_answered, self.language) = (false, false);
        sink(ObserverEvent::Encrypted);
    }

    /// Sets the shape of a positive reply to the last command. Use it for a command that this crate does not know.
    /// Otherwise the observer guesses the shape.
    pub fn expect(&mut self, shape: ReplyShape) {
        if let Some(last) = self.queue.back_mut()
            && last.asked.keyword.is_none()
        {
            last.shape = Some(shape);
        }
    }

    /// A refusal has come. Where none is due it may be that of a line that is too long: a server need not
    /// wait for its end.
    fn refused_early(&mut self, sink: Sink<'_>) {
        let is_due = self.queue.front().is_some() && !self.exchange.is_some_and(|open| open.clients_turn);
        if !is_due {
            let mut lines = core::mem::take(&mut self.client_lines);
            lines.end_early(LONG_LINE, |line| self.client_line(line, sink));
            self.client_lines = lines;
        }
    }

    /// Whether octets are to be looked at. Where they may not be, the first of them is.
    fn is_clear(&mut self, side: Side, octets: &[u8], sink: Sink<'_>) -> bool {
        let first = octets.first().copied().unwrap_or_default();
        let lines = if side == Side::Client { &self.client_lines } else { &self.server_lines };
        // A connection that begins with a TLS record is one of TLS.
        if self.stage == Stage::Greeting
            && !self.greeting_missed
            && self.commands == 0
            && !lines.is_partial()
            && matches!(first, 0x15 | 0x16)
        {
            self.stage = Stage::Opaque { accepted: false, client: true, server: true };
            sink(ObserverEvent::Opaque);
        }
        let Stage::Opaque { accepted, mut client, mut server } = self.stage else {
            return self.stage != Stage::GaveUp;
        };
        let looked = if side == Side::Client { &mut client } else { &mut server };
        if !core::mem::replace(looked, true) && !matches!(first, 0x14..=0x17 | 0x80) {
            let client = side == Side::Client;
            flag(sink, None, if client { Rule::ClearBehindStls } else { Rule::ClearBehindAccept });
        }
        self.stage = Stage::Opaque { accepted, client, server };
        false
    }

    /// Tells a violation, once for each reply.
    fn once(&mut self, sink: Sink<'_>, about: Option<Asked>, rule: Rule) {
        if self.told.insert(rule) {
            flag(sink, about, rule);
        }
    }

    /// Whether what is sent can be read on the way.
    fn is_readable(&self) -> bool {
        !self.tls && self.config.channel == Channel::Plaintext
    }
}

/// Tells a violation.
fn flag(sink: Sink<'_>, command: Option<Asked>, rule: Rule) {
    sink(ObserverEvent::Violation(Violation { rule, command }));
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2449-4.04: a server may refuse as soon as there is no room left for the line's end.
    #[test]
    fn a_line_may_be_refused_before_its_end() {
        for (octets, early) in [(254, false), (255, true), (256, true), (9000, true)] {
            let mut observer = Observer::new(ObserverConfig::new());
            let mut stray = 0;
            let mut sink =
                |event: ObserverEvent<'_>| stray += u32::from(matches!(event, ObserverEvent::Stray { .. }));
            observer.server(b"+OK hi\r\n", &mut sink);
            observer.client(&alloc::vec![b'x'; octets], &mut sink);
            observer.server(b"-ERR too long\r\n", &mut sink);
            observer.client(b"x\r\nQUIT\r\n", &mut sink);
            observer.server(b"+OK bye\r\n", &mut sink);
            assert_eq!(stray == 0, early, "{octets}");
        }
    }
}
