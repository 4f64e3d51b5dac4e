//! The rules for a login without AUTH, and the effects of accepting or refusing a login.

use super::action::ServerAction;
use super::client_info::ClientInfo;
use super::line::Line;
use super::session::ServerSession;
use super::state::ServerState;
use super::vocabulary::{Accepted, Close, Request};
use crate::TextId;
use crate::apop::{ApopProof, Digest};
use crate::{CommandError, Name, Password, Rejection, Xclient};

impl ServerSession {
    pub(super) fn user(&mut self, name: Name<'_>) -> ServerAction {
        if let Err(line) = self.offers_user() {
            return self.bad(line);
        }
        // Known and unknown names get the same answer; the last name given counts, and one that can't be a
        // name at least takes the place of the one before.
        self.name = None;
        if let Err(line) = self.check_text(name.as_bytes()) {
            return self.bad(line);
        }
        self.name = Some(name.as_bytes().to_vec());
        ServerAction::Reply(Line::positive(TextId::NowThePassword))
    }

    pub(super) fn pass(&mut self, password: Password<'_>) -> ServerAction {
        if let Err(line) = self.offers_user() {
            return self.bad(line);
        }
        // Without UTF8 a password may be in any charset, as long as it is the one it was set in.
        if self.config.takes_utf8_names()
            && let Err(line) = self.check_text(password.expose())
        {
            return self.bad(line);
        }
        let Some(name) = self.name.take() else { return self.bad(Line::negative(TextId::FirstTheName)) };
        self.authenticate(Request::Password { name, password: password.expose().into(), utf8: self.utf8 })
    }

    pub(super) fn apop(&mut self, name: Name<'_>, digest: Digest) -> ServerAction {
        let timestamp = match self.offers_apop() {
            Ok(timestamp) => timestamp.clone(),
            Err(line) => return self.bad(line),
        };
        if let Err(line) = self.check_text(name.as_bytes()) {
            return self.bad(line);
        }
        let proof = ApopProof::new(timestamp, digest);
        self.authenticate(Request::Apop { name: name.as_bytes().to_vec(), proof, utf8: self.utf8 })
    }

    /// Names are ASCII, or UTF-8 where that was announced (RFC 6856 section 2.2).
    fn check_text(&self, octets: &[u8]) -> Result<(), Line> {
        if octets.is_ascii() {
            Ok(())
        } else if !self.config.takes_utf8_names() {
            Err(CommandError::EightBit.into())
        } else if core::str::from_utf8(octets).is_err() {
            Err(const { Line::negative(TextId::NoUtf8) })
        } else {
            Ok(())
        }
    }

    pub(super) fn xclient(&mut self, attributes: Xclient<'_>) -> ServerAction {
        if let Err(line) = self.offers_xclient() {
            return self.bad(line);
        }
        let Some(info) = ClientInfo::parse(attributes) else {
            return self.bad(Line::negative(TextId::BadXclient));
        };
        self.name = None;
        self.state = ServerState::Proxying;
        ServerAction::Ask(Request::Proxied(info))
    }

    fn authenticate(&mut self, request: Request) -> ServerAction {
        self.name = None;
        self.state = ServerState::Authenticating;
        ServerAction::Ask(request)
    }

    pub(super) fn accept(&mut self, account: Accepted) -> ServerAction {
        self.set_account(account);
        self.state = ServerState::Transaction;
        // Those after the login are counted on their own.
        self.bad_commands = 0;
        ServerAction::Reply(self.counted(TextId::Maildrop))
    }

    pub(super) fn reject(&mut self, rejection: Rejection) -> ServerAction {
        // After AUTH, the name from USER is still valid (RFC 5034 section 4); PASS has used it up.
        self.state = ServerState::Authorization;
        let wanted = rejection.delay();
        // Only credentials that were refused count as a failure; IN-USE and faults of the system do not.
        if !rejection.is_of_credentials() {
            return ServerAction::Refuse { reply: rejection.into(), delay: wanted, last: false };
        }
        self.failures = self.failures.saturating_add(1);
        self.totals.failed_logins = self.failures;
        let last = self.failures >= self.config.limits.failed_logins;
        if last {
            self.state = ServerState::Closed(Close::FailedLogins);
        }
        ServerAction::Refuse {
            reply: rejection.into(),
            delay: self.refusal_delay(self.failures, wanted),
            last,
        }
    }
}
