//! The buffers of a session while it waits for its client.

use bytes::BytesMut;

use crate::buffer::ReadBuffer;
use crate::transport::Room;

/// The buffers of a session. Neither has memory while the transport has nothing to receive.
pub(super) struct Buffers<'s> {
    input: &'s mut ReadBuffer,
    /// Empty: all of it was sent.
    out: &'s mut BytesMut,
}

/// The maximum capacity that the output keeps on a transport whose reads block.
const IDLE_CAPACITY: usize = 4096;

impl<'s> Buffers<'s> {
    /// Prepares to receive: there is room, for lines of at most `most` octets. All output was sent.
    pub(super) fn of(input: &'s mut ReadBuffer, out: &'s mut BytesMut, most: usize) -> Self {
        // The output is empty, so checking its capacity moves nothing.
        if out.try_reclaim(IDLE_CAPACITY + 1) {
            *out = BytesMut::new();
        }
        input.shrink();
        input.grow(most);
        Self { input, out }
    }
}

impl Room for Buffers<'_> {
    fn room(&mut self) -> &mut [u8] {
        self.input.room()
    }

    fn release(&mut self) {
        self.input.release();
        *self.out = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_has_no_buffers_and_what_was_received_stays() {
        let (mut input, mut out) = (ReadBuffer::wiped(64), BytesMut::with_capacity(100));
        let mut buffers = Buffers::of(&mut input, &mut out, 64);
        buffers.room()[..2].copy_from_slice(b"ab");
        buffers.release();
        assert_eq!((input.size(), out.capacity()), (0, 0));
        let mut buffers = Buffers::of(&mut input, &mut out, 64);
        buffers.room()[..2].copy_from_slice(b"ab");
        input.add(2);
        out.reserve(100);
        Buffers::of(&mut input, &mut out, 64).release();
        assert_eq!((input.filled(), out.capacity()), (&b"ab"[..], 0));
        // A transport that blocks does not release anything.
        out.reserve(IDLE_CAPACITY);
        Buffers::of(&mut input, &mut out, 64);
        assert!(out.capacity() >= IDLE_CAPACITY);
        out.reserve(IDLE_CAPACITY * 2);
        Buffers::of(&mut input, &mut out, 64);
        assert_eq!(out.capacity(), 0);
    }
}
