//! The rules of the server: what each command and each answer does in each state.

use alloc::sync::Arc;

pub use super::action::ServerAction;
pub use super::session::ServerSession;

use super::line::{Line, Numbers};
use super::listing::Listing;
use super::state::ServerState;
use super::vocabulary::{Answer, Close, Column, Extent, Request, ServerMisuse};
use crate::TextId;
use crate::maildrop::Marks;
use crate::{Command, CommandError, Keyword, LanguageRange, MessageNumber, Octets};

impl ServerSession {
    pub(super) fn command(&mut self, command: Command<'_>) -> Result<ServerAction, ServerMisuse> {
        match self.state {
            ServerState::Authorization => Ok(self.in_authorization(command)),
            ServerState::Transaction => {
                let bad_before = self.bad_commands;
                let action = self.in_transaction(command);
                if self.bad_commands == bad_before {
                    // A good command. Before the login the bad ones stay counted: what sent them was
                    // no client of this protocol.
                    self.bad_commands = 0;
                }
                Ok(action)
            }
            ServerState::Authenticating
            | ServerState::Exchanging { .. }
            | ServerState::Responding { .. }
            | ServerState::Cancelling { .. }
            | ServerState::Proxying
            | ServerState::StartingTls
            | ServerState::Fetching { .. }
            | ServerState::Sending { .. }
            | ServerState::Committing { .. }
            | ServerState::Closed(_) => Err(ServerMisuse),
        }
    }

    /// Handles a line that can't be parsed.
    pub(super) fn malformed(
        &mut self,
        keyword: Option<Keyword>,
        error: CommandError,
    ) -> Result<ServerAction, ServerMisuse> {
        match self.state {
            ServerState::Authorization => {
                if keyword == Some(Keyword::User) {
                    // The password that follows is not that of the name before.
                    self.name = None;
                }
                Ok(self.bad(error))
            }
            ServerState::Transaction => Ok(self.bad(error)),
            ServerState::Responding { .. } => Ok(self.cancel(error.text_id())),
            ServerState::Authenticating
            | ServerState::Exchanging { .. }
            | ServerState::Cancelling { .. }
            | ServerState::Proxying
            | ServerState::StartingTls
            | ServerState::Fetching { .. }
            | ServerState::Sending { .. }
            | ServerState::Committing { .. }
            | ServerState::Closed(_) => Err(ServerMisuse),
        }
    }

