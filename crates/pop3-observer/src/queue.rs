//! Commands under way, the oldest first.

use alloc::collections::VecDeque;

use pop3_proto::{Keyword, MechanismName, MessageNumber, ReplyShape};

use crate::asked::Asked;
use crate::rule::Rule;

/// A command whose reply is not complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    pub(crate) asked: Asked,
    pub(crate) message: Option<MessageNumber>,
    /// How many lines TOP asks for.
    pub(crate) lines: u64,
    /// What follows a positive reply; `None` for a command that is not known.
    pub(crate) shape: Option<ReplyShape>,
    /// The rule that a positive reply would break, whatever the state.
    pub(crate) wrong: Option<Rule>,
    /// Whether it is a command without fault, so that its refusal needs a reason.
    pub(crate) good: bool,
    pub(crate) auth: Option<Auth>,
}

impl Outstanding {
    /// A command of which nothing is known.
    pub(crate) const fn nameless() -> Self {
        let asked = Asked { number: 0, keyword: None };
        Self { asked, message: None, lines: 0, shape: None, wrong: None, good: false, auth: None }
    }
}

/// What is to be known of an AUTH.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Auth {
    pub(crate) begins: Begins,
    pub(crate) initial: bool,
    /// Whether its mechanism was listed, if there was a list.
    pub(crate) listed: Option<bool>,
}

/// Who has the first word in a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    Client,
    Server,
    Unknown,
}

impl Begins {
    pub(crate) fn of(mechanism: MechanismName) -> Self {
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
pub(crate) struct Queue {
    commands: VecDeque<Outstanding>,
    stls: usize,
    auth: usize,
    /// PASS, APOP and AUTH.
    logins: usize,
    quits: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn front(&self) -> Option<Outstanding> {
        self.commands.front().copied()
    }

    pub(crate) fn back_mut(&mut self) -> Option<&mut Outstanding> {
        self.commands.back_mut()
    }

    pub(crate) fn push(&mut self, command: Outstanding) {
        self.count(command, usize::saturating_add);
        self.commands.push_back(command);
    }

    pub(crate) fn pop(&mut self) {
        if let Some(command) = self.commands.pop_front() {
            self.count(command, usize::saturating_sub);
        }
    }

    /// Takes out the command behind the oldest one; `true` if there was one.
    pub(crate) fn take_second(&mut self) -> bool {
        let second = self.commands.remove(1);
        if let Some(command) = second {
            self.count(command, usize::saturating_sub);
        }
        second.is_some()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) const fn has_stls(&self) -> bool {
        self.stls > 0
    }

    pub(crate) const fn has_auth(&self) -> bool {
        self.auth > 0
    }

    pub(crate) const fn has_login(&self) -> bool {
        self.logins > 0
    }

    pub(crate) const fn has_quit(&self) -> bool {
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
