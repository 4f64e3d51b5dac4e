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
    /// Appends a command to `out` if the rules allow it now.
    ///
    /// If AUTH reveals a password or a token to anyone who can read the connection, it is only allowed on a protected
    /// [`Channel`](crate::Channel). AUTH counts as such unless it is an [`Outgoing::sealed_auth`]. The names and
    /// passwords of USER, PASS and APOP may only be UTF-8 if the last CAPA announced `UTF8 USER`.
    ///
    /// Several commands may be outstanding after the login, if
    /// [`ClientConfig::pipelining`](super::ClientConfig::pipelining) is set and the server announced PIPELINING in
    /// the last CAPA. Otherwise only one may be.
    ///
    /// # Errors
    /// Returns a [`SendError`] if the command can't be sent. Nothing is written and nothing is changed.
    pub fn send<'a>(
        &mut self,
        command: impl Into<Outgoing<'a>>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let outgoing = command.into();
        let (outstanding, session) = self.check(&outgoing)?;
        // After another command, its reply is due when the reply to that one is complete.
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

    /// Checks whether [`send`](Self::send) would accept the command now.
    ///
    /// # Errors
    /// Returns the error that [`send`](Self::send) would return.
    pub fn can_send<'a>(&self, command: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.check(&command.into()).map(|_| ())
    }

    /// Returns whether AUTH may be sent with this initial response. This requires that the line has at most 255
    /// octets, and that the last CAPA announced SASL, which shows that the server follows RFC 5034 (sections 3 and
    /// 4).
    #[must_use]
    pub fn takes_initial_response(&self, mechanism: MechanismName, initial: Base64<'_>) -> bool {
        let announced = self.capabilities.as_ref().is_some_and(Capabilities::has_sasl);
        announced && length(&Command::Auth { mechanism, initial: Some(initial) }) <= MAX_COMMAND
    }

    /// Appends the response to a challenge to `out`.
    ///
    /// # Errors
    /// Returns an error if the response can't be sent. Nothing is written and nothing is changed.
    ///
    /// - [`SendError::State`]: the server sent no challenge.
    /// - [`SendError::Unreadable`]: the challenge could not be parsed. Call [`cancel`](Self::cancel).
    /// - [`SendError::Unread`]: the input contains octets after the challenge.
    /// - [`SendError::TooLong`]: the line of the response is longer than
    ///   [`ClientConfig::max_sasl_line`](super::ClientConfig::max_sasl_line).
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

    /// Appends `*` to `out`, which cancels the exchange. The server answers with a negative reply.
    ///
    /// # Errors
    /// Returns [`SendError::State`] or [`SendError::Unread`] under the same conditions as [`respond`](Self::respond).
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
        if octets > self.config.max_octets_in_flight || !self.is_pipelining() {
            Err(SendError::Window)
        } else {
            Ok((outstanding, session))
        }
    }

    /// Whether several commands may be outstanding: after the login, and announced.
    fn is_pipelining(&self) -> bool {
        self.config.pipelining
            && self.session.state() == ClientState::Transaction
            && self.capabilities.as_ref().is_some_and(|list| list.has(Capability::Pipelining))
    }
}
