//! Commands to send.

use super::rules::Signal;
use crate::command::Command;
use crate::sasl::{Base64, MechanismName};

/// A command to send, and whether it reveals a secret to anyone who can read the connection.
///
/// If you create it from a [`Command`] with `From`, the client assumes that USER, PASS, APOP and AUTH reveal a
/// secret, and does not send them on an unprotected channel.
///
/// ```
/// use bytes::BytesMut;
/// use pop3_proto::client::{ClientConfig, ClientConnection, Outgoing, SendError};
/// use pop3_proto::{Channel, Command, Input, Instant, MechanismName};
///
/// let (now, mut out) = (Instant::EPOCH, BytesMut::new());
/// let mut client = ClientConnection::new(ClientConfig::default(), Channel::Plaintext, now);
/// client.poll(now, &mut Input::new(b"+OK ready\r\n"))?;
/// let plain = Command::Auth { mechanism: MechanismName::parse(b"PLAIN")?, initial: None };
/// assert_eq!(client.send(&plain, now, &mut out), Err(SendError::Plaintext));
/// let scram = Outgoing::sealed_auth(MechanismName::parse(b"SCRAM-SHA-256")?, None);
/// client.send(scram, now, &mut out)?;
/// assert_eq!(&out[..], b"AUTH SCRAM-SHA-256\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    command: Command<'a>,
    sealed: bool,
}

impl<'a> Outgoing<'a> {
    /// Creates an AUTH with a mechanism that reveals neither a password nor a token, and so may be sent on any
    /// channel: the SCRAM family, CRAM-MD5, EXTERNAL and ANONYMOUS. The caller must know the mechanism. Send PLAIN,
    /// LOGIN, XOAUTH2, OAUTHBEARER and unknown mechanisms as a [`Command::Auth`].
    #[must_use]
    pub const fn sealed_auth(mechanism: MechanismName, initial: Option<Base64<'a>>) -> Self {
        Self { command: Command::Auth { mechanism, initial }, sealed: true }
    }

    /// Returns the command.
    #[must_use]
    pub const fn command(&self) -> &Command<'a> {
        &self.command
    }

    /// What the rules are asked.
    pub(super) const fn signal(&self) -> Signal {
        if self.sealed { Signal::SendSealedAuth } else { Signal::Send(self.command.keyword()) }
    }
}

impl<'a> From<Command<'a>> for Outgoing<'a> {
    fn from(command: Command<'a>) -> Self {
        Self { command, sealed: false }
    }
}

impl<'a> From<&Command<'a>> for Outgoing<'a> {
    fn from(command: &Command<'a>) -> Self {
        Self::from(*command)
    }
}
