//! The rule table of the server: what each command and each answer does in each state.

use alloc::vec::Vec;

use super::claim::{Claim, ClaimProof};
use super::client_info::ClientInfo;
use super::session::{Phase, Session};
use super::texts;
use super::vocabulary::{Accepted, Action, Answer, Close, Column, Extent, Line, Misuse, Request};
use crate::apop::{self, Digest};
use crate::{
    Command, CommandError, LanguageRange, Marks, MessageNumber, Name, Octets, Password, Rejection, Secret,
    Xclient,
};

impl Session {
    pub(super) fn command(&mut self, command: Command<'_>) -> Result<Action, Misuse> {
        match self.phase {
            Phase::Authorization { .. } => Ok(self.in_authorization(command)),
            Phase::Transaction => {
                let bad_before = self.bad_commands;
                let action = self.in_transaction(command);
                if self.bad_commands == bad_before {
                    // A good command. Before the login the bad ones stay counted: what sent them was
                    // no client of this protocol.
                    self.bad_commands = 0;
                }
                Ok(action)
            }
            Phase::Authenticating
            | Phase::Exchanging { .. }
            | Phase::Responding { .. }
            | Phase::Cancelling { .. }
            | Phase::Proxying
            | Phase::StartingTls
            | Phase::Fetching { .. }
            | Phase::Sending { .. }
            | Phase::Committing { .. }
            | Phase::Closed(_) => Err(Misuse),
        }
    }

