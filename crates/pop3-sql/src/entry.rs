//! What a session keeps of each message.

use crate::spool::CHUNK;

/// A message of the snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    /// In stored form. The highest bit: the header has an octet outside ASCII.
    octets: u64,
}

/// The highest bit.
const EIGHT_BIT: u64 = 1 << 63;

impl Entry {
    pub(crate) const fn new(id: i64, octets: u64, eight_bit: bool) -> Self {
        let eight_bit = if eight_bit { EIGHT_BIT } else { 0 };
        Self { id, octets: octets | eight_bit }
    }

    /// Whether the header has an octet outside ASCII.
    pub(crate) const fn needs_utf8(self) -> bool {
        self.octets & EIGHT_BIT != 0
    }

    pub(crate) const fn octets(self) -> u64 {
        self.octets & !EIGHT_BIT
    }

    pub(crate) const fn chunks(self) -> u64 {
        self.octets().div_ceil(CHUNK as u64)
    }
}
