//! What the fetcher remembers between its runs: the state file.
//!
//! The file is a log. A message is noted, and the note is on the disk, before the message appears in
//! the target; a run that was interrupted in between is found out by the next one, which asks the
//! target. So a message is fetched once, whenever the program was killed. What was deleted is noted
//! before QUIT is sent; whether that took place, the next listing tells ([`Seen::compare`]).
//!
//! A line that is torn or damaged tells nothing. Either it was not acted upon yet, or the disk is damaged, and then
//! messages are fetched again and not lost. The lines behind it count: that messages have appeared is noted without a
//! sync, and a later sync that fails may lose this note, although it can be read until the power fails.

mod log;
mod record;
mod state_file;
#[cfg(test)]
mod tests;
mod traits;

use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, Open};
use pop3_driver::Stop;

use log::Log;
use pop3_seen::{Absence, Forgetting, Seen};
pub(crate) use pop3_seen::{Census, Content, Day, Id, Key, Memory, SeenEntry};
#[cfg(test)]
use record::Record;
use state_file::{Header, StateFile};
pub use traits::RecognisedBy;
pub(crate) use traits::Traits;

use crate::lock::wait_for;
use crate::spot::{PRIVATE, Spot};
use crate::target::real_path;
use crate::{FetchError, Target};

/// The book of what was fetched, in the state file, which this process has alone.
#[derive(Debug)]
pub(crate) struct Journal {
    seen: Seen<StateFile>,
    /// Locked as long as the journal lives; the system unlocks it when the process ends.
    _lock: Box<dyn File>,
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
    pub(crate) entry: SeenEntry,
    pub(crate) token: String,
}

