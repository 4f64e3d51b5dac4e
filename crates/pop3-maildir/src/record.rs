//! The records of the size cache: how they are written and read.
//!
//! The file begins with the version and eight random octets. Records follow. Each ends with a checksum of itself and of
//! everything before it, so that a record counts only if the whole file up to it is what was written. All numbers are
//! little-endian.
//!
//! | record | octets |
//! |---|---|
//! | message | `M`, flags (1: in `cur`, 2: its header is not ASCII), length of the name (2), inode, length, modification time, change time and wire size (8 each), name, checksum (8) |
//! | gone | `G`, 0, length of the name (2), name, checksum (8) |
//! | seal | `S`, 0, 48 (2), inode, modification time and change time of `new` and of `cur` (8 each), checksum (8) |
//!
//! Of the records of a message the last one counts. A seal at the end of the file says that these are all messages that
//! the two directories had when they were in this state.

use core::hash::{BuildHasher as _, Hasher as _};
use std::collections::hash_map::RandomState;

use pop3_disk::Stat;

use crate::folders::State;
use crate::found::{Found, Size};
use crate::measure::{Count, plausible};
use crate::name::MaildirFolder;

const VERSION: &[u8] = b"pop3-sizes 3\n";

/// Octets of what precedes the records.
const HEAD: usize = VERSION.len() + 8;

/// Octets of a record before its numbers, and of the checksum behind it.
const FRONT: usize = 4;
const CHECK: usize = 8;

/// The longest name that is remembered. No file system has longer ones.
pub(crate) const NAME_MAX: usize = 1024;

const MESSAGE: u8 = b'M';
const GONE: u8 = b'G';
const SEAL: u8 = b'S';

/// Records of what is gone that a file may have, beside two for each message. The store writes it anew long before.
const GONE_MAX: usize = 1024;

const IN_CUR: u8 = 1;
const EIGHT_BIT: u8 = 2;

/// The end of a file: where the next record goes, and what its checksum begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) octets: u64,
    chain: u64,
}

/// What a file says.
#[derive(Debug)]
pub(crate) struct Log<'o> {
    /// The messages in the order of their numbers, no two with the same identity.
    pub(crate) messages: Vec<Found<'o>>,
    /// The state of the directories in which there were these messages and no others. `None` if the file does not end
    /// in a seal.
    pub(crate) seal: Option<State>,
    /// Where the file can be continued. `None` if it ends in something else than a record.
    pub(crate) tail: Option<Tail>,
    /// How many records are of no use any more.
    pub(crate) stale: usize,
}

impl<'o> Log<'o> {
    /// The log of a Maildir that has none.
    pub(crate) const fn none() -> Self {
        Self { messages: Vec::new(), seal: None, tail: None, stale: 0 }
    }

    /// Reads records up to the first that is torn or cannot be true. Messages are taken to be on these devices. A file
    /// with far more records of what is gone than of messages is ignored: they take much more memory than room in it.
    pub(crate) fn read(octets: &'o [u8], devices: [u64; 2]) -> Self {
        let Some(nonce) = octets.strip_prefix(VERSION).and_then(|rest| rest.first_chunk()) else {
            return Self::none();
        };
        let (mut at, mut chain) = (HEAD, u64::from_le_bytes(*nonce));
        let mut log = Self::none();
        let (mut records, mut gone) = (0_usize, 0);
        let mut in_order = true;
        while let Some((record, end)) = octets.get(at..).and_then(|rest| next(rest, chain)) {
            log.seal = None;
            match record {
                Record::Seal(state) => log.seal = Some(state),
                Record::Message(message) => {
                    let message = message.on(devices);
                    in_order &= log.messages.last().is_none_or(|last| last.order() < message.order());
                    log.messages.push(message);
                }
                Record::Gone(name) => {
                    in_order = false;
                    let messages = log.messages.len() - gone;
                    gone += 1;
                    if gone > 2 * messages + GONE_MAX {
                        return Self::none();
                    }
                    log.messages.push(Found::gone(name));
                }
            }
            records += 1;
            chain = end.1;
            at += end.0;
        }
        log.tail = (at == octets.len()).then_some(Tail { octets: at as u64, chain });
        if log.tail.is_none() {
            // Something is behind the seal. It may have been written to break it.
            log.seal = None;
        }
        if !in_order {
            // Stable: of the records of a message, the last one stays the last.
            log.messages.sort_by(|a, b| a.order().cmp(&b.order()));
            log.messages.reverse();
            log.messages.dedup_by(|earlier, later| earlier.order() == later.order());
            log.messages.reverse();
            log.messages.retain(|message| !message.is_gone());
        }
        log.stale = records - log.messages.len() - usize::from(log.seal.is_some());
        log
    }
}

