//! The command that says whether a bearer token is good.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use pop3_proto::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How many commands run at one time.
pub(super) const MOST: usize = 16;

/// How many of them are of one address, so that one guesser does not keep all others from logging in.
pub(super) const MOST_OF_ONE: usize = 8;

/// How many commands may have left something behind that keeps their output open. Each is a thread that waits
/// for its end.
const MOST_LEFT: usize = 32;

/// The most octets that are read of what the command prints; the rest is thrown away.
const MAX_OUTPUT: u64 = 1_024;

/// A shell command that checks OAuth 2.0 tokens.
#[derive(Debug)]
pub struct TokenCommand {
    command: String,
    timeout: Duration,
    hidden: Vec<String>,
    /// There is one more of this for each output that is still open.
    open: Arc<()>,
}

/// What the command is told.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) mechanism: &'a str,
    /// Whose maildrop is wanted; empty where that is left to the token.
    pub(super) name: &'a str,
    pub(super) peer: IpAddr,
    pub(super) token: &'a Secret<Vec<u8>>,
}

/// What the command says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token is good, and belongs to the user of this name, where the command has said one.
    Good(Option<Vec<u8>>),
    Bad,
}

/// Why there is no verdict.
#[derive(Debug)]
pub(super) enum Fault {
    /// Too many commands have ended, but left their output open.
    LeftOpen,
    /// It could not be started.
    NotStarted(io::Error),
    /// It did not end in time and was killed.
    TooSlow,
    /// It ended in another way than with 0 or 1.
    Ended(String),
}

impl TokenCommand {
    /// Creates a checker. `/bin/sh` runs the command for each token and kills it after `timeout`.
    ///
    /// The command reads the token from standard input, and `POP3_MECHANISM`, `POP3_USER` and `POP3_PEER` from its
    /// environment. It may print the user's name. It exits with 0 for a valid token and with 1 for an invalid one.
    pub fn new(command: impl Into<String>, timeout: Duration) -> Self {
        Self { command: command.into(), timeout, hidden: Vec::new(), open: Arc::default() }
    }

    /// Removes a variable from the environment of the command, for example because it contains a secret.
    #[must_use]
    pub fn hiding(mut self, variable: impl Into<String>) -> Self {
        self.hidden.push(variable.into());
        self
    }

    /// The same command in place of another one: what that has left behind is counted on.
    pub(super) fn succeeding(&self, old: &Self) -> Self {
        let (command, hidden) = (self.command.clone(), self.hidden.clone());
        Self { command, timeout: self.timeout, hidden, open: Arc::clone(&old.open) }
    }

    /// Runs the command and waits for its end. It gets the token on standard input, followed by a line
    /// end, and the rest in its environment, where others may see it.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Verdict, Fault> {
        if Arc::strong_count(&self.open) > MOST + MOST_LEFT {
            return Err(Fault::LeftOpen);
        }
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &self.command]);
        for variable in &self.hidden {
            shell.env_remove(variable);
        }
        let mut child = shell
            .env("POP3_MECHANISM", question.mechanism)
            .env("POP3_USER", question.name)
            .env("POP3_PEER", question.peer.to_canonical().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(Fault::NotStarted)?;
        let (sender, output) = mpsc::channel();
        let line = Secret::new([question.token.expose().as_slice(), b"\n"].concat());
        let talk = Talk {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            line,
            pid: Pid::from_child(&child),
            sender,
            _open: Arc::clone(&self.open),
        };
        if let Err(error) = thread::Builder::new().name("token".into()).spawn(move || talk.run()) {
            kill(&mut child);
            return Err(Fault::NotStarted(error));
        }
        let Ok(text) = output.recv_timeout(self.timeout) else {
            kill(&mut child);
            return Err(Fault::TooSlow);
        };
        let status = child
            .wait()
            .map_err(|error| Fault::Ended(format!("its exit status could not be read: {error}")))?;
        match status.code() {
            Some(0) => {
                let name = text.split(|&octet| octet == b'\n').next().unwrap_or_default().trim_ascii();
                Ok(Verdict::Good((!name.is_empty()).then(|| name.to_vec())))
            }
            Some(1) => Ok(Verdict::Bad),
            _ => Err(Fault::Ended(status.to_string())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOpen => {
                write!(f, "{MOST_LEFT} token commands have left running programs that keep their output open")
            }
            Self::NotStarted(error) => write!(f, "the token command can't be started: {error}"),
            Self::TooSlow => f.write_str("the token command took too long and was killed"),
            Self::Ended(how) => write!(f, "the token command failed: {how}"),
        }
    }
}

