//! The messages of an open Maildir, in little memory.

use std::collections::BTreeMap;

use pop3_disk::Stat;
use pop3_proto::Octets;

use crate::name::{self, MaildirFolder};

/// Names that share one name in full. The others are what differs from it.
const BLOCK: usize = 16;

/// A name longer than this is not kept. No file system has such names.
const NAME_MAX: usize = 0x1fff;

const IN_CUR: u16 = 0x2000;
const EIGHT_BIT: u16 = 0x4000;

/// The own octets of a name are two in one.
const PACKED: u16 = 0x8000;

/// The octets of which most names have nothing else, after what they share. Two of them fit in one.
const COMMON: &[u8; 16] = b"0123456789.MPQR,";

/// The place of each octet in [`COMMON`], or 16.
const HALVES: [u8; 256] = {
    let mut halves = [16; 256];
    let mut place = 0;
    while place < 16 {
        halves[COMMON[place as usize] as usize] = place;
        place += 1;
    }
    halves
};

/// Octets of a name before its own.
const FRONT: usize = 6;

/// The messages, about 40 octets for each and what its name has that its neighbours' do not have.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    rows: Vec<Row>,
    /// The names: octets shared with the first name of the block at its start, from its second dot on and at its end,
    /// octets of its own before the second dot (1 each), all octets of its own with three flags (2), and these octets.
    names: Vec<u8>,
    /// Where the first names of the blocks are. These stay when their messages are renamed.
    blocks: Vec<u32>,
    /// The devices of `new` and `cur`, on which the files are.
    devices: [u64; 2],
    /// The devices of other files, by place.
    elsewhere: BTreeMap<usize, u64>,
    /// How many messages were renamed since the names were written. Their old names are still there.
    renamed: usize,
}

#[derive(Debug)]
struct Row {
    inode: u64,
    len: u64,
    modified: i64,
    changed: i64,
    /// How much longer than the file its wire form is.
    more: u32,
    name: u32,
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'n> {
    pub(crate) folder: MaildirFolder,
    pub(crate) name: &'n [u8],
    /// The file as it was when its size was counted.
    pub(crate) stat: Stat,
    /// The size of its wire form, unless that is too large to remember here.
    pub(crate) wire: Option<Octets>,
    /// Whether the header is not ASCII, as far as that was looked at.
    pub(crate) eight_bit: bool,
}

