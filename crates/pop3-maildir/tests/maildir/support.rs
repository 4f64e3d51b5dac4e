//! Shared by the tests.

use core::time::Duration;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use pop3_maildir::{CommitReport, Maildir, MaildirConfig};
use pop3_proto::MessageNumber;
use tempfile::TempDir;

/// An empty Maildir that is removed when the value is dropped.
pub(crate) fn maildir() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tmp", "new", "cur"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

/// Creates a file in a Maildir, as other programs do.
pub(crate) fn put(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

pub(crate) fn open(folder: &TempDir) -> Maildir {
    Maildir::open(folder.path()).unwrap()
}

/// Caches sizes of files that were written just now, so that tests need not sleep.
pub(crate) fn eager() -> MaildirConfig {
    MaildirConfig::new().with_settle_time(Duration::ZERO)
}

pub(crate) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// Reads a message by its number.
pub(crate) fn read(maildir: &mut Maildir, message: u32) -> io::Result<Vec<u8>> {
    let mut stored = Vec::new();
    maildir.message(number(message)).map_err(io::Error::other)?.read_to_end(&mut stored)?;
    Ok(stored)
}

/// The contents of all messages, in order.
pub(crate) fn contents(maildir: &mut Maildir) -> Vec<Vec<u8>> {
    let count = u32::try_from(maildir.snapshot().len()).unwrap();
    (1..=count).map(|message| read(maildir, message).unwrap()).collect()
}

/// The unique-ids of all messages, in order.
pub(crate) fn uids(maildir: &Maildir) -> Vec<String> {
    let snapshot = maildir.snapshot();
    snapshot.numbers().map(|number| snapshot.unique_id(number).unwrap().to_string()).collect()
}

/// The sizes of all messages, in order.
pub(crate) fn sizes(maildir: &Maildir) -> Vec<u64> {
    let snapshot = maildir.snapshot();
    snapshot.numbers().map(|number| snapshot.size(number).unwrap()).collect()
}

/// Marks these messages and commits.
pub(crate) fn remove(maildir: Maildir, messages: &[u32]) -> CommitReport {
    maildir.remove(messages.iter().map(|&message| number(message)), [])
}

/// The names in a directory of the Maildir, sorted.
pub(crate) fn names(folder: &TempDir, name: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Makes a FIFO.
pub(crate) fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs a test of this binary that normally does nothing, as a process of its own, with a Maildir. A shell command
/// (such as `ulimit`) may come first. If the tests run as root, `other_user` selects another user.
pub(crate) fn child(test: &str, path: &Path, before: &str, other_user: bool) -> Child {
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(format!("{before}\nexec \"$0\" --exact \"$1\" --nocapture --test-threads 1"))
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("MAILDIR_OF_CHILD", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if other_user && fs::metadata(path).unwrap().uid() == 0 {
        use std::os::unix::process::CommandExt;
        command.uid(65534).gid(65534).current_dir("/");
    }
    command.spawn().unwrap()
}

/// The Maildir of a child process. `None` if there is no parent test.
pub(crate) fn path_of_child() -> Option<PathBuf> {
    std::env::var_os("MAILDIR_OF_CHILD").map(PathBuf::from)
}

/// Sends a line to the parent. The mark distinguishes it from the output of the test harness.
pub(crate) fn say(text: &str) {
    println!("\n>{text}");
}

/// The output of a child, line by line.
pub(crate) struct Said(BufReader<ChildStdout>);

impl Said {
    pub(crate) fn by(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()))
    }

    /// The next line. It is empty when the child has ended.
    pub(crate) fn next(&mut self) -> String {
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap() > 0 {
            if let Some(said) = line.strip_prefix('>') {
                return said.trim_end().to_owned();
            }
            line.clear();
        }
        String::new()
    }
}
