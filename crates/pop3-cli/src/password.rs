//! Where the fetcher's password comes from.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

use pop3_driver::OnStop;
use pop3_proto::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::args::Account;
use crate::exit::Failure;
use crate::interrupt;

/// The environment variable that holds the password where no option names another place.
pub(crate) const VARIABLE: &str = "POP3_PASSWORD";

/// The longest password that is read, in octets.
const MAX: usize = 4_096;

/// The longest token that is read, in octets.
const MAX_TOKEN: usize = 11 * 1024;

/// Finds the password: `--password-file`, else `--password-command`, else `POP3_PASSWORD`, else a
/// prompt on the terminal. `whose` is shown in the prompt.
///
/// # Errors
/// When the named place can't be read, or there is none; the message holds no password.
pub(crate) fn find(account: &Account, whose: &str) -> Result<Secret<Vec<u8>>, Failure> {
    let (password, place) = if let Some(path) = &account.password_file {
        let place = format!("the password file {}", path.display());
        let line = File::open(path).and_then(|mut file| first_line(&mut file));
        (line.map_err(|error| Failure::usage(format!("{place} can't be read: {error}")))?, place)
    } else if let Some(command) = &account.password_command {
        (ask_command(command, "password", MAX)?, "the password command".to_owned())
    } else if let Some(password) = env::var_os(VARIABLE) {
        (Secret::new(password.into_vec()), VARIABLE.to_owned())
    } else if io::stdin().is_terminal() {
        let _restored = restoring_terminal();
        let password = rpassword::prompt_password(format!("Password of {whose}: ")).map_err(|error| {
            Failure::usage(format!("the password can't be read from the terminal: {error}"))
        })?;
        (Secret::new(password.into_bytes()), "the terminal".to_owned())
    } else {
        return Err(Failure::usage(format!(
            "there is no password for {whose}: give --password-file, --password-command or {VARIABLE}"
        )));
    };
    check(password, &place)
}

/// Whether an option, or the variable, says where the password is.
pub(crate) fn is_named(account: &Account) -> bool {
    account.password_file.is_some() || account.password_command.is_some() || env::var_os(VARIABLE).is_some()
}

/// Asks `--token-command` for a token.
///
/// # Errors
/// When there is no such option, or the command fails; the message holds no token.
pub(crate) fn find_token(account: &Account, whose: &str) -> Result<Secret<Vec<u8>>, Failure> {
    let Some(command) = &account.token_command else {
        return Err(Failure::usage(format!("there is no token for {whose}: give --token-command")));
    };
    let token = ask_command(command, "token", MAX_TOKEN)?;
    if token.expose().is_empty() {
        return Err(Failure::usage("the token command printed no token"));
    }
    Ok(token)
}

/// The first line of the input without its CR and LF. Nothing is kept of what was read but that: so
/// the input should have no buffer of its own.
///
/// # Errors
/// When the input can't be read, or the line is longer than 4,096 octets.
pub(crate) fn first_line(input: &mut impl Read) -> io::Result<Secret<Vec<u8>>> {
    short_line(input, MAX)
}

fn short_line(input: &mut impl Read, max: usize) -> io::Result<Secret<Vec<u8>>> {
    // Room for the longest line, so that growing leaves no copies of the password behind.
    let mut octets = vec![0; max + 3];
    let read = fill_with_line(input, &mut octets);
    let octets = Secret::new(octets);
    let line = &octets.expose()[..read?];
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > max {
        let reason = format!("its first line has more than {max} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(Secret::new(line.to_vec()))
}

/// Reads until there is a whole line, or no more room; the length of the line with its end.
fn fill_with_line(input: &mut impl Read, octets: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < octets.len() {
        let more = match input.read(&mut octets[filled..]) {
            Ok(0) => break,
            Ok(more) => more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(end) = octets[filled..filled + more].iter().position(|&octet| octet == b'\n') {
            return Ok(filled + end + 1);
        }
        filled += more;
    }
    Ok(filled)
}

fn ask_command(command: &str, kind: &str, max: usize) -> Result<Secret<Vec<u8>>, Failure> {
    let failed = |what: String| Failure::usage(format!("the {kind} command {what}"));
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env_remove(VARIABLE)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("can't be run: {error}")))?;
    let id = Pid::from_child(&child);
    let on_stop = interrupt::stop().map(|stop| {
        stop.on_stop(move || {
            // It may have ended just now.
            let _ = kill_process(id, Signal::TERM);
        })
    });
    let line = match child.stdout.take() {
        Some(mut stdout) => {
            let line = short_line(&mut stdout, max);
            // Let the command end by itself, whatever else it prints.
            let _ = io::copy(&mut stdout, &mut io::sink());
            line
        }
        None => Err(io::ErrorKind::BrokenPipe.into()),
    };
    // Its number is its own until it was waited for.
    let _ = waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    drop(on_stop);
    let status = child.wait().map_err(|error| failed(format!("was lost: {error}")))?;
    if !status.success() {
        return Err(failed(format!("failed ({status})")));
    }
    line.map_err(|error| failed(format!("gave no {kind}: {error}")))
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

/// Refuses what can't be sent as a password, before anything is connected.
fn check(password: Secret<Vec<u8>>, place: &str) -> Result<Secret<Vec<u8>>, Failure> {
    if password.expose().is_empty() {
        return Err(Failure::usage(format!("the password from {place} is empty")));
    }
    if password.expose().iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n')) {
        return Err(Failure::usage(format!(
            "the password from {place} has a NUL, CR or LF, which POP3 can't send"
        )));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(input: &[u8]) -> Option<Vec<u8>> {
        first_line(&mut &*input).ok().map(|line| line.expose().clone())
    }

    #[test]
    fn only_the_first_line_counts() {
        assert_eq!(line(b"a b \r\nsecond").unwrap(), b"a b ");
        assert_eq!(line(b"\xff").unwrap(), b"\xff");
        assert_eq!(line(b"").unwrap(), b"");
        assert_eq!(line(&[b'x'; 4_096]).unwrap().len(), 4_096);
        assert_eq!(line(&[b'x'; 4_097]), None);
        assert_eq!(line(&[&[b'x'; 4_096][..], b"\r\n"].concat()).unwrap().len(), 4_096);
        assert_eq!(line(&[&[b'x'; 4_097][..], b"\r\n"].concat()), None);
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        let mut pieces = b"a b ".chain(&b""[..]).chain(&b"c\r"[..]).chain(&b"\nsecond"[..]);
        assert_eq!(first_line(&mut pieces).unwrap().expose(), b"a b c");
    }

    #[test]
    fn a_command_that_fails_gives_nothing() {
        assert_eq!(ask_command("echo one; echo two", "password", MAX).unwrap().expose(), b"one");
        assert!(
            ask_command("echo one; exit 3", "password", MAX)
                .unwrap_err()
                .to_string()
                .contains("exit status: 3")
        );
        assert!(check(ask_command("true", "password", MAX).unwrap(), "x").is_err());
    }
}