/// What a thread of its own has to do, as pipes can block.
struct Talk {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    line: Secret<Vec<u8>>,
    pid: Pid,
    sender: Sender<Vec<u8>>,
    _open: Arc<()>,
}

impl Talk {
    fn run(mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // A command need not read it all.
            let _ = stdin.write_all(self.line.expose());
        }
        let mut text = Vec::new();
        if let Some(mut stdout) = self.stdout.take() {
            let _ = stdout.by_ref().take(MAX_OUTPUT).read_to_end(&mut text);
            let _ = io::copy(&mut stdout, &mut io::sink());
        }
        // It stays a zombie, so that its process ID cannot be reused before it is killed.
        let _ = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = self.sender.send(text);
    }
}

/// Ends the command and all that it has started, but what has left its process group.
fn kill(child: &mut Child) {
    // It may be gone already.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    fn ask_within(command: &str, timeout: Duration) -> Result<Verdict, Fault> {
        let token = Secret::new(b"ya29.tanstaaf".to_vec());
        let peer = IpAddr::from([192, 0, 2, 1]);
        let question = Question { mechanism: "XOAUTH2", name: "alice", peer, token: &token };
        TokenCommand::new(command, timeout).ask(&question)
    }

    fn ask(command: &str) -> Result<Verdict, Fault> {
        ask_within(command, Duration::from_secs(60))
    }

    #[test]
    fn the_exit_code_decides() {
        assert_eq!(ask("exit 0").unwrap(), Verdict::Good(None));
        assert_eq!(ask("exit 1").unwrap(), Verdict::Bad);
        assert_eq!(ask("echo ' alice '; echo more").unwrap(), Verdict::Good(Some(b"alice".to_vec())));
        assert_eq!(ask("echo alice; exit 1").unwrap(), Verdict::Bad);
        assert!(matches!(ask("exit 2"), Err(Fault::Ended(_))));
        assert!(matches!(ask("kill -9 $$"), Err(Fault::Ended(_))));
        assert!(matches!(ask("/nonexistent/command"), Err(Fault::Ended(_))));
    }

    #[test]
    fn the_token_is_passed_only_on_standard_input() {
        let told = "test \"$POP3_MECHANISM/$POP3_USER/$POP3_PEER\" = XOAUTH2/alice/192.0.2.1 || exit 3; \
            env | grep -q tanstaaf && exit 4; tr '\\0' ' ' </proc/$$/cmdline | grep -q 'ya[2]9' && exit 5; \
            read -r token && test \"$token\" = y'a29.tans'taaf";
        assert_eq!(ask(told).unwrap(), Verdict::Good(None));
        let leftover = Duration::from_secs(60);
        assert_eq!(
            ask_within("yes | head -c 1000000", leftover).unwrap(),
            Verdict::Good(Some(b"y".to_vec()))
        );
    }

    #[test]
    fn a_command_that_is_too_slow_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let command = format!("sleep 600 & echo $$ $! > {}; wait", pids.display());
        // Long enough for the shell to write the numbers first, or the check below has nothing to do.
        assert!(matches!(ask_within(&command, Duration::from_secs(2)), Err(Fault::TooSlow)));
        let pids = fs::read_to_string(pids).unwrap();
        let begun = Instant::now();
        for pid in pids.split_whitespace() {
            // A killed process takes a moment to die, and its new parent takes a moment to reap it.
            let alive = || {
                let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                !state.is_empty() && !state.contains(") Z ")
            };
            while alive() {
                assert!(begun.elapsed() < Duration::from_secs(60), "{pid} lives");
                thread::yield_now();
            }
        }
    }

    #[test]
    fn the_remains_of_commands_are_bounded() {
        let command = TokenCommand::new("exit 1", Duration::from_secs(60));
        let held: Vec<_> = (0..MOST + MOST_LEFT).map(|_| Arc::clone(&command.open)).collect();
        let token = Secret::new(Vec::new());
        let question = Question { mechanism: "XOAUTH2", name: "", peer: [0; 4].into(), token: &token };
        assert!(matches!(command.ask(&question), Err(Fault::LeftOpen)));
        drop(held);
        let command = TokenCommand { command: "exit 0".into(), ..command };
        for _ in 0..2 * (MOST + MOST_LEFT) {
            assert_eq!(command.ask(&question).unwrap(), Verdict::Good(None));
        }
    }
}
