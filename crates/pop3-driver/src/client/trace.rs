//! Tracing the dialogue with the server.

use core::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::client::{ClientEvent, ReplyItem};
use pop3_proto::{Capability, Command, Keyword};

/// One event of the dialogue. It contains no secrets, even if the server repeats those that it knows from the login: `***`
/// stands in their place.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace<'a> {
    /// A command was sent. The arguments of PASS, APOP and XCLIENT, the initial response of AUTH, and the responses to
    /// challenges are masked.
    Sent(&'a str),
    /// An AUTH challenge was received. Its content is not included.
    Challenge,
    /// The first line of a reply was received.
    Received {
        /// Whether the reply is positive.
        positive: bool,
        /// The text after the status indicator, as the server sent it.
        text: &'a [u8],
    },
    /// A line of the reply to an extension command was received, or the part of a listing's line that repeats a secret.
    /// Except for masked secrets, it is as the server sent it.
    Line(&'a [u8]),
    /// A line of a listing was received.
    Entry(ReplyItem<'a>),
    /// This number of octets of a body was received, without dot-stuffing.
    Data(usize),
    /// The data after a first line is complete.
    End,
    /// TLS was established.
    Tls,
}

/// A function that is called with each [`Trace`].
#[derive(Clone)]
pub struct Tracer(Arc<dyn Fn(Trace<'_>) + Send + Sync>);

impl Tracer {
    /// Creates a tracer that calls this function.
    pub fn new(watch: impl Fn(Trace<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    pub(super) fn tell(&self, trace: Trace<'_>) {
        (self.0)(trace);
    }

    /// `masked` removes the secrets that the server repeats.
    pub(super) fn received(&self, event: &ClientEvent<'_>, masked: impl Fn(&[u8]) -> Vec<u8>) {
        let text;
        self.tell(match *event {
            ClientEvent::Greeting { reply, .. } | ClientEvent::Reply { reply, .. } => {
                text = masked(reply.text);
                Trace::Received { positive: reply.is_positive(), text: &text }
            }
            ClientEvent::Challenge { .. } => Trace::Challenge,
            ClientEvent::Line(line) => {
                text = masked(line);
                Trace::Line(&text)
            }
            ClientEvent::Entry { entry, .. } => {
                let written = chosen_by_server(&entry);
                text = masked(written);
                if text == written { Trace::Entry(entry) } else { Trace::Line(&text) }
            }
            ClientEvent::Data(octets) => Trace::Data(octets.len()),
            ClientEvent::StartTls { .. } => Trace::Received { positive: true, text: b"" },
            ClientEvent::End { .. } => Trace::End,
            ClientEvent::Read | ClientEvent::Closed | _ => return,
        });
    }

    pub(super) fn sent(&self, command: &Command<'_>) {
        let masked = if matches!(command.keyword(), Keyword::Pass | Keyword::Apop | Keyword::Xclient) {
            format!("{} ***", command.keyword().as_str())
        } else if let Command::Auth { mechanism, initial } = command {
            format!("AUTH {mechanism}{}", if initial.is_some() { " ***" } else { "" })
        } else {
            let mut line = BytesMut::new();
            command.write(&mut line);
            line.trim_ascii_end().escape_ascii().to_string()
        };
        self.tell(Trace::Sent(&masked));
    }
}

/// The part of a line of a listing that can hold any text.
const fn chosen_by_server<'b>(entry: &ReplyItem<'b>) -> &'b [u8] {
    match *entry {
        ReplyItem::UniqueId(listing) => listing.uid,
        ReplyItem::Language(listing) => listing.description,
        ReplyItem::Mechanism(name) => name,
        ReplyItem::Capability(
            Capability::Sasl(text) | Capability::Implementation(text) | Capability::Other(text),
        ) => text,
        ReplyItem::Drop(_) | ReplyItem::Last(_) | ReplyItem::Scan(_) | ReplyItem::Capability(_) | _ => b"",
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}
