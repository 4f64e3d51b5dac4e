//! What the fetcher remembers between its runs: the state file.
//!
//! The file is a log. A message is noted, and the note is on the disk, before the message appears in
//! the target; a run that was interrupted in between is found out by the next one, which asks the
//! target. So a message is fetched once, whenever the program was killed. What was deleted is noted
//! before QUIT is sent; whether that took place, the next listing tells ([`Memory::reconcile`]).
//!
//! A line that is torn or damaged ends the log: what stands behind it was not acted upon yet, or the
//! disk is damaged, and then messages are fetched again and not lost.

mod census;
mod entry;
mod key;
mod log;
mod memory;
mod record;
#[cfg(test)]
mod tests;
mod traits;

use core::time::Duration;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_driver::Stop;

pub(crate) use census::Census;
pub(crate) use entry::{Absence, Day, Entry, Id};
pub(crate) use key::{Content, Key};
use log::Log;
use memory::Forgetting;
pub(crate) use memory::Memory;
use record::Record;
pub use traits::RecognisedBy;
pub(crate) use traits::Traits;

use crate::sink::real_path;
use crate::{Error, Target, fuse};

/// The state file, held by this process alone.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Locked as long as the journal lives; the system unlocks it when the process ends.
    _lock: File,
    name: String,
    account: String,
    target: String,
    traits: Traits,
    memory: Memory,
    tail: Vec<Unsure>,
    is_torn: bool,
}

/// A message that was about to appear when the last run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsure {
    id: Id,
    /// What [`Sink`](crate::sink::Sink) finds it by.
    pub(crate) token: String,
    /// When the note was written, in seconds since 1970.
    pub(crate) time: u64,
}

/// A message that is about to appear in the target.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub(crate) id: Id,
    pub(crate) entry: Entry,
    pub(crate) token: String,
}

impl Journal {
    /// Opens the state file of an account, or makes it. `account` and `target` are texts that name
    /// them; a state file of another account is refused.
    ///
    /// # Errors
    /// When it can't be read or written, another process has it, or it is of another account.
    pub(crate) fn open(path: &Path, account: &str, target: &str, stop: &Stop) -> Result<Self, Error> {
        // However it is spelled, it has one lock, and a link to it stays one.
        let path = &real_path(path);
        let failed = |error: io::Error| {
            Error::unusable(format!("the state file {} can't be used: {error}", path.display()))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = private().truncate(false).open(beside(path, ".lock")).map_err(failed)?;
        wait_for(&lock, stop).map_err(|error| match error {
            TryLockError::WouldBlock => Error::Running(format!(
                "another fetch with the state file {} is running; wait until it has ended",
                path.display()
            )),
            TryLockError::Error(error) => failed(error),
        })?;
        let (mut log, is_new) = match File::open(path) {
            Ok(file) => {
                let is_empty = file.metadata().map_err(failed)?.len() == 0;
                (Log::read(&mut BufReader::new(file)).map_err(failed)?, is_empty)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Log::default(), true),
            Err(error) => return Err(failed(error)),
        };
        if log.header.is_none() && !is_new {
            return Err(Error::unusable(format!(
                "{} is no state file of this program, or is damaged; give another state file, or remove it",
                path.display()
            )));
        }
        let (name, owner, old_target) =
            log.header.take().unwrap_or_else(|| (fresh_name(), account.to_owned(), target.to_owned()));
        if owner != account {
            return Err(Error::unusable(format!(
                "the state file {} is of {owner} and not of {account}; give another state file",
                path.display()
            )));
        }
        let is_moved = !Target::is_named_by(target, &old_target);
        if is_moved && !log.tail.is_empty() {
            return Err(Error::unusable(format!(
                "the state file {} notes an interrupted fetch to {old_target}; run that once more first",
                path.display()
            )));
        }
        let file = private().append(true).open(path).map_err(failed)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            _lock: lock,
            name,
            account: account.to_owned(),
            target: target.to_owned(),
            traits: log.traits(),
            memory: log.memory,
            tail: log.tail,
            is_torn: false,
        };
        // A new file gets its header, a torn end goes, and so does an old form.
        if is_new || log.torn || log.is_old || old_target != target {
            journal.rewrite().map_err(failed)?;
        }
        Ok(journal)
    }

