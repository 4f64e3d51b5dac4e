//! Writing commands and answers to challenges.

use bytes::BytesMut;

use super::connection::ClientConnection;
use super::misuse::SendError;
use super::outstanding::{MAX_COMMAND, Outstanding, check_text, length};
use super::rules::{ClientSession, Signal};
use super::state::ClientState;
use crate::capabilities::Capabilities;
use crate::capability::Capability;
use crate::command::{Command, Keyword};
use crate::instant::Instant;
use crate::sasl::{Base64, MechanismName};

impl ClientConnection {
    /// Appends a command to `out` if the rules allow it now.
    ///
    /// USER, PASS, APOP and AUTH reveal a secret to anyone who can read the connection, so they are only allowed on a
    /// protected [`Channel`](crate::Channel). For AUTH with a mechanism that reveals none, see
    /// [`send_sealed_auth`](Self::send_sealed_auth). The names and passwords of USER, PASS and APOP may only be UTF-8
    /// if the last CAPA announced `UTF8 USER`, or if [`ClientConfig::raw_credentials`](super::ClientConfig) is set.
    ///
    /// Several commands may be outstanding after the login, if
    /// [`ClientConfig::pipelining`](super::ClientConfig::pipelining) is set and the server announced PIPELINING in
    /// the last CAPA. Otherwise only one may be.
    ///
    /// # Errors
    /// Returns a [`SendError`] if the command can't be sent. Nothing is written and nothing is changed.
    pub fn send(&mut self, command: &Command<'_>, now: Instant, out: &mut BytesMut) -> Result<(), SendError> {
        self.put(command, Signal::Send(command.keyword()), now, out)
    }

    /// Returns whether [`send`](Self::send) would accept a command now. Use it before something else is sent in front
    /// of the command.
    ///
    /// # Errors
    /// Returns the same errors as [`send`](Self::send).
    pub fn may_send(&self, command: &Command<'_>) -> Result<(), SendError> {
        self.check(command, Signal::Send(command.keyword())).map(drop)
    }

    /// Appends an AUTH with a mechanism that reveals neither a password nor a token, and so may be sent on any
    /// channel: the SCRAM family, CRAM-MD5, EXTERNAL and ANONYMOUS. The caller must know the mechanism. Send PLAIN,
    /// LOGIN, XOAUTH2, OAUTHBEARER and unknown mechanisms as a [`Command::Auth`].
    ///
    /// # Errors
    /// Returns a [`SendError`] if AUTH can't be sent. Nothing is written and nothing is changed.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use pop3_proto::client::{ClientConfig, ClientConnection, SendError};
    /// use pop3_proto::{Channel, Command, Input, Instant, MechanismName};
    ///
    /// let (now, mut out) = (Instant::EPOCH, BytesMut::new());
    /// let mut client = ClientConnection::new(ClientConfig::default(), Channel::Plaintext, now);
    /// client.poll(now, &mut Input::new(b"+OK ready\r\n"))?;
    /// let plain = Command::Auth { mechanism: MechanismName::parse(b"PLAIN").unwrap(), initial: None };
    /// assert_eq!(client.send(&plain, now, &mut out), Err(SendError::Plaintext));
    /// client.send_sealed_auth(MechanismName::parse(b"SCRAM-SHA-256").unwrap(), None, now, &mut out)?;
    /// assert_eq!(&out[..], b"AUTH SCRAM-SHA-256\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_sealed_auth(
        &mut self,
        mechanism: MechanismName,
        initial: Option<Base64<'_>>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        self.put(&Command::Auth { mechanism, initial }, Signal::SendSealedAuth, now, out)
    }

    fn put(
        &mut self,
        command: &Command<'_>,
        signal: Signal,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let (outstanding, session) = self.check(command, signal)?;
        // After another command, its reply is due when the reply to that one is complete.
        if self.outstanding.is_empty() {
            self.patience.sent(now);
        }
        command.write(out);
        self.shown.command(command);
        self.session = session;
        self.census.deleting |= outstanding.keyword == Keyword::Dele;
        self.octets_in_flight = self.octets_in_flight.saturating_add(outstanding.octets);
        self.outstanding.push_back(outstanding);
        Ok(())
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
        self.answer(Some(response), Signal::Respond, now, out)
    }

    /// Appends `*` to `out`, which cancels the exchange. The server answers with a negative reply.
    ///
    /// # Errors
    /// Returns [`SendError::State`] or [`SendError::Unread`] under the same conditions as [`respond`](Self::respond).
    pub fn cancel(&mut self, now: Instant, out: &mut BytesMut) -> Result<(), SendError> {
        self.answer(None, Signal::Cancel, now, out)
    }

    /// Sends a response, or `*` if there is none.
    fn answer(
        &mut self,
        response: Option<Base64<'_>>,
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
        if let Some(text) = response {
            put_response(text, out);
            self.shown.response(text);
        } else {
            out.extend_from_slice(b"*\r\n");
        }
        self.session = session;
        self.patience.sent(now);
        Ok(())
    }

    fn check(
        &self,
        command: &Command<'_>,
        signal: Signal,
    ) -> Result<(Outstanding, ClientSession), SendError> {
        if self.failed.is_some() {
            return Err(SendError::State(ClientState::Closed));
        }
        let outstanding = Outstanding::new(command)?;
        let mut session = self.session;
        // Only the state changes by sending: there is nothing to do.
        let _ = session.step(signal)?;
        let utf8 = Capability::Utf8 { user: true };
        let raw = self.config.raw_credentials;
        check_text(command, raw, || self.capabilities.as_ref().is_some_and(|list| list.has(utf8)))?;
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

/// Appends the line of a response. Space for the whole line is reserved first, so that no reallocation leaves a copy of
/// the response behind.
fn put_response(text: Base64<'_>, out: &mut BytesMut) {
    out.reserve(text.expose().len().saturating_add(2));
    out.extend_from_slice(text.expose());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::encode_base64;

    // SEC-05: room is made once, so that no copy of a token is left where the buffer was before.
    #[test]
    fn a_response_is_not_moved_when_it_is_written() {
        for octets in [1, 3000, 12_288] {
            let text = encode_base64(&alloc::vec![7; octets]);
            let mut out = BytesMut::new();
            put_response(Base64::parse(text.expose()).unwrap(), &mut out);
            assert_eq!(out.len(), text.expose().len() + 2);
            assert!(out.capacity() < out.len() + 16, "{} of {}", out.len(), out.capacity());
        }
    }
}
