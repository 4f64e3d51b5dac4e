//! The options of `pop3 serve` that have other programs check credentials.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pop3_serve::ExternalCheck;

use crate::args::seconds;

#[derive(Debug, Args)]
pub(crate) struct Checks {
    /// Check passwords with this shell command, and not with the users file: it reads the password from
    /// standard input, and POP3_MECHANISM, POP3_USER and POP3_PEER from its environment; it may print the
    /// user's name, and home=DIR; exit code 0 means a right password, 1 a wrong one
    #[arg(long, value_name = "CMD", conflicts_with = "check_socket")]
    check_command: Option<String>,
    /// Check passwords with the server on this Unix socket, and not with the users file
    #[arg(long, value_name = "PATH")]
    check_socket: Option<PathBuf>,
    /// Give up the check of a password after this time
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    check_timeout: Duration,
    /// Offer OAUTHBEARER and XOAUTH2, and check tokens with this shell command, as with --check-command
    #[arg(long, value_name = "CMD", conflicts_with = "token_socket")]
    token_command: Option<String>,
    /// Offer OAUTHBEARER and XOAUTH2, and check tokens with the server on this Unix socket
    #[arg(long, value_name = "PATH")]
    token_socket: Option<PathBuf>,
    /// Give up the check of a token after this time
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    token_timeout: Duration,
}

impl Checks {
    /// Whether another program says who is a user.
    pub(crate) const fn are_there(&self) -> bool {
        let passwords = self.check_command.is_some() || self.check_socket.is_some();
        passwords || self.token_command.is_some() || self.token_socket.is_some()
    }

    /// What checks passwords. A command does not get these variables of the environment.
    pub(crate) fn passwords(&self, hidden: &[&str]) -> Option<Arc<ExternalCheck>> {
        check(self.check_command.as_deref(), self.check_socket.as_ref(), self.check_timeout, hidden)
    }

    /// What checks tokens. A command does not get these variables of the environment.
    pub(crate) fn tokens(&self, hidden: &[&str]) -> Option<Arc<ExternalCheck>> {
        check(self.token_command.as_deref(), self.token_socket.as_ref(), self.token_timeout, hidden)
    }
}

fn check(
    command: Option<&str>,
    socket: Option<&PathBuf>,
    timeout: Duration,
    hidden: &[&str],
) -> Option<Arc<ExternalCheck>> {
    let check = match (command, socket) {
        (Some(command), _) => {
            let check = ExternalCheck::command(command, timeout);
            hidden.iter().fold(check, |check, variable| check.hiding(*variable))
        }
        (None, Some(path)) => ExternalCheck::socket(path, timeout),
        (None, None) => return None,
    };
    Some(check.into())
}
