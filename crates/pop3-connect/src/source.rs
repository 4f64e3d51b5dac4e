//! Where a password or a token comes from.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use pop3_driver::Stop;
use pop3_proto::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::ConnectError;

/// The longest password that is read, in octets.
pub(crate) const MAX: usize = 4_096;

/// The source of a password or a token. It is read only when a [`Login`](crate::Login) that needs it is created.
#[derive(Clone)]
pub struct Source(Place);

#[derive(Clone)]
enum Place {
    Given { octets: Secret<Vec<u8>>, place: String },
    File(PathBuf),
    Command { line: String, hidden: Vec<String> },
    Asked { ask: Ask, place: String },
}

type Ask = Arc<dyn Fn(&str) -> Result<Secret<Vec<u8>>, ConnectError> + Send + Sync>;

impl Source {
    /// Uses these octets.
    pub fn given(octets: impl Into<Secret<Vec<u8>>>) -> Self {
        Self::given_by("the settings", octets)
    }

    /// Uses these octets. `place` says in error messages where they came from.
    pub fn given_by(place: impl Into<String>, octets: impl Into<Secret<Vec<u8>>>) -> Self {
        Self(Place::Given { octets: octets.into(), place: place.into() })
    }

    /// Reads the first line of this file, without its line end.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// Runs a command with `/bin/sh` and reads the first line that it prints, without its line end. The command must
    /// exit successfully. If the [switch](crate::Settings::stop) is stopped, the command receives SIGTERM. Processes
    /// that it has started are not waited for.
    pub fn command(line: impl Into<String>) -> Self {
        Self(Place::Command { line: line.into(), hidden: Vec::new() })
    }

    /// Removes a variable from the environment of a [command](Self::command), for example because it contains a
    /// secret.
    #[must_use]
    pub fn hiding(mut self, variable: impl Into<String>) -> Self {
        if let Place::Command { hidden, .. } = &mut self.0 {
            hidden.push(variable.into());
        }
        self
    }

    /// Calls a function, for example to prompt the user. Its argument identifies the owner of the secret, as
    /// `user@host:port`, escaped. `place` says in error messages where the secret came from. This source is the last
    /// resort: [`Way::Auto`](crate::Way::Auto) prefers a certificate.
    pub fn asked(
        place: impl Into<String>,
        ask: impl Fn(&str) -> Result<Secret<Vec<u8>>, ConnectError> + Send + Sync + 'static,
    ) -> Self {
        Self(Place::Asked { ask: Arc::new(ask), place: place.into() })
    }

    pub(crate) const fn is_command(&self) -> bool {
        matches!(self.0, Place::Command { .. })
    }

    pub(crate) const fn is_last_resort(&self) -> bool {
        matches!(self.0, Place::Asked { .. })
    }

    /// Reads it, and tells where it was. `kind` is what it is, for people.
    pub(crate) fn read(
        &self,
        kind: &str,
        max: usize,
        whose: &str,
        stop: Option<&Stop>,
    ) -> Result<(Secret<Vec<u8>>, String), ConnectError> {
        Ok(match &self.0 {
            Place::Given { octets, place } => (octets.clone(), place.clone()),
            Place::File(path) => {
                let place = format!("the {kind} file {}", path.display());
                let line = File::open(path).and_then(|mut file| short_line(&mut file, max));
                (
                    line.map_err(|error| ConnectError::settings(format!("{place} can't be read: {error}")))?,
                    place,
                )
            }
            Place::Command { line, hidden } => {
                (ask_command(line, kind, max, hidden, stop)?, format!("the {kind} command"))
            }
            Place::Asked { ask, place } => (ask(whose)?, place.clone()),
        })
    }
}

impl fmt::Debug for Source {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Given { place, .. } | Place::Asked { place, .. } => write!(f, "Source({place:?})"),
            Place::File(path) => write!(f, "Source({path:?})"),
            Place::Command { .. } => f.write_str("Source(command)"),
        }
    }
}

