//! Finding the messages of a Maildir.

use core::fmt;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

use pop3_disk::{FileKind, Stat};

use crate::folders::Folders;
use crate::name::{self, MaildirFolder};
use crate::unique;

/// How often the directories are read again because they changed meanwhile. POSIX does not say whether
/// a name that changes while a directory is read is met.
const ROUNDS: u32 = 3;

/// How often a message that was renamed, and is renamed while it is looked for, is looked for again.
pub(crate) const SEARCHES: u32 = 8;

/// How many skipped files are remembered by name.
const SKIPPED_MAX: usize = 100;

/// A message that was found.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) folder: MaildirFolder,
    pub(crate) name: Box<[u8]>,
    pub(crate) stat: Stat,
    /// Whether the header is not ASCII, as far as that was looked at.
    pub(crate) eight_bit: bool,
    delivered: (u64, u64),
}

impl Entry {
    fn new(folder: MaildirFolder, name: Box<[u8]>, stat: Stat) -> Self {
        let delivered = name::delivery_time(&name);
        Self { folder, name, stat, eight_bit: false, delivered }
    }

    pub(crate) fn identity(&self) -> &[u8] {
        name::identity(&self.name)
    }

    /// Whether a mail reader has marked it as seen.
    pub(crate) fn is_seen(&self) -> bool {
        name::is_seen(&self.name)
    }

    /// When it was delivered, written, renamed or got another flag, whatever was last, in nanoseconds
    /// since 1970.
    pub(crate) fn touched(&self) -> i64 {
        let delivered = i64::try_from(self.delivered.0).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        delivered.max(self.stat.modified).max(self.stat.changed)
    }

    /// Directory and name, to see whether they changed.
    pub(crate) fn place(&self) -> (MaildirFolder, Box<[u8]>) {
        (self.folder, self.name.clone())
    }

    /// The order of the messages: delivery time, then name. The rest decides between files whose
    /// names differ in the flags only.
    fn order(&self) -> impl Ord + '_ {
        (self.delivered, self.identity(), self.stat.modified, self.stat.device, self.stat.inode, self.folder)
    }
}

/// A file in `new` or `cur` that is not in the snapshot, for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The directory that contains it.
    pub folder: MaildirFolder,
    /// Its name. It may contain anything: escape it in a log.
    pub name: OsString,
    /// Why it was skipped.
    pub reason: SkipReason,
}

/// Why a file was left out of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is a symbolic link. Links are not followed.
    Link,
    /// It is a directory, FIFO, socket or device.
    NotAFile,
    /// It cannot be read, because of its permissions or a disk error.
    Unreadable,
    /// It changed or disappeared while it was read.
    Changed,
    /// Its name differs from another file's name only in the flags, and it could not be renamed.
    Duplicate,
    /// The maildrop has reached the maximum number of messages.
    Full,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}: {}", self.folder.name(), self.name, self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "a symbolic link",
            Self::NotAFile => "not a regular file",
            Self::Unreadable => "not readable",
            Self::Changed => "changed while it was read",
            Self::Duplicate => "its name differs from another one only in the flags",
            Self::Full => "too many messages",
        })
    }
}

/// The skipped files: all counted, the first of them by name.
#[derive(Debug, Default)]
pub(crate) struct SkippedFiles {
    pub(crate) count: usize,
    pub(crate) first: Vec<Skipped>,
}

impl SkippedFiles {
    pub(crate) fn add(&mut self, entry: Entry, reason: SkipReason) {
        self.count += 1;
        if self.first.len() < SKIPPED_MAX {
            let name = OsString::from_vec(entry.name.into_vec());
            self.first.push(Skipped { folder: entry.folder, name, reason });
        }
    }
}

/// Finds all messages, in the order of their numbers, no two with the same identity.
pub(crate) fn scan(folders: &Folders<'_>, skipped: &mut SkippedFiles) -> io::Result<Vec<Entry>> {
    let mut messages = Vec::new();
    for entry in found(folders)? {
        let kind = entry.stat.kind;
        if kind == FileKind::File {
            messages.push(entry);
        } else {
            let link = kind == FileKind::Link;
            skipped.add(entry, if link { SkipReason::Link } else { SkipReason::NotAFile });
        }
    }
    messages.sort_by(|a, b| a.order().cmp(&b.order()));
    let (mut messages, mut renamed) = distinct(folders, messages, skipped)?;
    if !renamed.is_empty() {
        messages.append(&mut renamed);
        messages.sort_by(|a, b| a.order().cmp(&b.order()));
    }
    Ok(messages)
}

