//! The store of a server session: a locked Maildir and its snapshot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Disk, System};
use pop3_proto::{Deletions, MessageNumber, Snapshot};

use crate::commit::{self, CommitReport};
use crate::config::{EightBitHeaders, MaildirConfig};
use crate::error::{MessageError, OpenError};
use crate::folders::{Folders, Root};
use crate::lock::Lock;
use crate::message::MessageFile;
use crate::patience::Patience;
use crate::scan::{self, Entry, Skipped, SkippedFiles};
use crate::snapshot::Scan;
use crate::substitute;

/// A Maildir that this session has for itself, and what it held when it was opened.
///
/// The lock goes with this value: it is free when the value is dropped, committed, or the process
/// dies. Nothing is removed but by [`commit`](Self::commit).
///
/// All calls block on the file system, so an async server makes them on threads for such work.
///
/// While no call is made, a Maildir holds two descriptors: its directory and the lock. A message that is being
/// read holds one more, until its end was read.
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
/// assert_eq!(maildir.maildrop().size(MessageNumber::FIRST), Some(25)); // each LF counts as CRLF
/// let mut stored = Vec::new();
/// maildir.message(MessageNumber::FIRST)?.read_to_end(&mut stored)?;
/// assert_eq!(stored, b"Subject: hello\n\nhello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Maildir {
    root: Root,
    entries: Vec<Entry>,
    maildrop: Snapshot,
    summary: MaildirSummary,
    skipped: SkippedFiles,
    cache_error: Option<io::Error>,
    seen_flag: bool,
    eight_bit_headers: EightBitHeaders,
    patience: Patience,
    // The last field, so that the lock is the last thing to go.
    _lock: Lock,
}

/// What opening a Maildir took, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaildirSummary {
    /// Messages in the snapshot.
    pub messages: usize,
    /// Files that had to be read to count their size. The sizes of the others were known.
    pub measured: usize,
    /// Files in `new` and `cur` that are no messages of the snapshot.
    pub skipped: usize,
}

