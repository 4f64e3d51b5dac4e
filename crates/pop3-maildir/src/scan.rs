//! Finding the messages of a Maildir by reading its folders.

use core::fmt;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

use pop3_disk::{FileKind, Stat};

use crate::folders::{Folders, State};
use crate::found::{Found, Size};
use crate::name::{self, MaildirFolder};
use crate::search::ROUNDS;
use crate::unique;

/// How many skipped files are remembered by name.
const SKIPPED_MAX: usize = 100;

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
    /// It is new, and its unique-id could not be recorded for later sessions, for example because the disk is full.
    Unrecorded,
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
            Self::Unrecorded => "its unique-id could not be recorded",
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
    pub(crate) fn add(&mut self, found: &Found<'_>, reason: SkipReason) {
        self.count += 1;
        if self.first.len() < SKIPPED_MAX {
            let name = OsString::from_vec(found.name.to_vec());
            self.first.push(Skipped { folder: found.folder, name, reason });
        }
    }
}

/// The names of both folders, as they were read.
#[derive(Debug, Default)]
pub(crate) struct Names {
    octets: Vec<u8>,
    places: Vec<Place>,
    /// The state of the folders if they kept still, so that these are all names that there were.
    pub(crate) settled: Option<State>,
}

#[derive(Debug)]
struct Place {
    end: usize,
    folder: MaildirFolder,
    inode: u64,
    kind: Option<FileKind>,
}

impl Names {
    /// Reads the folders, and again if they change meanwhile. What was met once is kept if they never keep still.
    pub(crate) fn read(folders: &Folders<'_>) -> io::Result<Self> {
        let mut names = Self::default();
        for _ in 0..ROUNDS {
            let before = folders.state()?;
            let (octets, places) = (names.octets.len(), names.places.len());
            folders.names(|folder, entry| {
                names.octets.extend_from_slice(entry.name);
                let end = names.octets.len();
                names.places.push(Place { end, folder, inode: entry.inode, kind: entry.kind });
            })?;
            if folders.kept_still(&before)? {
                names.settled = Some(before);
                // These are all. What was read before has another name now, or is gone.
                names.octets.drain(..octets);
                names.places.drain(..places);
                names.places.iter_mut().for_each(|place| place.end -= octets);
                break;
            }
        }
        Ok(names)
    }

    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    /// The names in the order of the messages, those of one message in the order of the folders. A name that was read
    /// more than once is there once, as it was read last.
    fn found(&self) -> Vec<Found<'_>> {
        let mut start = 0;
        let found = |place: &Place| {
            let name = &self.octets[start..place.end];
            start = place.end;
            Found::new(place.folder, name, place.inode, place.kind)
        };
        let mut all: Vec<_> = self.places.iter().map(found).collect();
        // Stable, so that the later reading is behind the earlier one.
        all.sort_by(|a, b| (a.order(), a.folder, &a.name).cmp(&(b.order(), b.folder, &b.name)));
        all.dedup_by(|later, earlier| {
            let is_same = (later.folder, &later.name) == (earlier.folder, &earlier.name);
            if is_same {
                core::mem::swap(later, earlier);
            }
            is_same
        });
        all
    }
}

/// Finds all messages, in the order of their numbers, no two with the same identity. The sizes are those of messages
/// that the size cache has. Returns also whether it has messages that are gone.
pub(crate) fn scan<'n>(
    folders: &Folders<'_>,
    names: &'n Names,
    remembered: &[Found<'n>],
    skipped: &mut SkippedFiles,
) -> io::Result<(Vec<Found<'n>>, Vec<Found<'n>>)> {
    let mut remembered = remembered.iter().peekable();
    let (mut messages, mut renamed, mut gone) = (Vec::with_capacity(names.len()), Vec::new(), Vec::new());
    let mut found = names.found().into_iter().peekable();
    while let Some(first) = found.next() {
        while let Some(old) = remembered.next_if(|old| old.order() < first.order()) {
            gone.push(old.clone());
        }
        let old = remembered.next_if(|old| old.order() == first.order());
        let mut kept = None;
        if found.peek().is_none_or(|next| next.order() != first.order()) {
            kept = accept(folders, first, old, skipped)?;
        } else {
            let mut same = vec![first];
            while let Some(next) = found.next_if(|next| next.order() == same[0].order()) {
                same.push(next);
            }
            let any = same.iter().find(|message| message.kind == Some(FileKind::File)).cloned();
            let (mut elder, mut younger) = (None::<Stat>, None::<Stat>);
            for (stat, message) in elder_first(folders, same)? {
                if elder.is_some_and(|elder| elder.same_file(&stat)) {
                    continue;
                }
                if younger.is_some_and(|younger| younger.same_file(&stat)) {
                    // A second name of a file that just got a new one.
                    folders.folder(message.folder).unlink(&message.name).ok();
                    continue;
                }
                let Some(message) = accept(folders, message, old, skipped)? else { continue };
                if kept.is_none() {
                    (kept, elder) = (Some(message), Some(stat));
                } else if let Some(message) = rename(folders, &message) {
                    renamed.push(message);
                    younger = Some(stat);
                } else {
                    skipped.add(&message, SkipReason::Duplicate);
                }
            }
            if kept.is_none()
                && let Some(any) = any
            {
                // It was met under several names and has yet another one. It is found when it is read.
                kept = accept(folders, any, old, skipped)?;
            }
        }
        match kept {
            Some(message) => messages.push(message),
            None => gone.extend(old.cloned()),
        }
    }
    gone.extend(remembered.cloned());
    if !renamed.is_empty() {
        messages.append(&mut renamed);
        messages.sort_by(|a, b| a.order().cmp(&b.order()));
    }
    Ok((messages, gone))
}

