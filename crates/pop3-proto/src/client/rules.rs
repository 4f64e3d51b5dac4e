//! The rules of the client as a state machine.

use super::misuse::ClientMisuse;
use super::state::ClientState;
use crate::channel::Channel;
use crate::command::Keyword;
use crate::reply::Status;

/// An event of a [`ClientSession`].
///
/// The caller creates these. A later version may add signals. If you never create one of those, nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// The greeting arrived.
    Greeting(Status),
    /// The caller wants to send this command. AUTH counts as a command that reveals a secret.
    Send(Keyword),
    /// The caller wants to send AUTH with a mechanism that reveals no secret to anyone who can read the connection.
    SendSealedAuth,
    /// A challenge of AUTH arrived.
    Challenge,
    /// The caller wants to respond to the challenge.
    Respond,
    /// The caller wants to cancel the exchange instead.
    Cancel,
    /// The first line of the reply to this command arrived.
    Reply(Keyword, Status),
    /// The caller has completed the TLS handshake.
    TlsEstablished,
}

/// What the caller must do after a [`Signal`].
///
/// A later version may add actions. In the default arm of a `match`, close the connection: after an unknown action,
/// nothing may be sent or believed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAction {
    /// Nothing special: continue the session.
    Continue,
    /// Do the TLS handshake. Send and accept nothing else until it is complete.
    StartTls,
    /// Close the connection.
    Close,
}

/// The rules of the client, without octets and time.
///
/// A signal that breaks the rules is refused and changes nothing. The rules do not limit how many commands may be
/// outstanding, with one exception: nothing may be sent after USER, PASS, APOP, AUTH, STLS, UTF8 or QUIT until it is
/// answered.
///
/// ```
/// use pop3_proto::client::rules::{ClientSession, Signal};
/// use pop3_proto::client::{ClientMisuse, ClientState};
/// use pop3_proto::{Channel, Keyword, Status};
///
/// let mut session = ClientSession::new(Channel::Plaintext);
/// let _ = session.step(Signal::Greeting(Status::Positive))?;
/// assert_eq!(session.step(Signal::Send(Keyword::User)), Err(ClientMisuse::Plaintext));
/// assert_eq!(session.step(Signal::Send(Keyword::Stat)), Err(ClientMisuse::State(ClientState::Authorization)));
/// # Ok::<(), ClientMisuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSession {
    state: ClientState,
    channel: Channel,
    /// USER was accepted by the last reply, so PASS may follow.
    named: bool,
    /// The command whose reply changes the state. Nothing may be sent after it until it is answered.
    awaiting: Option<Keyword>,
    /// The exchange of AUTH was cancelled, so it can no longer succeed.
    cancelled: bool,
    /// UTF8 was sent, so STLS is no longer allowed (RFC 6856 section 2.1).
    utf8: bool,
}