enum Record<'o> {
    Message(Found<'o>),
    Gone(&'o [u8]),
    Seal(State),
}

/// The first record of these octets, with its length and checksum.
fn next(octets: &[u8], chain: u64) -> Option<(Record<'_>, (usize, u64))> {
    let &[tag, flags, low, high] = octets.first_chunk()?;
    let len = usize::from(u16::from_le_bytes([low, high]));
    let numbers = if tag == MESSAGE { 40 } else { 0 };
    let body = FRONT + numbers + len;
    let check = u64::from_le_bytes(*octets.get(body..)?.first_chunk()?);
    let (body, _) = octets.split_at_checked(body)?;
    if digest(chain, body) != check {
        return None;
    }
    let end = (body.len() + CHECK, check);
    let rest = &body[FRONT..];
    let record = match tag {
        SEAL => Record::Seal(State::from_numbers(&numbers_of(rest)?)),
        GONE if is_name(rest) => Record::Gone(rest),
        MESSAGE => {
            let (numbers, name) = rest.split_at_checked(numbers)?;
            let [inode, len, modified, changed, wire] = numbers_of(numbers)?;
            if !is_name(name) || !plausible(wire, len) {
                return None;
            }
            let mut stat = Stat::of_file(len);
            (stat.inode, stat.modified, stat.changed) =
                (inode, modified.cast_signed(), changed.cast_signed());
            let folder = if flags & IN_CUR == 0 { MaildirFolder::New } else { MaildirFolder::Cur };
            let count = Count { wire, eight_bit: flags & EIGHT_BIT != 0 };
            Record::Message(Found::remembered(folder, name, stat, count))
        }
        _ => return None,
    };
    Some((record, end))
}

/// Whether a file of a Maildir can have this name. The owner of the Maildir can write any name into the file.
fn is_name(name: &[u8]) -> bool {
    let is_one = !name.is_empty() && name.len() <= NAME_MAX && name[0] != b'.';
    is_one && memchr::memchr2(b'/', 0, name).is_none()
}

fn numbers_of<const N: usize>(octets: &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let (words, rest) = octets.as_chunks();
    if words.len() != N || !rest.is_empty() {
        return None;
    }
    for (number, &word) in numbers.iter_mut().zip(words) {
        *number = u64::from_le_bytes(word);
    }
    Some(numbers)
}

/// Records to be written, in memory.
#[derive(Debug)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    before: u64,
    chain: u64,
}

impl Writer {
    /// Begins a file.
    pub(crate) fn begin() -> Self {
        let chain = RandomState::new().build_hasher().finish();
        let mut octets = VERSION.to_vec();
        octets.extend_from_slice(&chain.to_le_bytes());
        Self { octets, before: 0, chain }
    }

    /// Continues a file.
    pub(crate) const fn after(tail: Tail) -> Self {
        Self { octets: Vec::new(), before: tail.octets, chain: tail.chain }
    }

    /// Writes a message with its size.
    pub(crate) fn message(&mut self, message: &Found<'_>) {
        let Size::Counted(stat, count) = &message.size else { return };
        let in_cur = if message.folder == MaildirFolder::Cur { IN_CUR } else { 0 };
        let eight_bit = if count.eight_bit { EIGHT_BIT } else { 0 };
        let times = [stat.modified.cast_unsigned(), stat.changed.cast_unsigned()];
        let numbers = [stat.inode, stat.len, times[0], times[1], count.wire];
        self.record(MESSAGE, in_cur | eight_bit, &numbers, &message.name);
    }

    /// Writes that a message is not there any more, or not to be believed.
    pub(crate) fn gone(&mut self, name: &[u8]) {
        self.record(GONE, 0, &[], name);
    }

    /// Writes that there are no other messages in this state of the directories.
    pub(crate) fn seal(&mut self, state: &State) {
        let numbers: Vec<u8> = state.numbers().iter().flat_map(|number| number.to_le_bytes()).collect();
        self.record(SEAL, 0, &[], &numbers);
    }

    /// The octets, and the end of the file with them.
    pub(crate) fn finish(self) -> (Vec<u8>, Tail) {
        let tail = Tail { octets: self.before + self.octets.len() as u64, chain: self.chain };
        (self.octets, tail)
    }

    fn record(&mut self, tag: u8, flags: u8, numbers: &[u64], name: &[u8]) {
        let Some(len) = u16::try_from(name.len()).ok().filter(|_| name.len() <= NAME_MAX) else { return };
        let start = self.octets.len();
        let [low, high] = len.to_le_bytes();
        self.octets.extend_from_slice(&[tag, flags, low, high]);
        for number in numbers {
            self.octets.extend_from_slice(&number.to_le_bytes());
        }
        self.octets.extend_from_slice(name);
        self.chain = digest(self.chain, &self.octets[start..]);
        self.octets.extend_from_slice(&self.chain.to_le_bytes());
    }
}

/// A checksum. It finds out torn and mixed-up records, not forged ones: those can be true as well.
fn digest(seed: u64, octets: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(FACTOR);
        state ^ (state >> 32)
    };
    let (words, rest) = octets.as_chunks();
    let state = words
        .iter()
        .fold(step(seed, octets.len() as u64), |state, &word| step(state, u64::from_le_bytes(word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    step(step(state, u64::from_le_bytes(last)), FACTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with messages, and then records of what is gone.
    fn with_gone(messages: usize, gone: usize) -> Vec<u8> {
        let mut file = Writer::begin();
        let names: Vec<_> = (0..messages).map(|index| format!("{index}.a.h").into_bytes()).collect();
        let count = Count { wire: 3, eight_bit: false };
        for name in &names {
            file.message(&Found::remembered(MaildirFolder::Cur, name, Stat::of_file(2), count));
        }
        (0..gone).for_each(|index| file.gone(format!("{index}.b.h").as_bytes()));
        file.finish().0
    }

    #[test]
    fn no_file_makes_a_login_remember_much_more_than_it_has_messages() {
        for messages in [0, 1, 500] {
            let most = 2 * messages + GONE_MAX;
            let octets = with_gone(messages, most);
            let log = Log::read(&octets, [0; 2]);
            assert_eq!((log.messages.len(), log.stale), (messages, most));
            assert!(log.tail.is_some());
            let octets = with_gone(messages, most + 1);
            let log = Log::read(&octets, [0; 2]);
            assert_eq!((log.messages.len(), log.tail), (0, None));
        }
    }
}