    /// RFC 1939 section 4, RFC 2449 section 5, RFC 2595 section 4, RFC 5034 section 4, RFC 6856.
    fn in_authorization(&mut self, command: Command<'_>) -> ServerAction {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Apop { name, digest } => self.apop(name, digest),
            Command::Capa => self.capa(),
            Command::Stls => self.stls(),
            Command::Quit => self.quit_with(Line::positive(TextId::Bye)),
            Command::Stat
            | Command::List(_)
            | Command::Retr(_)
            | Command::Top { .. }
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Uidl(_)
            | Command::Last => self.bad(Line::negative(TextId::LogInFirst)),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::AuthList => self.list_mechanisms(),
            Command::Utf8 => self.utf8(),
            Command::Lang(range) => self.lang(range),
            Command::Xclient(attributes) => self.xclient(attributes),
            Command::Extension(_) => self.bad(CommandError::Unknown),
        }
    }

    /// RFC 1939 section 5.
    fn in_transaction(&mut self, command: Command<'_>) -> ServerAction {
        match command {
            Command::Stat => {
                let (messages, octets) = self.present();
                ServerAction::DropListing { messages, octets }
            }
            Command::List(None) => self.listing(Column::Size),
            Command::Uidl(None) => self.listing(Column::UniqueId),
            Command::List(Some(message)) => self.entry(Column::Size, message),
            Command::Uidl(Some(message)) => self.entry(Column::UniqueId, message),
            Command::Retr(message) => self.fetch(message, Extent::Whole),
            Command::Top { message, lines } => self.fetch(message, Extent::Top { lines }),
            Command::Dele(message) => self.dele(message),
            Command::Noop => ServerAction::Reply(Line::positive(TextId::NothingDone)),
            Command::Rset => {
                Arc::make_mut(&mut self.marks).reset();
                ServerAction::Reply(Line::positive(TextId::Reset))
            }
            Command::Last => self.last(),
            Command::Capa => self.capa(),
            Command::Quit => self.commit(),
            Command::User(_)
            | Command::Pass(_)
            | Command::Apop { .. }
            | Command::Auth { .. }
            | Command::AuthList => self.bad(Line::negative(TextId::LoggedIn)),
            Command::Utf8 => {
                let line =
                    self.offers_utf8().map_or_else(|line| line, |_| Line::negative(TextId::Utf8TooLate));
                self.bad(line)
            }
            Command::Lang(range) => self.lang(range),
            Command::Stls => self.stls(),
            // A proxy speaks for its client before the login.
            Command::Xclient(_) | Command::Extension(_) => self.bad(CommandError::Unknown),
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) -> Result<ServerAction, ServerMisuse> {
        match (self.state, answer) {
            (ServerState::Authenticating | ServerState::Exchanging { .. }, Answer::Accept(account)) => {
                Ok(self.accept(account))
            }
            (ServerState::Authenticating | ServerState::Exchanging { .. }, Answer::TakeOver) => {
                self.state = ServerState::Closed(Close::TakenOver);
                Ok(ServerAction::Close { why: Close::TakenOver, line: None })
            }
            (
                ServerState::Authenticating | ServerState::Exchanging { .. } | ServerState::Cancelling { .. },
                Answer::Reject(rejection),
            ) => Ok(self.reject(rejection)),
            (ServerState::Exchanging { responses }, Answer::Challenge(challenge)) => {
                Ok(self.challenge(responses, challenge))
            }
            (
                ServerState::Exchanging { .. } | ServerState::Cancelling { .. } | ServerState::Proxying,
                Answer::Abandon(rejection),
            ) => Ok(self.abandon(rejection)),
            (ServerState::Proxying, Answer::Proxied) => {
                // Only once: what follows may come from the client itself.
                self.trusted_proxy = false;
                self.state = ServerState::Authorization;
                Ok(ServerAction::Reply(Line::positive(TextId::Proxied)))
            }
            (ServerState::Fetching { message, extent }, Answer::Message) => {
                self.state = ServerState::Sending { message, extent };
                let octets = self.snapshot().size(message).unwrap_or_default();
                let line = match extent {
                    Extent::Whole => Line::positive(TextId::Octets).with_numbers(Numbers::One([octets])),
                    Extent::Top { .. } => Line::positive(TextId::Top),
                };
                Ok(ServerAction::BeginBody { line, octets, extent })
            }
            (ServerState::Fetching { .. }, Answer::Unavailable(rejection)) => {
                self.state = ServerState::Transaction;
                Ok(ServerAction::Reply(rejection.into()))
            }
            (ServerState::Sending { message, extent }, Answer::EndOfMessage) => {
                self.state = ServerState::Transaction;
                if extent == Extent::Whole {
                    Arc::make_mut(&mut self.marks).retrieve(message);
                }
                Ok(ServerAction::EndBody)
            }
            (ServerState::Sending { .. }, Answer::Unavailable(_)) => {
                self.state = ServerState::Closed(Close::BrokenMessage);
                Ok(ServerAction::Close { why: Close::BrokenMessage, line: None })
            }
            (ServerState::Committing { count }, Answer::Committed { failed }) => {
                Ok(self.committed(count, failed))
            }
            (ServerState::Committing { count }, Answer::Unavailable(rejection)) => {
                self.totals.unconfirmed = count;
                Ok(self.quit_with(rejection.into()))
            }
            (
                _,
                Answer::Accept(_)
                | Answer::TakeOver
                | Answer::Reject(_)
                | Answer::Challenge(_)
                | Answer::Abandon(_)
                | Answer::Proxied
                | Answer::Message
                | Answer::EndOfMessage
                | Answer::Unavailable(_)
                | Answer::Committed { .. },
            ) => Err(ServerMisuse),
        }
    }

    fn capa(&self) -> ServerAction {
        ServerAction::Capabilities {
            line: Line::positive(TextId::Capabilities),
            capabilities: self.capabilities(),
        }
    }

    fn stls(&mut self) -> ServerAction {
        if let Err(line) = self.offers_stls() {
            return self.bad(line);
        }
        self.name = None;
        self.state = ServerState::StartingTls;
        ServerAction::StartTls(Line::positive(TextId::BeginTls))
    }

    fn utf8(&mut self) -> ServerAction {
        if let Err(line) = self.offers_utf8() {
            return self.bad(line);
        }
        self.utf8 = true;
        ServerAction::Reply(Line::positive(TextId::Utf8On))
    }

    fn last(&mut self) -> ServerAction {
        if let Err(line) = self.offers_last() {
            return self.bad(line);
        }
        ServerAction::Last(self.marks.highest().map_or(0, MessageNumber::number))
    }

    /// RFC 6856 section 3.2. The reply does not depend on the user, so it reveals nothing before the login.
    fn lang(&mut self, range: Option<LanguageRange<'_>>) -> ServerAction {
        let languages = match self.offers_lang() {
            Ok(languages) => languages,
            Err(line) => return self.bad(line),
        };
        let Some(range) = range else {
            return ServerAction::Languages {
                line: Line::positive(TextId::Languages),
                languages: languages.to_vec(),
            };
        };
        // The longest tag is what the lookup of RFC 4647 section 3.4 finds first. `*` is the first language.
        let matching = languages.iter().filter(|language| range.matches(language.tag()));
        let found = if range.is_any() {
            languages.first()
        } else {
            matching.max_by_key(|language| language.tag().len())
        };
        let Some(found) = found.cloned() else { return self.bad(Line::negative(TextId::UnknownLanguage)) };
        self.language = Some(found.clone());
        ServerAction::Language { language: found, line: Line::positive(TextId::LanguageChanged) }
    }

    /// Returns a line with the number and the size of the messages that are not deleted.
    pub(super) fn counted(&self, text: TextId) -> Line {
        let (messages, octets) = self.present();
        Line::positive(text).with_numbers(Numbers::Two([messages as u64, octets]))
    }

    fn listing(&self, column: Column) -> ServerAction {
        let listing = Listing::all(column, &self.snapshot, &self.marks);
        ServerAction::Listing { line: self.counted(TextId::Listing), listing }
    }

    fn entry(&self, column: Column, message: MessageNumber) -> ServerAction {
        match self.find(message) {
            Ok(_) => ServerAction::Entry(Listing::of(message, column, &self.snapshot, &self.marks)),
            Err(line) => ServerAction::Reply(line),
        }
    }

    fn fetch(&mut self, message: MessageNumber, extent: Extent) -> ServerAction {
        match self.find(message) {
            Ok(_) => {
                self.state = ServerState::Fetching { message, extent };
                ServerAction::Ask(Request::Fetch { message, extent })
            }
            Err(line) => ServerAction::Reply(line),
        }
    }

    fn dele(&mut self, message: MessageNumber) -> ServerAction {
        match self.find(message) {
            Ok(size) => {
                Arc::make_mut(&mut self.marks).delete(message, size);
                ServerAction::Reply(Line::positive(TextId::Marked))
            }
            Err(line) => ServerAction::Reply(line),
        }
    }

    /// The size of a message that is there and not deleted.
    fn find(&self, message: MessageNumber) -> Result<u64, Line> {
        let size = self.snapshot().size(message).ok_or(const { Line::negative(TextId::NoSuchMessage) })?;
        if self.marks.is_deleted(message) {
            return Err(Line::negative(TextId::IsMarked));
        }
        Ok(size)
    }

    /// RFC 1939 section 6: the removal first, then the reply.
    fn commit(&mut self) -> ServerAction {
        let marks = core::mem::replace(&mut self.marks, Arc::new(Marks::new(0)));
        let deletions = Arc::unwrap_or_clone(marks).into_deletions(self.config.delete_retrieved);
        let sizes = deletions.iter().filter_map(|message| self.snapshot().size(message));
        self.totals.removed_octets = sizes.fold(0, Octets::saturating_add);
        self.state = ServerState::Committing { count: deletions.len() };
        ServerAction::Ask(Request::Commit(deletions))
    }

    fn committed(&mut self, count: usize, failed: usize) -> ServerAction {
        self.totals.not_removed = failed.min(count);
        self.totals.removed = count.saturating_sub(failed);
        self.quit_with(if failed == 0 {
            Line::positive(TextId::Bye)
        } else {
            Line::negative(TextId::NotRemoved)
        })
    }

    fn quit_with(&mut self, line: Line) -> ServerAction {
        self.state = ServerState::Closed(Close::Quit);
        ServerAction::Close { why: Close::Quit, line: Some(line) }
    }
}
