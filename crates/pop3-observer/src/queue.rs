//! Commands under way, the oldest first.

use alloc::collections::VecDeque;

use super::event::Asked;
use super::rule::Rule;
use crate::MessageNumber;
use crate::command::{Keyword, ReplyShape};
use crate::sasl::MechanismName;

/// A command whose reply is not complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) asked: Asked,
    pub(super) message: Option<MessageNumber>,
    /// How many lines TOP asks for.
    pub(super) lines: u64,
    /// What follows a positive reply; `None` for a command that is not known.
    pub(super) shape: Option<ReplyShape>,
    /// The rule that a positive reply would break, whatever the state.
    pub(super) wrong: Option<Rule>,
    /// Whether it is a command without fault, so that its refusal needs a reason.
    pub(super) good: bool,
    pub(super) auth: Option<Auth>,
}

impl Outstanding {
    /// A command of which nothing is known.
    pub(super) const fn nameless() -> Self {
        let asked = Asked { number: 0, keyword: None };
        Self { asked, message: None, lines: 0, shape: None, wrong: None, good: false, auth: None }
    }
}

/// What is to be known of an AUTH.
#[derive(Clone, Copy, Debug)]
pub(super) struct Auth {
    pub(super) begins: Begins,
    pub(super) initial: bool,
    /// Whether its mechanism was listed, if there was a list.
    pub(super) listed: Option<bool>,
}

/// Who has the first word in a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Client,
    Server,
    Unknown,
}

impl Begins {
    pub(super) fn of(mechanism: MechanismName) -> Self {
        match mechanism.as_str() {
            "PLAIN" | "EXTERNAL" | "ANONYMOUS" | "OAUTHBEARER" | "XOAUTH2" => Self::Client,
            // LOGIN is no standard, and some servers take its first response along.
            "CRAM-MD5" | "DIGEST-MD5" => Self::Server,
            name if name.starts_with("SCRAM-") => Self::Client,
            _ => Self::Unknown,
        }
    }
}

/// A queue that knows how many of some kinds are in it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    commands: VecDeque<Outstanding>,
    stls: usize,
    auth: usize,
    /// PASS, APOP and AUTH.
    logins: usize,
    quits: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn front(&self) -> Option<Outstanding> {
        self.commands.front().copied()
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut Outstanding> {
        self.commands.back_mut()
    }

    pub(super) fn push(&mut self, command: Outstanding) {
        self.count(command, usize::saturating_add);
        self.commands.push_back(command);
    }

    pub(super) fn pop(&mut self) {
        if let Some(command) = self.commands.pop_front() {
            self.count(command, usize::saturating_sub);
        }
    }

    /// Takes out the command behind the oldest one; `true` if there was one.
    pub(super) fn take_second(&mut self) -> bool {
        let second = self.commands.remove(1);
        if let Some(command) = second {
            self.count(command, usize::saturating_sub);
        }
        second.is_some()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) const fn has_stls(&self) -> bool {
        self.stls > 0
    }

    pub(super) const fn has_auth(&self) -> bool {
        self.auth > 0
    }

    pub(super) const fn has_login(&self) -> bool {
        self.logins > 0
    }

    pub(super) const fn has_quit(&self) -> bool {
        self.quits > 0
    }

    fn count(&mut self, command: Outstanding, change: fn(usize, usize) -> usize) {
        let Some(keyword) = command.asked.keyword else { return };
        if keyword == Keyword::Stls {
            self.stls = change(self.stls, 1);
        }
        if keyword == Keyword::Auth {
            self.auth = change(self.auth, 1);
        }
        if matches!(keyword, Keyword::Pass | Keyword::Apop | Keyword::Auth) {
            self.logins = change(self.logins, 1);
        }
        // One with an argument may be refused, and ends nothing then.
        if keyword == Keyword::Quit && command.good {
            self.quits = change(self.quits, 1);
        }
    }
}
