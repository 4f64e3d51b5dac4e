//! Making the snapshot: what is there, how it is called, how large it is.

mod change;

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::Stat;
use pop3_proto::{Octets, Snapshot, UniqueId};
use rustix::io::Errno;

use crate::config::{EightBitHeaders, MaildirConfig};
use crate::entries::{Entries, Entry};
use crate::folders::{Folders, Root, State};
use crate::found::{Found, Size};
use crate::measure;
use crate::name;
use crate::record::{Log, Tail};
use crate::scan::{self, Names, SkipReason, SkippedFiles};
use crate::search::{self, Candidate, Wanted};
use crate::sizes;
use crate::substitute;
use crate::uid::Uid;
use crate::unique_ids::{self, UniqueIds};
use change::{Change, is_settled};

/// How often the folders are read again, at most, because of messages that were renamed while sizes
/// were counted, beside as often as there are messages.
const SEARCHES: usize = 64;

/// Octets of the size cache that are read before the folders are: for each octet of the two directories, and beside.
/// A name takes at least 8 octets more in a directory than it is long, and 52 in a record.
const OCTETS_EACH: u64 = 16;
const OCTETS_MORE: u64 = 64 * 1024;

/// Octets of the size cache that are read before the folders are, at most. Larger ones are read when the names are known.
const OCTETS_FIRST: u64 = 64 * 1024 * 1024;

/// Octets of the size cache that are read on the spot, at most. Reading more messages would hold up other sessions.
const OCTETS_SPOT: u64 = 64 * 1024;

/// Octets of the size cache that are read for each name that was found.
const OCTETS_NAME: u64 = 2 * 1024;

/// The messages of a locked Maildir. The entries and the maildrop have the same order.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) entries: Entries,
    pub(crate) snapshot: Snapshot,
    pub(crate) measured: usize,
    pub(crate) skipped: SkippedFiles,
    pub(crate) cache_error: Option<io::Error>,
    /// Why new unique-ids could not be recorded.
    pub(crate) unrecorded: Option<io::Error>,
    /// Where the size cache can be continued.
    pub(crate) tail: Option<Tail>,
    /// The places of the messages whose header was to be converted and could not be read, and why.
    pub(crate) unconverted: BTreeMap<usize, io::ErrorKind>,
}

impl Scan {
    /// Reads the size cache. If the folders are as it says, nothing else is looked at. Otherwise, reads the folders and
    /// counts what is not known.
    pub(crate) fn take(root: &Root, config: &MaildirConfig) -> io::Result<Self> {
        let state = if config.size_cache { root.state()? } else { None };
        let file = state.map_or(sizes::File::Missing, |state| {
            sizes::read(root.directory(), justified_by(state.octets()))
        });
        if let (Some(state), sizes::File::Octets(octets)) = (state, &file) {
            let log = Log::read(octets, state.devices());
            if log.seal == Some(state) {
                return Self::of_sealed(root, config, state, log);
            }
        }
        Self::take_from_folders(root, config, file)
    }

    /// Does the same as [`take`](Self::take) without waiting, if the folders are as a short size cache says and no
    /// header has to be read.
    pub(crate) fn try_to_take(root: &Root, config: &MaildirConfig) -> Option<Self> {
        let is_enough = config.size_cache && config.unique_ids == UniqueIds::Maildir;
        let state = root.try_state().ok().flatten().filter(|_| is_enough)?;
        let octets = sizes::try_to_read(root.directory(), justified_by(state.octets()).min(OCTETS_SPOT))?;
        let log = Log::read(&octets, state.devices());
        let as_stored = matches!(config.eight_bit_headers, EightBitHeaders::Send)
            || !log.messages.iter().any(|message| message.size.is_eight_bit());
        if log.seal != Some(state) || !as_stored {
            return None;
        }
        Self::of_sealed(root, config, state, log).ok()
    }

    /// The messages of a size cache whose seal is of this state.
    fn of_sealed(root: &Root, config: &MaildirConfig, state: State, log: Log<'_>) -> io::Result<Self> {
        let mut scan = Self::new(state.devices(), log.messages.len());
        scan.tail = log.tail;
        scan.list(root, config, log.messages, Vec::new())?;
        Ok(scan)
    }

    fn new(devices: [u64; 2], messages: usize) -> Self {
        Self {
            entries: Entries::new(devices, messages),
            snapshot: Snapshot::new(),
            measured: 0,
            skipped: SkippedFiles::default(),
            cache_error: None,
            unrecorded: None,
            tail: None,
            unconverted: BTreeMap::new(),
        }
    }

