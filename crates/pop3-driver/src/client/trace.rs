//! Watching the dialogue.

use core::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::client::{ClientEvent, ReplyItem};
use pop3_proto::{Command, Keyword};

/// Something that was sent or received. Secrets are not in it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace<'a> {
    /// A command was sent; the arguments of PASS and APOP, the initial response of AUTH, and the answers
    /// to challenges are masked.
    Sent(&'a str),
    /// A challenge of AUTH was received. What it says is not told.
    Challenge,
    /// The text of a first line was received: the server's octets.
    Received {
        /// Whether the reply is positive.
        positive: bool,
        /// What is behind the status indicator.
        text: &'a [u8],
    },
    /// A line of an extension's reply was received: the server's octets.
    Line(&'a [u8]),
    /// A line of a listing was received.
    Entry(ReplyItem<'a>),
    /// So many octets of a body were received, dot-stuffing not counted.
    Data(usize),
    /// What followed a first line is complete.
    End,
    /// TLS was established.
    Tls,
}

/// Something that is told of each [`Trace`].
#[derive(Clone)]
pub struct Tracer(Arc<dyn Fn(Trace<'_>) + Send + Sync>);

impl Tracer {
    /// Has the function called.
    pub fn new(watch: impl Fn(Trace<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    pub(super) fn tell(&self, trace: Trace<'_>) {
        (self.0)(trace);
    }

    pub(super) fn received(&self, event: &ClientEvent<'_>) {
        self.tell(match *event {
            ClientEvent::Greeting { reply, .. } | ClientEvent::Reply { reply, .. } => {
                Trace::Received { positive: reply.is_positive(), text: reply.text }
            }
            ClientEvent::Challenge { .. } => Trace::Challenge,
            ClientEvent::Line(line) => Trace::Line(line),
            ClientEvent::Entry { entry, .. } => Trace::Entry(entry),
            ClientEvent::Data(octets) => Trace::Data(octets.len()),
            ClientEvent::StartTls { .. } => Trace::Received { positive: true, text: b"" },
            ClientEvent::End { .. } => Trace::End,
            ClientEvent::Read | ClientEvent::Closed | _ => return,
        });
    }

    pub(super) fn sent(&self, command: &Command<'_>) {
        let masked = if matches!(command.keyword(), Keyword::Pass | Keyword::Apop) {
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

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}