/// The message if the name stands for one, with the size that is remembered.
fn accept<'n>(
    folders: &Folders<'_>,
    mut message: Found<'n>,
    old: Option<&Found<'n>>,
    skipped: &mut SkippedFiles,
) -> io::Result<Option<Found<'n>>> {
    Ok(match identify(folders, &mut message, old)? {
        Kind::File => Some(message),
        Kind::Vanished => None,
        Kind::Other(reason) => {
            skipped.add(&message, reason);
            None
        }
    })
}

enum Kind {
    File,
    Vanished,
    Other(SkipReason),
}

/// Finds out whether a name stands for a message, and for one that is remembered. Looks at the file only if the
/// listing does not tell.
fn identify(folders: &Folders<'_>, message: &mut Found<'_>, old: Option<&Found<'_>>) -> io::Result<Kind> {
    let known = old.and_then(|old| match old.size {
        Size::Counted(stat, _) => Some((stat, old)),
        Size::Unknown | Size::Gone | Size::Told(..) => None,
    });
    if let Some((stat, old)) = known {
        let is_same = message.inode == stat.inode && matches!(message.kind, None | Some(FileKind::File));
        if is_same || look(folders, message)?.is_some_and(|found| found.same_content(&stat)) {
            message.size = old.size;
            message.is_recorded = message.folder == old.folder && message.name == old.name;
            return Ok(Kind::File);
        }
    }
    let kind = match message.kind {
        Some(kind) => kind,
        None => match look(folders, message)? {
            Some(stat) => stat.kind,
            None => return Ok(Kind::Vanished),
        },
    };
    Ok(if kind == FileKind::File {
        Kind::File
    } else {
        let is_link = kind == FileKind::Link;
        Kind::Other(if is_link { SkipReason::Link } else { SkipReason::NotAFile })
    })
}

fn look(folders: &Folders<'_>, message: &Found<'_>) -> io::Result<Option<Stat>> {
    folders.stat(message.folder, &message.name)
}

/// Puts names with the same identity, which makes the unique-id, into the order in which they have a right to it.
///
/// One file with two names, as a half-done move leaves it, is one message. Two files, as a backup
/// put back leaves them, are two messages. The elder one comes first, and the younger one gets a new name for good:
/// any other way to tell them apart ends when one of them is removed. Dovecot does the same.
fn elder_first<'n>(folders: &Folders<'_>, same: Vec<Found<'n>>) -> io::Result<Vec<(Stat, Found<'n>)>> {
    let mut stats = Vec::with_capacity(same.len());
    for mut message in same {
        // What has just been moved was met under its new name too, or is found when it is read.
        let Some(stat) = look(folders, &message)? else { continue };
        (message.inode, message.kind) = (stat.inode, Some(stat.kind));
        stats.push((stat, message));
    }
    stats.sort_by(|(a, first), (b, second)| {
        let order = |stat: &Stat, folder| (!stat.is_file(), stat.modified, stat.device, stat.inode, folder);
        order(a, first.folder).cmp(&order(b, second.folder))
    });
    Ok(stats)
}

/// Gives a message a new name with the same delivery time and the same flags.
fn rename<'n>(folders: &Folders<'_>, found: &Found<'n>) -> Option<Found<'n>> {
    let digits = name::leading_digits(&found.name);
    let mut name = unique::base(folders.disk().now(), Some(digits).filter(|digits| !digits.is_empty()), None);
    name.extend_from_slice(name::info(&found.name));
    let folder = folders.folder(found.folder);
    unique::rename(folder, &found.name, folder, &name).ok()?;
    Some(Found::new(found.folder, name, found.inode, found.kind))
}
