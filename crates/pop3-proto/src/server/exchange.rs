//! The rules of AUTH: the frame of a SASL exchange (RFC 5034 section 4).

use super::mechanism::SaslRequest;
use super::session::{Phase, Session};
use super::texts;
use super::vocabulary::{Action, Line, Misuse, Request};
use crate::{Base64, MechanismName, Rejection, ResponseCode, SaslResponse};

impl Session {
    /// AUTH before the login.
    pub(super) fn auth(&mut self, mechanism: MechanismName, initial: Option<Base64<'_>>) -> Action {
        let Some(offered) = self.mechanisms.iter().find(|offered| offered.name == mechanism) else {
            return self.bad(Line::negative(texts::UNKNOWN_MECHANISM));
        };
        if !offered.works_on(self.channel) {
            return self.bad(Line::negative(texts::NEEDS_TLS));
        }
        let name = self.take_name();
        self.phase = Phase::Exchanging { name, responses: 0 };
        Action::Ask(Request::Sasl(SaslRequest::Begin { mechanism, initial: initial.map(Base64::decode) }))
    }

    /// AUTH without argument.
    pub(super) fn list_mechanisms(&mut self) -> Action {
        if self.config.auth_listing && !self.mechanisms.is_empty() {
            Action::Mechanisms
        } else {
            self.bad(crate::CommandError::Missing)
        }
    }

    /// A line where a response is due.
    pub(super) fn response(&mut self, response: SaslResponse<'_>) -> Result<Action, Misuse> {
        let Phase::Responding { responses, .. } = self.phase else { return Err(Misuse) };
        Ok(match response {
            SaslResponse::Cancel => self.cancel(texts::CANCELLED),
            SaslResponse::Octets(_) if responses >= self.config.limits.sasl_rounds => {
                self.cancel(texts::TOO_MANY_ROUNDS)
            }
            SaslResponse::Octets(text) => {
                let name = self.take_name();
                self.phase = Phase::Exchanging { name, responses: responses.saturating_add(1) };
                Action::Ask(Request::Sasl(SaslRequest::Respond(text.decode())))
            }
        })
    }

    /// Ends the exchange without the mechanism.
    pub(super) fn cancel(&mut self, why: &'static str) -> Action {
        let name = self.take_name();
        self.phase = Phase::Cancelling { name, why };
        Action::Ask(Request::Sasl(SaslRequest::Cancel))
    }

    /// The exchange goes on.
    pub(super) fn challenge(&mut self, challenge: crate::Secret) -> Action {
        if let Phase::Exchanging { responses, .. } = self.phase {
            let name = self.take_name();
            self.phase = Phase::Responding { name, responses };
        }
        Action::Challenge(challenge)
    }

    /// The request has led to nothing: all is as it was before.
    pub(super) fn abandon(&mut self, rejection: Rejection) -> Action {
        let line = if let Phase::Cancelling { why, .. } = self.phase {
            Line::negative(why)
        } else {
            let line = Line::from(rejection);
            Line { code: line.code.filter(|code| *code != ResponseCode::Auth), ..line }
        };
        let name = self.take_name();
        self.phase = Phase::Authorization { name };
        self.bad(line)
    }

    /// The name that USER has given, wherever the session is before the login. The next phase is to be
    /// set.
    pub(super) fn take_name(&mut self) -> Option<alloc::vec::Vec<u8>> {
        match &mut self.phase {
            Phase::Authorization { name }
            | Phase::Exchanging { name, .. }
            | Phase::Responding { name, .. }
            | Phase::Cancelling { name, .. } => name.take(),
            Phase::Authenticating
            | Phase::Proxying
            | Phase::StartingTls
            | Phase::Transaction
            | Phase::Fetching { .. }
            | Phase::Sending { .. }
            | Phase::Committing { .. }
            | Phase::Closed(_) => None,
        }
    }
}
