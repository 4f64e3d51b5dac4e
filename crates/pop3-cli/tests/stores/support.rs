//! A directory for the maildrops of a test.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, with nothing on standard input.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pop3"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("POP3_PASSWORD").env_remove("POP3_STORE");
    command
}

/// A directory that goes when the value is dropped.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a Maildir.
    pub(crate) fn maildir(&self, path: &str) {
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(self.path(path).join(folder)).unwrap();
        }
    }

    /// The store of Maildirs in `mail`.
    pub(crate) fn maildirs(&self) -> String {
        format!("maildir:{}", self.path("mail").display())
    }
}

/// Runs the program with this on standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = program().args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The contents of the files in a directory, sorted.
pub(crate) fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    let mut contents: Vec<_> = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    contents.sort();
    contents
}