    fn take_from_folders(root: &Root, config: &MaildirConfig, file: sizes::File) -> io::Result<Self> {
        let folders = root.folders(config.create)?;
        root.complete();
        let settled = settled_before(folders.disk().now(), config.settle_time);
        let devices = folders.state()?.devices();
        let names = Names::read(&folders)?;
        let file = match file {
            sizes::File::TooLong => {
                let most = (names.len() as u64).saturating_mul(OCTETS_NAME).saturating_add(OCTETS_MORE);
                sizes::read(root.directory(), most)
            }
            file @ (sizes::File::Missing | sizes::File::Octets(_)) => file,
        };
        let mut log = match &file {
            sizes::File::Octets(octets) => Log::read(octets, devices),
            sizes::File::Missing | sizes::File::TooLong => Log::none(),
        };
        let mut scan = Self::new(devices, names.len());
        let (mut found, gone) = scan::scan(&folders, &names, &log.messages, &mut scan.skipped)?;
        let Measured { fresh, failed } = measure(&folders, config, &mut found)?;
        scan.measured = fresh;
        let change = Change {
            is_settled: &|message| is_settled(message, settled, devices),
            found: &found,
            gone: &gone,
            seal: names.settled.filter(|state| scan.skipped.count == 0 && state.is_older_than(settled)),
        };
        scan.cache_error = if config.size_cache { change.keep(root, &mut log).err() } else { None };
        scan.tail = log.tail.filter(|_| config.size_cache);
        scan.list(root, config, found, failed)?;
        Ok(scan)
    }

    /// Makes the snapshot and the entries of these messages.
    fn list(
        &mut self,
        root: &Root,
        config: &MaildirConfig,
        found: Vec<Found<'_>>,
        failed: Vec<(usize, SkipReason)>,
    ) -> io::Result<()> {
        if config.unique_ids == UniqueIds::Maildir {
            let mut failed = failed.into_iter().peekable();
            for (index, message) in found.into_iter().enumerate() {
                match failed.next_if(|&(place, _)| place == index) {
                    Some((_, reason)) => self.skipped.add(&message, reason),
                    None => self.push(root, config, &message, Uid::of(message.identity()).as_bytes())?,
                }
            }
        } else {
            self.list_given(root, config, found, failed)?;
        }
        self.entries.shrink_to_fit();
        Ok(())
    }

    /// Does the same with the unique-ids of another server, in its order.
    fn list_given(
        &mut self,
        root: &Root,
        config: &MaildirConfig,
        found: Vec<Found<'_>>,
        failed: Vec<(usize, SkipReason)>,
    ) -> io::Result<()> {
        let mut failed = failed.into_iter().peekable();
        let mut messages = Vec::with_capacity(found.len());
        for (index, message) in found.into_iter().enumerate() {
            match failed.next_if(|&(place, _)| place == index) {
                Some((_, reason)) => self.skipped.add(&message, reason),
                None => messages.push(message),
            }
        }
        let Some(given) = unique_ids::given(root, &config.unique_ids, &messages)? else { return Ok(()) };
        self.unrecorded = given.unrecorded;
        let mut listed = Vec::with_capacity(messages.len());
        for (message, given) in messages.iter().zip(given.ids) {
            match given {
                Some(given) => listed.push((message, given)),
                None => self.skipped.add(message, SkipReason::Unrecorded),
            }
        }
        listed.sort_by_key(|(_, given)| given.order);
        listed.iter().try_for_each(|(message, given)| self.push(root, config, message, &given.id))
    }

    /// Adds a message, whose size is known.
    fn push(
        &mut self,
        root: &Root,
        config: &MaildirConfig,
        message: &Found<'_>,
        uid: &[u8],
    ) -> io::Result<()> {
        let (stat, wire, eight_bit) = match message.size {
            Size::Counted(stat, count) => (stat, count.wire, count.eight_bit),
            Size::Told(stat, wire) => (stat, wire, false),
            Size::Unknown | Size::Gone => return Ok(()),
        };
        let entry = Entry { folder: message.folder, name: &message.name, stat, wire: Some(wire), eight_bit };
        let other = if eight_bit { self.converted(root, &entry, config.eight_bit_headers)? } else { None };
        // Entries that a full snapshot does not take any more are behind all others.
        let uid = UniqueId::parse(uid).ok().filter(|_| self.entries.push(&entry));
        if uid.and_then(|uid| self.snapshot.push(other.unwrap_or(wire), uid)).is_none() {
            self.skipped.add(message, SkipReason::Full);
        }
        Ok(())
    }

    /// The size of the next message with the header that it will be sent with. `None` if it is listed with its own.
    fn converted(
        &mut self,
        root: &Root,
        entry: &Entry<'_>,
        headers: EightBitHeaders,
    ) -> io::Result<Option<Octets>> {
        match substitute::wire_size(root, entry, headers) {
            Err(error) if is_this_file_only(&error) || error.kind() == io::ErrorKind::NotFound => {
                self.unconverted.insert(self.entries.len(), error.kind());
                Ok(None)
            }
            converted => converted,
        }
    }
}

