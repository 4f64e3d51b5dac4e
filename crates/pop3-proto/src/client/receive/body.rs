//! The body of a reply.

use crate::client::connection::ClientConnection;
use crate::client::error::ProtocolError;
use crate::client::event::ClientEvent;
use crate::client::outstanding::Outstanding;
use crate::command::ReplyShape;
use crate::dots::Decoded;
use crate::input::Input;
use crate::quirk::Quirk;

impl ClientConnection {
    /// Octets of a body.
    pub(super) fn body<'b>(
        &mut self,
        command: Outstanding,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        let limit = self.config.max_body.unwrap_or(u64::MAX);
        let over = |octets: u64| octets.saturating_sub(limit);
        if over(self.unstuffer.octets()) > 0 {
            return Err(ProtocolError::BodyTooLong);
        }
        let (consumed, decoded) = self.unstuffer.decode(input.rest());
        input.take(consumed);
        match decoded {
            Decoded::Data(data) => {
                self.first_line.look(data);
                let over = usize::try_from(over(self.unstuffer.octets())).unwrap_or(usize::MAX);
                match data.get(..data.len().saturating_sub(over)) {
                    None | Some([]) => Err(ProtocolError::BodyTooLong),
                    Some(data) => Ok(ClientEvent::Data(data)),
                }
            }
            Decoded::End => {
                // Reported at the end, so that the events of a body do not depend on its pieces.
                let bare_dot = self.unstuffer.found_bare_dot().then_some(Quirk::UnstuffedDot);
                let doubled = self.first_line.is_doubled().then_some(Quirk::DoubledCarriageReturn);
                let quirks = self.overlook([bare_dot, doubled])?;
                self.complete(ReplyShape::Body);
                Ok(ClientEvent::End { keyword: command.keyword, quirks })
            }
            Decoded::More => super::within(input, command.keyword),
        }
    }
}
