//! The rules of AUTH: the frame of a SASL exchange (RFC 5034 section 4).

use super::action::Action;
use super::line::Line;
use super::mechanism::SaslRequest;
use super::session::Session;
use super::state::State;
use super::vocabulary::{Misuse, Request};
use crate::TextId;
use crate::{Base64, MechanismName, Rejection, ResponseCode, SaslResponse, Secret};

impl Session {
    /// AUTH before the login.
    pub(super) fn auth(&mut self, mechanism: MechanismName, initial: Option<Base64<'_>>) -> Action {
        if let Err(line) = self.offers_mechanism(mechanism) {
            return self.bad(line);
        }
        self.state = State::Exchanging { responses: 0 };
        Action::Ask(Request::Sasl(SaslRequest::Begin { mechanism, initial: initial.map(Base64::decode) }))
    }

    /// AUTH without argument.
    pub(super) fn list_mechanisms(&mut self) -> Action {
        match self.offers_auth_list() {
            Ok(names) => Action::Mechanisms { line: Line::positive(TextId::Mechanisms), names },
            Err(line) => self.bad(line),
        }
    }

    /// A line where a response is due.
    pub(super) fn response(&mut self, response: SaslResponse<'_>) -> Result<Action, Misuse> {
        let State::Responding { responses } = self.state else { return Err(Misuse) };
        Ok(match response {
            SaslResponse::Cancel => self.cancel(TextId::Cancelled),
            SaslResponse::Octets(_) if responses >= self.config.limits.sasl_rounds => {
                self.cancel(TextId::TooManyRounds)
            }
            SaslResponse::Octets(text) => {
                self.state = State::Exchanging { responses: responses.saturating_add(1) };
                Action::Ask(Request::Sasl(SaslRequest::Respond(text.decode())))
            }
        })
    }

    /// Ends the exchange without the mechanism.
    pub(super) fn cancel(&mut self, why: TextId) -> Action {
        self.state = State::Cancelling { why };
        Action::Ask(Request::Sasl(SaslRequest::Cancel))
    }

    /// The exchange goes on.
    pub(super) fn challenge(&mut self, responses: u32, challenge: Secret) -> Action {
        self.state = State::Responding { responses };
        Action::Challenge(challenge)
    }

    /// The request has led to nothing: all is as it was before.
    pub(super) fn abandon(&mut self, rejection: Rejection) -> Action {
        let line = if let State::Cancelling { why } = self.state {
            Line::negative(why)
        } else {
            let line = Line::from(rejection);
            Line { code: line.code.filter(|code| *code != ResponseCode::Auth), ..line }
        };
        self.state = State::Authorization;
        self.bad(line)
    }
}
