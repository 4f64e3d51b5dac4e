//! The parts of a reply with a body, one at a time, as values that borrow nothing.

use core::ops::Range;

use pop3_proto::client::ClientEvent;
use pop3_proto::{Octets, ReplyShape};

use super::polling::Origin;
use super::{Client, ClientError, Refusal};
use crate::transport::Transport;

/// A part of a reply.
pub(super) enum Part {
    /// Nothing of interest. There may be more.
    Nothing,
    /// Octets are needed.
    Starved,
    /// The whole reply: it is negative.
    Refused(Refusal),
    /// The whole reply: it is positive, and nothing follows.
    Accepted,
    /// The first line of a positive reply, with the size of the body if the line contains it.
    Begun(Option<Octets>),
    /// Octets of the body.
    Data(Piece),
    /// The body is complete.
    End,
}

/// Where octets of a body are until the next part is requested.
pub(super) enum Piece {
    /// In the input.
    Input(Range<usize>),
    /// In a buffer of their own, because they have left the input.
    Held,
}

impl<T: Transport> Client<T> {
    /// Returns the next part of the reply to the oldest command.
    pub(super) fn part(&mut self) -> Result<Part, ClientError> {
        let (part, consumed) = self.poll(Part::of)?;
        if let Part::Data(_) = part {
            // The octets stay in the input until they are processed.
            self.taken = consumed;
            return Ok(part);
        }
        self.input.consume(consumed);
        if let Part::Refused(refusal) = part {
            return Ok(Part::Refused(self.judged(refusal)));
        }
        Ok(part)
    }

    /// The octets of a piece.
    pub(super) fn octets(&self, piece: &Piece) -> &[u8] {
        match piece {
            Piece::Input(range) => self.input.filled().get(range.clone()).unwrap_or_default(),
            Piece::Held => &self.held,
        }
    }
}

impl Part {
    fn of(event: ClientEvent<'_>, origin: Origin<'_>) -> Self {
        match event {
            ClientEvent::Read => Self::Starved,
            ClientEvent::Reply { keyword, reply, .. } if !reply.is_positive() => {
                Self::Refused(Refusal::new(Some(keyword), reply))
            }
            ClientEvent::Reply { follows: ReplyShape::Line, .. } => Self::Accepted,
            ClientEvent::Reply { reply, .. } => Self::Begun(promised(reply.text)),
            ClientEvent::Data(octets) => Self::Data(match origin.input.find(octets) {
                Some(range) => Piece::Input(range),
                None => {
                    origin.held.clear();
                    origin.held.extend_from_slice(octets);
                    Piece::Held
                }
            }),
            ClientEvent::End { .. } => Self::End,
            ClientEvent::Greeting { .. }
            | ClientEvent::Entry { .. }
            | ClientEvent::Line(_)
            | ClientEvent::Challenge { .. }
            | ClientEvent::StartTls { .. }
            | ClientEvent::Closed
            | _ => Self::Nothing,
        }
    }
}

/// The size in the first line of a reply, as in `+OK 120 octets` (RFC 1939 section 5, RETR).
fn promised(text: &[u8]) -> Option<Octets> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let number = words.next().filter(|word| word.iter().all(u8::is_ascii_digit))?;
    let unit = words.next()?;
    let octets = unit.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"octet"));
    if octets { core::str::from_utf8(number).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_may_tell_the_size() {
        for (text, size) in [
            (&b"120 octets"[..], Some(120)),
            (b" 1 octet follows", Some(1)),
            (b"18446744073709551615 Octets", Some(u64::MAX)),
            (b"18446744073709551616 octets", None),
            (b"+12 octets", None),
            (b"message 3 follows", None),
            (b"3 messages", None),
            (b"120", None),
            (b"", None),
        ] {
            assert_eq!(promised(text), size, "{}", text.escape_ascii());
        }
    }
}
