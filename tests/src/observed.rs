//! Feeds dialogues to the observer: stored ones, or those between the roles of other tests.

use pop3_observer::{Observer, ObserverConfig, ObserverEvent, Rule, Severity, Side, Violation};
use pop3_proto::Channel;

use crate::dialogue::{Dialogue, Turn};
use crate::split::pieces;

/// The next input for an observer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fed {
    /// Octets from one side.
    Octets(Side, Vec<u8>),
    /// One side ends.
    End(Side),
    /// From here on, TLS is active.
    Encrypted,
}

/// Everything that an observer reports, one event per line. The octets of a message are one line, however they were
/// split.
#[must_use]
pub fn tell(config: ObserverConfig, fed: &[Fed], lengths: &[usize]) -> (Vec<String>, Vec<Violation>) {
    let mut observer = Observer::new(config);
    let (mut told, mut violations) = (Vec::new(), Vec::new());
    let mut data = Vec::new();
    let mut sink = |event: ObserverEvent<'_>| {
        if let ObserverEvent::Data { octets, .. } = event {
            data.extend_from_slice(octets);
            return;
        }
        if !data.is_empty() {
            told.push(format!("data {}", data.escape_ascii()));
            data.clear();
        }
        if let ObserverEvent::Violation(violation) = event {
            violations.push(violation);
        }
        told.push(format!("{event:?}"));
    };
    for fed in fed {
        match fed {
            Fed::Octets(side, octets) => {
                for piece in pieces(octets, lengths) {
                    match side {
                        Side::Client => observer.client(piece, &mut sink),
                        Side::Server => observer.server(piece, &mut sink),
                    }
                }
            }
            Fed::End(Side::Client) => observer.client_end(&mut sink),
            Fed::End(Side::Server) => observer.server_end(&mut sink),
            Fed::Encrypted => observer.tls_established(&mut sink),
        }
    }
    (told, violations)
}

/// A dialogue stored as text. If only the beginning of what a side sent was stored, the dialogue ends there.
#[must_use]
pub fn feed(dialogue: &Dialogue) -> Vec<Fed> {
    let line = |side, text: &[u8]| Fed::Octets(side, [text, b"\r\n"].concat());
    let mut fed = Vec::new();
    for turn in &dialogue.turns {
        fed.push(match turn {
            Turn::Client(text) => line(Side::Client, text),
            Turn::ClientRaw(text) if text.contains('<') => break,
            Turn::ClientRaw(text) => Fed::Octets(Side::Client, crate::dialogue::unescape(text)),
            Turn::Server(text) | Turn::ServerDiffers(text) => line(Side::Server, text),
            Turn::ServerRaw(octets) => Fed::Octets(Side::Server, octets.clone()),
            Turn::Mark(mark) if mark == "EOF" || mark == "RESET" => Fed::End(Side::Server),
            Turn::Mark(mark) if mark == "GONE" => Fed::End(Side::Client),
            Turn::Mark(mark) if mark == "TLS" || mark.starts_with("TLS TLS") => Fed::Encrypted,
            Turn::Probe(_) | Turn::Mark(_) => continue,
        });
    }
    fed
}

/// What our roles do deliberately: a lenient client accepts words instead of an empty challenge, with the
/// quirk of that name.
const LENIENT: [Rule; 1] = [Rule::ChallengeSwallowed];

/// Watches a session of a test, and makes the test fail if a side under test breaks a binding rule.
#[derive(Debug)]
pub struct Watch {
    observer: Observer,
    side: Side,
    both: bool,
    broken: Vec<Rule>,
    off: bool,
}

impl Watch {
    /// Watches this side of a connection over this channel. The other side may do anything.
    #[must_use]
    pub fn new(side: Side, channel: Channel) -> Self {
        Self {
            observer: Observer::new(ObserverConfig::new().with_channel(channel)),
            side,
            both: false,
            broken: Vec::new(),
            off: false,
        }
    }

    /// Watches both sides, which are our own client and our own server.
    #[must_use]
    pub fn both(channel: Channel) -> Self {
        Self { both: true, ..Self::new(Side::Client, channel) }
    }

    /// Watches a server on this channel that received and sent these octets.
    ///
    /// # Panics
    /// If the server breaks a binding rule.
    pub fn server(channel: Channel, client: &[u8], server: &[u8]) {
        let mut watch = Self::new(Side::Server, channel);
        watch.sent(Side::Client, client);
        watch.sent(Side::Server, server);
    }

    /// The side under test. If both are, the client.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Stops watching: lets everything pass from here on.
    pub const fn look_away(&mut self) {
        self.off = true;
    }

    /// One side has sent octets.
    ///
    /// # Panics
    /// If a side under test breaks a binding rule with them.
    pub fn sent(&mut self, side: Side, octets: &[u8]) {
        self.observe(|observer, sink| match side {
            Side::Client => observer.client(octets, sink),
            Side::Server => observer.server(octets, sink),
        });
    }

    /// One side has ended.
    ///
    /// # Panics
    /// As [`sent`](Self::sent).
    pub fn ended(&mut self, side: Side) {
        self.observe(|observer, sink| match side {
            Side::Client => observer.client_end(sink),
            Side::Server => observer.server_end(sink),
        });
    }

    /// From here on, TLS is active.
    ///
    /// # Panics
    /// As [`sent`](Self::sent).
    pub fn encrypted(&mut self) {
        self.observe(|observer, sink| observer.tls_established(sink));
    }

    /// The shape of the positive reply to the last command, if the core does not know the command.
    pub fn expect(&mut self, shape: pop3_proto::ReplyShape) {
        self.observer.expect(shape);
    }

    fn observe(&mut self, feed: impl FnOnce(&mut Observer, &mut dyn FnMut(ObserverEvent<'_>))) {
        let (side, both, broken) = (self.side, self.both, &mut self.broken);
        feed(&mut self.observer, &mut |event| {
            if let ObserverEvent::Violation(violation) = event
                && (both || violation.side() == side)
                && violation.rule.level() == Severity::Must
                && !LENIENT.contains(&violation.rule)
            {
                broken.push(violation.rule);
            }
        });
        assert!(
            self.off || self.broken.is_empty(),
            "the {} under test breaks {:?}: {}",
            self.broken[0].side(),
            self.broken,
            self.broken[0].text()
        );
    }
}
