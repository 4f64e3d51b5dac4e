//! The greeting.

use crate::apop::Timestamp;
use crate::client::connection::{ClientConnection, Reading};
use crate::client::error::{Protocol, ProtocolError};
use crate::client::event::ClientEvent;
use crate::client::rules::Signal;
use crate::input::Input;
use crate::quirk::Quirk;
use crate::reply::Reply;

/// How many empty lines before the greeting are overlooked.
const MAX_EMPTY_LINES: usize = 4;

impl ClientConnection {
    pub(super) fn greeting<'b>(&mut self, input: &mut Input<'b>) -> Result<ClientEvent<'b>, ProtocolError> {
        let Reading::Status { mut empty_lines } = self.reading else {
            return Err(ProtocolError::out_of_step());
        };
        loop {
            // A TLS record has no line end to wait for.
            if let [0x14..=0x17, 0x03, ..] = input.rest() {
                return Err(ProtocolError::OtherProtocol(Protocol::Tls));
            }
            let Some(line) = self.lines.peek(input, self.config.max_reply_line)? else {
                return super::wait(input, None);
            };
            if line.text.is_empty() {
                if empty_lines >= MAX_EMPTY_LINES {
                    return Err(ProtocolError::out_of_step());
                }
                self.skip([Some(Quirk::EmptyLineBeforeGreeting)])?;
                empty_lines = empty_lines.saturating_add(1);
                self.reading = Reading::Status { empty_lines };
                self.lines.take(input, &line);
                continue;
            }
            let Some(reply) = Reply::parse(line.text) else {
                return Err(Protocol::guess(line.text)
                    .map_or_else(ProtocolError::out_of_step, ProtocolError::OtherProtocol));
            };
            let quirks = self.overlook([line.quirk, reply.quirk])?;
            // The state tells whether this is the end.
            let _ = self
                .session
                .step(Signal::Greeting(reply.status))
                .map_err(|_| ProtocolError::out_of_step())?;
            self.lines.take(input, &line);
            if reply.is_positive() {
                self.timestamp = Timestamp::find(reply.text);
            }
            return Ok(ClientEvent::Greeting { reply, quirks });
        }
    }
}

impl Protocol {
    /// The protocol that such a greeting belongs to.
    fn guess(line: &[u8]) -> Option<Self> {
        let begins =
            |with: &[u8]| line.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
        if begins(b"220 ") || begins(b"220-") || begins(b"554 ") || begins(b"421 ") {
            Some(Self::Smtp)
        } else if begins(b"* OK") || begins(b"* PREAUTH") || begins(b"* BYE") {
            Some(Self::Imap)
        } else if begins(b"HTTP/") {
            Some(Self::Http)
        } else if begins(b"SSH-") {
            Some(Self::Ssh)
        } else {
            None
        }
    }
}
