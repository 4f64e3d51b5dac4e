//! Making the snapshot: what is there, how it is called, how large it is.

use core::time::Duration;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_proto::{Octets, Snapshot, UniqueId};
use rustix::io::Errno;

use crate::config::{EightBitHeaders, MaildirConfig};
use crate::folders::Folders;
use crate::name;
use crate::scan::{self, Entry, SkipReason, SkippedFiles};
use crate::sizes::{self, Count, Remembered};
use crate::substitute;
use crate::uid::Uid;

/// Octets read at once when sizes are counted.
const BUFFER: usize = 64 * 1024;

/// How often the directories are read again, at most, because of messages that were renamed while sizes
/// were counted, beside as often as there are messages.
const SEARCHES: usize = 64;

/// Lines of removed messages that the size cache may have before it is written anew, beside as many
/// as there are messages.
const STALE_MAX: usize = 64;

/// The messages of a locked Maildir. The entries and the maildrop have the same order.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) snapshot: Snapshot,
    pub(crate) measured: usize,
    pub(crate) skipped: SkippedFiles,
    pub(crate) cache_error: Option<io::Error>,
}

impl Scan {
    pub(crate) fn take(folders: &Folders<'_>, config: &MaildirConfig) -> io::Result<Self> {
        let settled = settled_before(folders.disk().now(), config.settle_time);
        let mut skipped = SkippedFiles::default();
        let mut entries = scan::scan(folders, &mut skipped)?;
        let uids: Vec<Uid> = entries.iter().map(|entry| Uid::of(entry.identity())).collect();
        let Remembered { mut counts, stale } = if config.size_cache {
            sizes::load(folders.root(), &entries, &uids)
        } else {
            Remembered { counts: vec![None; entries.len()], stale: 0 }
        };
        let Measured { fresh, failed } = measure(folders, config, &mut entries, &mut counts)?;

        let is_settled = |entry: &Entry| entry.stat.changed < settled;
        let news = fresh.iter().any(|&index| entries.get(index).is_some_and(is_settled));
        let mut cache_error = None;
        if config.size_cache && (news || stale > entries.len() + STALE_MAX) {
            let lines = entries.iter().zip(&counts).zip(&uids).filter_map(|((entry, count), uid)| {
                count.filter(|_| is_settled(entry)).map(|count| (count, &entry.stat, uid))
            });
            cache_error = sizes::store(folders.root(), lines).err();
        }

        let mut snapshot = Snapshot::new();
        let mut failed = failed.into_iter().peekable();
        let mut messages = Vec::with_capacity(entries.len());
        for (index, ((mut entry, count), uid)) in entries.into_iter().zip(counts).zip(&uids).enumerate() {
            if let Some((_, reason)) = failed.next_if(|&(place, _)| place == index) {
                skipped.add(entry, reason);
                continue;
            }
            let mut size = count.map(|count| count.wire).or_else(|| hint(config, &entry));
            if let Some(count) = count.filter(|count| count.eight_bit) {
                // A message that cannot be converted now is listed with its own size. Fetching it reports the error.
                entry.eight_bit = true;
                let other = substitute::wire_size(folders, &entry, count.wire, config.eight_bit_headers)?;
                size = other.or(size);
            }
            let number = size.and_then(|size| snapshot.push(size, UniqueId::parse(uid.as_bytes()).ok()?));
            match number {
                Some(_) => messages.push(entry),
                None => skipped.add(entry, SkipReason::Full),
            }
        }
        messages.shrink_to_fit();
        Ok(Self { entries: messages, snapshot, measured: fresh.len(), skipped, cache_error })
    }
}

struct Measured {
    /// The places of the messages that were counted.
    fresh: Vec<usize>,
    /// The places of those that could not be, ascending.
    failed: Vec<(usize, SkipReason)>,
}

/// Counts what is not known.
fn measure(
    folders: &Folders<'_>,
    config: &MaildirConfig,
    entries: &mut [Entry],
    counts: &mut [Option<Count>],
) -> io::Result<Measured> {
    let mut measured = Measured { fresh: Vec::new(), failed: Vec::new() };
    let mut buffer = Vec::new();
    let mut searches_left = entries.len().saturating_add(SEARCHES);
    for index in 0..entries.len() {
        if counts[index].is_some() || hint(config, &entries[index]).is_some() {
            continue;
        }
        buffer.resize(BUFFER, 0);
        let mut searches = 0;
        let reason = loop {
            let error = match sizes::measure(folders, &entries[index], &mut buffer) {
                Ok(Some((count, stat))) => {
                    counts[index] = Some(count);
                    entries[index].stat = stat;
                    break None;
                }
                Ok(None) => break Some(SkipReason::Changed),
                Err(error) => error,
            };
            let vanished = error.kind() == io::ErrorKind::NotFound;
            if vanished && searches < scan::SEARCHES && searches_left > 0 {
                // A mail reader changed its flags while we counted.
                searches += 1;
                searches_left -= 1;
                let before = entries[index].place();
                let settled = scan::relocate(folders, entries)?;
                match entries[index].place() == before {
                    true if settled => break Some(SkipReason::Changed),
                    true => folders.wait_for_tick()?,
                    false => {}
                }
            } else if vanished {
                break Some(SkipReason::Changed);
            } else if is_this_file_only(&error) {
                break Some(SkipReason::Unreadable);
            } else {
                // Too many open files or no memory: the message must not appear to be gone because of that.
                return Err(error);
            }
        };
        match reason {
            Some(reason) => measured.failed.push((index, reason)),
            None => measured.fresh.push(index),
        }
    }
    Ok(measured)
}

/// The size that the name tells, if that is to be believed and can be true.
fn hint(config: &MaildirConfig, entry: &Entry) -> Option<Octets> {
    // The size says nothing about the header.
    let enough = matches!(config.eight_bit_headers, EightBitHeaders::Send);
    let hint = (config.trusted_wire_sizes && enough).then(|| name::wire_hint(&entry.name))?;
    hint.filter(|&size| sizes::plausible(size, entry.stat.len))
}

/// Whether the fault lies with one file, and the others may well be read.
fn is_this_file_only(error: &io::Error) -> bool {
    // No right to read it; it became a link, a socket or a FIFO just now; a bad sector.
    let faults = [Errno::LOOP, Errno::MLINK, Errno::NXIO, Errno::IO];
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
        || faults.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// The time before which a file must have changed last, in nanoseconds since 1970.
fn settled_before(now: SystemTime, settle_time: Duration) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.saturating_sub(settle_time).as_nanos()).unwrap_or(i64::MAX)
}
