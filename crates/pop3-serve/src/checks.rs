//! Credentials that others check: a shell command for each check, or a server on a Unix socket.

mod answer;
mod command;
mod socket;
#[cfg(test)]
mod tests;

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::io;
use std::path::PathBuf;

use pop3_proto::Secret;

pub(super) use answer::{Answer, Verdict};

/// How many checks run at one time.
pub(super) const MOST: usize = 16;

/// How many of them are of one address, so that one guesser does not keep all others from logging in.
pub(super) const MOST_OF_ONE: usize = 8;

/// The most octets that an answer may have.
const MAX_ANSWER: usize = 1_024;

/// Another program that checks passwords or OAuth 2.0 tokens.
///
/// It learns the mechanism, the name that the client gave and the address of the client, and it reads the password or
/// token. It says whether that is right, and may say the name of the user and the home directory.
#[derive(Debug)]
pub struct ExternalCheck {
    how: How,
    timeout: Duration,
}

#[derive(Debug)]
enum How {
    Command(command::CheckCommand),
    Socket(PathBuf),
}

/// What the program is told.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) kind: Kind,
    pub(super) mechanism: &'a str,
    /// Whose maildrop is wanted; empty where that is left to a token.
    pub(super) name: &'a str,
    pub(super) peer: IpAddr,
    pub(super) secret: &'a Secret<Vec<u8>>,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Password,
    Token,
}

/// Why there is no verdict.
#[derive(Debug)]
pub(super) enum Fault {
    /// Too many commands have ended, but left their output open.
    LeftOpen,
    /// The command could not be started.
    NotStarted(io::Error),
    /// The socket could not be reached, or broke.
    Socket(PathBuf, io::Error),
    /// There was no end in time. The command was killed.
    TooSlow,
    /// The command ended in another way than with 0 or 1.
    Ended(String),
    /// The answer cannot be understood.
    Answer(&'static str),
}

impl ExternalCheck {
    /// Creates a check by a command. `/bin/sh` runs it for each password or token and kills it after `timeout`.
    ///
    /// The command reads the password or token from standard input, and `POP3_MECHANISM`, `POP3_USER` and `POP3_PEER`
    /// from its environment. It may print the user's name, and `home=` and a path on a line of its own. It exits with 0
    /// if the password or token is right, and with 1 if it is wrong.
    pub fn command(command: impl Into<String>, timeout: Duration) -> Self {
        Self { how: How::Command(command::CheckCommand::new(command.into())), timeout }
    }

    /// Creates a check by a server on a Unix socket, with a connection for each password or token, which must end
    /// within `timeout`.
    ///
    /// The server receives lines: `pop3-check 1`, `kind=password` or `kind=token`, `mechanism=`, `user=`, `peer=` and
    /// `secret=`, each with its value, and an empty line. It answers with a line `ok` or `no`, and may add lines `user=`
    /// and `home=`. Then it closes.
    pub fn socket(path: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self { how: How::Socket(path.into()), timeout }
    }

    /// Removes a variable from the environment of the command, for example because it contains a secret.
    #[must_use]
    pub fn hiding(mut self, variable: impl Into<String>) -> Self {
        if let How::Command(command) = &mut self.how {
            command.hide(variable.into());
        }
        self
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Verdict, Fault> {
        // The secret is one line of what is sent. No client that is right sends such a one.
        if question.secret.expose().iter().any(|octet| matches!(octet, b'\n' | b'\r' | 0)) {
            return Ok(Verdict::Bad);
        }
        match &self.how {
            How::Command(command) => command.ask(question, self.timeout),
            How::Socket(path) => socket::ask(path, question, self.timeout),
        }
    }
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOpen => {
                let most = command::MOST_LEFT;
                write!(f, "{most} commands have left running programs that keep their output open")
            }
            Self::NotStarted(error) => write!(f, "the command can't be started: {error}"),
            Self::Socket(path, error) => {
                write!(f, "the server on {} can't be asked: {error}", path.display())
            }
            Self::TooSlow => f.write_str("the check took too long and was ended"),
            Self::Ended(how) => write!(f, "the command failed: {how}"),
            Self::Answer(what) => f.write_str(what),
        }
    }
}
