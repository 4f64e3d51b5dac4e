//! How the program ends: exit codes, and one line for each error.

use core::fmt;
use std::process::ExitCode;

use pop3_text::Printable;

/// The exit codes. They are documented in the help text and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All done.
    Done = 0,
    /// Some messages failed, or some requirements were not met.
    Partial = 1,
    /// The command line, or a file that it names, can't be used.
    Usage = 2,
    /// No connection: the name, the network, the listener or TLS.
    Connect = 3,
    /// The login was refused.
    Login = 4,
    /// The other side does not speak POP3 as agreed.
    Protocol = 5,
    /// The server refuses for now: what is right may well work later, unchanged.
    TryLater = 6,
    /// Another process fetches the same account into the same target.
    Running = 7,
    /// EX_NOUSER of sysexits.h, as mail servers have it: there is no such user. Only `pop3 deliver` uses these three.
    NoUser = 67,
    /// EX_TEMPFAIL: try again later.
    TempFail = 75,
    /// EX_NOPERM: the maildrop is full.
    #[cfg(feature = "tokio")]
    NoPermission = 77,
    /// SIGHUP came. These three are 128 and the number of the signal, as shells have it.
    HungUp = 129,
    /// SIGINT came.
    Interrupted = 130,
    /// SIGTERM came.
    Terminated = 143,
}

impl Exit {
    /// The code as the system has it.
    pub(crate) const fn code(self) -> i32 {
        self as i32
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that ends the program: its exit code, and one line that says what happened, to which
/// host or file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line, or a file that it names, can't be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// The message in one line, escaped.
    pub(crate) fn message(&self) -> String {
        Printable::whole(self.message.as_bytes()).to_string()
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the message contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pop3: {}", self.message())
    }
}

impl core::error::Error for Failure {}

/// What the parser of the command line says, without its advice, in one line.
pub(crate) fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

impl From<pop3_connect::ConnectError> for Failure {
    fn from(error: pop3_connect::ConnectError) -> Self {
        use pop3_connect::ConnectErrorKind;
        let exit = match error.kind() {
            ConnectErrorKind::Settings => Exit::Usage,
            ConnectErrorKind::Connection => Exit::Connect,
            ConnectErrorKind::Login => Exit::Login,
            ConnectErrorKind::Later => Exit::TryLater,
            ConnectErrorKind::Protocol | _ => Exit::Protocol,
        };
        let advice = if error.is_unoffered() { "; run pop3 check to see what it offers" } else { "" };
        Self::new(exit, format!("{error}{advice}"))
    }
}

impl From<pop3_serve::ServeError> for Failure {
    fn from(error: pop3_serve::ServeError) -> Self {
        use pop3_serve::ServeErrorKind;
        match error.kind() {
            ServeErrorKind::Network => Self::new(Exit::Connect, error.to_string()),
            ServeErrorKind::Privilege => Self::new(Exit::Connect, format!("{error}; {PRIVILEGE}")),
            ServeErrorKind::Unusable
            | ServeErrorKind::NotMade
            | ServeErrorKind::Unsupported(_)
            | ServeErrorKind::System
            | _ => Self::usage(error.to_string()),
        }
    }
}

/// What to do where a port is for the privileged only.
const PRIVILEGE: &str = "ports below 1024 need a privilege: let systemd listen for the program (pop3-serve.socket), \
    give it the capability (setcap cap_net_bind_service=+ep on the program's file), or choose another port and \
    forward this one to it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let failure = Failure::usage("two\nlines\x1b[1m");
        assert_eq!(failure.to_string(), "pop3: two\\nlines\\x1b[1m");
        assert_eq!(failure.exit() as u8, 2);
    }
}
