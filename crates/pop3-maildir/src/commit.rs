//! Removing messages at QUIT.

use core::fmt;
use std::io;

use pop3_disk::Stat;
use pop3_proto::MessageNumber;
use rustix::io::Errno;

use crate::entries::Entries;
use crate::folders::Folders;
use crate::name::{self, InfoSeparator, MaildirFolder};
use crate::patience::Patience;
use crate::search::{self, SEARCHES, Wanted};
use crate::unique;

/// The result of a commit.
#[derive(Debug, Default)]
pub struct CommitReport {
    removed: usize,
    gone: usize,
    seen: usize,
    failures: Vec<CommitFailure>,
    unsynced: Option<io::Error>,
}

impl CommitReport {
    /// Returns whether all marked messages were removed permanently. If not, answer QUIT with `-ERR` (RFC 1939
    /// section 6).
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.unsynced.is_none()
    }

    /// Returns the number of messages that were removed.
    #[must_use]
    pub const fn removed(&self) -> usize {
        self.removed
    }

    /// Returns the number of marked messages that another program had already removed.
    #[must_use]
    pub const fn gone(&self) -> usize {
        self.gone
    }

    /// Returns the number of messages that were moved to `cur` and marked as seen.
    #[must_use]
    pub const fn seen(&self) -> usize {
        self.seen
    }

    /// Returns the marked messages that could not be removed, in ascending order, with the reasons.
    #[must_use]
    pub fn failures(&self) -> &[CommitFailure] {
        &self.failures
    }

    /// Returns the error of the sync to disk, if there was one. The removals may then not survive a power failure.
    #[must_use]
    pub const fn unsynced(&self) -> Option<&io::Error> {
        self.unsynced.as_ref()
    }
}

/// A marked message that could not be removed.
#[derive(Debug)]
#[non_exhaustive]
pub struct CommitFailure {
    /// The number of the message in the session.
    pub number: MessageNumber,
    /// Why it could not be removed.
    pub reason: CommitError,
}

/// Why a marked message could not be removed.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommitError {
    /// The file was replaced or its content has changed, so it is not the message that the client marked.
    Changed,
    /// The file was renamed each time it was found.
    Restless,
    /// The session has no such message.
    NoSuchMessage,
    /// The system reported an error.
    Io(io::Error),
}

