//! What client and server say, for people.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::client::{Trace, Tracer};
use pop3_proto::client::ReplyItem;
use pop3_text::Printable;

/// What client and server say, as lines for people: `C:` and `S:`. Listings and messages are told in figures, of the
/// messages that are fetched the first ones only, and secrets are masked. The replies to RETR are told apart by the text that
/// our own server gives them.
///
/// `Display` shows what was said so far. All clones are the same dialogue.
#[derive(Clone, Debug)]
pub(super) struct Dialogue(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    entries: usize,
    octets: usize,
    shown: usize,
    sent: usize,
    answered: usize,
}

impl Dialogue {
    /// Nothing was said yet. So many messages are shown as they are fetched.
    pub(super) fn new(shown: usize) -> Self {
        Self(Arc::new(Mutex::new(Lines { shown, ..Lines::default() })))
    }

    /// Listens to a client that gets it by [`ClientOptions::with_tracer`](pop3_driver::client::ClientOptions).
    pub(super) fn tracer(&self) -> Tracer {
        let dialogue = self.clone();
        Tracer::new(move |trace| dialogue.lock().note(trace))
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Lines {
    fn note(&mut self, trace: Trace<'_>) {
        match trace {
            Trace::Sent(line) => {
                if line.starts_with("RETR ") {
                    self.sent += 1;
                    if self.sent == self.shown + 1 {
                        self.lines.push("C: ... and so on for all messages".to_owned());
                    }
                    if self.sent > self.shown {
                        return;
                    }
                }
                self.lines.push(format!("C: {line}"));
            }
            Trace::Received { positive, text } => {
                if text.ends_with(b" octets") && !text.contains(&b'(') {
                    self.answered += 1;
                }
                if self.answered <= self.shown || !text.ends_with(b" octets") {
                    let status = if positive { "+OK" } else { "-ERR" };
                    self.lines.push(format!("S: {status} {}", Printable::new(text)).trim_end().to_owned());
                }
            }
            Trace::Entry(ReplyItem::Capability(capability)) => {
                self.lines.push(format!("S: {capability}"));
            }
            Trace::Entry(ReplyItem::Scan(_) | ReplyItem::UniqueId(_)) => self.entries += 1,
            Trace::Data(octets) => self.octets += octets,
            Trace::End => {
                if self.octets > 0 && self.answered <= self.shown {
                    self.lines.push(format!("S: ({} octets, un-stuffed)", self.octets));
                }
                if self.entries > 0 {
                    self.lines.push(format!("S: ({} lines)", self.entries));
                }
                if self.answered <= self.shown || self.octets == 0 {
                    self.lines.push("S: .".to_owned());
                }
                self.octets = 0;
                self.entries = 0;
            }
            Trace::Tls => self.lines.push("-- TLS from here on --".to_owned()),
            Trace::Line(_) | Trace::Entry(_) | _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_messages_are_shown_and_what_the_server_says_is_harmless() {
        let dialogue = Dialogue::new(1);
        let tracer = dialogue.tracer();
        let mut lines = dialogue.lock();
        for trace in [Trace::Received { positive: true, text: b"\x1b hi" }, Trace::Tls] {
            lines.note(trace);
        }
        for _ in 0..3 {
            lines.note(Trace::Sent("RETR 1"));
            lines.note(Trace::Received { positive: true, text: b"5 octets" });
            lines.note(Trace::Data(5));
            lines.note(Trace::End);
        }
        drop((lines, tracer));
        assert_eq!(
            dialogue.to_string(),
            "S: +OK \\x1b hi\n-- TLS from here on --\nC: RETR 1\nS: +OK 5 octets\nS: (5 octets, un-stuffed)\nS: .\n\
             C: ... and so on for all messages\n"
        );
    }
}