/// Reads the first line of the input and returns it without CR and LF. No other copy of the input is kept, so pass an
/// unbuffered reader.
///
/// # Errors
/// Returns an error if the input cannot be read, or if the line has more than 4,096 octets.
pub fn first_line(input: &mut impl Read) -> io::Result<Secret<Vec<u8>>> {
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

/// The process of a command, as far as it may be told to end.
enum Process {
    NotYet,
    /// The switch was thrown before it could begin.
    Unwanted,
    Runs(Pid),
    /// Its number may be another's by now.
    Over,
}

fn ask_command(
    command: &str,
    kind: &str,
    max: usize,
    hidden: &[String],
    stop: Option<&Stop>,
) -> Result<Secret<Vec<u8>>, ConnectError> {
    let failed = |what: String| ConnectError::settings(format!("the {kind} command {what}"));
    let mut shell = Command::new("/bin/sh");
    hidden.iter().for_each(|variable| {
        shell.env_remove(variable);
    });
    let process = Arc::new(Mutex::new(Process::NotYet));
    let (sender, line) = mpsc::channel();
    // If the switch is stopped while the command starts, wait until the command can be signalled.
    let on_stop = stop.map(|stop| {
        let (process, sender) = (Arc::clone(&process), sender.clone());
        stop.on_stop(move || {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            match *process {
                Process::NotYet => *process = Process::Unwanted,
                Process::Runs(pid) => {
                    // It may have ended just now.
                    let _ = kill_process(pid, Signal::TERM);
                }
                Process::Unwanted | Process::Over => {}
            }
            drop(process);
            // Processes started by the command may live on and hold the output open. Do not wait for them.
            let _ = sender.send(Err(io::Error::other("interrupted")));
        })
    });
    let (mut child, pid) = {
        let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*process, Process::Unwanted) {
            return Err(failed("was not run: interrupted".to_owned()));
        }
        let child = shell
            .args(["-c", command])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("could not be started: {error}")))?;
        let pid = Pid::from_child(&child);
        *process = Process::Runs(pid);
        (child, pid)
    };
    let Some(mut stdout) = child.stdout.take() else { return Err(failed("has no output".to_owned())) };
    let read = move || {
        let line = short_line(&mut stdout, max);
        // Let the command end normally, whatever else it prints.
        let _ = io::copy(&mut stdout, &mut io::sink());
        let _ = sender.send(line);
    };
    let line = match thread::Builder::new().name("secret".into()).spawn(read) {
        Ok(_) => line.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())),
        Err(error) => {
            let _ = child.kill();
            Err(error)
        }
    };
    // Its process ID is not reused before it was waited for.
    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    *process.lock().unwrap_or_else(PoisonError::into_inner) = Process::Over;
    drop(on_stop);
    let status = child
        .wait()
        .map_err(|error| failed(format!("has an exit status that could not be read: {error}")))?;
    if !status.success() {
        return Err(failed(format!("failed ({status})")));
    }
    line.map_err(|error| failed(format!("printed no {kind}: {error}")))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::fs;

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
        assert_eq!(ask_command("echo one; echo two", "password", MAX, &[], None).unwrap().expose(), b"one");
        assert!(
            ask_command("echo one; exit 3", "password", MAX, &[], None)
                .unwrap_err()
                .to_string()
                .contains("exit status: 3")
        );
    }

    #[test]
    fn once_the_switch_is_thrown_no_command_begins() {
        let folder = tempfile::tempdir().unwrap();
        let begun = folder.path().join("begun");
        let stop = Stop::new();
        stop.stop();
        let asked = ask_command(&format!("touch '{}'", begun.display()), "password", MAX, &[], Some(&stop));
        assert!(asked.unwrap_err().to_string().contains("was not run"));
        assert!(!begun.exists());
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for_once_the_switch_is_thrown() {
        let folder = tempfile::tempdir().unwrap();
        let [begun, held] = ["begun", "held"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").args([&begun, &held]).status().unwrap().success());
        // The reader of one pipe keeps the command's output open; the other one tells that it does.
        let command = format!("cat '{}' & echo > '{}'; wait", held.display(), begun.display());
        let stop = Stop::new();
        let (until, (ended, end)) = (stop.clone(), mpsc::channel());
        let asking = thread::spawn(move || {
            ended.send(ask_command(&command, "password", MAX, &[], Some(&until)).map(drop))
        });
        fs::read(&begun).unwrap();
        stop.stop();
        let error = end.recv_timeout(Duration::from_secs(60)).unwrap().unwrap_err();
        assert!(error.to_string().contains("SIGTERM"), "{error}");
        fs::write(&held, "").unwrap();
        asking.join().unwrap().unwrap();
    }
}
