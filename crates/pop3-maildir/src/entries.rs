//! The messages of an open Maildir, in little memory.

mod packed;

use std::collections::BTreeMap;

use pop3_disk::Stat;
use pop3_proto::Octets;

use crate::name::{self, MaildirFolder};
use packed::{EIGHT_BIT, IN_CUR, PACKED, Record, Shared, WHOLE, folded, middle_of, put};

/// Names that share one name in full. The others are what differs from it.
const BLOCK: usize = 16;

/// A name longer than this is not kept. No file system has such names.
const NAME_MAX: usize = 0x1fff;

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

/// The messages, about 20 octets for each and what its name has that its neighbours' do not have.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The records of the messages, and old ones of messages that were renamed.
    ///
    /// A record has three flags, and these numbers, with 7 bits in an octet: octets of the name that are its own; the
    /// inode, counted from that of the first message of the block; the length; the modification time, counted likewise;
    /// the change time, counted from the modification time; and how much longer than the file its wire form is, or 0 if
    /// that is not known, otherwise one more. Unless all octets are the name's own, there are the octets that it shares
    /// with the first name of the block: at its start, from its second dot on, and at its end, and those of its own before
    /// its second dot. The own octets follow.
    octets: Vec<u8>,
    /// Where the records of the messages are.
    places: Vec<u32>,
    /// Where the first records of the blocks are. These stay when their messages are renamed.
    blocks: Vec<u32>,
    /// The devices of `new` and `cur`, on which the files are.
    devices: [u64; 2],
    /// The devices of other files, by place.
    elsewhere: BTreeMap<usize, u64>,
    /// How many messages were renamed since the records were written.
    renamed: usize,
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'n> {
    pub(crate) folder: MaildirFolder,
    pub(crate) name: &'n [u8],
    /// The file as it was when its size was counted.
    pub(crate) stat: Stat,
    /// The size of its wire form, if it is known.
    pub(crate) wire: Option<Octets>,
    /// Whether the header is not ASCII, as far as that was looked at.
    pub(crate) eight_bit: bool,
}

impl Entries {
    pub(crate) fn new(devices: [u64; 2], messages: usize) -> Self {
        Self { places: Vec::with_capacity(messages), devices, ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds a message, or returns `false` if there is no more room.
    #[must_use]
    pub(crate) fn push(&mut self, entry: &Entry<'_>) -> bool {
        let index = self.len();
        if index.is_multiple_of(BLOCK) {
            let Ok(start) = u32::try_from(self.octets.len()) else { return false };
            self.blocks.push(start);
        }
        let Some(place) = self.add(index, entry) else { return false };
        self.places.push(place);
        self.note_device(index, entry);
        true
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.octets.shrink_to_fit();
        self.places.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    /// A message, with its name in this buffer.
    pub(crate) fn get<'n>(&self, index: usize, buffer: &'n mut Vec<u8>) -> Option<Entry<'n>> {
        let place = *self.places.get(index)?;
        let record = self.record(place)?;
        let (mut inode, mut modified) = (record.inode, record.modified);
        if self.blocks.get(index / BLOCK) == Some(&place) {
            name(&record, &[], buffer)?;
        } else {
            let head = self.head(index)?;
            inode = head.inode.wrapping_add(inode);
            modified = head.modified.wrapping_add(modified);
            name(&record, head.rest.get(..head.own)?, buffer)?;
        }
        let folder = if record.flags & IN_CUR == 0 { MaildirFolder::New } else { MaildirFolder::Cur };
        let mut stat = Stat::of_file(record.len);
        stat.inode = inode;
        stat.modified = modified.cast_signed();
        stat.changed = modified.wrapping_add(record.changed).cast_signed();
        stat.device = self.elsewhere.get(&index).copied().unwrap_or(self.devices[folder.index()]);
        let wire = record.more.map(|more| record.len.saturating_add(more));
        Some(Entry { folder, name: buffer, stat, wire, eight_bit: record.flags & EIGHT_BIT != 0 })
    }

    /// Records that a message has another name, or that its file was looked at again and is still the same.
    pub(crate) fn update(&mut self, index: usize, folder: MaildirFolder, name: &[u8], changed: i64) {
        let mut old = Vec::new();
        let Some(entry) = self.get(index, &mut old) else { return };
        if entry.folder == folder && entry.name == name && entry.stat.changed == changed {
            return;
        }
        let mut entry = Entry { folder, name, ..entry };
        entry.stat.changed = changed;
        let Some(place) = self.add(index, &entry) else { return };
        self.note_device(index, &entry);
        if let Some(own) = self.places.get_mut(index) {
            *own = place;
        }
        self.renamed += 1;
        if self.renamed > self.len() + BLOCK {
            self.tidy();
        }
    }

    fn note_device(&mut self, index: usize, entry: &Entry<'_>) {
        if entry.stat.device != self.devices[entry.folder.index()] {
            self.elsewhere.insert(index, entry.stat.device);
        }
    }

    /// Writes the records anew, without those that no message has any more.
    fn tidy(&mut self) {
        let mut fresh = Self::new(self.devices, self.len());
        let mut name = Vec::new();
        let is_whole =
            (0..self.len()).all(|index| self.get(index, &mut name).is_some_and(|entry| fresh.push(&entry)));
        if is_whole {
            fresh.shrink_to_fit();
            *self = fresh;
        }
    }

    /// Octets of memory in use.
    #[cfg(test)]
    fn memory(&self) -> usize {
        self.octets.capacity() + 4 * (self.places.capacity() + self.blocks.capacity())
    }

    fn record(&self, place: u32) -> Option<Record<'_>> {
        Record::read(self.octets.get(place as usize..)?)
    }

