//! Octets received and not yet consumed.

use zeroize::Zeroize;

/// A buffer of fixed size.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
    wiped: bool,
}

impl ReadBuffer {
    /// A buffer for what a server sends. Nothing in it is a password, and wiping all messages would
    /// cost more than decoding them.
    pub(crate) fn new(size: usize) -> Self {
        Self { octets: vec![0; size].into(), start: 0, end: 0, wiped: false }
    }

    /// A buffer in which what is consumed is zeroed, as it may have been a password.
    pub(crate) fn wiped(size: usize) -> Self {
        let mut buffer = Self::new(size);
        buffer.wiped = true;
        buffer
    }

    /// How many octets fit.
    pub(crate) fn size(&self) -> usize {
        self.octets.len()
    }

    /// What is there.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.octets[self.start..self.end]
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

    /// Room for more, never empty unless all of the buffer is taken by octets not consumed.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        // What is moved is a part of a line, and it is moved once: there is always room for a large read.
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

    /// Notes that octets were put into the room.
    pub(crate) fn add(&mut self, octets: usize) {
        self.end = self.octets.len().min(self.end + octets);
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
}
