//! What client and server say, as lines for people.

use pop3_driver::client::{Trace, Tracer};
use pop3_proto::client::ReplyItem;
use pop3_text::Printable;
use std::sync::{Mutex, PoisonError};

use crate::tell::tell;

/// How many lines of a listing are shown.
const LISTED: usize = 20;

/// Shows the dialogue on standard error while it goes on.
pub(crate) fn on_stderr() -> Tracer {
    let lines = Mutex::new(Lines::new(LISTED));
    Tracer::new(move |trace| {
        // What is shown does not decide anything, so the lines of a thread that panicked are good enough.
        lines.lock().unwrap_or_else(PoisonError::into_inner).hear(trace, &mut |line| tell(line));
    })
}

/// Makes lines of what is said: `C:` is the client, and `S:` the server. Messages are told in figures, as are
/// listings from some line on. Whatever the server sends is harmless to a terminal, and secrets are masked.
#[derive(Debug)]
pub(crate) struct Lines {
    /// How many lines of a listing are shown.
    most: usize,
    listed: usize,
    octets: usize,
}

impl Lines {
    /// Nothing was said yet. `most` lines of each listing are shown.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, listed: 0, octets: 0 }
    }

    /// Passes on the lines that this makes.
    pub(crate) fn hear(&mut self, trace: Trace<'_>, say: &mut dyn FnMut(&str)) {
        match trace {
            Trace::Sent(line) => say(&format!("C: {line}")),
            Trace::Challenge => say("S: + ***"),
            Trace::Received { positive, text } => {
                let status = if positive { "+OK" } else { "-ERR" };
                say(format!("S: {status} {}", Printable::new(text)).trim_end());
            }
            Trace::Line(line) => self.list(|| Printable::new(line).to_string(), say),
            // Capabilities are few, and the reason why one looks.
            Trace::Entry(ReplyItem::Capability(capability)) => say(&format!("S: {capability}")),
            Trace::Entry(entry) => self.list(|| shown(&entry), say),
            Trace::Data(octets) => self.octets = self.octets.saturating_add(octets),
            Trace::End => {
                if self.octets > 0 {
                    say(&format!("S: ({} octets)", self.octets));
                }
                if self.listed > self.most {
                    let more = if self.most > 0 { "more " } else { "" };
                    say(&format!("S: ({} {more}lines)", self.listed.saturating_sub(self.most)));
                }
                say("S: .");
                (self.listed, self.octets) = (0, 0);
            }
            Trace::Tls => say("-- TLS from here on --"),
            _ => {}
        }
    }

    fn list(&mut self, line: impl FnOnce() -> String, say: &mut dyn FnMut(&str)) {
        if self.listed < self.most {
            say(&format!("S: {}", line()));
        }
        self.listed = self.listed.saturating_add(1);
    }
}

fn shown(entry: &ReplyItem<'_>) -> String {
    match entry {
        ReplyItem::Scan(listing) => format!("{} {}", listing.message, listing.octets),
        ReplyItem::UniqueId(listing) => format!("{} {}", listing.message, Printable::new(listing.uid)),
        ReplyItem::Language(listing) => {
            format!("{} {}", Printable::new(listing.tag.as_bytes()), Printable::new(listing.description))
        }
        ReplyItem::Mechanism(name) => Printable::new(name).to_string(),
        ReplyItem::Drop(_) | ReplyItem::Last(_) | ReplyItem::Capability(_) | _ => "...".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use pop3_proto::listing::{ScanListing, UniqueIdListing};

    use super::*;

    fn told(most: usize, traces: &[Trace<'_>]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::new(most), Vec::new());
        for trace in traces {
            lines.hear(*trace, &mut |line| told.push(line.to_owned()));
        }
        told
    }

    #[test]
    fn what_the_server_says_is_harmless() {
        let uid = UniqueIdListing::parse(b"1 \x1b]0;owned").unwrap();
        let traces = [
            Trace::Received { positive: true, text: b"\x1b[2J hi" },
            Trace::Received { positive: false, text: b"" },
            Trace::Entry(ReplyItem::UniqueId(uid)),
            Trace::Line("\u{202e}x".as_bytes()),
            Trace::End,
        ];
        let wanted = ["S: +OK \\x1b[2J hi", "S: -ERR", "S: 1 \\x1b]0;owned", "S: \\u{202e}x", "S: ."];
        assert_eq!(told(20, &traces), wanted);
    }

    #[test]
    fn messages_and_long_listings_are_figures() {
        let scan = Trace::Entry(ReplyItem::Scan(ScanListing::parse(b"1 7").unwrap()));
        let listing = [scan, scan, scan, Trace::End];
        assert_eq!(told(2, &listing), ["S: 1 7", "S: 1 7", "S: (1 more lines)", "S: ."]);
        assert_eq!(told(0, &listing), ["S: (3 lines)", "S: ."]);
        let message = [Trace::Sent("RETR 1"), Trace::Data(5), Trace::Data(2), Trace::End];
        assert_eq!(told(2, &message), ["C: RETR 1", "S: (7 octets)", "S: ."]);
    }
}