    /// RFC 1939 section 4, RFC 2449 section 5, RFC 2595 section 4, RFC 5034 section 4, RFC 6856.
    fn in_authorization(&mut self, command: Command<'_>) -> Action {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Apop { name, digest } => self.apop(name, digest),
            Command::Capa => Action::Capabilities,
            Command::Stls if self.channel.is_tls() => self.bad(Line::negative(texts::TLS_ACTIVE)),
            Command::Stls if !self.config.starttls => self.bad(Line::negative(texts::TLS_UNAVAILABLE)),
            // RFC 6856 section 2.1 forbids the client to do so.
            Command::Stls if self.utf8 => self.bad(Line::negative(texts::TLS_AFTER_UTF8)),
            Command::Stls => {
                self.phase = Phase::StartingTls;
                Action::StartTls
            }
            Command::Quit => self.quit_with(Line::positive(texts::BYE)),
            Command::Stat
            | Command::List(_)
            | Command::Retr(_)
            | Command::Top { .. }
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Uidl(_)
            | Command::Last => self.bad(Line::negative(texts::LOG_IN_FIRST)),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::AuthList => self.list_mechanisms(),
            Command::Utf8 if self.config.utf8.is_some() => {
                self.utf8 = true;
                Action::Reply(Line::positive(texts::UTF8_ON))
            }
            Command::Lang(range) => self.lang(range),
            Command::Xclient(attributes) if self.trusted_proxy => self.xclient(attributes),
            Command::Utf8 | Command::Xclient(_) | Command::Extension(_) => self.bad(CommandError::Unknown),
        }
    }

    /// RFC 1939 section 5.
    fn in_transaction(&mut self, command: Command<'_>) -> Action {
        match command {
            Command::Stat => Action::DropListing,
            Command::List(None) => Action::Listing(Column::Size),
            Command::Uidl(None) => Action::Listing(Column::UniqueId),
            Command::List(Some(message)) => self.entry(Column::Size, message),
            Command::Uidl(Some(message)) => self.entry(Column::UniqueId, message),
            Command::Retr(message) => self.fetch(message, Extent::Whole),
            Command::Top { message, lines } => self.fetch(message, Extent::Top { lines }),
            Command::Dele(message) => self.dele(message),
            Command::Noop => Action::Reply(Line::positive(texts::NOTHING_DONE)),
            Command::Rset => {
                self.marks.reset();
                Action::Reply(Line::positive(texts::RESET))
            }
            Command::Last if self.config.last => Action::Last,
            Command::Capa => Action::Capabilities,
            Command::Quit => self.commit(),
            Command::User(_)
            | Command::Pass(_)
            | Command::Apop { .. }
            | Command::Auth { .. }
            | Command::AuthList => self.bad(Line::negative(texts::LOGGED_IN)),
            Command::Utf8 if self.config.utf8.is_some() => self.bad(Line::negative(texts::UTF8_TOO_LATE)),
            Command::Lang(range) => self.lang(range),
            Command::Stls => self.bad(Line::negative(texts::TLS_TOO_LATE)),
            Command::Last | Command::Utf8 | Command::Xclient(_) | Command::Extension(_) => {
                self.bad(CommandError::Unknown)
            }
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) -> Result<Action, Misuse> {
        match (&self.phase, answer) {
            (Phase::Authenticating | Phase::Exchanging { .. }, Answer::Accept(account)) => {
                Ok(self.accept(account))
            }
            (Phase::Authenticating | Phase::Exchanging { .. }, Answer::TakeOver) => {
                self.phase = Phase::Closed(Close::TakenOver);
                Ok(Action::Close(Close::TakenOver, None))
            }
            (
                Phase::Authenticating | Phase::Exchanging { .. } | Phase::Cancelling { .. },
                Answer::Reject(rejection),
            ) => Ok(self.reject(rejection)),
            (Phase::Exchanging { .. }, Answer::Challenge(challenge)) => Ok(self.challenge(challenge)),
            (
                Phase::Exchanging { .. } | Phase::Cancelling { .. } | Phase::Proxying,
                Answer::Abandon(rejection),
            ) => Ok(self.abandon(rejection)),
            (Phase::Proxying, Answer::Proxied) => {
                // Once: what comes behind it may be the client's own words.
                self.trusted_proxy = false;
                self.phase = Phase::Authorization { name: None };
                Ok(Action::Reply(Line::positive(texts::PROXIED)))
            }
            (&Phase::Fetching { message, extent }, Answer::Message) => {
                self.phase = Phase::Sending { message, extent };
                let octets = self.maildrop().size(message).unwrap_or_default();
                Ok(Action::BeginBody { octets, extent })
            }
            (Phase::Fetching { .. }, Answer::Unavailable(rejection)) => {
                self.phase = Phase::Transaction;
                Ok(Action::Reply(rejection.into()))
            }
            (&Phase::Sending { message, extent }, Answer::EndOfMessage) => {
                self.phase = Phase::Transaction;
                if extent == Extent::Whole {
                    self.marks.retrieve(message);
                }
                Ok(Action::EndBody)
            }
            (Phase::Sending { .. }, Answer::Unavailable(_)) => {
                self.phase = Phase::Closed(Close::BrokenMessage);
                Ok(Action::Close(Close::BrokenMessage, None))
            }
            (&Phase::Committing { count }, Answer::Committed { failed }) => Ok(self.committed(count, failed)),
            (&Phase::Committing { count }, Answer::Unavailable(rejection)) => {
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
            ) => Err(Misuse),
        }
    }

    fn user(&mut self, name: Name<'_>) -> Action {
        if !self.channel.carries_secrets() {
            return self.bad(Line::negative(texts::NEEDS_TLS));
        }
        if let Err(line) = self.check_text(name.as_bytes()) {
            self.forget_name();
            return self.bad(line);
        }
        // Known and unknown names get the same answer; the last name given counts.
        self.phase = Phase::Authorization { name: Some(name.as_bytes().to_vec()) };
        Action::Reply(Line::positive(texts::NOW_THE_PASSWORD))
    }

    fn pass(&mut self, password: Password<'_>) -> Action {
        if !self.channel.carries_secrets() {
            return self.bad(Line::negative(texts::NEEDS_TLS));
        }
        // Without UTF8 a password may be in any charset, as long as it is the one it was set in.
        if self.config.utf8.is_some_and(|utf8| utf8.user)
            && let Err(line) = self.check_text(password.expose())
        {
            return self.bad(line);
        }
        let Some(name) = self.take_name() else { return self.bad(Line::negative(texts::FIRST_THE_NAME)) };
        let password = Secret::new(password.expose().to_vec());
        self.authenticate(name, ClaimProof::Password(password))
    }

    fn apop(&mut self, name: Name<'_>, digest: Digest) -> Action {
        let Some(timestamp) = self.timestamp.clone() else {
            return self.bad(Line::negative(texts::APOP_UNAVAILABLE));
        };
        if let Err(line) = self.check_text(name.as_bytes()) {
            return self.bad(line);
        }
        self.authenticate(name.as_bytes().to_vec(), ClaimProof::Apop(apop::Answer::new(timestamp, digest)))
    }

    /// Names are ASCII, or UTF-8 where that was announced (RFC 6856 section 2.2).
    fn check_text(&self, octets: &[u8]) -> Result<(), Line> {
        if octets.is_ascii() {
            Ok(())
        } else if !self.config.utf8.is_some_and(|utf8| utf8.user) {
            Err(CommandError::EightBit.into())
        } else if core::str::from_utf8(octets).is_err() {
            Err(const { Line::negative(texts::NO_UTF8) })
        } else {
            Ok(())
        }
    }

    /// RFC 6856 section 3.2. Before the login nothing is known of the user, so that nothing is told.
    fn lang(&mut self, range: Option<LanguageRange<'_>>) -> Action {
        let languages = &self.config.languages;
        if languages.is_empty() {
            return self.bad(CommandError::Unknown);
        }
        let Some(range) = range else { return Action::Languages };
        // The longest tag is what the lookup of RFC 4647 section 3.4 finds first. `*` is the first language.
        let matching = languages.iter().filter(|language| range.matches(language.tag));
        let found = if range.is_any() {
            languages.first()
        } else {
            matching.max_by_key(|language| language.tag.len())
        };
        let Some(found) = found.copied() else { return self.bad(Line::negative(texts::UNKNOWN_LANGUAGE)) };
        self.language = Some(found);
        Action::Language(Line::positive(texts::LANGUAGE_CHANGED))
    }

    fn xclient(&mut self, attributes: Xclient<'_>) -> Action {
        let Some(info) = ClientInfo::parse(attributes) else {
            return self.bad(Line::negative(texts::BAD_XCLIENT));
        };
        self.phase = Phase::Proxying;
        Action::Ask(Request::Proxied(info))
    }

    fn authenticate(&mut self, name: Vec<u8>, proof: ClaimProof) -> Action {
        self.phase = Phase::Authenticating;
        Action::Ask(Request::Authenticate(Claim { name, proof, utf8: self.utf8 }))
    }

    fn accept(&mut self, account: Accepted) -> Action {
        self.marks = Marks::new(account.maildrop.len());
        self.account = account;
        self.phase = Phase::Transaction;
        // Those after the login are counted on their own.
        self.bad_commands = 0;
        let (messages, octets) = self.present();
        let text = texts::fill(self.translate(texts::MAILDROP), &[messages as u64, octets]).into();
        Action::Reply(Line { text, ..Line::positive("") })
    }

    fn reject(&mut self, rejection: Rejection) -> Action {
        // A name that USER has given is still good behind AUTH (RFC 5034 section 4); PASS has used it up.
        self.phase = Phase::Authorization { name: self.take_name() };
        let delay = rejection.delay();
        // Only credentials that were refused count as a failure; IN-USE and faults of the system do not.
        if !rejection.is_of_credentials() {
            return Action::Refuse { reply: rejection.into(), failures: 0, delay, last: false };
        }
        self.failures = self.failures.saturating_add(1);
        self.totals.failed_logins = self.failures;
        let last = self.failures >= self.config.limits.failed_logins;
        if last {
            self.phase = Phase::Closed(Close::FailedLogins);
        }
        Action::Refuse { reply: rejection.into(), failures: self.failures, delay, last }
    }

    fn entry(&self, column: Column, message: MessageNumber) -> Action {
        match self.find(message) {
            Ok(_) => Action::Entry(column, message),
            Err(line) => Action::Reply(line),
        }
    }

    fn fetch(&mut self, message: MessageNumber, extent: Extent) -> Action {
        match self.find(message) {
            Ok(_) => {
                self.phase = Phase::Fetching { message, extent };
                Action::Ask(Request::Fetch { message, extent })
            }
            Err(line) => Action::Reply(line),
        }
    }

    fn dele(&mut self, message: MessageNumber) -> Action {
        match self.find(message) {
            Ok(size) => {
                self.marks.delete(message, size);
                Action::Reply(Line::positive(texts::MARKED))
            }
            Err(line) => Action::Reply(line),
        }
    }

    /// The size of a message that is there and not deleted.
    fn find(&self, message: MessageNumber) -> Result<u64, Line> {
        let size = self.maildrop().size(message).ok_or(const { Line::negative(texts::NO_SUCH_MESSAGE) })?;
        if self.marks.is_deleted(message) {
            return Err(Line::negative(texts::IS_MARKED));
        }
        Ok(size)
    }

    /// RFC 1939 section 6: the removal first, then the reply.
    fn commit(&mut self) -> Action {
        let marks = core::mem::replace(&mut self.marks, Marks::new(0));
        let deletions = marks.into_deletions(self.config.delete_retrieved);
        let sizes = deletions.iter().filter_map(|message| self.maildrop().size(message));
        self.totals.removed_octets = sizes.fold(0, Octets::saturating_add);
        self.phase = Phase::Committing { count: deletions.len() };
        Action::Ask(Request::Commit(deletions))
    }

    fn committed(&mut self, count: usize, failed: usize) -> Action {
        self.totals.not_removed = failed.min(count);
        self.totals.removed = count.saturating_sub(failed);
        self.quit_with(if failed == 0 {
            Line::positive(texts::BYE)
        } else {
            Line::negative(texts::NOT_REMOVED)
        })
    }

    fn quit_with(&mut self, line: Line) -> Action {
        self.phase = Phase::Closed(Close::Quit);
        Action::Close(Close::Quit, Some(line))
    }
}
