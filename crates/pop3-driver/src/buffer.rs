//! Octets received and not yet consumed, and those that are still to be sent.

use core::fmt;
use core::ops::{Deref, DerefMut, Range};

use bytes::BytesMut;
use zeroize::Zeroize;

/// Octets to be sent, which may be a password: not shown, and zeroed however they end.
pub(crate) struct Output(BytesMut);

impl Output {
    pub(crate) fn with_capacity(octets: usize) -> Self {
        Self(BytesMut::with_capacity(octets))
    }
}

impl Deref for Output {
    type Target = BytesMut;

    fn deref(&self) -> &BytesMut {
        &self.0
    }
}

impl DerefMut for Output {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.0
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("octets", &self.0.len()).finish()
    }
}

/// A buffer of fixed size, unless its owner lets it grow for a while.
pub(crate) struct ReadBuffer {
    octets: Box<[u8]>,
    usual: usize,
    start: usize,
    end: usize,
    wiped: bool,
}

impl ReadBuffer {
    /// A buffer for what a server sends. Nothing in it is a password, and wiping all messages would
    /// cost more than decoding them.
    pub(crate) fn new(size: usize) -> Self {
        Self { octets: vec![0; size].into(), usual: size, start: 0, end: 0, wiped: false }
    }

    /// A buffer in which what is consumed is zeroed, as it may have been a password. It takes no memory yet.
    pub(crate) fn wiped(size: usize) -> Self {
        Self { octets: Box::default(), usual: size, start: 0, end: 0, wiped: true }
    }

    /// How many octets fit.
    #[cfg(any(test, feature = "rustls"))]
    pub(crate) fn size(&self) -> usize {
        self.octets.len()
    }

    /// What is there.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Where in [`filled`](Self::filled) these octets are, if they are a part of it.
    pub(crate) fn find(&self, octets: &[u8]) -> Option<Range<usize>> {
        let filled = self.filled();
        let start = octets.as_ptr().addr().checked_sub(filled.as_ptr().addr())?;
        let range = start..start.checked_add(octets.len())?;
        (range.end <= filled.len()).then_some(range)
    }

    /// Removes octets from the front.
    pub(crate) fn consume(&mut self, octets: usize) {
        let start = self.end.min(self.start + octets);
        if self.wiped {
            self.octets[self.start..start].zeroize();
        }
        self.start = start;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Whether [`room`](Self::room) has room.
    pub(crate) fn has_room(&self) -> bool {
        self.octets.is_empty() || self.start > 0 || self.end < self.octets.len()
    }

    /// Gives the memory back while the buffer is empty. The next [`room`](Self::room) takes it again.
    pub(crate) fn release(&mut self) {
        if self.start == self.end {
            self.resize(0);
        }
    }

    /// Room for more, never empty unless all of the buffer is taken by octets not consumed.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.octets.is_empty() {
            self.resize(self.usual);
        }
        // Only a part of a line is moved, and only once: there is always room for a large read.
        if self.start > 0 {
            self.octets.copy_within(self.start..self.end, 0);
            let moved = self.end - self.start;
            if self.wiped {
                self.octets[moved..self.end].zeroize();
            }
            self.start = 0;
            self.end = moved;
        }
        &mut self.octets[self.end..]
    }

    /// Makes room where there is none, up to so many octets in all.
    pub(crate) fn grow(&mut self, most: usize) {
        if !self.has_room() && self.octets.len() < most {
            self.resize(most.min(self.octets.len() * 2));
        }
    }

    /// Gives back what it has grown, once it is empty.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.octets.len() > self.usual {
            self.resize(self.usual);
        }
    }

    fn resize(&mut self, size: usize) {
        let mut octets: Box<[u8]> = vec![0; size].into();
        octets[..self.end - self.start].copy_from_slice(&self.octets[self.start..self.end]);
        if self.wiped {
            // What was consumed is zeroed already. A session that waits often would do this most of the time.
            self.octets[self.start..self.end].zeroize();
        }
        self.end -= self.start;
        self.start = 0;
        self.octets = octets;
    }

    /// Notes that octets were put into the room.
    pub(crate) fn add(&mut self, octets: usize) {
        self.end = self.octets.len().min(self.end + octets);
    }
}

impl fmt::Debug for ReadBuffer {
    /// Without what is in it, which may be a password or a letter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuffer")
            .field("size", &self.octets.len())
            .field("filled", &self.filled().len())
            .finish()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if self.wiped {
            self.octets.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_out_in_order_and_leave_no_trace() {
        let mut buffer = ReadBuffer::wiped(4);
        buffer.room()[..4].copy_from_slice(b"abcd");
        buffer.add(4);
        buffer.consume(3);
        assert_eq!(buffer.filled(), b"d");
        let room = buffer.room();
        assert_eq!(room, [0; 3]);
        room[..2].copy_from_slice(b"ef");
        buffer.add(2);
        assert_eq!(buffer.filled(), b"def");
        buffer.consume(3);
        assert_eq!(*buffer.octets, [0; 4]);
    }

    #[test]
    fn a_part_of_what_is_there_is_found_again() {
        let mut buffer = ReadBuffer::new(8);
        buffer.room()[..6].copy_from_slice(b"ababab");
        buffer.add(6);
        buffer.consume(1);
        let filled = buffer.filled();
        for range in [0..5, 0..2, 2..4, 5..5] {
            assert_eq!(buffer.find(&filled[range.clone()]), Some(range));
        }
        // The same octets, but elsewhere, or beyond what is there.
        assert_eq!(buffer.find(b"ab"), None);
        assert_eq!(buffer.find(&buffer.octets[..2]), None);
        assert_eq!(buffer.find(&buffer.octets[5..]), None);
    }

    #[test]
    fn a_buffer_grows_when_it_is_full_and_shrinks_when_it_is_empty() {
        let mut buffer = ReadBuffer::wiped(4);
        for (before, room, size) in [(4, 4, 8), (8, 4, 10), (10, 2, 10)] {
            assert_eq!(buffer.room().len(), room);
            buffer.grow(10);
            assert_eq!(buffer.size(), before, "there is room");
            buffer.room().fill(b'x');
            buffer.add(room);
            buffer.grow(10);
            assert_eq!(buffer.size(), size);
        }
        assert_eq!(buffer.filled(), b"xxxxxxxxxx");
        buffer.consume(9);
        buffer.shrink();
        assert_eq!((buffer.size(), buffer.filled()), (10, &b"x"[..]));
        buffer.consume(1);
        buffer.shrink();
        assert_eq!((buffer.size(), buffer.room()), (4, &mut [0; 4][..]));
    }

    #[test]
    fn an_empty_buffer_takes_no_memory_until_there_is_something_to_read() {
        let mut buffer = ReadBuffer::wiped(4);
        buffer.release();
        assert!(buffer.size() == 0 && buffer.has_room() && buffer.filled().is_empty());
        buffer.grow(8);
        assert_eq!((buffer.room().len(), buffer.size()), (4, 4));
        buffer.room()[0] = b'x';
        buffer.add(1);
        buffer.release();
        assert_eq!((buffer.size(), buffer.filled()), (4, &b"x"[..]), "it is not empty");
        buffer.add(3);
        assert!(!buffer.has_room());
    }
}
