//! What is due from the server, and which time limit applies.

use super::connection::{ClientConnection, Reading};
use super::patience::Due;
use super::state::ClientState;
use crate::command::Keyword;

impl ClientConnection {
    /// Returns what is due from the server.
    pub(super) fn due(&self) -> Option<Due> {
        let config = &self.config;
        match (self.session.state(), &self.reading) {
            (ClientState::Greeting, _) => Some(Due::Whole(config.greeting_timeout)),
            (ClientState::Transaction | ClientState::Closing, Reading::Lines(_) | Reading::Body) => {
                Some(Due::Rest)
            }
            // Before the login replies are short: a server that gives them octet by octet means no good.
            (ClientState::Authorization | ClientState::Transaction | ClientState::Closing, _) => {
                // A server may begin to remove messages before it has answered what came ahead of QUIT.
                let quit = self.awaited()? == Keyword::Quit || self.session.state() == ClientState::Closing;
                Some(Due::Whole(if quit { config.quit_timeout } else { config.reply_timeout }))
            }
            (ClientState::Challenged | ClientState::Handshake | ClientState::Closed, _) => None,
        }
    }

    /// Returns a value that identifies the current part of the session. Each part has its own time limit.
    pub(super) fn part(&self) -> (usize, Option<Due>) {
        (self.outstanding.len(), self.due())
    }
}
