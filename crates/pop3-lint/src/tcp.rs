//! One direction of a TCP connection, put together from its segments.

use std::collections::BTreeMap;

/// How many octets may wait for earlier ones.
pub(super) const MAX_WAITING: usize = 1 << 20;
/// How many segments may.
pub(super) const MAX_SEGMENTS: usize = 4096;

/// Puts segments in order; leaves out what came before.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the first octet, as the segment that opened the connection says.
    first: Option<u32>,
    /// The number of the next octet, once the first one is known.
    next: Option<u32>,
    /// How many octets were delivered.
    position: u64,
    /// What came too soon, by its position.
    waiting: BTreeMap<u64, Vec<u8>>,
    octets_waiting: usize,
    /// Where the stream ends.
    end: Option<u64>,
}

impl Stream {
    /// The first octet has this number.
    pub(super) const fn begin(&mut self, number: u32) {
        if self.next.is_none() {
            self.next = Some(number);
            self.first = self.next;
        }
    }

    /// Whether the side has said anything, be it that it is there.
    pub(super) const fn has_begun(&self) -> bool {
        self.first.is_some() || self.position > 0
    }

    /// Whether the first octet has this number.
    pub(super) fn is_first(&self, number: u32) -> bool {
        self.first == Some(number)
    }

    /// A segment; what is in order now goes to `deliver`.
    ///
    /// # Errors
    /// When more waits than is kept: octets are missing in the capture.
    pub(super) fn segment(
        &mut self,
        number: u32,
        octets: &[u8],
        last: bool,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Missing> {
        let next = *self.next.get_or_insert(number);
        // The distance, with the wrap-around of 32 bits.
        let distance = i64::from(number.wrapping_sub(next).cast_signed());
        let Some(start) = self.position.checked_add_signed(distance) else {
            return Ok(()); // It lies before the beginning.
        };
        if last {
            self.end = Some(start.saturating_add(octets.len() as u64));
        }
        if start > self.position {
            return self.wait(start, octets);
        }
        self.deliver(start, octets, deliver);
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.position {
                break;
            }
            let (start, octets) = entry.remove_entry();
            self.octets_waiting = self.octets_waiting.saturating_sub(octets.len());
            self.deliver(start, &octets, deliver);
        }
        Ok(())
    }

    /// Whether all is delivered up to the end, and the end is known.
    pub(super) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| end <= self.position)
    }

    /// Whether something waits for octets before it.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether octets have not come.
    pub(super) fn is_missing(&self) -> bool {
        !self.waiting.is_empty() || self.end.is_some_and(|end| end > self.position)
    }

    fn wait(&mut self, start: u64, octets: &[u8]) -> Result<(), Missing> {
        if octets.is_empty() {
            return Ok(());
        }
        let known = self.waiting.get(&start).map_or(0, Vec::len);
        if octets.len() <= known {
            return Ok(());
        }
        self.octets_waiting = self.octets_waiting.saturating_sub(known).saturating_add(octets.len());
        self.waiting.insert(start, octets.to_vec());
        if self.octets_waiting > MAX_WAITING || self.waiting.len() > MAX_SEGMENTS {
            Err(Missing)
        } else {
            Ok(())
        }
    }

    /// Delivers what is new of a segment that does not begin behind the position.
    fn deliver(&mut self, start: u64, octets: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        let old = usize::try_from(self.position.saturating_sub(start)).unwrap_or(usize::MAX);
        let Some(new) = octets.get(old..).filter(|new| !new.is_empty()) else { return };
        deliver(new);
        self.position = self.position.saturating_add(new.len() as u64);
        // The wrap-around is that of the sequence numbers.
        self.next = self.next.map(|next| next.wrapping_add(u32::try_from(new.len()).unwrap_or_default()));
    }
}

/// Octets are not in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(segments: &[(u32, &[u8])]) -> (Vec<u8>, Stream) {
        let (mut stream, mut out) = (Stream::default(), Vec::new());
        stream.begin(u32::MAX - 2);
        for (number, octets) in segments {
            let number = (u32::MAX - 2).wrapping_add(*number);
            stream.segment(number, octets, false, &mut |octets| out.extend_from_slice(octets)).unwrap();
        }
        (out, stream)
    }

    #[test]
    fn segments_come_in_order_whatever_they_come_in() {
        for segments in [
            &[(0, &b"abc"[..]), (3, b"def"), (6, b"gh")][..],
            &[(3, b"def"), (6, b"gh"), (0, b"abc")],
            &[(6, b"gh"), (3, b"de"), (3, b"def"), (0, b"abc"), (0, b"abc")],
            &[(0, b"abcd"), (2, b"cdef"), (1, b"b"), (5, b"fgh")],
        ] {
            let (out, stream) = put(segments);
            assert_eq!(out, b"abcdefgh");
            assert!(!stream.is_missing());
        }
        let (out, stream) = put(&[(0, b"abc"), (4, b"e")]);
        assert_eq!(out, b"abc");
        assert!(stream.is_missing());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = Stream::default();
        stream.begin(0);
        let mut result = Ok(());
        for number in 0..5000 {
            result = result.and(stream.segment(2 + number * 2, b"x", false, &mut |_| {}));
        }
        assert_eq!(result, Err(Missing));
    }
}