impl ClientSession {
    /// Creates a session that waits for the greeting.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self {
            state: ClientState::Greeting,
            channel,
            named: false,
            awaiting: None,
            cancelled: false,
            utf8: false,
        }
    }

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> ClientState {
        self.state
    }

    /// Returns how the connection is protected: as passed to [`new`](Self::new), or [`Channel::Tls`] after STLS.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Applies a signal and returns what to do next.
    ///
    /// # Errors
    /// Returns a [`ClientMisuse`] if the signal breaks the rules. Nothing is changed.
    pub fn step(&mut self, signal: Signal) -> Result<ClientAction, ClientMisuse> {
        let (next, action) = match signal {
            Signal::Greeting(status) => self.greeted(status)?,
            Signal::Send(keyword) => (self.sent(keyword, false)?, ClientAction::Continue),
            Signal::SendSealedAuth => (self.sent(Keyword::Auth, true)?, ClientAction::Continue),
            Signal::Challenge => (self.challenged()?, ClientAction::Continue),
            Signal::Respond => (self.responded(false)?, ClientAction::Continue),
            Signal::Cancel => (self.responded(true)?, ClientAction::Continue),
            Signal::Reply(keyword, status) => self.replied(keyword, status)?,
            Signal::TlsEstablished if self.state == ClientState::Handshake => {
                // What was learned before TLS may be forged: start a new session, without a greeting.
                let session = Self { state: ClientState::Authorization, ..Self::new(Channel::Tls) };
                (session, ClientAction::Continue)
            }
            Signal::TlsEstablished => return Err(ClientMisuse::State(self.state)),
        };
        *self = next;
        Ok(action)
    }

    const fn greeted(self, status: Status) -> Result<(Self, ClientAction), ClientMisuse> {
        match (self.state, status) {
            (ClientState::Greeting, Status::Positive) => {
                Ok((self.to(ClientState::Authorization), ClientAction::Continue))
            }
            (ClientState::Greeting, Status::Negative) => {
                Ok((self.to(ClientState::Closed), ClientAction::Close))
            }
            _ => Err(ClientMisuse::State(self.state)),
        }
    }

    /// Which command may be sent when, with a secret in it or sealed. This is the whole table.
    const fn sent(self, keyword: Keyword, sealed: bool) -> Result<Self, ClientMisuse> {
        use Keyword::{
            Apop, Auth, AuthList, Capa, Dele, Extension, Lang, Last, List, Noop, Pass, Quit, Retr, Rset,
            Stat, Stls, Top, Uidl, User, Utf8, Xclient,
        };
        match (self.state, keyword) {
            (ClientState::Authorization | ClientState::Transaction, _) if self.awaiting.is_some() => {
                Err(match self.awaiting {
                    Some(earlier) => ClientMisuse::Awaiting(earlier),
                    None => ClientMisuse::State(self.state),
                })
            }
            (ClientState::Authorization, User | Pass | Apop | Auth)
                if !sealed && !self.channel.carries_secrets() =>
            {
                Err(ClientMisuse::Plaintext)
            }
            (ClientState::Authorization, Pass) if !self.named => Err(ClientMisuse::Unnamed),
            (ClientState::Authorization, Stls) if self.channel.is_tls() => Err(ClientMisuse::AlreadyTls),
            (ClientState::Authorization, Stls) if self.utf8 => Err(ClientMisuse::AfterUtf8),
            (ClientState::Authorization, Utf8) => {
                Ok(Self { named: false, awaiting: Some(keyword), utf8: true, ..self })
            }
            (ClientState::Authorization, User | Pass | Apop | Auth | Stls) => {
                Ok(Self { named: false, awaiting: Some(keyword), cancelled: false, ..self })
            }
            // PASS follows USER immediately (RFC 1939 section 7).
            (ClientState::Authorization, Capa | AuthList | Lang | Xclient | Extension) => {
                Ok(Self { named: false, ..self })
            }
            (
                ClientState::Transaction,
                Stat | List | Retr | Top | Dele | Noop | Rset | Uidl | Last | Capa | Lang | Extension,
            ) => Ok(self),
            (ClientState::Authorization | ClientState::Transaction, Quit) => {
                Ok(Self { awaiting: Some(keyword), ..self.to(ClientState::Closing) })
            }
            _ => Err(ClientMisuse::State(self.state)),
        }
    }

    const fn challenged(self) -> Result<Self, ClientMisuse> {
        match (self.state, self.awaiting) {
            (ClientState::Authorization, Some(Keyword::Auth)) if !self.cancelled => {
                Ok(self.to(ClientState::Challenged))
            }
            _ => Err(ClientMisuse::State(self.state)),
        }
    }

    const fn responded(self, cancelled: bool) -> Result<Self, ClientMisuse> {
        if matches!(self.state, ClientState::Challenged) {
            Ok(Self { cancelled, ..self.to(ClientState::Authorization) })
        } else {
            Err(ClientMisuse::State(self.state))
        }
    }

    /// Applies a reply.
    fn replied(self, keyword: Keyword, status: Status) -> Result<(Self, ClientAction), ClientMisuse> {
        use Keyword::{
            Apop, Auth, AuthList, Capa, Dele, Extension, Lang, Last, List, Noop, Pass, Quit, Retr, Rset,
            Stat, Stls, Top, Uidl, User, Utf8, Xclient,
        };
        let decides = matches!(keyword, User | Pass | Apop | Auth | Stls | Utf8 | Quit);
        let in_session = matches!(
            self.state,
            ClientState::Authorization | ClientState::Transaction | ClientState::Closing
        );
        if !in_session || (decides && self.awaiting != Some(keyword)) {
            return Err(ClientMisuse::State(self.state));
        }
        let decided = Self { awaiting: None, ..self };
        Ok(match (keyword, status) {
            (User, status) => (Self { named: status == Status::Positive, ..decided }, ClientAction::Continue),
            // Nobody can be logged in by an exchange that was cancelled.
            (Auth, Status::Positive) if self.cancelled => return Err(ClientMisuse::State(self.state)),
            (Pass | Apop | Auth, Status::Positive) => {
                (decided.to(ClientState::Transaction), ClientAction::Continue)
            }
            (Stls, Status::Positive) => (decided.to(ClientState::Handshake), ClientAction::StartTls),
            (Pass | Apop | Auth | Stls, Status::Negative) | (Utf8, _) => (decided, ClientAction::Continue),
            (Quit, _) => (decided.to(ClientState::Closed), ClientAction::Close),
            (
                Stat | List | Retr | Top | Dele | Noop | Rset | Uidl | Last | Capa | AuthList | Lang
                | Xclient | Extension,
                _,
            ) => (self, ClientAction::Continue),
        })
    }

    const fn to(self, state: ClientState) -> Self {
        Self { state, named: false, ..self }
    }
}
