//! The store of a server session: a locked Maildir and its snapshot.

mod attributes;
mod opening;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Disk, System};
use pop3_proto::{Deletions, MessageNumber, Snapshot};

use crate::commit::{self, CommitError, CommitFailure, CommitReport};
use crate::config::{EightBitHeaders, MaildirConfig};
use crate::entries::Entries;
use crate::error::OpenError;
use crate::folders::{Root, State};
use crate::lock::Lock;
use crate::message::Tries;
use crate::name::{self, InfoSeparator};
use crate::patience::Patience;
use crate::record::Tail;
use crate::scan::{Skipped, SkippedFiles};
use crate::sizes;
use crate::snapshot::Scan;
pub use attributes::MessageAttributes;

/// A locked Maildir with a snapshot of its messages.
///
/// The lock is released when the value is dropped or committed, or when the process ends. Only
/// [`commit`](Self::commit) and [`remove`](Self::remove) remove messages.
///
/// All calls except those whose names begin with `try` block on the file system. In an async server, run them on threads
/// for blocking work.
///
/// Between calls, a Maildir holds two file descriptors: its directory and the lock. A message that is being read
/// holds another one until its end.
///
/// ```
/// use std::io::{Read, Write};
/// use pop3_maildir::{Delivery, Maildir};
/// use pop3_proto::MessageNumber;
///
/// let folder = tempfile::tempdir()?;
/// let mut message = Delivery::open(folder.path(), true)?.begin()?;
/// message.write_all(b"Subject: hello\n\nhello\n")?;
/// message.finish()?;
///
/// let mut maildir = Maildir::open(folder.path())?;
/// assert_eq!(maildir.snapshot().size(MessageNumber::FIRST), Some(25)); // each LF counts as CRLF
/// let mut stored = Vec::new();
/// maildir.message(MessageNumber::FIRST)?.read_to_end(&mut stored)?;
/// assert_eq!(stored, b"Subject: hello\n\nhello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Maildir {
    root: Root,
    entries: Entries,
    /// What concerns the login only. In a box, which a session gives back.
    opening: Option<Box<Opening>>,
    /// The end of the size cache.
    tail: Option<Tail>,
    /// The messages that were found to be others than the size cache says.
    forgotten: BTreeSet<usize>,
    /// The state of the folders when all names were last looked through for messages that were renamed.
    searched: Option<Box<State>>,
    seen_flag: bool,
    separator: InfoSeparator,
    eight_bit_headers: EightBitHeaders,
    /// The messages that are listed with their own size because their header could not be converted.
    unconverted: BTreeMap<usize, io::ErrorKind>,
    patience: Patience,
    tries: Tries,
    /// Whether the directory is on the file system of a local disk.
    is_local: bool,
    // The last field, so that the lock is the last thing to go.
    _lock: Lock,
}

/// What only the opening tells.
#[derive(Debug)]
struct Opening {
    snapshot: Snapshot,
    summary: MaildirSummary,
    skipped: SkippedFiles,
    cache_error: Option<io::Error>,
    unrecorded: Option<io::Error>,
}

/// Statistics about opening a Maildir, for a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaildirSummary {
    /// The number of messages in the snapshot.
    pub messages: usize,
    /// The number of files that were read to count their size. The sizes of the others were known.
    pub measured: usize,
    /// The number of files in `new` and `cur` that are not in the snapshot.
    pub skipped: usize,
}

