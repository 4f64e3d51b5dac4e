//! A shell command that checks passwords or tokens.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use pop3_proto::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Answer, Fault, MAX_ANSWER, MOST, Question, Verdict};

/// How many commands may have left something behind that keeps their output open. Each is a thread that waits
/// for its end.
pub(super) const MOST_LEFT: usize = 32;

/// A command, and what it leaves behind.
#[derive(Debug)]
pub(super) struct CheckCommand {
    command: String,
    hidden: Vec<String>,
    /// There is one more of this for each output that is still open.
    pub(super) open: Arc<()>,
}

impl CheckCommand {
    pub(super) fn new(command: String) -> Self {
        Self { command, hidden: Vec::new(), open: Arc::default() }
    }

    /// Removes a variable from the environment.
    pub(super) fn hide(&mut self, variable: String) {
        self.hidden.push(variable);
    }

    /// Runs the command and waits for its end. It gets the secret on standard input, followed by a line
    /// end, and the rest in its environment, where others may see it.
    pub(super) fn ask(&self, question: &Question<'_>, timeout: Duration) -> Result<Verdict, Fault> {
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
        let line = Secret::new([question.secret.expose().as_slice(), b"\n"].concat());
        let talk = Talk {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            line,
            pid: Pid::from_child(&child),
            sender,
            _open: Arc::clone(&self.open),
        };
        if let Err(error) = thread::Builder::new().name("check".into()).spawn(move || talk.run()) {
            kill(&mut child);
            return Err(Fault::NotStarted(error));
        }
        let Ok(text) = output.recv_timeout(timeout) else {
            kill(&mut child);
            return Err(Fault::TooSlow);
        };
        let status = child
            .wait()
            .map_err(|error| Fault::Ended(format!("its exit status could not be read: {error}")))?;
        match status.code() {
            Some(0) => Answer::parse(&text, true).map(Verdict::Good),
            Some(1) => Ok(Verdict::Bad),
            _ => Err(Fault::Ended(status.to_string())),
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
            let _ = stdout.by_ref().take(MAX_ANSWER as u64).read_to_end(&mut text);
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
