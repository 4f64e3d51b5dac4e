//! The rule table of the server: what each command and each answer does in each state.

use alloc::format;
use alloc::vec::Vec;

use super::credentials::{Credentials, Proof};
use super::session::{Phase, Session};
use super::vocabulary::{Accepted, Action, Answer, Close, Column, Extent, Line, Misuse, Request};
use crate::apop::Digest;
use crate::{Command, Marks, MessageNumber, Name, Octets, Password, Rejection, ResponseCode, Secret};

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
            | Phase::StartingTls
            | Phase::Fetching { .. }
            | Phase::Sending { .. }
            | Phase::Committing { .. }
            | Phase::Closed(_) => Err(Misuse),
        }
    }

    /// RFC 1939 section 4, RFC 2449 section 5, RFC 2595 section 4.
    fn in_authorization(&mut self, command: Command<'_>) -> Action {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Apop { name, digest } => self.apop(name, digest),
            Command::Capa => Action::Capabilities,
            Command::Stls if self.channel.is_tls() => self.bad("TLS is active already"),
            Command::Stls if !self.config.starttls => self.bad("TLS is not available"),
            Command::Stls => {
                self.phase = Phase::StartingTls;
                Action::StartTls
            }
            Command::Quit => self.quit_with(Line::positive("bye")),
            Command::Stat
            | Command::List(_)
            | Command::Retr(_)
            | Command::Top { .. }
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Uidl(_)
            | Command::Last => self.bad("log in first"),
            Command::Auth { .. }
            | Command::AuthList
            | Command::Utf8
            | Command::Lang(_)
            | Command::Xclient(_)
            | Command::Extension(_) => self.bad("unknown command"),
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
            Command::Noop => Action::Reply(Line::positive("nothing done")),
            Command::Rset => {
                self.marks.reset();
                Action::Reply(Line::positive("no message is marked as deleted"))
            }
            Command::Last if self.config.last => Action::Last,
            Command::Capa => Action::Capabilities,
            Command::Quit => self.commit(),
            Command::User(_) | Command::Pass(_) | Command::Apop { .. } => {
                self.bad("you are logged in already")
            }
            Command::Stls => self.bad("TLS can be begun only before the login"),
            Command::Last
            | Command::Auth { .. }
            | Command::AuthList
            | Command::Utf8
            | Command::Lang(_)
            | Command::Xclient(_)
            | Command::Extension(_) => self.bad("unknown command"),
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) -> Result<Action, Misuse> {
        match (&self.phase, answer) {
            (Phase::Authenticating, Answer::Accept(account)) => Ok(self.accept(account)),
            (Phase::Authenticating, Answer::Reject(rejection)) => Ok(self.reject(rejection)),
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
            (
                _,
                Answer::Accept(_)
                | Answer::Reject(_)
                | Answer::Message
                | Answer::EndOfMessage
                | Answer::Unavailable(_)
                | Answer::Committed { .. },
            ) => Err(Misuse),
        }
    }

    fn user(&mut self, name: Name<'_>) -> Action {
        if !self.channel.carries_secrets() {
            return self.bad("this needs TLS");
        }
        // Known and unknown names get the same answer; the last name given counts.
        self.phase = Phase::Authorization { name: Some(name.as_bytes().to_vec()) };
        Action::Reply(Line::positive("now the password"))
    }

    fn pass(&mut self, password: Password<'_>) -> Action {
        if !self.channel.carries_secrets() {
            return self.bad("this needs TLS");
        }
        let phase = core::mem::replace(&mut self.phase, Phase::Authorization { name: None });
        let Phase::Authorization { name: Some(name) } = phase else { return self.bad("first the name") };
        let password = Secret::new(password.expose().to_vec());
        self.authenticate(name, Proof::Password(password))
    }

    fn apop(&mut self, name: Name<'_>, digest: Digest) -> Action {
        let Some(timestamp) = self.timestamp.clone() else { return self.bad("APOP is not available") };
        self.authenticate(name.as_bytes().to_vec(), Proof::Apop { timestamp, digest: Secret::new(digest) })
    }

    fn authenticate(&mut self, name: Vec<u8>, proof: Proof) -> Action {
        self.phase = Phase::Authenticating;
        Action::Ask(Request::Authenticate(Credentials { name, proof }))
    }

    fn accept(&mut self, account: Accepted) -> Action {
        self.marks = Marks::new(account.maildrop.len());
        self.account = account;
        self.phase = Phase::Transaction;
        let (messages, octets) = self.present();
        let text = format!("maildrop has {messages} messages ({octets} octets)").into();
        Action::Reply(Line { text, ..Line::positive("") })
    }

    fn reject(&mut self, rejection: Rejection) -> Action {
        self.phase = Phase::Authorization { name: None };
        let delay = rejection.delay();
        // Only credentials that were refused count as a failure; IN-USE and faults of the system do not.
        if matches!(rejection.code(), Some(code) if code != ResponseCode::Auth) {
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
                Action::Reply(Line::positive("marked as deleted"))
            }
            Err(line) => Action::Reply(line),
        }
    }

    /// The size of a message that is there and not deleted.
    fn find(&self, message: MessageNumber) -> Result<u64, Line> {
        let size = self.maildrop().size(message).ok_or(const { Line::negative("no such message") })?;
        if self.marks.is_deleted(message) {
            return Err(Line::negative("this message is marked as deleted"));
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
            Line::positive("bye")
        } else {
            Line::negative("some deleted messages not removed")
        })
    }

    fn quit_with(&mut self, line: Line) -> Action {
        self.phase = Phase::Closed(Close::Quit);
        Action::Close(Close::Quit, Some(line))
    }
}