impl Maildir {
    /// Locks the Maildir and creates the snapshot, with the default [`MaildirConfig`].
    ///
    /// # Errors
    /// Returns an [`OpenError`]. The lock is then released.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &MaildirConfig::default())
    }

    /// Locks the Maildir and creates the snapshot.
    ///
    /// # Errors
    /// Returns an [`OpenError`]. The lock is then released.
    pub fn open_with(path: impl AsRef<Path>, config: &MaildirConfig) -> Result<Self, OpenError> {
        Self::open_on(&System::shared(), path, config)
    }

    /// Locks a Maildir on another [`Disk`] and creates the snapshot, for example in tests.
    ///
    /// # Errors
    /// Returns an [`OpenError`]. The lock is then released.
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        path: impl AsRef<Path>,
        config: &MaildirConfig,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Patience::new(config.on_shortage, Patience::LOGIN)
            .insist(&**disk, || Self::open_once(disk, path, config))
    }

    /// Does the same as [`open_with`](Self::open_with) if that is possible without waiting for the disk. Otherwise,
    /// returns `None`; use [`open_with`](Self::open_with) then where it may block, which also tells what is wrong.
    ///
    /// This works on Linux, on local file systems with a device of their own (ext4, XFS and others, but not Btrfs; eight
    /// of them at most), for a Maildir of some hundred messages that was opened recently and did not change since. At least one Maildir on the file system must have been opened with
    /// [`open_with`](Self::open_with) before.
    #[must_use]
    pub fn try_open_with(path: impl AsRef<Path>, config: &MaildirConfig) -> Option<Self> {
        Self::try_open_on(&System::shared(), path, config)
    }

    /// Does the same as [`try_open_with`](Self::try_open_with) on another [`Disk`].
    #[must_use]
    pub fn try_open_on(disk: &Arc<dyn Disk>, path: impl AsRef<Path>, config: &MaildirConfig) -> Option<Self> {
        let root = Root::try_to_open(disk, path.as_ref()).ok()?;
        // Dropped after what was scanned, if that is not enough.
        let lock = Lock::try_to_take(root.directory())?;
        let scan = Scan::try_to_take(&root, config)?;
        Some(Self::new(root, lock, scan, config))
    }

    fn open_once(disk: &Arc<dyn Disk>, path: &Path, config: &MaildirConfig) -> Result<Self, OpenError> {
        let open = || {
            let root = Root::open(disk, path, config.create)?;
            // The file of the lock belongs into a Maildir only.
            let is_maildir = || root.folders(config.create).map(|_| ());
            Ok((Lock::take(root.directory(), is_maildir)?, root))
        };
        match open() {
            Ok((Some(lock), root)) => Self::scan(root, lock, config),
            Ok((None, _)) => return Err(OpenError::Locked { path: path.to_path_buf() }),
            Err(error) => Err(error),
        }
        .map_err(|error| OpenError::new(path, error))
    }

    /// Returns the snapshot: the sizes and unique-ids in the order of delivery.
    ///
    /// By default, the unique-id of a message is a hash of its file name without the flags. It stays the same when flags
    /// change or the file moves from `new` to `cur`, and it reveals nothing about the host. See
    /// [`UniqueIds`](crate::UniqueIds) for others. With those of Dovecot, the messages are in its order.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        static EMPTY: Snapshot = Snapshot::new();
        self.opening.as_ref().map_or(&EMPTY, |opening| &opening.snapshot)
    }

    /// Takes the snapshot, to pass it to the session without a copy. Everything else that concerns only the opening is
    /// forgotten as well, so that an idle session takes little memory: afterwards, [`snapshot`](Self::snapshot),
    /// [`summary`](Self::summary) and [`skipped`](Self::skipped) return empty values, and
    /// [`cache_error`](Self::cache_error) returns `None`. The other calls do not need them.
    #[must_use]
    pub fn take_snapshot(&mut self) -> Snapshot {
        self.opening.take().map(|opening| opening.snapshot).unwrap_or_default()
    }

    /// Returns statistics about the opening.
    #[must_use]
    pub fn summary(&self) -> MaildirSummary {
        self.opening.as_ref().map(|opening| opening.summary).unwrap_or_default()
    }

    /// Returns the files that are not in the snapshot, at most 100 of them.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        self.opening.as_ref().map_or(&[], |opening| &opening.skipped.first)
    }

    /// Returns the error that prevented the sizes from being stored for the next login, if there was one. The session
    /// is not affected.
    #[must_use]
    pub fn cache_error(&self) -> Option<&io::Error> {
        self.opening.as_ref()?.cache_error.as_ref()
    }

    /// Returns the error that prevented the unique-ids of new messages from being recorded, if there was one. These
    /// messages are not in the snapshot, and are [skipped](Self::skipped). See [`UniqueIds`](crate::UniqueIds).
    #[must_use]
    pub fn unrecorded(&self) -> Option<&io::Error> {
        self.opening.as_ref()?.unrecorded.as_ref()
    }

    /// Returns the messages that were read and then not changed since a point in time, in ascending order. Use it for
    /// a policy that removes such messages at QUIT (RFC 1939 section 8).
    ///
    /// Messages with the flag S and messages in `retrieved` count as read. The time of a message is the latest of its
    /// delivery, change, renaming or change of flags. After a restore from a backup, for example, messages may be
    /// kept longer than necessary. This does not remove anything: pass the result to [`remove`](Self::remove).
    #[must_use]
    pub fn expired(
        &self,
        before: SystemTime,
        retrieved: impl IntoIterator<Item = MessageNumber>,
    ) -> Vec<MessageNumber> {
        let nanoseconds = before.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let limit = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        let mut was_retrieved = vec![false; self.entries.len()];
        for number in retrieved {
            if let Some(place) = was_retrieved.get_mut(number.index()) {
                *place = true;
            }
        }
        let (mut folders, mut name, mut expired) = (None, Vec::new(), Vec::new());
        for (index, was_retrieved) in was_retrieved.into_iter().enumerate() {
            let Some(entry) = self.entries.get(index, &mut name) else { continue };
            let is_read = was_retrieved || name::is_seen(entry.name);
            if !is_read || entry.delivered() >= limit || entry.stat.modified.max(entry.stat.changed) >= limit
            {
                continue;
            }
            // The times that were remembered may be older than those of now.
            if folders.is_none() {
                folders = self.root.folders(false).ok();
            }
            let Some(folders) = &folders else { return Vec::new() };
            let found = folders.stat(entry.folder, entry.name).ok().flatten();
            let is_old = found.is_some_and(|found| {
                found.same_content(&entry.stat) && found.modified.max(found.changed) < limit
            });
            expired.extend(MessageNumber::from_index(index).filter(|_| is_old));
        }
        expired
    }

    /// Removes the messages that the session marked, and releases the lock.
    ///
    /// A message that no longer exists counts as removed. A file that has changed since the snapshot is kept and
    /// reported. When this returns, the removals are on the disk, and you may answer QUIT: with `+OK` if
    /// [`CommitReport::is_complete`] (RFC 1939 section 6).
    #[must_use = "QUIT has to say whether all was removed"]
    pub fn commit(self, deletions: &Deletions) -> CommitReport {
        self.remove(deletions.iter(), deletions.retrieved())
    }

    /// Returns whether [`commit`](Self::commit) only releases the lock if there is nothing to remove, without waiting for
    /// a disk or a network.
    #[must_use]
    pub const fn releases_on_the_spot(&self) -> bool {
        !self.seen_flag && self.is_local
    }

    /// Does the same as [`commit`](Self::commit), but takes message numbers: the messages to remove, and those that
    /// were sent completely.
    #[must_use = "QUIT has to say whether all was removed"]
    pub fn remove(
        mut self,
        deleted: impl IntoIterator<Item = MessageNumber>,
        retrieved: impl IntoIterator<Item = MessageNumber>,
    ) -> CommitReport {
        let deleted: Vec<MessageNumber> = deleted.into_iter().collect();
        if deleted.is_empty() && !self.seen_flag {
            return CommitReport::default();
        }
        let folders = match self.patience.insist(self.root.disk(), || self.root.folders(false)) {
            Ok(folders) => folders,
            Err(error) => return commit::nothing(&deleted, error),
        };
        let mut report = commit::remove(&folders, &self.entries, &deleted, self.patience);
        if self.seen_flag {
            let mut seen = vec![false; self.entries.len()];
            let set = |seen: &mut Vec<bool>, number: MessageNumber, value| {
                if let Some(place) = seen.get_mut(number.index()) {
                    *place = value;
                }
            };
            retrieved.into_iter().for_each(|number| set(&mut seen, number, true));
            deleted.iter().for_each(|&number| set(&mut seen, number, false));
            let seen = seen.iter().enumerate().filter_map(|(index, &seen)| seen.then_some(index));
            commit::mark_seen(&folders, &self.entries, seen, self.separator, &mut report);
        }
        commit::sync(&folders, &mut report);
        drop(folders);
        let changed = |failure: &&CommitFailure| matches!(failure.reason, CommitError::Changed);
        report.failures().iter().filter(changed).for_each(|failure| self.forget(failure.number.index()));
        report
    }

    fn scan(root: Root, lock: Lock, config: &MaildirConfig) -> io::Result<Self> {
        let scan = Scan::take(&root, config)?;
        Ok(Self::new(root, lock, scan, config))
    }

    fn new(root: Root, lock: Lock, scan: Scan, config: &MaildirConfig) -> Self {
        let Scan { entries, snapshot, measured, skipped, cache_error, unrecorded, tail, unconverted } = scan;
        let summary = MaildirSummary { messages: snapshot.len(), measured, skipped: skipped.count };
        let is_local = root.directory().can_try();
        let MaildirConfig { seen_flag, eight_bit_headers, info_separator: separator, .. } = *config;
        Self {
            root,
            entries,
            opening: Some(Box::new(Opening { snapshot, summary, skipped, cache_error, unrecorded })),
            tail,
            forgotten: BTreeSet::new(),
            searched: None,
            seen_flag,
            separator,
            eight_bit_headers,
            unconverted,
            patience: Patience::new(config.on_shortage, Patience::SESSION),
            tries: Tries::new(is_local),
            is_local,
            _lock: lock,
        }
    }

    /// Makes the size cache forget a message that is not what it says, so that the next login looks at it again.
    fn forget(&mut self, index: usize) {
        let mut name = Vec::new();
        let Some(entry) = self.entries.get(index, &mut name) else { return };
        if let Some(tail) = &mut self.tail
            && self.forgotten.insert(index)
        {
            let forgot = sizes::append(self.root.directory(), tail, |file| file.gone(entry.name));
            if forgot.is_err() {
                // It is better to have none than one that is known to be wrong.
                self.root.directory().unlink(sizes::NAME).ok();
                self.tail = None;
            }
        }
    }

    fn path_of(&self, index: usize) -> Option<PathBuf> {
        let mut name = Vec::new();
        self.entries.get(index, &mut name).map(|entry| self.root.path_of(entry.folder, entry.name))
    }
}
