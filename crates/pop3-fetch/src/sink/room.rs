//! The memory that all messages of a fetch share.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::mem::{replace, take};
use core::ops::Deref;
use std::sync::{Arc, PoisonError};

use crate::sync::{Mutex, MutexGuard};

/// The most octets of all messages that are kept in memory: what is received and what is being stored, and buffers for
/// the next ones. A buffer counts with all octets that are allocated for it.
pub(super) const ROOM: usize = 16 << 20;

/// Smaller buffers are not kept for others: each costs the allocator more than it counts for.
const WORTH_KEEPING: usize = 512;

/// The most buffers that are kept for others.
const SPARES: usize = 512;

/// The room in memory that all messages share.
///
/// During a run, the buffers of messages that are stored are kept for others: the system takes longer to make memory
/// available than we take to fill it.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// The capacities of all buffers: those of the messages, and the spare ones.
    octets: usize,
    spare: Vec<Vec<u8>>,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees what is spare.
    pub(crate) fn release(&self) {
        self.lock().release();
    }

    #[cfg(test)]
    pub(crate) fn full() -> Self {
        Self(Mutex::new(Taken { octets: ROOM, spare: Vec::new() }))
    }

    /// How many octets are taken, and how many buffers are spare.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> (usize, usize) {
        let taken = self.lock();
        (taken.octets, taken.spare.len())
    }
}

impl Taken {
    /// Takes room for so many octets, if there is so much. What is spare makes way.
    fn take(&mut self, octets: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(octets).filter(|&taken| taken <= ROOM);
        let fitting = fits(self.octets).or_else(|| {
            self.release();
            fits(self.octets)
        });
        self.octets = fitting.unwrap_or(self.octets);
        fitting.is_some()
    }

    fn release(&mut self) {
        let spare = take(&mut self.spare);
        self.octets -= spare.iter().map(Vec::capacity).sum::<usize>();
    }

    /// Takes a buffer for so many octets, and not for many more, if there is room for it.
    fn buffer(&mut self, octets: usize) -> Option<Vec<u8>> {
        let fits = |spare: &mut Vec<u8>| (octets..=octets.saturating_mul(2)).contains(&spare.capacity());
        // It counts already.
        self.spare.pop_if(fits).or_else(|| {
            let mut buffer = Vec::new();
            self.grow(&mut buffer, octets).then_some(buffer)
        })
    }

    /// Lets a buffer grow to so many octets, if there is room for them.
    fn grow(&mut self, buffer: &mut Vec<u8>, capacity: usize) -> bool {
        let before = buffer.capacity();
        let has_room = self.take(capacity.saturating_sub(before));
        if has_room {
            buffer.reserve_exact(capacity.saturating_sub(buffer.len()));
            // The allocator may give more.
            self.octets += buffer.capacity() - before.max(capacity);
        }
        has_room
    }

    /// Keeps a buffer that is not used any more, or frees it. The one that has been spare for the longest time makes
    /// way.
    fn keep(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() >= WORTH_KEEPING {
            buffer.clear();
            self.spare.push(buffer);
            if self.spare.len() <= SPARES {
                return;
            }
            buffer = self.spare.remove(0);
        }
        self.octets -= buffer.capacity();
    }
}

/// Octets in the room.
pub(super) struct Memory {
    octets: Vec<u8>,
    room: Arc<Room>,
}

impl Memory {
    /// Takes room for so many octets in advance, if there is so much.
    pub(super) fn new(room: &Arc<Room>, octets: usize) -> Self {
        let buffer = room.lock().buffer(octets);
        Self { octets: buffer.unwrap_or_default(), room: Arc::clone(room) }
    }

    /// Adds octets, if there is room for them.
    pub(super) fn push(&mut self, octets: &[u8]) -> bool {
        let len = self.octets.len() + octets.len();
        let capacity = self.octets.capacity();
        let has_room = len <= capacity || {
            let mut room = self.room.lock();
            room.grow(&mut self.octets, len.max(2 * capacity)) || room.grow(&mut self.octets, len)
        };
        if has_room {
            self.octets.extend_from_slice(octets);
        }
        has_room
    }