    /// Whether a failed write may have left notes that the next run believes.
    pub(crate) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A name that no other state file has, for the names of unfinished files.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What is known of the account, beside its messages.
    pub(crate) const fn traits(&self) -> Traits {
        self.traits
    }

    /// Notes what is known of the account. It is on the disk when this returns.
    pub(crate) fn set_traits(&mut self, traits: Traits) -> io::Result<()> {
        if self.traits == traits {
            return Ok(());
        }
        let mut line = Vec::new();
        Record::Traits(traits).write(&mut line);
        self.append(&line, true)?;
        self.traits = traits;
        Ok(())
    }

    /// The messages of which it is not known whether they appeared. Ask the target about each, then
    /// [`settle`](Self::settle).
    pub(crate) fn unsure(&self) -> Vec<Unsure> {
        self.tail.clone()
    }

    /// Takes up what became of the [`unsure`](Self::unsure): those in `gone` did not appear.
    pub(crate) fn settle(&mut self, gone: &[Unsure]) -> io::Result<()> {
        if self.tail.is_empty() {
            return Ok(());
        }
        for unsure in gone {
            self.memory.remove(unsure.id);
        }
        self.tail.clear();
        self.rewrite()
    }

    /// Notes that these messages are about to appear in the target. They may when this returns.
    pub(crate) fn intend(&mut self, intents: &[Intent]) -> io::Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut lines = Vec::new();
        for Intent { id, entry, token } in intents {
            Record::Stored { id: *id, entry: *entry, time, token: token.clone() }.write(&mut lines);
        }
        self.append(&lines, true)?;
        for Intent { id, entry, token } in intents {
            self.tail.push(Unsure { id: *id, token: token.clone(), time });
            self.memory.insert(*id, *entry);
        }
        Ok(())
    }

    /// Notes that the messages of all intents have appeared, except those in `failed`.
    pub(crate) fn published(&mut self, failed: &[Id]) -> io::Result<()> {
        self.tail.clear();
        if failed.is_empty() {
            let mut line = Vec::new();
            Record::Published.write(&mut line);
            return self.append(&line, false);
        }
        for &id in failed {
            self.memory.remove(id);
        }
        self.rewrite()
    }

    /// Notes for which messages DELE was answered with `+OK`. Call it before QUIT is sent.
    pub(crate) fn deleting(&mut self, ids: &[Id]) -> io::Result<()> {
        let mut lines = Vec::new();
        for &id in ids {
            self.memory.deleting(id);
            Record::Deleting { id }.write(&mut lines);
        }
        self.append(&lines, true)
    }

    /// QUIT was answered with `+OK`: what was being deleted is gone.
    pub(crate) fn deleted(&mut self) -> io::Result<()> {
        if self.memory.deleted() { self.rewrite() } else { Ok(()) }
    }

    /// Compares with the listing of a new session. Call it before anything is fetched.
    pub(crate) fn reconcile(&mut self, census: &Census<'_>) -> io::Result<()> {
        let forgetting = Forgetting { today: today(), after: Day::MAX };
        if self.memory.reconcile(census, forgetting) { self.rewrite() } else { Ok(()) }
    }

    /// Forgets what the server has not listed for so many days. Call it at the end of a run. `seen`
    /// tells whether a message that is known by its content is there, and `None` if it may be.
    pub(crate) fn prune(
        &mut self,
        census: &Census<'_>,
        after: Day,
        seen: impl Fn(Id) -> Option<bool>,
    ) -> io::Result<()> {
        let forgetting = Forgetting { today: today(), after };
        if self.memory.prune(census, forgetting, seen) { self.rewrite() } else { Ok(()) }
    }

    /// Appends lines, all or none. Where some of them may stay in spite of an error, the file is
    /// [torn](Self::is_torn).
    fn append(&mut self, lines: &[u8], durably: bool) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            return Err(io::Error::other("an earlier write failed, and could not be taken back"));
        }
        fuse::step()?;
        let length = self.file.metadata()?.len();
        let mut appended = fuse::write_all(&mut self.file, lines);
        if durably {
            appended = appended.and_then(|()| fuse::sync(&self.file));
        }
        if appended.is_err() && !fuse::is_burnt() {
            // What was written of them must not be believed by the next run, nor stand before other lines.
            let taken_back = self.file.set_len(length).and_then(|()| fuse::sync(&self.file));
            self.is_torn |= taken_back.is_err();
        }
        appended
    }

    /// Writes the file anew, in one step for all who look.
    fn rewrite(&mut self) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        fuse::step()?;
        let mut file = private().truncate(true).open(&new)?;
        let written = self.write_to(&mut file).and_then(|()| fuse::sync(&file));
        if written.is_err() && !fuse::is_burnt() {
            // On a full disk it would take the room that others need.
            let _ = fs::remove_file(&new);
        }
        written?;
        // What is written from here on goes to the new file, even if the rest fails.
        let file = OpenOptions::new().append(true).open(&new)?;
        fuse::step()?;
        fs::rename(&new, &self.path)?;
        self.file = file;
        self.is_torn = false;
        sync_folder_of(&self.path)
    }

    fn write_to(&self, file: &mut File) -> io::Result<()> {
        /// Octets gathered before they are written.
        const BUFFER: usize = 64 * 1024;
        let (name, account, target) = (self.name.clone(), self.account.clone(), self.target.clone());
        let unsure = self.tail.iter().map(|unsure| (unsure.id, unsure)).collect::<HashMap<_, _>>();
        let mut lines = Vec::with_capacity(BUFFER + 1_024);
        Record::Header { name, account, target, is_old: false }.write(&mut lines);
        Record::Traits(self.traits).write(&mut lines);
        for (id, entry) in self.memory.iter().filter(|(id, _)| !unsure.contains_key(id)) {
            Record::Stored { id, entry, time: 0, token: String::new() }.write(&mut lines);
            if lines.len() >= BUFFER {
                fuse::write_all(file, &lines)?;
                lines.clear();
            }
        }
        Record::Published.write(&mut lines);
        for (id, entry) in self.memory.iter() {
            if let Some(Unsure { time, token, .. }) = unsure.get(&id) {
                Record::Stored { id, entry, time: *time, token: token.clone() }.write(&mut lines);
            }
        }
        fuse::write_all(file, &lines)
    }
}

/// The day by the clock; `None` where it can't be right, as on a machine that has no clock of its own
/// and has not asked for the time yet.
fn today() -> Option<Day> {
    /// A day before this program was written: 1 January 2024.
    const EARLIEST: Day = 19_723;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Day::try_from(now.as_secs() / 86_400).ok().filter(|&day| day >= EARLIEST)
}

/// Locks a file; a process that is just ending is waited for, unless the switch is thrown.
pub(crate) fn wait_for(lock: &File, stop: &Stop) -> Result<(), TryLockError> {
    for _ in 0..20 {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if !stop.is_stopped() => {
                thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
    lock.try_lock()
}

/// Brings the names in the folder of a file to the disk.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fuse::sync(&File::open(folder)?)
}

/// The path with something appended to its file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens for writing, and makes a file that only its owner can read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// 16 hexadecimal digits that no other state file has.
fn fresh_name() -> String {
    let mut octets = [0; 8];
    if getrandom::fill(&mut octets).is_err() {
        // Then the time and the process are what differs.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        octets = (now.as_nanos() as u64 ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(octets))
}