impl Maildir {
    /// Locks the Maildir and makes the snapshot, with the default [`MaildirConfig`].
    ///
    /// # Errors
    /// See [`OpenError`]. The lock is free again then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &MaildirConfig::default())
    }

    /// Locks the Maildir and makes the snapshot.
    ///
    /// # Errors
    /// See [`OpenError`]. The lock is free again then.
    pub fn open_with(path: impl AsRef<Path>, config: &MaildirConfig) -> Result<Self, OpenError> {
        Self::open_on(&System::shared(), path, config)
    }

    /// Locks the Maildir and makes the snapshot, on a disk other than the system's, as tests have it.
    ///
    /// # Errors
    /// See [`OpenError`]. The lock is free again then.
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        path: impl AsRef<Path>,
        config: &MaildirConfig,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Patience::new(config.on_shortage, Patience::LOGIN)
            .insist(&**disk, || Self::try_open_on(disk, path, config))
    }

    fn try_open_on(disk: &Arc<dyn Disk>, path: &Path, config: &MaildirConfig) -> Result<Self, OpenError> {
        let open = || {
            let root = Root::open(disk, path, config.create)?;
            // Looked for before the lock file is made, which belongs into a Maildir only.
            drop(root.folders(config.create)?);
            Ok((Lock::take(root.directory())?, root))
        };
        match open() {
            Ok((Some(lock), root)) => Self::snapshot(root, lock, config),
            Ok((None, _)) => return Err(OpenError::Locked { path: path.to_path_buf() }),
            Err(error) => Err(error),
        }
        .map_err(|error| OpenError::new(path, error))
    }

    /// Returns the snapshot: sizes and unique-ids in the order of delivery.
    ///
    /// The unique-id of a message is a hash of its file name without the flags. It stays the same when flags change
    /// or the file moves from `new` to `cur`, and tells nothing about the host.
    #[must_use]
    pub const fn maildrop(&self) -> &Snapshot {
        &self.maildrop
    }

    /// Hands the snapshot out, to give it to the session without a copy. The other calls don't need
    /// it, but [`maildrop`](Self::maildrop) is empty afterwards.
    #[must_use]
    pub fn take_maildrop(&mut self) -> Snapshot {
        core::mem::take(&mut self.maildrop)
    }

    /// What opening took.
    #[must_use]
    pub const fn summary(&self) -> MaildirSummary {
        self.summary
    }

    /// Returns the files that are no messages of the snapshot, at most 100 of them.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped.first
    }

    /// Why the sizes could not be remembered for the next login, if so. The session is as good as
    /// any.
    #[must_use]
    pub const fn cache_error(&self) -> Option<&io::Error> {
        self.cache_error.as_ref()
    }

    /// Opens a message of the snapshot.
    ///
    /// A message whose name changed meanwhile is found under its new name. That is noted, so the value has to be
    /// mutable.
    ///
    /// # Errors
    /// Returns an error if the message is not there any more, or not the same; see [`MessageError`].
    pub fn message(&mut self, number: MessageNumber) -> Result<MessageFile, MessageError> {
        let disk = self.root.shared_disk();
        self.patience.insist(&*disk, || self.try_message(number))
    }

    fn try_message(&mut self, number: MessageNumber) -> Result<MessageFile, MessageError> {
        let index = number.index();
        let Some(path) = self.path_of(index) else { return Err(MessageError::NoSuchMessage(number)) };
        let io_error = |source| MessageError::Io { path: path.clone(), source };
        let Self { root, entries, .. } = self;
        let folders = match root.folders(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MessageError::Vanished { path });
            }
            folders => folders.map_err(io_error)?,
        };
        for _ in 0..scan::SEARCHES {
            if let Some(message) = try_open(&folders, entries, index).map_err(io_error)? {
                return self.prepared(index, message);
            }
            if !search(&folders, entries, index).map_err(io_error)? {
                break;
            }
        }
        let Some(entry) = entries.get(index) else { return Err(MessageError::NoSuchMessage(number)) };
        let path = root.path_of(entry.folder, &entry.name);
        match folders.stat(entry.folder, &entry.name) {
            Ok(Some(_)) => Err(MessageError::Changed { path }),
            Ok(None) => Err(MessageError::Vanished { path }),
            Err(source) => Err(MessageError::Io { path, source }),
        }
    }

    /// Returns the messages that somebody has read and that nobody has touched since a point in time: for policies
    /// that remove such mail at QUIT (RFC 1939 section 8). Ascending.
    ///
    /// Read are those with the flag S, and those among `retrieved`. A message counts from when it was delivered,
    /// written, renamed or got another flag, whatever was last; so it is kept rather for too long, after a backup was
    /// restored, say. What is found here is not removed by that: hand it to [`remove`](Self::remove).
    #[must_use]
    pub fn expired(
        &self,
        before: SystemTime,
        retrieved: impl IntoIterator<Item = MessageNumber>,
    ) -> Vec<MessageNumber> {
        let nanoseconds = before.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let limit = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        let mut read: Vec<bool> = self.entries.iter().map(Entry::is_seen).collect();
        for number in retrieved {
            if let Some(place) = read.get_mut(number.index()) {
                *place = true;
            }
        }
        let old = self.entries.iter().zip(read).map(|(entry, read)| read && entry.touched() < limit);
        let numbers = old.enumerate().filter(|&(_, old)| old);
        numbers.filter_map(|(index, _)| MessageNumber::new(u32::try_from(index + 1).ok()?)).collect()
    }

    /// Removes the messages that the session marked, and no other, then frees the lock.
    ///
    /// A message that is gone already counts as removed. One that is not the file of the snapshot
    /// any more stays and is reported. When this returns, the removals are on disk, the lock is free,
    /// and QUIT may be answered: `+OK` if [`CommitReport::is_complete`] (RFC 1939 section 6).
    #[must_use = "QUIT has to say whether all was removed"]
    pub fn commit(self, deletions: &Deletions) -> CommitReport {
        self.remove(deletions.iter(), deletions.retrieved())
    }

    /// Returns the same as [`commit`](Self::commit), for callers who have numbers: the messages to remove, and those
    /// that were sent whole.
    #[must_use = "QUIT has to say whether all was removed"]
    pub fn remove(
        self,
        deleted: impl IntoIterator<Item = MessageNumber>,
        retrieved: impl IntoIterator<Item = MessageNumber>,
    ) -> CommitReport {
        let deleted: Vec<MessageNumber> = deleted.into_iter().collect();
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
            let entries = self.entries.iter().zip(seen).filter_map(|(entry, seen)| seen.then_some(entry));
            commit::mark_seen(&folders, entries, &mut report);
        }
        commit::sync(&folders, &mut report);
        report
    }

    fn snapshot(root: Root, lock: Lock, config: &MaildirConfig) -> io::Result<Self> {
        let Scan { entries, maildrop, measured, skipped, cache_error } =
            Scan::take(&root.folders(config.create)?, config)?;
        let summary = MaildirSummary { messages: entries.len(), measured, skipped: skipped.count };
        let MaildirConfig { seen_flag, eight_bit_headers, .. } = *config;
        Ok(Self {
            root,
            entries,
            maildrop,
            summary,
            skipped,
            cache_error,
            seen_flag,
            eight_bit_headers,
            patience: Patience::new(config.on_shortage, Patience::SESSION),
            _lock: lock,
        })
    }

    /// The message as it is to be sent.
    fn prepared(&self, index: usize, message: MessageFile) -> Result<MessageFile, MessageError> {
        let eight_bit = self.entries.get(index).is_some_and(|entry| entry.eight_bit);
        let path = || self.path_of(index).unwrap_or_default();
        let prepared = match self.eight_bit_headers {
            EightBitHeaders::Convert(convert) if eight_bit => substitute::apply(message, convert),
            EightBitHeaders::Refuse if eight_bit => Ok(None),
            EightBitHeaders::Send | EightBitHeaders::Refuse | EightBitHeaders::Convert(_) => {
                Ok(Some(message))
            }
        };
        match prepared {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(MessageError::NeedsUtf8 { path: path() }),
            Err(source) => Err(MessageError::Io { path: path(), source }),
        }
    }

    fn path_of(&self, index: usize) -> Option<PathBuf> {
        self.entries.get(index).map(|entry| self.root.path_of(entry.folder, &entry.name))
    }
}

/// Looks where a message is now; `false` when it is under no other name.
fn search(folders: &Folders<'_>, entries: &mut [Entry], index: usize) -> io::Result<bool> {
    let before = entries.get(index).map(Entry::place);
    let settled = scan::relocate(folders, entries)?;
    if entries.get(index).map(Entry::place) != before {
        return Ok(true);
    }
    if !settled {
        folders.wait_for_tick()?;
    }
    Ok(!settled)
}

/// Opens the file where the snapshot has it, `None` when something else or nothing is there.
fn try_open(folders: &Folders<'_>, entries: &[Entry], index: usize) -> io::Result<Option<MessageFile>> {
    let Some(entry) = entries.get(index) else { return Ok(None) };
    // Asked by name first, so that nothing but the file is opened.
    match folders.stat(entry.folder, &entry.name)? {
        Some(stat) if stat.same_content(&entry.stat) => {}
        _ => return Ok(None),
    }
    match folders.open_message(entry.folder, &entry.name) {
        Ok((file, stat)) => Ok(stat.same_content(&entry.stat).then(|| MessageFile::new(file, stat))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
