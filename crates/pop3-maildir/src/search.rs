//! Finding messages again whose files were renamed.

use std::collections::HashMap;
use std::io;

use pop3_disk::Stat;

use crate::entries::Entries;
use crate::folders::Folders;
use crate::name::{self, InfoSeparator, MaildirFolder};

/// How often the folders are read again because they changed meanwhile. POSIX does not say whether
/// a name that changes while a folder is read is met.
pub(crate) const ROUNDS: u32 = 3;

/// How often a message that was renamed, and is renamed while it is looked for, is looked for again.
pub(crate) const SEARCHES: u32 = 8;

/// The flags of maildir(5), in their order.
const FLAGS: [u8; 6] = *b"DFPRST";

/// A maildrop with fewer messages than this is listed faster than a name is guessed.
const FEW: usize = 256;

/// A name that some wanted message may have now.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The place of the message in the snapshot.
    pub(crate) index: usize,
    pub(crate) folder: MaildirFolder,
    pub(crate) name: Box<[u8]>,
    pub(crate) stat: Stat,
}

/// Messages that are looked for, by what does not change of their names.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    identities: Vec<u8>,
    places: Vec<(usize, usize)>,
}

impl Wanted {
    pub(crate) fn add(&mut self, index: usize, identity: &[u8]) {
        self.identities.extend_from_slice(identity);
        self.places.push((index, self.identities.len()));
    }

    fn by_identity(&self) -> HashMap<&[u8], usize> {
        let mut start = 0;
        let identity = |&(index, end): &(usize, usize)| {
            let identity = &self.identities[start..end];
            start = end;
            (identity, index)
        };
        self.places.iter().map(identity).collect()
    }
}

/// Reads the folders again and returns all names with the identity of a wanted message, except
/// those that `known` says are known. The second value tells whether the folders kept still
/// meanwhile, so that nothing was missed.
pub(crate) fn candidates(
    folders: &Folders<'_>,
    wanted: &Wanted,
    mut is_known: impl FnMut(usize, MaildirFolder, &[u8]) -> bool,
) -> io::Result<(Vec<Candidate>, bool)> {
    let wanted = wanted.by_identity();
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let before = folders.state()?;
        let mut names: Vec<(usize, MaildirFolder, Box<[u8]>)> = Vec::new();
        folders.names(|folder, entry| {
            if let Some(&index) = wanted.get(name::identity(entry.name))
                && !is_known(index, folder, entry.name)
            {
                names.push((index, folder, entry.name.into()));
            }
        })?;
        all.clear();
        for (index, folder, name) in names {
            if let Some(stat) = folders.stat(folder, &name)? {
                all.push(Candidate { index, folder, name, stat });
            }
        }
        if folders.kept_still(&before)? {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// Finds the messages again that got other names since the scan. One pass finds all of them, so
/// that a maildrop full of renamed messages costs one pass and not one for each.
///
/// Returns whether the folders kept still meanwhile: then what was not found is gone.
pub(crate) fn relocate(folders: &Folders<'_>, entries: &mut Entries) -> io::Result<bool> {
    let (mut wanted, mut name) = (Wanted::default(), Vec::new());
    for index in 0..entries.len() {
        if let Some(entry) = entries.get(index, &mut name) {
            wanted.add(index, name::identity(entry.name));
        }
    }
    let is_known = |index, folder, found: &[u8]| {
        entries.get(index, &mut name).is_some_and(|entry| entry.folder == folder && entry.name == found)
    };
    let (found, settled) = candidates(folders, &wanted, is_known)?;
    for Candidate { index, folder, name: found, stat } in found {
        if let Some(entry) = entries.get(index, &mut name)
            && entry.stat.same_file(&stat)
        {
            let changed = entry.stat.changed;
            entries.update(index, folder, &found, changed);
        }
    }
    Ok(settled)
}

/// Tries the names that the message most likely has now: in `cur` with other flags, or in `new`. In a large maildrop
/// this is many times faster than a pass. Returns whether it was found.
pub(crate) fn guess(
    folders: &Folders<'_>,
    entries: &mut Entries,
    index: usize,
    separator: InfoSeparator,
) -> io::Result<bool> {
    let mut name = Vec::new();
    let Some(entry) = entries.get(index, &mut name) else { return Ok(false) };
    if entries.len() < FEW {
        return Ok(false);
    }
    let (stat, base) = (entry.stat, name::base(entry.name).to_vec());
    let (folder, old) = (entry.folder, entry.name.to_vec());
    let (octet, flags) = name::flags(entry.name, separator).unwrap_or((separator.octet(), b""));
    let had = FLAGS
        .iter()
        .enumerate()
        .fold(0_u32, |had, (bit, flag)| had | (u32::from(flags.contains(flag)) << bit));
    let others: Vec<u8> = flags.iter().copied().filter(|flag| !FLAGS.contains(flag)).collect();
    // One changed flag is likelier than two.
    let mut changes: Vec<u32> = (0..1 << FLAGS.len()).collect();
    changes.sort_by_key(|change| change.count_ones());
    let mut guessed = Vec::with_capacity(base.len() + 16);
    for change in changes {
        let has = |bit: usize| (had ^ change) >> bit & 1 == 1;
        guessed.clear();
        guessed.extend_from_slice(&base);
        guessed.extend_from_slice(&[octet, b'2', b',']);
        guessed.extend(FLAGS.iter().enumerate().filter(|&(bit, _)| has(bit)).map(|(_, flag)| flag));
        guessed.extend_from_slice(&others);
        if folder == MaildirFolder::Cur && guessed == old {
            continue;
        }
        if folders.stat(MaildirFolder::Cur, &guessed)?.is_some_and(|found| found.same_file(&stat)) {
            entries.update(index, MaildirFolder::Cur, &guessed, stat.changed);
            return Ok(true);
        }
    }
    if folder == MaildirFolder::New && base == old {
        return Ok(false);
    }
    if folders.stat(MaildirFolder::New, &base)?.is_some_and(|found| found.same_file(&stat)) {
        entries.update(index, MaildirFolder::New, &base, stat.changed);
        return Ok(true);
    }
    Ok(false)
}
