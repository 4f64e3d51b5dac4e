//! What client and server say, for people.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::client::{Trace, Tracer};

use crate::dialogue::Lines;

/// The [lines](Lines) of what client and server say. Listings are told in figures, and of the messages that are fetched
/// only the first ones. The replies to RETR are told apart by the text that our own server gives them.
///
/// `Display` shows what was said so far. All clones are the same dialogue.
#[derive(Clone, Debug)]
pub(super) struct Dialogue(Arc<Mutex<Told>>);

#[derive(Debug)]
struct Told {
    lines: Vec<String>,
    making: Lines,
    shown: usize,
    sent: usize,
    answered: usize,
    /// What comes belongs to a message that is not shown.
    hidden: bool,
}

impl Dialogue {
    /// Nothing was said yet. So many messages are shown as they are fetched.
    pub(super) fn new(shown: usize) -> Self {
        let making = Lines::new(0);
        Self(Arc::new(Mutex::new(Told {
            lines: Vec::new(),
            making,
            shown,
            sent: 0,
            answered: 0,
            hidden: false,
        })))
    }

    /// Listens to a client that gets it by [`ClientOptions::with_tracer`](pop3_driver::client::ClientOptions).
    pub(super) fn tracer(&self) -> Tracer {
        let dialogue = self.clone();
        Tracer::new(move |trace| dialogue.lock().note(trace))
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Told {
    fn note(&mut self, trace: Trace<'_>) {
        if let Trace::Sent(line) = trace
            && line.starts_with("RETR ")
        {
            self.sent += 1;
            if self.sent == self.shown + 1 {
                self.lines.push("C: ... and so on for all messages".to_owned());
            }
            if self.sent > self.shown {
                return;
            }
        } else if let Trace::Received { text, .. } = trace {
            let is_message = text.ends_with(b" octets") && !text.contains(&b'(');
            self.answered += usize::from(is_message);
            self.hidden = is_message && self.answered > self.shown;
        }
        if !self.hidden || matches!(trace, Trace::Sent(_)) {
            self.making.hear(trace, &mut |line| self.lines.push(line.to_owned()));
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
            "S: +OK \\x1b hi\n-- TLS from here on --\nC: RETR 1\nS: +OK 5 octets\nS: (5 octets)\nS: .\n\
             C: ... and so on for all messages\n"
        );
    }
}
