//! The state of a session on the server.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::action::ServerAction;
use super::config::{Limits, ServerConfig};
use super::language::Language;
use super::line::Line;
use super::mechanism::OfferedMechanism;
use super::state::ServerState;
use super::vocabulary::{Accepted, Close, ServerEvent, ServerMisuse};
use crate::apop::{self, Timestamp};
use crate::maildrop::Marks;
use crate::{Channel, Expire, LoginDelay, Octets, Snapshot};

/// The rules of a session: the states of RFC 1939, without octets and without time.
///
/// Pass each event to [`step`](Self::step), and perform the [`ServerAction`] that it returns. The source file
/// `rules.rs` contains the table of what each command does in each state.
#[derive(Debug)]
pub struct ServerSession {
    pub(super) config: Arc<ServerConfig>,
    pub(super) channel: Channel,
    pub(super) timestamp: Option<Timestamp>,
    /// The mechanisms of this connection, unless they are those of the settings.
    pub(super) own_mechanisms: Option<Arc<[OfferedMechanism]>>,
    pub(super) trusted_proxy: bool,
    pub(super) utf8: bool,
    pub(super) language: Option<Language>,
    pub(super) state: ServerState,
    /// The name from USER, until PASS uses it.
    pub(super) name: Option<Vec<u8>>,
    /// What the user who has logged in has of their own.
    pub(super) login_delay: Option<LoginDelay>,
    pub(super) expire: Option<Expire>,
    own_limits: Option<Box<Limits>>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) marks: Arc<Marks>,
    pub(super) totals: SessionTotals,
    pub(super) bad_commands: u32,
    pub(super) failures: u32,
}

/// What a session did, for a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionTotals {
    /// Commands that were received, including those that were refused.
    pub commands: u64,
    /// Messages that were sent completely by RETR.
    pub retrieved: u64,
    /// The octets of these messages in wire form.
    pub retrieved_octets: Octets,
    /// Replies to TOP that were sent completely.
    pub topped: u64,
    /// The octets of these replies in wire form.
    pub topped_octets: Octets,
    /// Messages that were marked as deleted at QUIT and are removed.
    pub removed: usize,
    /// The octets of the messages that were marked as deleted at QUIT, in wire form.
    pub removed_octets: Octets,
    /// Messages that were marked as deleted at QUIT but could not be removed.
    pub not_removed: usize,
    /// Messages that were marked as deleted at QUIT, if the store did not report in time whether it removed them.
    pub unconfirmed: usize,
    /// Logins that were refused.
    pub failed_logins: u32,
}

