//! Where the fetcher's password comes from.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStringExt;

use pop3_connect::{ConnectError, Source};
use pop3_driver::OnStop;
use pop3_proto::Secret;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::args::Account;
use crate::interrupt;

/// The environment variable that holds the password where no option names another place.
pub(crate) const VARIABLE: &str = "POP3_PASSWORD";

/// Where the password is: `--password-file`, else `--password-command`, else `POP3_PASSWORD`, else a
/// prompt on the terminal.
pub(crate) fn source(account: &Account) -> Source {
    if let Some(path) = &account.password_file {
        Source::file(path)
    } else if let Some(line) = &account.password_command {
        command(line)
    } else if let Some(password) = env::var_os(VARIABLE) {
        Source::given_by(VARIABLE, password.into_vec())
    } else {
        Source::asked("the terminal", ask)
    }
}

/// What this command prints. It does not get the variable with the password.
pub(crate) fn command(line: &str) -> Source {
    Source::command(line).hiding(VARIABLE)
}

/// Asks on the terminal. `whose` is shown in the prompt.
fn ask(whose: &str) -> Result<Secret<Vec<u8>>, ConnectError> {
    if !io::stdin().is_terminal() {
        return Err(ConnectError::of_source(format!(
            "no password for {whose}: give --password-file, --password-command or {VARIABLE}"
        )));
    }
    prompt(&format!("Password of {whose}: "))
}

/// Asks on the terminal, which does not show what is typed.
///
/// # Errors
/// When nothing can be read there.
pub(crate) fn prompt(text: &str) -> Result<Secret<Vec<u8>>, ConnectError> {
    let _restored = restoring_terminal();
    rpassword::prompt_password(text).map(|password| Secret::new(password.into_bytes())).map_err(|error| {
        ConnectError::of_source(format!("the password can't be read from the terminal: {error}"))
    })
}

/// Has the terminal echo again what is typed, if a signal ends the program while this lives.
fn restoring_terminal() -> Option<OnStop> {
    let terminal = File::open("/dev/tty").ok()?;
    let usual = tcgetattr(&terminal).ok()?;
    let restore = move || {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &usual);
        crate::tell::tell("");
    };
    Some(interrupt::stop()?.on_stop(restore))
}
