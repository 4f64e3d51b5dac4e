//! The rules of AUTH: the frame of a SASL exchange (RFC 5034 section 4).

use super::action::ServerAction;
use super::line::Line;
use super::mechanism::SaslRequest;
use super::session::ServerSession;
use super::state::ServerState;
use super::vocabulary::{Request, ServerMisuse};
use crate::TextId;
use crate::{Base64, MechanismName, Rejection, ResponseCode, Secret};

impl ServerSession {
    /// Handles AUTH before the login.
    pub(super) fn auth(&mut self, mechanism: MechanismName, initial: Option<Base64<'_>>) -> ServerAction {
        if let Err(line) = self.offers_mechanism(mechanism) {
            return self.bad(line);
        }
        self.state = ServerState::Exchanging { responses: 0 };
        ServerAction::Ask(Request::Sasl(SaslRequest::Begin {
            mechanism,
            initial: initial.map(Base64::decode),
        }))
    }

    /// Handles AUTH without an argument.
    pub(super) fn list_mechanisms(&mut self) -> ServerAction {
        match self.offers_auth_list() {
            Ok(names) => ServerAction::Mechanisms { line: Line::positive(TextId::Mechanisms), names },
            Err(line) => self.bad(line),
        }
    }

    /// Handles a line during AUTH: a response, or the wish to cancel if there is none.
    pub(super) fn response(&mut self, response: Option<Base64<'_>>) -> Result<ServerAction, ServerMisuse> {
        let ServerState::Responding { responses } = self.state else { return Err(ServerMisuse) };
        Ok(match response {
            None => self.cancel(TextId::Cancelled),
            Some(_) if responses >= self.config.limits.sasl_rounds => self.cancel(TextId::TooManyRounds),
            Some(text) => {
                self.state = ServerState::Exchanging { responses: responses.saturating_add(1) };
                ServerAction::Ask(Request::Sasl(SaslRequest::Respond(text.decode())))
            }
        })
    }

    /// Tells the mechanism that the exchange is over.
    pub(super) fn cancel(&mut self, why: TextId) -> ServerAction {
        self.state = ServerState::Cancelling { why };
        ServerAction::Ask(Request::Sasl(SaslRequest::Cancel))
    }

    /// Sends a challenge and continues the exchange.
    pub(super) fn challenge(&mut self, responses: u32, challenge: Secret) -> ServerAction {
        self.state = ServerState::Responding { responses };
        ServerAction::Challenge(challenge)
    }

    /// Ends a request without a decision about credentials, and restores the state before it.
    pub(super) fn abandon(&mut self, rejection: Rejection) -> ServerAction {
        let line = if let ServerState::Cancelling { why } = self.state {
            Line::negative(why)
        } else {
            let mut line = Line::from(rejection);
            line.code = line.code.filter(|code| *code != ResponseCode::Auth);
            line
        };
        self.state = ServerState::Authorization;
        self.bad(line)
    }
}