/// All names in both directories that stand for something.
fn found(folders: &Folders<'_>) -> io::Result<Vec<Entry>> {
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let before = folders.changed()?;
        let mut names: Vec<(MaildirFolder, Box<[u8]>)> = Vec::new();
        folders.names(|folder, name| names.push((folder, name.into())))?;
        let mut entries = Vec::with_capacity(names.len());
        for (folder, name) in names {
            if let Some(stat) = folders.stat(folder, &name)? {
                entries.push(Entry::new(folder, name, stat));
            }
        }
        entries.append(&mut all);
        all = entries;
        if round > 0 {
            // Of two findings of a name the later one stands first.
            all.sort_by(|a, b| (a.folder, &a.name).cmp(&(b.folder, &b.name)));
            all.dedup_by(|b, a| (a.folder, &a.name) == (b.folder, &b.name));
        }
        if folders.kept_still(before)? {
            break;
        }
    }
    Ok(all)
}

/// Takes care that no two messages have the same identity, for it makes the unique-id.
///
/// One file with two names, as a half-done move leaves it, is one message. Two files, as a backup
/// put back leaves them, are two messages, and the younger one gets a new name for good: any other
/// way to tell them apart ends when one of them is removed. Dovecot does the same.
fn distinct(
    folders: &Folders<'_>,
    sorted: Vec<Entry>,
    skipped: &mut SkippedFiles,
) -> io::Result<(Vec<Entry>, Vec<Entry>)> {
    let mut kept: Vec<Entry> = Vec::with_capacity(sorted.len());
    let mut renamed: Vec<Entry> = Vec::new();
    for entry in sorted {
        match kept.last() {
            Some(first) if first.identity() == entry.identity() => {
                if first.stat.same_file(&entry.stat) {
                    continue;
                }
                if renamed.last().is_some_and(|other| other.stat.same_file(&entry.stat)) {
                    // A second name of a file that just got a new one.
                    folders.folder(entry.folder).unlink(&entry.name).ok();
                    continue;
                }
                match rename(folders, &entry) {
                    Some(entry) => renamed.push(entry),
                    None => skipped.add(entry, SkipReason::Duplicate),
                }
            }
            _ => kept.push(entry),
        }
    }
    Ok((kept, renamed))
}

/// Gives a message a new name with the same delivery time and the same flags.
fn rename(folders: &Folders<'_>, entry: &Entry) -> Option<Entry> {
    let digits = name::leading_digits(&entry.name);
    let mut name = unique::base(folders.disk().now(), Some(digits).filter(|digits| !digits.is_empty()), None);
    name.extend_from_slice(name::info(&entry.name));
    let folder = folders.folder(entry.folder);
    unique::rename(folder, &entry.name, folder, &name).ok()?;
    let stat = folders.stat(entry.folder, &name).ok()??;
    Some(Entry::new(entry.folder, name.into(), stat))
}

/// A name that some wanted message may have now.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The place of the message in the snapshot.
    pub(crate) index: usize,
    pub(crate) folder: MaildirFolder,
    pub(crate) name: Box<[u8]>,
    pub(crate) stat: Stat,
}

/// Reads the directories again and returns all names with the identity of a wanted message, except
/// those that `known` says are known. The second value tells whether the directories kept still
/// meanwhile, so that nothing was missed.
pub(crate) fn candidates<'e>(
    folders: &Folders<'_>,
    wanted: impl Iterator<Item = (usize, &'e Entry)>,
    known: impl Fn(&Entry, MaildirFolder, &[u8]) -> bool,
) -> io::Result<(Vec<Candidate>, bool)> {
    let wanted: HashMap<&[u8], (usize, &Entry)> =
        wanted.map(|(index, entry)| (entry.identity(), (index, entry))).collect();
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let before = folders.changed()?;
        let mut names: Vec<(usize, MaildirFolder, Box<[u8]>)> = Vec::new();
        folders.names(|folder, name| {
            if let Some(&(index, entry)) = wanted.get(name::identity(name))
                && !known(entry, folder, name)
            {
                names.push((index, folder, name.into()));
            }
        })?;
        all.clear();
        for (index, folder, name) in names {
            if let Some(stat) = folders.stat(folder, &name)? {
                all.push(Candidate { index, folder, name, stat });
            }
        }
        if folders.kept_still(before)? {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// Finds the messages again that got other names since the scan. One pass finds all of them, so
/// that a maildrop full of renamed messages costs one pass and not one for each.
///
/// Returns whether the directories kept still meanwhile: then what was not found is gone.
pub(crate) fn relocate(folders: &Folders<'_>, entries: &mut [Entry]) -> io::Result<bool> {
    let known = |entry: &Entry, folder, name: &[u8]| entry.folder == folder && *entry.name == *name;
    let (found, settled) = candidates(folders, entries.iter().enumerate(), known)?;
    for Candidate { index, folder, name, stat } in found {
        if let Some(entry) = entries.get_mut(index)
            && entry.stat.same_file(&stat)
        {
            (entry.folder, entry.name) = (folder, name);
        }
    }
    Ok(settled)
}
