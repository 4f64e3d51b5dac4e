//! Commands on their way out.

use super::rules::Signal;
use crate::command::Command;
use crate::sasl::{Base64, MechanismName};

/// A command to be sent, and what who listens learns from it.
///
/// Made of a [`Command`] by `From`, it shows what it carries: USER, PASS, APOP and AUTH don't go over a
/// channel that anybody can read.
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
    /// AUTH with a mechanism in which neither a password nor a token is shown to who listens, and so may
    /// go over any channel: the SCRAM family, CRAM-MD5, EXTERNAL, ANONYMOUS. It is the caller who knows
    /// mechanisms. PLAIN, LOGIN, XOAUTH2, OAUTHBEARER, and all that is not known are sent as a
    /// [`Command::Auth`].
    #[must_use]
    pub const fn sealed_auth(mechanism: MechanismName, initial: Option<Base64<'a>>) -> Self {
        Self { command: Command::Auth { mechanism, initial }, sealed: true }
    }

    /// The command.
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
