//! Writing commands and answers to challenges.

use bytes::BytesMut;

use super::connection::ClientConnection;
use super::misuse::SendError;
use super::outgoing::Outgoing;
use super::outstanding::{MAX_COMMAND, Outstanding, check_text, length};
use super::rules::{ClientSession, Signal};
use super::state::ClientState;
use crate::capabilities::Capabilities;
use crate::capability::Capability;
use crate::command::{Command, Keyword};
use crate::instant::Instant;
use crate::sasl::{Base64, MechanismName, SaslResponse};

impl ClientConnection {
    /// Appends a command to `out`, if it may be sent now.
    ///
    /// AUTH counts as showing a password or a token to who listens, unless it is an
    /// [`Outgoing::sealed_auth`]. USER, PASS and APOP take UTF-8 only when the last CAPA announced
    /// `UTF8 USER`.
    ///
    /// Several commands may be outstanding after the login, if [`ClientConfig::pipelining`](super::ClientConfig::pipelining)
    /// is set and the server announced PIPELINING in the last CAPA. Otherwise there is one at a time.
    ///
    /// # Errors
    /// See [`SendError`]; nothing is written then, and nothing has changed.
    pub fn send<'a>(
        &mut self,
        command: impl Into<Outgoing<'a>>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let outgoing = command.into();
        let (outstanding, session) = self.check(&outgoing)?;
        // Behind another command, its reply is due when that of the other is complete.
        if self.outstanding.is_empty() {
            self.patience.sent(now);
        }
        let command = outgoing.command();
        command.write(out);
        self.shown.command(command);
        self.session = session;
        self.census.deleting |= outstanding.keyword == Keyword::Dele;
        self.octets_in_flight = self.octets_in_flight.saturating_add(outstanding.octets);
        self.outstanding.push_back(outstanding);
        Ok(())
    }

    /// Whether [`send`](Self::send) would take the command now.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn can_send<'a>(&self, command: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.check(&command.into()).map(|_| ())
    }

    /// Whether AUTH may have this initial response: the line has 255 octets at most, and the last CAPA
    /// announced SASL, so that the server is known to follow RFC 5034 (sections 3 and 4).
    #[must_use]
    pub fn takes_initial_response(&self, mechanism: MechanismName, initial: Base64<'_>) -> bool {
        let announced = self.capabilities.as_ref().is_some_and(Capabilities::has_sasl);
        announced && length(&Command::Auth { mechanism, initial: Some(initial) }) <= MAX_COMMAND
    }

    /// Appends the answer to a challenge.
    ///
    /// # Errors
    /// [`SendError::State`] when no challenge waits, [`SendError::Unreadable`] when it can't be read,
    /// [`SendError::Unread`] when octets came behind it, [`SendError::TooLong`] when the answer's line
    /// is longer than [`ClientConfig::max_sasl_line`](super::ClientConfig::max_sasl_line). Nothing is written then, and nothing has changed.
    pub fn respond(
        &mut self,
        response: Base64<'_>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        if self.unreadable && self.state() == ClientState::Challenged {
            return Err(SendError::Unreadable);
        }
        if response.expose().len().saturating_add(2) > self.config.max_sasl_line {
            return Err(SendError::TooLong);
        }
        self.answer(SaslResponse::Octets(response), Signal::Respond, now, out)
    }

    /// Appends `*`, which cancels the exchange. The server answers it with a negative reply.
    ///
    /// # Errors
    /// As [`respond`](Self::respond), but for the answer's own.
    pub fn cancel(&mut self, now: Instant, out: &mut BytesMut) -> Result<(), SendError> {
        self.answer(SaslResponse::Cancel, Signal::Cancel, now, out)
    }

    fn answer(
        &mut self,
        response: SaslResponse<'_>,
        signal: Signal,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        if self.failed.is_some() {
            return Err(SendError::State(ClientState::Closed));
        }
        let mut session = self.session;
        // Only the state changes by sending: there is nothing to do.
        let _ = session.step(signal)?;
        if self.left > 0 {
            return Err(SendError::Unread);
        }
        response.write(out);
        if let SaslResponse::Octets(text) = response {
            self.shown.response(text);
        }
        self.session = session;
        self.patience.sent(now);
        Ok(())
    }

    fn check(&self, outgoing: &Outgoing<'_>) -> Result<(Outstanding, ClientSession), SendError> {
        if self.failed.is_some() {
            return Err(SendError::State(ClientState::Closed));
        }
        let command = outgoing.command();
        let outstanding = Outstanding::new(command)?;
        let mut session = self.session;
        // Only the state changes by sending: there is nothing to do.
        let _ = session.step(outgoing.signal())?;
        let utf8 = Capability::Utf8 { user: true };
        check_text(command, || self.capabilities.as_ref().is_some_and(|list| list.has(utf8)))?;
        if self.outstanding.is_empty() {
            return if self.left == 0 { Ok((outstanding, session)) } else { Err(SendError::Unread) };
        }
        let octets = self.octets_in_flight.saturating_add(outstanding.octets);
        let full = self.outstanding.len() >= self.config.max_in_flight
            || octets > self.config.max_octets_in_flight
            || !self.is_pipelining();
        if full { Err(SendError::Window) } else { Ok((outstanding, session)) }
    }

    /// Whether several commands may be outstanding: after the login, and announced.
    fn is_pipelining(&self) -> bool {
        self.config.pipelining
            && self.session.state() == ClientState::Transaction
            && self.capabilities.as_ref().is_some_and(|list| list.has(Capability::Pipelining))
    }
}