    /// The first record of the block, whose name is whole.
    fn head(&self, index: usize) -> Option<Record<'_>> {
        self.record(*self.blocks.get(index / BLOCK)?)
    }

    /// Appends a record, and returns where.
    fn add(&mut self, index: usize, entry: &Entry<'_>) -> Option<u32> {
        let place = u32::try_from(self.octets.len()).ok()?;
        let is_head = self.blocks.get(index / BLOCK) == Some(&place);
        let head = if is_head { None } else { self.head(index) };
        let (head_inode, head_modified) = head.as_ref().map_or((0, 0), |head| (head.inode, head.modified));
        let shared = head.and_then(|head| Some(Shared::of(head.rest.get(..head.own)?, entry.name)));
        let Shared { start, middle, end, before } = shared.unwrap_or_default();
        let (first, rest) = entry.name.get(usize::from(start)..)?.split_at_checked(before.into())?;
        let last = rest.get(middle.into()..rest.len().checked_sub(end.into())?)?;
        let own = first.len() + last.len();
        if own > NAME_MAX {
            return None;
        }
        let half = |&octet: &u8| HALVES[usize::from(octet)];
        let is_common = |octets: &[u8]| octets.iter().all(|octet| half(octet) < 16);
        let is_whole = start | middle | end == 0;
        let is_packed = !is_whole && is_common(first) && is_common(last);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let octets = &mut self.octets;
        octets.push(
            flag(entry.folder == MaildirFolder::Cur, IN_CUR)
                | flag(entry.eight_bit, EIGHT_BIT)
                | flag(is_packed, PACKED)
                | flag(is_whole, WHOLE),
        );
        let Stat { inode, len, modified, changed, .. } = entry.stat;
        let (modified, changed) = (modified.cast_unsigned(), changed.cast_unsigned());
        let more = entry.wire.and_then(|wire| wire.checked_sub(len)?.checked_add(1));
        put(octets, own as u64);
        put(octets, folded(inode.wrapping_sub(head_inode)));
        put(octets, len);
        put(octets, folded(modified.wrapping_sub(head_modified)));
        put(octets, folded(changed.wrapping_sub(modified)));
        put(octets, more.unwrap_or(0));
        if !is_whole {
            octets.extend_from_slice(&[start, middle, end, before]);
        }
        if is_packed {
            let mut halves = first.iter().chain(last).map(half);
            while let Some(low) = halves.next() {
                octets.push(low | halves.next().unwrap_or(0) << 4);
            }
        } else {
            octets.extend_from_slice(first);
            octets.extend_from_slice(last);
        }
        Some(place)
    }
}

/// Writes the name of a record into the buffer. `head` is the first name of its block.
fn name(record: &Record<'_>, head: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
    let &Record { flags, own, ref shared, rest, .. } = record;
    buffer.clear();
    if flags & WHOLE != 0 {
        buffer.extend_from_slice(rest.get(..own)?);
        return Some(());
    }
    let &Shared { start, middle, end, before } = shared;
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
    Some(())
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
        let each = entries.memory() / names.len();
        assert!(each <= 32, "{each} octets for each message");
    }

    #[test]
    fn every_number_comes_out_again() {
        let extremes = [0, 1, 0x7f, 0x80, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX];
        // Each number beside each other, in one block and in blocks of their own.
        for distance in [1, BLOCK] {
            let mut entries = Entries::new([7, 7], 0);
            let mut all = Vec::new();
            for number in extremes {
                for wire in [Some(number), number.checked_add(1), None] {
                    let mut stat = Stat::of_file(number);
                    let signed = number.cast_signed();
                    (stat.inode, stat.modified, stat.changed) = (number, signed, signed.wrapping_neg());
                    stat.device = 7;
                    let entry = Entry { stat, wire, ..entry(b"1.a.h", MaildirFolder::New, 0) };
                    for _ in 0..distance {
                        all.push((stat, wire.filter(|&wire| wire - number < u64::MAX)));
                        assert!(entries.push(&entry));
                    }
                }
            }
            let mut buffer = Vec::new();
            for (index, (stat, wire)) in all.iter().enumerate() {
                let is = entries.get(index, &mut buffer).unwrap();
                assert!(is.stat.same_content(stat) && is.stat.changed == stat.changed, "{index}");
                assert_eq!((is.wire, is.name), (*wire, &b"1.a.h"[..]), "{index}");
            }
        }
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
        assert!(entries.memory() < 20_000, "old names go in the end");
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
