//! Wire sizes: counted once, then remembered in a file of the Maildir.
//!
//! The file is text, one line a message after a first line with the version:
//!
//! ```text
//! pop3-sizes 2
//! WIRE HEADER LENGTH MODIFIED CHANGED DEVICE INODE UNIQUE-ID
//! ```
//!
//! HEADER is 8 where the header is not ASCII, else 7.
//!
//! A line counts only for a file with the same unique-id, device, inode, length and both times, and
//! only with a wire size that such a length can have. Everything else is as if it were not there.
//! The owner of the Maildir can write whatever he likes into the file: it gives him wrong sizes in
//! his own scan listing, and nothing else.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};

use pop3_disk::{File, Folder, Open, Stat};
use pop3_proto::Octets;
use pop3_proto::dots::WireSize;
use pop3_surrogate::HeaderScan;

use crate::folders::{Folders, open_file};
use crate::name::decimal;
use crate::scan::Entry;
use crate::uid::{self, Uid};

/// The name of the file inside the Maildir.
pub(crate) const NAME: &[u8] = b"pop3.sizes";

/// The name under which it is written. Only who has the lock writes, so one name will do.
const TEMPORARY: &[u8] = b"pop3.sizes.tmp";

const VERSION: &[u8] = b"pop3-sizes 2\n";

/// The longest line: seven numbers of at most 20 digits, each with a space, the unique-id, and LF.
const LINE_MAX: usize = 7 * 21 + uid::LEN + 1;

/// Lines that are read beyond the number of messages. More than that is not from us, or nearly all
/// of it is of removed messages.
const LINES_MORE: usize = 10_000;

/// What was found out about a message by reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// The octets of its wire form.
    pub(crate) wire: Octets,
    /// Whether its header is not ASCII.
    pub(crate) eight_bit: bool,
}

/// What the file told.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// The count of each message that it knew, in the order of the messages.
    pub(crate) counts: Vec<Option<Count>>,
    /// How many lines were good for nothing.
    pub(crate) stale: usize,
}

/// Looks up what is known of messages. What can't be read is not known.
pub(crate) fn load(root: &dyn Folder, entries: &[Entry], uids: &[Uid]) -> Remembered {
    let mut remembered = Remembered { counts: vec![None; entries.len()], stale: 0 };
    let Ok((file, _)) = open_file(root, NAME) else { return remembered };
    let places: HashMap<&Uid, usize> = uids.iter().zip(0..).collect();
    let lines = entries.len().saturating_add(LINES_MORE);
    let mut file = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::with_capacity(LINE_MAX);
    if next_line(&mut file, &mut line).is_none() || line != VERSION {
        return remembered;
    }
    for _ in 0..lines {
        if next_line(&mut file, &mut line).is_none() {
            break;
        }
        let count = parse(&line).and_then(|(count, uid, key)| {
            let place = *places.get(&uid)?;
            (key == self::key(&entries.get(place)?.stat)).then_some((place, count))
        });
        match count.and_then(|(place, count)| Some((remembered.counts.get_mut(place)?, count))) {
            Some((known, count)) => *known = Some(count),
            None => remembered.stale += 1,
        }
    }
    remembered
}

/// Writes the file anew.
pub(crate) fn store<'e>(
    root: &dyn Folder,
    lines: impl Iterator<Item = (Count, &'e Stat, &'e Uid)>,
) -> io::Result<()> {
    root.unlink(TEMPORARY).ok();
    let file = root.open(TEMPORARY, Open::writing().make_new(0o600))?;
    let written = write(BufWriter::with_capacity(64 * 1024, file), lines)
        .and_then(|()| root.rename(TEMPORARY, root, NAME));
    if written.is_err() {
        root.unlink(TEMPORARY).ok();
    }
    // Not synced: a file damaged by a power failure cannot be parsed, and the sizes are counted again.
    written
}

/// Reads a message and counts, and tells which file it was that was counted.
///
/// `None` when the file changed meanwhile.
pub(crate) fn measure(
    folders: &Folders<'_>,
    entry: &Entry,
    buffer: &mut [u8],
) -> io::Result<Option<(Count, Stat)>> {
    let (file, stat) = folders.open_message(entry.folder, &entry.name)?;
    // One octet more than there should be, to see whether there is more.
    let mut file = file.take(stat.len.saturating_add(1));
    let (mut size, mut header, mut read) = (WireSize::new(), HeaderScan::new(), 0_u64);
    loop {
        let count = match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size.update(&buffer[..count]);
        header.update(&buffer[..count]);
        read += count as u64;
    }
    let count = Count { wire: size.finish(), eight_bit: header.needs_utf8() };
    Ok((read == stat.len).then_some((count, stat)))
}

/// Whether a file of this length can have this wire size: each LF may get a CR, the last line an
/// end.
pub(crate) fn plausible(size: Octets, len: u64) -> bool {
    size >= len && size <= len.saturating_mul(2).saturating_add(2)
}

/// What has to stay the same for a size to stay the same.
type Key = [i128; 5];

fn key(stat: &Stat) -> Key {
    [stat.len.into(), stat.modified.into(), stat.changed.into(), stat.device.into(), stat.inode.into()]
}

fn write<'e>(
    mut file: BufWriter<Box<dyn File>>,
    lines: impl Iterator<Item = (Count, &'e Stat, &'e Uid)>,
) -> io::Result<()> {
    file.write_all(VERSION)?;
    for (count, stat, uid) in lines {
        write!(file, "{} {} ", count.wire, if count.eight_bit { 8 } else { 7 })?;
        for number in key(stat) {
            write!(file, "{number} ")?;
        }
        file.write_all(uid.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Reads a line with its LF, `None` at the end, at a line without LF, or at one that is too long.
fn next_line(file: &mut BufReader<Box<dyn File>>, line: &mut Vec<u8>) -> Option<()> {
    line.clear();
    let max = LINE_MAX as u64;
    file.by_ref().take(max).read_until(b'\n', line).ok()?;
    (line.last() == Some(&b'\n')).then_some(())
}

fn parse(line: &[u8]) -> Option<(Count, Uid, Key)> {
    let mut fields = line.strip_suffix(b"\n")?.split(|&octet| octet == b' ');
    let wire = decimal(fields.next()?)?;
    let eight_bit = match fields.next()? {
        b"7" => false,
        b"8" => true,
        _ => return None,
    };
    let mut key = Key::default();
    for number in &mut key {
        let field = fields.next()?;
        *number = match field.strip_prefix(b"-") {
            Some(digits) => -i128::from(decimal(digits)?),
            None => decimal(field)?.into(),
        };
    }
    let uid = Uid::parse(fields.next()?)?;
    let whole = fields.next().is_none() && plausible(wire, u64::try_from(key[0]).ok()?);
    whole.then_some((Count { wire, eight_bit }, uid, key))
}
