//! The memory that all messages of a fetch share.

use core::mem::{replace, take};
use core::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most octets of all messages that are kept in memory: what is received and what is being stored, and buffers for
/// the next ones.
pub(super) const ROOM: usize = 16 << 20;

/// The room in memory that all messages share.
///
/// The buffers of messages that are stored are kept for others: the system takes longer to make memory available than
/// we take to fill it.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// The octets of the messages, and of what is spare.
    octets: usize,
    spare: Vec<Vec<u8>>,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn full() -> Self {
        Self(Mutex::new(Taken { octets: ROOM, spare: Vec::new() }))
    }

    /// How many octets are taken, and how many buffers are spare.
    #[cfg(test)]
    pub(super) fn taken(&self) -> (usize, usize) {
        let taken = self.lock();
        (taken.octets, taken.spare.len())
    }
}

impl Taken {
    /// Takes room for so many octets, if there is so much. What is spare makes way.
    fn take(&mut self, octets: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(octets).filter(|&taken| taken <= ROOM);
        let fitting = fits(self.octets).or_else(|| {
            let spare = take(&mut self.spare);
            self.octets -= spare.iter().map(Vec::capacity).sum::<usize>();
            fits(self.octets)
        });
        self.octets = fitting.unwrap_or(self.octets);
        fitting.is_some()
    }

    /// A buffer for so many octets, and not for many more. It takes no room.
    fn buffer(&mut self, octets: usize) -> Vec<u8> {
        match self.spare.pop_if(|spare| (octets..=octets.saturating_mul(2)).contains(&spare.capacity())) {
            Some(buffer) => {
                self.octets -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(octets),
        }
    }

    /// Keeps a buffer that is not used any more, if there is room for it.
    fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        let octets = self.octets + buffer.capacity();
        if buffer.capacity() > 0 && octets <= ROOM {
            self.octets = octets;
            self.spare.push(buffer);
        }
    }
}

/// Octets in the room.
pub(super) struct Memory {
    octets: Vec<u8>,
    room: Arc<Room>,
}

impl Memory {
    /// Takes a buffer for so many octets, but no room yet.
    pub(super) fn new(room: &Arc<Room>, octets: usize) -> Self {
        Self { octets: room.lock().buffer(octets), room: Arc::clone(room) }
    }

    /// Adds octets, if there is room for them.
    pub(super) fn push(&mut self, octets: &[u8]) -> bool {
        let has_room = self.room.lock().take(octets.len());
        if has_room {
            self.octets.extend_from_slice(octets);
        }
        has_room
    }

    /// Gives back what was taken in advance, where that is much.
    pub(super) fn finish(&mut self) {
        if self.octets.capacity() / 2 > self.octets.len() {
            let mut room = self.room.lock();
            let mut fitting = room.buffer(self.octets.len());
            fitting.extend_from_slice(&self.octets);
            room.keep(replace(&mut self.octets, fitting));
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
        let mut room = self.room.lock();
        room.octets -= self.octets.len();
        room.keep(take(&mut self.octets));
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
        assert_eq!(room.taken(), (8096, 0));
        drop(second);
        // None is used for something much smaller, or larger.
        let other = [fill(2), fill(5000)];
        assert!(
            other.iter().all(|memory| !places.contains(&place(memory)) && memory.octets.capacity() < 6000)
        );
    }

    #[test]
    fn what_is_spare_makes_way() {
        let room = Arc::new(Room::default());
        let mut all = Vec::new();
        for _ in 0..ROOM / 4096 {
            let mut memory = Memory::new(&room, 4096);
            assert!(memory.push(&[b'x'; 4096]));
            all.push(memory);
        }
        assert!(!Memory::new(&room, 0).push(b"x"));
        drop(all);
        assert_eq!(room.taken(), (ROOM, ROOM / 4096));
        let mut large = Memory::new(&room, 8192);
        assert!(large.push(&[b'x'; 8192]));
        assert_eq!(room.taken(), (8192, 0));
        // What was announced and did not come is not kept for one message.
        let mut little = Memory::new(&room, 1 << 20);
        assert!(little.push(b"x"));
        little.finish();
        assert_eq!((&*little, little.octets.capacity() < 16), (&b"x"[..], true));
        assert_eq!(room.taken(), (8192 + 1 + (1 << 20), 1));
    }
}