impl Entries {
    pub(crate) fn new(devices: [u64; 2], messages: usize) -> Self {
        Self { rows: Vec::with_capacity(messages), devices, ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a message, or returns `false` if there is no more room.
    #[must_use]
    pub(crate) fn push(&mut self, entry: &Entry<'_>) -> bool {
        let index = self.rows.len();
        if index.is_multiple_of(BLOCK) {
            let Ok(start) = u32::try_from(self.names.len()) else { return false };
            self.blocks.push(start);
        }
        let Some(name) = self.add_name(index, entry) else { return false };
        let more = entry.wire.and_then(|wire| wire.checked_sub(entry.stat.len));
        let more = more.and_then(|more| u32::try_from(more).ok()).unwrap_or(u32::MAX);
        let Stat { inode, len, modified, changed, device, .. } = entry.stat;
        if device != self.devices[entry.folder.index()] {
            self.elsewhere.insert(index, device);
        }
        self.rows.push(Row { inode, len, modified, changed, more, name });
        true
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.rows.shrink_to_fit();
        self.names.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    /// A message, with its name in this buffer.
    pub(crate) fn get<'n>(&self, index: usize, buffer: &'n mut Vec<u8>) -> Option<Entry<'n>> {
        let row = self.rows.get(index)?;
        let flags = self.name(index, buffer)?;
        let folder = if flags & IN_CUR == 0 { MaildirFolder::New } else { MaildirFolder::Cur };
        let mut stat = Stat::of_file(row.len);
        (stat.inode, stat.modified, stat.changed) = (row.inode, row.modified, row.changed);
        stat.device = self.elsewhere.get(&index).copied().unwrap_or(self.devices[folder.index()]);
        let wire = (row.more != u32::MAX).then(|| row.len.saturating_add(row.more.into()));
        Some(Entry { folder, name: buffer, stat, wire, eight_bit: flags & EIGHT_BIT != 0 })
    }

    /// Records that a message has another name, or that its file was looked at again and is still the same.
    pub(crate) fn update(&mut self, index: usize, folder: MaildirFolder, name: &[u8], changed: i64) {
        let mut old = Vec::new();
        let Some(entry) = self.get(index, &mut old) else { return };
        let is_moved = entry.folder != folder || entry.name != name;
        let (device, entry) = (entry.stat.device, Entry { folder, name, ..entry });
        let place = if is_moved { self.add_name(index, &entry) } else { None };
        let Some(row) = self.rows.get_mut(index) else { return };
        row.changed = changed;
        row.name = place.unwrap_or(row.name);
        if is_moved && device != self.devices[folder.index()] {
            self.elsewhere.insert(index, device);
        }
        self.renamed += usize::from(is_moved);
        if self.renamed > self.rows.len() + BLOCK {
            self.tidy();
        }
    }

    /// Writes the names anew, without those that no message has any more.
    fn tidy(&mut self) {
        let mut fresh = Self::new(self.devices, self.rows.len());
        let mut name = Vec::new();
        let is_whole = (0..self.rows.len())
            .all(|index| self.get(index, &mut name).is_some_and(|entry| fresh.push(&entry)));
        if is_whole {
            fresh.shrink_to_fit();
            *self = fresh;
        }
    }

    /// Octets of memory in use.
    #[cfg(test)]
    fn octets(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.names.capacity() + self.blocks.capacity() * 4
    }

    /// The first name of the block.
    fn head(&self, index: usize) -> Option<&[u8]> {
        let start = *self.blocks.get(index / BLOCK)? as usize;
        let (&[_, _, _, _, low, high], rest) = self.names.get(start..)?.split_first_chunk::<FRONT>()?;
        rest.get(..usize::from(u16::from_le_bytes([low, high])) & NAME_MAX)
    }

    fn name(&self, index: usize, buffer: &mut Vec<u8>) -> Option<u16> {
        let at = self.rows.get(index)?.name as usize;
        let (&[start, middle, end, before, low, high], rest) =
            self.names.get(at..)?.split_first_chunk::<FRONT>()?;
        let flags = u16::from_le_bytes([low, high]);
        let own = usize::from(flags) & NAME_MAX;
        buffer.clear();
        if start == 0 && middle == 0 && end == 0 {
            buffer.extend_from_slice(rest.get(..own)?);
            return Some(flags);
        }
        let head = self.head(index)?;
        let append = |buffer: &mut Vec<u8>, from: usize, to: usize| {
            if flags & PACKED == 0 {
                buffer.extend_from_slice(rest.get(from..to)?);
            } else {
                let half = |at: usize| Some(COMMON[usize::from(rest.get(at / 2)? >> (at % 2 * 4) & 15)]);
                for at in from..to {
                    buffer.push(half(at)?);
                }
            }
            Some(())
        };
        buffer.extend_from_slice(head.get(..start.into())?);
        append(buffer, 0, before.into())?;
        buffer.extend_from_slice(head.get(middle_of(head)..)?.get(..middle.into())?);
        append(buffer, before.into(), own)?;
        buffer.extend_from_slice(head.get(head.len().checked_sub(end.into())?..)?);
        Some(flags)
    }

    fn add_name(&mut self, index: usize, entry: &Entry<'_>) -> Option<u32> {
        let place = u32::try_from(self.names.len()).ok()?;
        let is_head = self.blocks.get(index / BLOCK) == Some(&place);
        let shared = self.head(index).filter(|_| !is_head).map(|head| Shared::of(head, entry.name));
        let Shared { start, middle, end, before } = shared.unwrap_or_default();
        let (first, rest) = entry.name.get(usize::from(start)..)?.split_at_checked(before.into())?;
        let last = rest.get(middle.into()..rest.len().checked_sub(end.into())?)?;
        let own = first.len() + last.len();
        let mut flags = u16::try_from(own).ok().filter(|_| own <= NAME_MAX)?;
        flags |= if entry.folder == MaildirFolder::Cur { IN_CUR } else { 0 };
        flags |= if entry.eight_bit { EIGHT_BIT } else { 0 };
        let half = |&octet: &u8| HALVES[usize::from(octet)];
        let is_common = |octets: &[u8]| octets.iter().all(|octet| half(octet) < 16);
        let is_packed = start | middle | end != 0 && is_common(first) && is_common(last);
        flags |= if is_packed { PACKED } else { 0 };
        let [low, high] = flags.to_le_bytes();
        self.names.extend_from_slice(&[start, middle, end, before, low, high]);
        if is_packed {
            let mut halves = first.iter().chain(last).map(half);
            while let Some(low) = halves.next() {
                self.names.push(low | halves.next().unwrap_or(0) << 4);
            }
        } else {
            self.names.extend_from_slice(first);
            self.names.extend_from_slice(last);
        }
        Some(place)
    }
}

/// What a name has in common with another.
#[derive(Debug, Default)]
struct Shared {
    /// Octets at the start.
    start: u8,
    /// Octets from the second dot on, where the name of the host is.
    middle: u8,
    /// Octets at the end, behind these.
    end: u8,
    /// Octets of the name between the start and its second dot.
    before: u8,
}

impl Shared {
    fn of(head: &[u8], name: &[u8]) -> Self {
        let (head_middle, middle) = (middle_of(head), middle_of(name));
        let start = alike(head[..head_middle].iter(), name[..middle].iter());
        let Ok(before) = u8::try_from(middle - usize::from(start)) else { return Self::default() };
        let (head_rest, rest) = (&head[head_middle..], &name[middle..]);
        let shared = alike(head_rest.iter(), rest.iter());
        let rests = (&head_rest[shared.into()..], &rest[shared.into()..]);
        let end = alike(rests.0.iter().rev(), rests.1.iter().rev());
        Self { start, middle: shared, end, before }
    }
}

/// How many octets both begin with, 255 at most.
fn alike<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> u8 {
    let count = a.zip(b).take(255).take_while(|(a, b)| a == b).count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// The place of the second dot of a name, or its end.
fn middle_of(name: &[u8]) -> usize {
    memchr::memchr_iter(b'.', name).nth(1).unwrap_or(name.len())
}

impl Entry<'_> {
    /// When it was delivered, as its name tells, in nanoseconds since 1970.
    pub(crate) fn delivered(&self) -> i64 {
        let (seconds, _) = name::delivery_time(self.name);
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], folder: MaildirFolder, inode: u64) -> Entry<'_> {
        let mut stat = Stat::of_file(100 + inode);
        (stat.inode, stat.modified, stat.changed, stat.device) = (inode, 5, 6, 7);
        Entry { folder, name, stat, wire: Some(103 + inode), eight_bit: inode.is_multiple_of(3) }
    }

    #[test]
    fn what_goes_in_comes_out_and_takes_little_room() {
        const MESSAGES: u64 = 10_000;
        let mut entries = Entries::new([7, 8], 0);
        let name = |index: u64| {
            let (seconds, micros) = (1_700_000_000 + index * 977, index * 7919 % 1_000_000);
            format!(
                "{seconds}.M{micros:06}P{}.mail.example.org,S=4031,W=4{index:03}:2,S",
                1000 + index % 9000
            )
        };
        let names: Vec<String> = (0..MESSAGES).map(name).collect();
        let folder = |index: u64| MaildirFolder::BOTH[usize::from(index.is_multiple_of(5))];
        for (index, name) in (0..).zip(&names) {
            assert!(entries.push(&entry(name.as_bytes(), folder(index), index)));
        }
        entries.shrink_to_fit();
        let mut buffer = Vec::new();
        for (index, name) in (0..).zip(&names) {
            let place = usize::try_from(index).unwrap();
            let (is, should) =
                (entries.get(place, &mut buffer).unwrap(), entry(name.as_bytes(), folder(index), index));
            assert_eq!((is.name, is.folder, is.wire), (should.name, should.folder, should.wire), "{index}");
            assert!(is.stat.same_content(&should.stat) && is.stat.changed == should.stat.changed);
            assert_eq!(is.eight_bit, should.eight_bit);
        }
        assert!(entries.get(names.len(), &mut buffer).is_none());
        let each = entries.octets() / names.len();
        assert!(each <= 64, "{each} octets for each message");
    }

    #[test]
    fn renamed_messages_keep_the_rest_and_so_do_their_neighbours() {
        // Also names without dots, and with octets of their own that are not packed.
        let name = |index: u32| match index % 4 {
            0 => format!("{index}.a.h"),
            1 => format!("{index}"),
            2 => format!("{index}.{}.h:2,{}", "x".repeat(300), "F".repeat(300)),
            _ => format!("{index}.M{index}P{index}.h,S={index}:2,"),
        };
        let names: Vec<String> = (0..40).map(name).collect();
        let mut entries = Entries::new([7, 7], 40);
        for (index, name) in (0..).zip(&names) {
            assert!(entries.push(&entry(name.as_bytes(), MaildirFolder::New, index)));
        }
        for round in 0..1000 {
            for index in (0..40).step_by(8) {
                let name = format!("{index}.a.h:2,{}", if round % 2 == 0 { "T" } else { "S" });
                entries.update(index, MaildirFolder::Cur, name.as_bytes(), 9);
            }
        }
        assert!(entries.octets() < 20_000, "old names go in the end");
        let mut buffer = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let is = entries.get(index, &mut buffer).unwrap();
            let is_renamed = index % 8 == 0;
            assert_eq!(is.name, [name.as_bytes(), if is_renamed { b":2,S" } else { b"" }].concat());
            assert_eq!((is.folder == MaildirFolder::Cur, is.stat.changed == 9), (is_renamed, is_renamed));
            assert_eq!(is.stat.inode, index as u64);
        }
    }
}