impl fmt::Display for CommitFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} was not removed: {}", self.number, self.reason)
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it was changed during the session"),
            Self::Restless => f.write_str("it keeps being renamed"),
            Self::NoSuchMessage => f.write_str("there is no such message"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

/// What became of one name.
enum Outcome {
    /// Removed; other names of the file may be left.
    Removed {
        last: bool,
    },
    /// The name is not there, or stands for another file.
    Elsewhere,
    Failed(CommitError),
}

/// The report when nothing can be removed.
pub(crate) fn nothing(deleted: &[MessageNumber], error: io::Error) -> CommitReport {
    let mut report = CommitReport::default();
    // Without directories there are no messages either.
    if error.kind() == io::ErrorKind::NotFound {
        report.gone = deleted.len();
        return report;
    }
    let errno = Errno::from_io_error(&error);
    for &number in deleted {
        report.fail(number, CommitError::Io(errno.map_or_else(|| error.kind().into(), io::Error::from)));
    }
    report
}

/// Removes these messages and no other.
pub(crate) fn remove(
    folders: &Folders<'_>,
    entries: &Entries,
    deleted: &[MessageNumber],
    patience: Patience,
) -> CommitReport {
    let mut report = CommitReport::default();
    // Messages that are not where they were, and those with more names than one.
    let (mut lost, mut linked) = (Vec::new(), Vec::new());
    let mut name = Vec::new();
    for &number in deleted {
        let Some(entry) = entries.get(number.index(), &mut name) else {
            report.fail(number, CommitError::NoSuchMessage);
            continue;
        };
        match unlink(folders, entry.folder, entry.name, &entry.stat) {
            Outcome::Removed { last: true } => report.removed += 1,
            // It is removed when its other names are.
            Outcome::Removed { last: false } => linked.push(number),
            Outcome::Elsewhere => lost.push(number),
            Outcome::Failed(error) => report.fail(number, error),
        }
    }
    for _ in 0..SEARCHES {
        if lost.is_empty() && linked.is_empty() {
            break;
        }
        if let Err(error) = search(folders, entries, &mut lost, &mut linked, &mut report, patience) {
            let kind = error.kind();
            for number in lost.drain(..).chain(linked.drain(..)) {
                report.fail(number, CommitError::Io(kind.into()));
            }
        }
    }
    for number in lost {
        report.fail(number, CommitError::Restless);
    }
    report.failures.sort_by_key(|failure| failure.number);
    report
}

/// Looks for messages by what does not change of their names, and removes them there.
///
/// What is found under no name is gone. What was renamed meanwhile stays `lost`.
fn search(
    folders: &Folders<'_>,
    entries: &Entries,
    lost: &mut Vec<MessageNumber>,
    linked: &mut Vec<MessageNumber>,
    report: &mut CommitReport,
    patience: Patience,
) -> io::Result<()> {
    let (mut wanted, mut name) = (Wanted::default(), Vec::new());
    for index in lost.iter().chain(&*linked).map(|number| number.index()) {
        if let Some(entry) = entries.get(index, &mut name) {
            wanted.add(index, name::identity(entry.name));
        }
    }
    let find = || search::candidates(folders, &wanted, |_, _, _| false);
    let (mut found, settled) = patience.insist(folders.disk(), find)?;
    found.sort_by_key(|candidate| candidate.index);
    let names_of = |number: MessageNumber| {
        let start = found.partition_point(|candidate| candidate.index < number.index());
        found[start..].iter().take_while(move |candidate| candidate.index == number.index())
    };

    // Remove the other names of a removed file, too. Otherwise it would return at the next login.
    for number in linked.drain(..) {
        let Some(entry) = entries.get(number.index(), &mut name) else { continue };
        let failed = names_of(number).find_map(|candidate| {
            match unlink(folders, candidate.folder, &candidate.name, &entry.stat) {
                Outcome::Failed(error) => Some(error),
                Outcome::Removed { .. } | Outcome::Elsewhere => None,
            }
        });
        match failed {
            Some(error) => report.fail(number, error),
            None => report.removed += 1,
        }
    }

    let mut still_lost = Vec::new();
    for number in lost.drain(..) {
        let Some(entry) = entries.get(number.index(), &mut name) else { continue };
        let (mut removed, mut same, mut other, mut failed) = (false, false, false, None);
        for candidate in names_of(number) {
            if !candidate.stat.same_file(&entry.stat) {
                other = true;
                continue;
            }
            same = true;
            match unlink(folders, candidate.folder, &candidate.name, &entry.stat) {
                Outcome::Removed { .. } => removed = true,
                Outcome::Elsewhere => {}
                Outcome::Failed(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => report.fail(number, error),
            None if removed => report.removed += 1,
            None if same => still_lost.push(number),
            None if other => report.fail(number, CommitError::Changed),
            None if settled => report.gone += 1,
            // The directories changed while we looked, so it may have been missed.
            None => still_lost.push(number),
        }
    }
    if !still_lost.is_empty() && !settled {
        folders.wait_for_tick()?;
    }
    *lost = still_lost;
    Ok(())
}

/// Removes a name if it still stands for the message.
///
/// The system has no way to do both in one step. Who puts another file under the same name in
/// between loses it; delivery never does, because it never uses a name twice.
fn unlink(folders: &Folders<'_>, folder: MaildirFolder, name: &[u8], message: &Stat) -> Outcome {
    let found = match folders.stat(folder, name) {
        Ok(Some(found)) => found,
        Ok(None) => return Outcome::Elsewhere,
        Err(error) => return Outcome::Failed(CommitError::Io(error)),
    };
    if !found.same_file(message) {
        return Outcome::Elsewhere;
    }
    if !found.same_content(message) {
        return Outcome::Failed(CommitError::Changed);
    }
    match folders.folder(folder).unlink(name) {
        Ok(()) => Outcome::Removed { last: found.links <= 1 },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Elsewhere,
        Err(error) => Outcome::Failed(CommitError::Io(error)),
    }
}

/// Moves messages from `new` to `cur` with the flag S. What does not work is left: the flag is a
/// courtesy to mail readers.
pub(crate) fn mark_seen(
    folders: &Folders<'_>,
    entries: &Entries,
    seen: impl Iterator<Item = usize>,
    separator: InfoSeparator,
    report: &mut CommitReport,
) {
    let mut buffer = Vec::new();
    let (new, cur) = (folders.folder(MaildirFolder::New), folders.folder(MaildirFolder::Cur));
    for index in seen {
        let Some(entry) = entries.get(index, &mut buffer) else { continue };
        if entry.folder != MaildirFolder::New {
            continue;
        }
        let Some(name) = name::seen(entry.name, separator) else { continue };
        let same = folders.stat(MaildirFolder::New, entry.name);
        if same.is_ok_and(|found| found.is_some_and(|found| found.same_content(&entry.stat)))
            && unique::rename(new, entry.name, cur, &name).is_ok()
        {
            report.seen += 1;
        }
    }
}

/// Brings the changes of the directories to the disk.
pub(crate) fn sync(folders: &Folders<'_>, report: &mut CommitReport) {
    if report.removed == 0 && report.seen == 0 {
        return;
    }
    for folder in MaildirFolder::BOTH {
        if let Err(error) = folders.folder(folder).sync() {
            report.unsynced = Some(error);
        }
    }
}

impl CommitReport {
    fn fail(&mut self, number: MessageNumber, reason: CommitError) {
        self.failures.push(CommitFailure { number, reason });
    }
}