impl ServerSession {
    /// Creates a session in the AUTHORIZATION state. `timestamp` is the APOP timestamp in the greeting. Without it,
    /// or without the feature `md5`, the session refuses APOP.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, channel: Channel, timestamp: Option<Timestamp>) -> Self {
        Self {
            own_mechanisms: None,
            trusted_proxy: false,
            utf8: false,
            language: None,
            config,
            channel,
            timestamp: timestamp.filter(|_| apop::AVAILABLE),
            state: ServerState::Authorization,
            name: None,
            login_delay: None,
            expire: None,
            own_limits: None,
            snapshot: Arc::default(),
            marks: Arc::new(Marks::new(0)),
            totals: SessionTotals::default(),
            bad_commands: 0,
            failures: 0,
        }
    }

    /// Applies an event and returns what to do next.
    ///
    /// # Errors
    /// Returns [`ServerMisuse`] if the event does not fit the state, such as an answer without a request or a command
    /// while an answer is awaited. Nothing is changed.
    pub fn step(&mut self, event: ServerEvent<'_>) -> Result<ServerAction, ServerMisuse> {
        let is_command = matches!(event, ServerEvent::Command(_) | ServerEvent::Malformed { .. });
        let action = match event {
            ServerEvent::Command(command) => self.command(command),
            ServerEvent::Respond(response) => self.response(Some(response)),
            ServerEvent::Cancel => self.response(None),
            ServerEvent::Malformed { keyword, error } => self.malformed(keyword, error),
            ServerEvent::Answer(answer) => self.answer(answer),
            ServerEvent::TlsEstablished => self.tls_established(),
        };
        // A misuse changes nothing.
        if is_command && action.is_ok() {
            self.totals.commands = self.totals.commands.saturating_add(1);
        }
        match &self.language {
            Some(language) => action.map(|action| translated(action, language)),
            None => action,
        }
    }

    /// Sets the mechanisms that AUTH offers on this connection from now on. After STLS the session offers those of
    /// the [`ServerConfig`] again.
    ///
    /// Connections can share a list.
    pub fn set_mechanisms(&mut self, mechanisms: impl Into<Arc<[OfferedMechanism]>>) {
        self.own_mechanisms = Some(mechanisms.into());
    }

    /// Sets whether the peer is a proxy that may use XCLIENT to tell which client it speaks for. Default: `false`.
    pub const fn set_trusted_proxy(&mut self, trusted: bool) {
        self.trusted_proxy = trusted;
    }

    /// Ends the session at once, for a reason outside the rules such as a timer or a lost connection. No messages are
    /// removed.
    pub fn close(&mut self, why: Close) {
        if self.closed().is_none() {
            self.state = ServerState::Closed(why);
        }
    }

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> ServerState {
        self.state
    }

    /// Returns the name from USER that waits for PASS. It is only set in the AUTHORIZATION state. It remains set
    /// during an exchange of AUTH, because a failed AUTH counts as not issued (RFC 5034 section 4).
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Returns why the session ended, or `None` if it has not.
    pub(super) const fn closed(&self) -> Option<Close> {
        if let ServerState::Closed(why) = self.state { Some(why) } else { None }
    }

    /// Returns whether the user is logged in and the session has not ended.
    pub(super) const fn is_logged_in(&self) -> bool {
        self.state.is_logged_in()
    }

    /// Returns the limits that apply now: after the login, the user's own if there are any.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.own_limits.as_deref().unwrap_or(&self.config.limits)
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Returns whether the client has enabled UTF-8 with the command UTF8 (RFC 6856 section 2.1).
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Returns the language that the client selected with LANG. If there is one, the texts of replies may be UTF-8.
    #[must_use]
    pub const fn language(&self) -> Option<&Language> {
        self.language.as_ref()
    }

    /// Returns the snapshot of the maildrop. It is empty before the login.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns what the session did so far.
    #[must_use]
    pub const fn totals(&self) -> SessionTotals {
        self.totals
    }

    /// Takes over what a login has brought.
    pub(super) fn set_account(&mut self, account: Accepted) {
        let Accepted { mut snapshot, login_delay, expire, user: _, limits } = account;
        snapshot.shrink_to_fit();
        self.marks = Arc::new(Marks::new(snapshot.len()));
        self.snapshot = Arc::new(snapshot);
        (self.login_delay, self.expire, self.own_limits) = (login_delay, expire, limits);
        self.name = None;
    }

    /// Returns the number of messages that are not marked as deleted, and their size in octets.
    pub(super) fn present(&self) -> (usize, Octets) {
        let (deleted, octets) = self.marks.deleted();
        let maildrop = self.snapshot();
        (maildrop.len().saturating_sub(deleted), maildrop.octets().saturating_sub(octets))
    }

    /// Counts a message that was sent whole.
    pub(super) const fn count(&mut self, top: bool, octets: Octets) {
        let totals = &mut self.totals;
        let (count, sum) = if top {
            (&mut totals.topped, &mut totals.topped_octets)
        } else {
            (&mut totals.retrieved, &mut totals.retrieved_octets)
        };
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(octets);
    }

    /// Answers a bad command. Closes the session after too many.
    pub(super) fn bad(&mut self, line: impl Into<Line>) -> ServerAction {
        let line = line.into();
        let limit = if self.is_logged_in() {
            self.limits().bad_commands
        } else {
            self.config.limits.bad_commands_before_login
        };
        self.bad_commands = self.bad_commands.saturating_add(1);
        if self.bad_commands < limit {
            return ServerAction::Reply(line);
        }
        self.state = ServerState::Closed(Close::BadCommands);
        ServerAction::Close { why: Close::BadCommands, line: Some(line) }
    }

    fn tls_established(&mut self) -> Result<ServerAction, ServerMisuse> {
        if self.state != ServerState::StartingTls {
            return Err(ServerMisuse);
        }
        // What was learned in clear text is forgotten, but errors and refused logins still count.
        self.channel = Channel::Tls;
        self.state = ServerState::Authorization;
        self.own_mechanisms = None;
        self.utf8 = false;
        self.language = None;
        // No second greeting is sent (RFC 2595 section 4): the action is to send nothing.
        Ok(ServerAction::Nothing)
    }
}

/// Translates the text of an action into this language.
fn translated(mut action: ServerAction, language: &Language) -> ServerAction {
    if let Some(line) = action.line_mut() {
        line.utf8 = true;
        if let Some(translation) = language.translate(line.id, &line.text) {
            line.text = translation;
        }
    }
    action
}
