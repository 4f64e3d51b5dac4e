//! Takes lines from the input, and discards those that are too long.

use super::super::state::ServerState;
use super::super::vocabulary::ServerEvent;
use super::ServerConnection;
use crate::line::{Found, Skipped};
use crate::{Base64, Command, CommandError, Input, Keyword};

impl ServerConnection {
    /// Returns the next line of the input as an event.
    pub(super) fn next_event<'b>(&mut self, input: &mut Input<'b>) -> Option<ServerEvent<'b>> {
        if let Some(left) = self.skipping {
            // Answered already, when it was seen to be too long.
            self.skipping = match self.finder.skip(input, left) {
                Skipped::All => None,
                Skipped::Some(octets) => Some(left.saturating_sub(octets)),
            };
            if self.skipping.is_some() {
                return None;
            }
        }
        let responding = matches!(self.session.state(), ServerState::Responding { .. });
        let limit = self.line_limit(responding, input.rest());
        match self.finder.next(input, limit) {
            Found::Line { line, .. } if responding => Some(response(line)),
            Found::Line { line, .. } => Some(match Command::parse(line) {
                Ok(command) => ServerEvent::Command(command),
                Err(error) => ServerEvent::Malformed { keyword: Keyword::of_line(line), error },
            }),
            Found::Partial => None,
            Found::TooLong => {
                // There is no line end within the limit.
                let begin = input.take(limit);
                self.skipping = Some(self.session.limits().discarded_line);
                let keyword = Keyword::of_line(begin).filter(|_| !responding);
                Some(ServerEvent::Malformed { keyword, error: CommandError::TooLong })
            }
        }
    }

    /// Returns the maximum length of the line at the start of the input.
    fn line_limit(&self, responding: bool, input: &[u8]) -> usize {
        let limits = self.session.limits();
        // AUTH has an argument that other commands have not, where there is a mechanism for it.
        let auth = || {
            let begin = input.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case(b"AUTH "));
            begin && self.session.offers_auth()
        };
        let longest = if responding || auth() {
            limits.sasl_line.max(limits.command_line)
        } else {
            limits.command_line
        };
        // The least that RFC 2449 section 4 requires.
        longest.max(255)
    }
}

/// Reads a line in which the client responds to a challenge of AUTH, or cancels the exchange.
fn response(line: &[u8]) -> ServerEvent<'_> {
    match Base64::parse(line) {
        Some(response) => ServerEvent::Respond(response),
        None if line == b"*" => ServerEvent::Cancel,
        None => ServerEvent::Malformed { keyword: None, error: CommandError::Base64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 5034-4.07, 5034-4.11, 5034-4.27
    #[test]
    fn a_response_is_base64_or_a_star() {
        assert!(matches!(response(b"*"), ServerEvent::Cancel));
        assert!(matches!(response(b""), ServerEvent::Respond(Base64::EMPTY)));
        assert!(matches!(response(b"="), ServerEvent::Malformed { error: CommandError::Base64, .. }));
        assert!(matches!(response(b"QUIT"), ServerEvent::Respond(_)));
    }
}
