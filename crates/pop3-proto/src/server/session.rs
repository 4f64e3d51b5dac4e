//! The rules of the server: states, and what each event does in each.

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
use crate::{Channel, Marks, Octets, Snapshot};

/// A session: the states of RFC 1939, without octets and without time.
///
/// [`step`](Self::step) is all there is to it. `rules.rs`, its source, is the table of what each
/// command does in each state.
#[derive(Debug)]
pub struct ServerSession {
    pub(super) config: Arc<ServerConfig>,
    pub(super) channel: Channel,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) mechanisms: Vec<OfferedMechanism>,
    pub(super) trusted_proxy: bool,
    pub(super) utf8: bool,
    pub(super) language: Option<Language>,
    pub(super) state: ServerState,
    /// What USER gave, until PASS uses it up.
    pub(super) name: Option<Vec<u8>>,
    /// What the login brought; the snapshot stands beside it.
    pub(super) account: Accepted,
    pub(super) maildrop: Arc<Snapshot>,
    pub(super) marks: Arc<Marks>,
    pub(super) totals: SessionTotals,
    pub(super) bad_commands: u32,
    pub(super) failures: u32,
}

/// What a session did, for a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionTotals {
    /// Messages sent whole by RETR.
    pub retrieved: u64,
    /// Their octets in wire form.
    pub retrieved_octets: Octets,
    /// Replies to TOP sent whole.
    pub topped: u64,
    /// Their octets in wire form.
    pub topped_octets: Octets,
    /// Messages that were marked when QUIT came and are removed.
    pub removed: usize,
    /// The octets of the messages that were marked when QUIT came, in wire form.
    pub removed_octets: Octets,
    /// Messages that were marked when QUIT came and could not be removed.
    pub not_removed: usize,
    /// Messages that were marked when QUIT came, where the store has not told in time whether they are removed.
    pub unconfirmed: usize,
    /// Logins that were refused.
    pub failed_logins: u32,
}

impl ServerSession {
    /// A session that begins in AUTHORIZATION. `timestamp` is what the greeting carries for APOP.
    /// Without it, or without the feature `md5`, APOP is refused.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, channel: Channel, timestamp: Option<Timestamp>) -> Self {
        Self {
            mechanisms: config.mechanisms.clone(),
            trusted_proxy: false,
            utf8: false,
            language: None,
            config,
            channel,
            timestamp: timestamp.filter(|_| apop::AVAILABLE),
            state: ServerState::Authorization,
            name: None,
            account: Accepted::new(Snapshot::new()),
            maildrop: Arc::default(),
            marks: Arc::new(Marks::new(0)),
            totals: SessionTotals::default(),
            bad_commands: 0,
            failures: 0,
        }
    }

    /// Does what the event does in the present state.
    ///
    /// # Errors
    /// [`ServerMisuse`] when the event does not fit the state, as an answer without a request or a
    /// command while one is awaited. Nothing is changed then.
    pub fn step(&mut self, event: ServerEvent<'_>) -> Result<ServerAction, ServerMisuse> {
        let action = match event {
            ServerEvent::Command(command) => self.command(command),
            ServerEvent::Sasl(response) => self.response(response),
            ServerEvent::Malformed { keyword, error } => self.malformed(keyword, error),
            ServerEvent::Answer(answer) => self.answer(answer),
            ServerEvent::TlsEstablished => self.tls_established(),
        };
        match &self.language {
            Some(language) => action.map(|action| translated(action, language)),
            None => action,
        }
    }

    /// Sets what AUTH offers on this connection from here on. TLS begun by STLS brings back what the
    /// settings say.
    pub fn set_mechanisms(&mut self, mechanisms: Vec<OfferedMechanism>) {
        self.mechanisms = mechanisms;
    }

    /// Sets whether the peer is a proxy that may say by XCLIENT for whom it speaks. Default: no.
    pub const fn set_trusted_proxy(&mut self, trusted: bool) {
        self.trusted_proxy = trusted;
    }

    /// Ends the session at once, for a reason that lies outside the rules: a timer, a lost
    /// connection. Nothing is removed.
    pub fn close(&mut self, why: Close) {
        if self.closed().is_none() {
            self.state = ServerState::Closed(why);
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> ServerState {
        self.state
    }

    /// The name that USER has given and that PASS waits for. Only in AUTHORIZATION, and through an exchange of
    /// AUTH: if that fails, AUTH was not issued (RFC 5034 section 4).
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Why the session ended, if it did.
    #[must_use]
    pub const fn closed(&self) -> Option<Close> {
        if let ServerState::Closed(why) = self.state { Some(why) } else { None }
    }

    /// Whether the login lies behind.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        self.state.is_logged_in()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// The limits that hold now: behind the login the user's own, where there are any.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.account.limits.as_deref().unwrap_or(&self.config.limits)
    }

    /// What carries the connection.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Whether the client has asked for UTF-8 (RFC 6856 section 2.1).
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// The language that the client has chosen by LANG; with it the texts of replies may be UTF-8.
    #[must_use]
    pub const fn language(&self) -> Option<&Language> {
        self.language.as_ref()
    }

    /// Whether the peer is a proxy that is trusted.
    #[must_use]
    pub const fn is_trusted_proxy(&self) -> bool {
        self.trusted_proxy
    }

    /// The snapshot, empty before the login.
    #[must_use]
    pub fn maildrop(&self) -> &Snapshot {
        &self.maildrop
    }

    /// The marks.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// What the session did so far.
    #[must_use]
    pub const fn totals(&self) -> SessionTotals {
        self.totals
    }

    /// Messages that are not deleted, and their octets.
    #[must_use]
    pub fn present(&self) -> (usize, Octets) {
        let (deleted, octets) = self.marks.deleted();
        let maildrop = self.maildrop();
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

    /// Answers a bad command, and closes after too many.
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
        // What was learnt in clear text is forgotten; what was done wrong is not.
        self.channel = Channel::Tls;
        self.state = ServerState::Authorization;
        self.mechanisms = self.config.mechanisms.clone();
        self.utf8 = false;
        self.language = None;
        // No second greeting is sent (RFC 2595 section 4): the action is to send nothing.
        Ok(ServerAction::Nothing)
    }
}

/// Puts the text of an action into this language.
fn translated(mut action: ServerAction, language: &Language) -> ServerAction {
    if let Some(line) = action.line_mut() {
        line.utf8 = true;
        if let Some(translation) = language.translate(line.id, &line.text) {
            line.text = translation;
        }
    }
    action
}