impl Journal {
    /// Opens the state file of an account, or makes it. `account` and `target` are texts that name
    /// them; a state file of another account is refused.
    ///
    /// # Errors
    /// When it can't be read or written, another process has it, or it is of another account.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        path: &Path,
        account: &str,
        target: &str,
        stop: &Stop,
    ) -> Result<Self, FetchError> {
        // However it is spelled, it has one lock, and a link to it stays one.
        let path = &real_path(&**disk, path);
        let failed = |error: io::Error| {
            FetchError::unusable(format!("the state file {} can't be used: {error}", path.display()))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            disk.make_folders(folder, 0o777).map_err(failed)?;
        }
        let spot = Spot::at(&**disk, path).map_err(failed)?;
        let lock = spot.beside(".lock").open(PRIVATE).map_err(failed)?;
        if !wait_for(&**disk, &*lock, stop).map_err(failed)? {
            return Err(FetchError::Running(format!(
                "another fetch is running with the state file {}; wait until it has finished",
                path.display()
            )));
        }
        let (mut log, is_new) = match spot.open(Open::reading()) {
            Ok(file) => {
                let is_empty = file.stat().map_err(failed)?.len == 0;
                (Log::read(&mut BufReader::new(file)).map_err(failed)?, is_empty)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Log::default(), true),
            Err(error) => return Err(failed(error)),
        };
        if log.header.is_none() && !is_new {
            return Err(FetchError::unusable(format!(
                "{} is not a state file of this program, or is damaged; use another state file, or \
                 remove this one",
                path.display()
            )));
        }
        let (name, owner, old_target) =
            log.header.take().unwrap_or_else(|| (fresh_name(&**disk), account.to_owned(), target.to_owned()));
        if owner != account {
            return Err(FetchError::unusable(format!(
                "the state file {} belongs to {owner}, not to {account}; use another state file",
                path.display()
            )));
        }
        let is_moved = !Target::is_named_by(&**disk, target, &old_target);
        if is_moved && !log.tail.is_empty() {
            return Err(FetchError::unusable(format!(
                "the state file {} records an interrupted fetch to {old_target}; run that fetch again first",
                path.display()
            )));
        }
        let header = Header { name, account: account.to_owned(), target: target.to_owned() };
        let traits = log.traits();
        let file = StateFile::open(disk, spot, header, traits, log.tail).map_err(failed)?;
        file.remove_unplaced();
        let mut journal = Self { seen: Seen::new(log.memory, file), _lock: lock };
        // Write the header of a new file, or remove a torn end or an old format.
        if is_new || log.torn || log.is_old || old_target != target {
            journal.seen.replace().map_err(failed)?;
        }
        Ok(journal)
    }

    /// Takes up what the state file says, as the next process would: a run that failed may have noted something else
    /// than what is in memory.
    pub(crate) fn reload(&mut self) -> io::Result<()> {
        let storage = self.seen.storage();
        let mut log = Log::read(&mut BufReader::new(storage.read()?))?;
        if log.header.take().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it was damaged or replaced"));
        }
        let traits = log.traits();
        self.seen = Seen::new(log.memory, storage.reopen(traits, log.tail)?);
        // What was read may not be on the disk.
        self.seen.replace()
    }

    /// Whether a failed write may have left notes that the next run believes.
    pub(crate) const fn is_torn(&self) -> bool {
        self.seen.storage().is_torn
    }

    pub(crate) fn path(&self) -> &Path {
        self.seen.storage().path()
    }

    /// A name that no other state file has, for the names of unfinished files.
    pub(crate) fn name(&self) -> &str {
        &self.seen.storage().header.name
    }

    pub(crate) const fn memory(&self) -> &Memory {
        self.seen.memory()
    }

    /// What is known of the account, beside its messages.
    pub(crate) const fn traits(&self) -> Traits {
        self.seen.storage().traits()
    }

    /// Notes what is known of the account. It is on the disk when this returns.
    pub(crate) fn set_traits(&mut self, traits: Traits) -> io::Result<()> {
        self.seen.storage_mut().set_traits(traits)
    }

    /// The messages of which it is not known whether they appeared. Ask the target about each, then
    /// [`settle`](Self::settle).
    pub(crate) fn unsure(&self) -> Vec<Unsure> {
        self.seen.storage().tail.clone()
    }

    /// Takes up what became of the [`unsure`](Self::unsure): those in `gone` did not appear.
    pub(crate) fn settle(&mut self, gone: &[Unsure]) -> io::Result<()> {
        let tail = &mut self.seen.storage_mut().tail;
        if tail.is_empty() {
            return Ok(());
        }
        tail.clear();
        if gone.is_empty() {
            return self.seen.replace();
        }
        self.seen.not_stored(&gone.iter().map(|unsure| unsure.id).collect::<Vec<_>>())
    }

    /// Notes that these messages are about to appear in the target. They may when this returns.
    pub(crate) fn intend(&mut self, intents: &[Intent]) -> io::Result<()> {
        self.seen.storage_mut().tokens = intents.iter().map(|intent| intent.token.clone()).collect();
        self.seen.stored(&intents.iter().map(|intent| (intent.id, intent.entry)).collect::<Vec<_>>())
    }

    /// Notes that these messages have been handed on: there is no target to ask about them. Unless `durably`, the
    /// notes outlive the process, but the machine only after [`sync`](Self::sync).
    pub(crate) fn handed(&mut self, messages: &[(Id, SeenEntry)], durably: bool) -> io::Result<()> {
        self.seen.storage_mut().is_lazy = !durably;
        let noted = self.seen.stored(messages);
        self.seen.storage_mut().is_lazy = false;
        noted
    }

    /// A message was fetched again, and its content is the one that is known. If it was missing before or has another
    /// size, the next run need not look at it again. `size` is the listed one.
    pub(crate) fn verified(&mut self, id: Id, size: Option<u64>) -> io::Result<()> {
        let Some(known) = self.memory().known(id) else { return Ok(()) };
        let size = size.unwrap_or(known.size);
        let verified = SeenEntry { absence: Absence::Never, size, ..known };
        if verified == known { Ok(()) } else { self.handed(&[(id, verified)], false) }
    }

    /// Brings all notes to the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.seen.storage_mut().sync()
    }

    /// Notes that the messages of all intents have appeared, except those in `failed`.
    pub(crate) fn published(&mut self, failed: &[Id]) -> io::Result<()> {
        self.seen.storage_mut().tail.clear();
        if failed.is_empty() { self.seen.storage_mut().published() } else { self.seen.not_stored(failed) }
    }

    /// Notes for which messages DELE was sent, or is about to be. Call it before QUIT is sent.
    pub(crate) fn deleting(&mut self, ids: &[Id]) -> io::Result<()> {
        self.seen.deleting(ids)
    }

    /// DELE was refused for these messages, after they were noted as being deleted. The notes stay until the next
    /// listing, which says the same.
    pub(crate) fn not_deleting(&mut self, ids: &[Id]) {
        self.seen.not_deleting(ids);
    }

    /// QUIT was answered with `+OK`: what was being deleted is gone.
    pub(crate) fn deleted(&mut self) -> io::Result<()> {
        self.seen.deleted()
    }

    /// Compares with the listing of a new session. Call it before anything is fetched.
    pub(crate) fn reconcile(&mut self, census: &Census<'_>) -> io::Result<()> {
        let today = self.seen.storage().today();
        self.seen.compare(census, today)
    }

    /// Forgets what the server has not listed for so many days. Call it at the end of a run. `seen`
    /// tells whether a message that is known by its content is there, and `None` if it may be.
    pub(crate) fn prune(
        &mut self,
        census: &Census<'_>,
        after: Day,
        seen: impl Fn(Id) -> Option<bool>,
    ) -> io::Result<()> {
        let today = self.seen.storage().today();
        self.seen.forget(census, Forgetting { today, after }, seen)
    }
}

/// 16 hexadecimal digits that no other state file has.
fn fresh_name(disk: &dyn Disk) -> String {
    let mut octets = [0; 8];
    if getrandom::fill(&mut octets).is_err() {
        // Then the time and the process are what differs.
        let now = disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        octets = (now.as_nanos() as u64 ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(octets))
}