struct Measured {
    /// How many messages were counted.
    fresh: usize,
    /// The places of those that could not be, ascending.
    failed: Vec<(usize, SkipReason)>,
}

/// Counts what is not known.
fn measure(folders: &Folders<'_>, config: &MaildirConfig, found: &mut [Found<'_>]) -> io::Result<Measured> {
    let mut measured = Measured { fresh: 0, failed: Vec::new() };
    let mut buffer = Vec::new();
    let mut searches_left = found.len().saturating_add(SEARCHES);
    for index in 0..found.len() {
        if !matches!(found[index].size, Size::Unknown) {
            continue;
        }
        if let Some((stat, wire)) = hint(folders, config, &found[index])? {
            found[index].size = Size::Told(stat, wire);
            continue;
        }
        let mut searches = 0;
        let reason = loop {
            let message = &mut found[index];
            let error = match count(folders, message, &mut buffer) {
                Ok(Some(size)) => {
                    message.size = size;
                    break None;
                }
                Ok(None) => break Some(SkipReason::Changed),
                Err(error) => error,
            };
            let vanished = error.kind() == io::ErrorKind::NotFound;
            if vanished && searches < search::SEARCHES && searches_left > 0 {
                // A mail reader changed its flags while we counted.
                searches += 1;
                searches_left -= 1;
                let before = (message.folder, message.name.to_vec());
                let settled = relocate(folders, found)?;
                match (found[index].folder, &*found[index].name) == (before.0, &before.1) {
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
            None => measured.fresh += 1,
        }
    }
    Ok(measured)
}

fn count(folders: &Folders<'_>, message: &Found<'_>, buffer: &mut Vec<u8>) -> io::Result<Option<Size>> {
    let (mut file, stat) = folders.open_message(message.folder, &message.name)?;
    let count = measure::count(&mut file, stat.len, buffer)?;
    Ok(count.map(|count| Size::Counted(stat, count)))
}

/// Finds the messages again, in one pass, that were renamed before they could be counted. Returns whether the folders
/// kept still meanwhile.
fn relocate(folders: &Folders<'_>, found: &mut [Found<'_>]) -> io::Result<bool> {
    let mut wanted = Wanted::default();
    for (index, message) in found.iter().enumerate() {
        if matches!(message.size, Size::Unknown) {
            wanted.add(index, message.identity());
        }
    }
    let (candidates, settled) = search::candidates(folders, &wanted, |index, folder, name| {
        found.get(index).is_some_and(|message| message.folder == folder && *message.name == *name)
    })?;
    for Candidate { index, folder, name, stat } in candidates {
        if stat.is_file()
            && let Some(message) = found.get_mut(index)
        {
            message.rename(folder, name.into_vec());
        }
    }
    Ok(settled)
}

/// The size that the name tells, if that is to be believed and can be true.
fn hint(
    folders: &Folders<'_>,
    config: &MaildirConfig,
    message: &Found<'_>,
) -> io::Result<Option<(Stat, Octets)>> {
    // The size says nothing about the header.
    let enough = matches!(config.eight_bit_headers, EightBitHeaders::Send);
    let hint = (config.trusted_wire_sizes && enough).then(|| name::wire_hint(&message.name)).flatten();
    let Some(size) = hint else { return Ok(None) };
    let stat = folders.stat(message.folder, &message.name)?;
    Ok(stat.filter(|stat| stat.is_file() && measure::plausible(size, stat.len)).map(|stat| (stat, size)))
}

/// Whether the fault lies with one file, and the others may well be read.
fn is_this_file_only(error: &io::Error) -> bool {
    // No right to read it; it became a link, a socket or a FIFO just now; a bad sector.
    let faults = [Errno::LOOP, Errno::MLINK, Errno::NXIO, Errno::IO];
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
        || faults.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// How much of the size cache is read before the folders are, if they have this many octets.
fn justified_by(octets: u64) -> u64 {
    octets.saturating_mul(OCTETS_EACH).saturating_add(OCTETS_MORE).min(OCTETS_FIRST)
}

/// The time before which a file must have changed last, in nanoseconds since 1970.
fn settled_before(now: SystemTime, settle_time: Duration) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.saturating_sub(settle_time).as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directory_justifies_more_than_64_mib() {
        assert_eq!(justified_by(0), 64 << 10);
        assert_eq!(justified_by(2 * 4096), (64 + 2 * 64) << 10);
        assert_eq!(justified_by(100 << 20), 64 << 20);
        assert_eq!(justified_by(u64::MAX), 64 << 20);
    }
}
