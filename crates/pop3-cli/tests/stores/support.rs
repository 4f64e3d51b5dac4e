//! A directory for the maildrops of a test.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::UNIX_EPOCH;

use pop3_maildir::{Maildir, MaildirConfig, UidlFormat, UniqueIds};

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

/// The URLs of an empty SQLite database in this house, and of one in PostgreSQL, if that is installed.
#[cfg(feature = "tokio")]
pub(crate) fn databases(house: &House) -> Vec<String> {
    let mut urls = vec![format!("sqlite:{}", house.path("mail.db").display())];
    if let Some(postgres) = pop3_test_postgres::Postgres::shared() {
        urls.push(postgres.url(&postgres.create_database()));
    }
    for url in &urls {
        done(&["store", "init", "--store", url], b"");
    }
    urls
}

/// Adds a user with the password `secret`. A form that is quickly made.
#[cfg(feature = "tokio")]
pub(crate) fn add(url: &str, name: &str) {
    let forms = ["--form", "scram-sha-256", "--iterations", "4096"];
    done(&[&["user", "add", name, "--store", url], &forms[..]].concat(), b"secret\n");
}

/// Runs the program, which must succeed, and returns what it prints.
#[cfg(feature = "tokio")]
pub(crate) fn done(arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    assert_eq!(code(&output), 0, "{arguments:?} {}", errors(&output));
    printed(&output)
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

/// A message of a Maildir: its unique-id, content, flags, and the seconds at which it was delivered.
pub(crate) type Shown = (String, Vec<u8>, Option<Vec<u8>>, u64);

/// What `pop3 serve` shows of a Maildir with these unique-ids, in its order.
pub(crate) fn shown(path: &Path, unique_ids: UniqueIds) -> Vec<Shown> {
    let config = MaildirConfig::new().with_unique_ids(unique_ids);
    let mut maildir = Maildir::open_with(path, &config).unwrap();
    let numbers: Vec<_> = maildir.snapshot().numbers().collect();
    let show = |number| {
        let id = maildir.snapshot().unique_id(number).unwrap().to_string();
        let attributes = maildir.attributes(number).unwrap();
        let seconds = attributes.received.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut content = Vec::new();
        maildir.message(number).unwrap().read_to_end(&mut content).unwrap();
        (id, content, attributes.flags, seconds)
    };
    numbers.into_iter().map(show).collect()
}

/// The unique-ids of `dovecot-uidlist`.
pub(crate) fn dovecot() -> UniqueIds {
    UniqueIds::Dovecot(UidlFormat::default())
}