    /// Gives back what was taken in advance, where that is much.
    pub(super) fn finish(&mut self) {
        if self.octets.capacity() / 2 > self.octets.len() {
            let mut room = self.room.lock();
            if let Some(mut fitting) = room.buffer(self.octets.len()) {
                fitting.extend_from_slice(&self.octets);
                room.keep(replace(&mut self.octets, fitting));
            } else {
                let before = self.octets.capacity();
                self.octets.shrink_to_fit();
                room.octets -= before - self.octets.capacity();
            }
        }
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.room.lock().keep(take(&mut self.octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let room = Arc::new(Room::default());
        let fill = |octets: usize| {
            let mut memory = Memory::new(&room, octets);
            assert!(memory.push(&vec![b'x'; octets]));
            memory.finish();
            memory
        };
        let place = |memory: &Memory| memory.as_ptr().addr();
        let first = [fill(4096), fill(4096)];
        let places = first.each_ref().map(place);
        assert_eq!(room.taken(), (8192, 0));
        drop(first);
        assert_eq!(room.taken(), (8192, 2));
        // In the reverse order, and for smaller ones.
        let second = [fill(4096), fill(4000)];
        assert_eq!(second.each_ref().map(place), [places[1], places[0]]);
        // The second takes all of its buffer.
        assert_eq!(room.taken(), (8192, 0));
        drop(second);
        // None is used for something much smaller, or larger.
        let other = [fill(2), fill(5000)];
        assert!(
            other.iter().all(|memory| !places.contains(&place(memory)) && memory.octets.capacity() < 6000)
        );
    }

    /// As many messages as there is room for, each of so many octets where `announced` are announced. Returns what they
    /// take, message by message.
    fn fill(room: &Arc<Room>, octets: usize, announced: usize) -> Vec<Memory> {
        let mut all = Vec::new();
        loop {
            let mut memory = Memory::new(room, announced);
            if !memory.push(&vec![b'x'; octets]) {
                return all;
            }
            memory.finish();
            all.push(memory);
        }
    }

    /// What is allocated for them, and for what is spare.
    fn allocated(room: &Room, messages: &[Memory]) -> usize {
        let capacities = messages.iter().map(|memory| memory.octets.capacity()).sum::<usize>();
        capacities + room.lock().spare.iter().map(Vec::capacity).sum::<usize>()
    }

    #[test]
    fn all_that_is_allocated_counts() {
        let room = Arc::new(Room::default());
        // Just more than half of what is taken in advance, so that nothing is given back; and just less.
        for (octets, announced) in [(33_000, 65_536), (32_000, 65_536), (33_000, 0), (700, 1000)] {
            // The messages of one size meet the spare buffers of another.
            for _ in 0..2 {
                let messages = fill(&room, octets, announced);
                let taken = room.taken().0;
                assert!(taken <= ROOM && taken > ROOM - 2 * announced.max(octets), "{octets}: {taken}");
                assert_eq!(taken, allocated(&room, &messages), "{octets} of {announced}");
                assert!(messages.len() >= ROOM / announced.max(octets));
                drop(messages);
                let (taken, spare) = room.taken();
                assert_eq!(taken, allocated(&room, &[]), "{octets} of {announced}");
                assert!(taken <= ROOM && spare <= SPARES, "{taken} {spare}");
            }
        }
        // A message that grows by and by.
        let mut message = Memory::new(&room, 0);
        for _ in 0..10_000 {
            assert!(message.push(b"0123456"));
            assert_eq!(room.taken().0, allocated(&room, core::slice::from_ref(&message)));
        }
    }

    #[test]
    fn tiny_buffers_and_too_many_are_not_kept() {
        let room = Arc::new(Room::default());
        let many = |octets: usize| {
            let fill = |_| {
                let mut memory = Memory::new(&room, octets);
                assert!(memory.push(&vec![b'x'; octets]));
                memory
            };
            (0..2 * SPARES).map(fill).collect::<Vec<_>>()
        };
        for tiny in [0, 1, 16, WORTH_KEEPING - 1] {
            drop(many(tiny));
            assert_eq!(room.taken(), (0, 0), "{tiny}");
        }
        for size in [WORTH_KEEPING, 4096, 1024] {
            drop(many(size));
            // Those of the last messages.
            assert_eq!(room.taken(), (SPARES * size, SPARES), "{size}");
        }
    }

    #[test]
    fn what_is_spare_makes_way() {
        let room = Arc::new(Room::default());
        let all = fill(&room, 65_536, 65_536);
        assert_eq!(all.len(), ROOM / 65_536);
        assert!(!Memory::new(&room, 0).push(b"x"));
        drop(all);
        assert_eq!(room.taken(), (ROOM, ROOM / 65_536));
        let mut large = Memory::new(&room, 131_073);
        assert!(large.push(&[b'x'; 131_073]));
        assert_eq!(room.taken(), (131_073, 0));
        // What was announced and did not come is not kept for one message.
        let mut little = Memory::new(&room, 1 << 20);
        assert!(little.push(b"x"));
        little.finish();
        assert_eq!((&*little, little.octets.capacity() < 16), (&b"x"[..], true));
        assert_eq!(room.taken(), (131_073 + 1 + (1 << 20), 1));
    }
}
