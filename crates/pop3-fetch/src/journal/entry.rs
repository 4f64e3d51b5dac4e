//! What is known of one message that was fetched.

use core::num::NonZeroU64;

use super::Key;

/// One message among those that the server lists under one unique-id: the first is 0. A server
/// should not give two messages one unique-id, but some do, and both are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) key: Key,
    pub(crate) occurrence: u32,
}

/// What is known of a message that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The size that LIST said, 0 where it said none.
    pub(crate) size: u64,
    /// How many messages the server listed under the unique-id then; 0 where that is not known,
    /// as the key is that of the content.
    pub(crate) total: u32,
    /// The [digest](Key::digest) of its content.
    pub(crate) digest: Option<NonZeroU64>,
    /// Whether the server went on listing it.
    pub(crate) absence: Absence,
    /// DELE was sent, and it is not known whether the session ended well.
    pub(crate) deleting: bool,
}

/// Whether a message went on being listed after it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// In every run so far.
    Never,
    /// Not any more, first noticed on this day.
    Since(Day),
    /// There was a run without it. What has the same unique-id now may be another message, so that
    /// it is not deleted before it was compared.
    Returned,
}

/// A number of days since 1970.
pub(crate) type Day = u32;

impl Entry {
    /// An entry of which nothing else is known yet.
    pub(crate) const fn new(size: u64, total: u32) -> Self {
        Self { size, total, digest: None, absence: Absence::Never, deleting: false }
    }

    /// Whether the server's size is the same, as far as it said one then.
    pub(crate) fn has_size(&self, listed: Option<u64>) -> bool {
        self.size == 0 || listed == Some(self.size)
    }
}

/// An entry in 24 octets: there may be a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed([u32; 6]);

const DELETING: u32 = 1 << 31;

impl From<Entry> for Packed {
    fn from(entry: Entry) -> Self {
        let digest = entry.digest.map_or(0, u64::from);
        let absence = match entry.absence {
            Absence::Never => 0,
            Absence::Returned => 1,
            Absence::Since(day) => day.saturating_add(2).min(DELETING - 1),
        };
        let deleting = if entry.deleting { DELETING } else { 0 };
        let (size, high) = (entry.size as u32, (entry.size >> 32) as u32);
        Self([size, high, digest as u32, (digest >> 32) as u32, entry.total, absence | deleting])
    }
}

impl From<Packed> for Entry {
    fn from(Packed([size, size_high, digest, digest_high, total, state]): Packed) -> Self {
        let long = |low, high| u64::from(low) | u64::from(high) << 32;
        Self {
            size: long(size, size_high),
            total,
            digest: NonZeroU64::new(long(digest, digest_high)),
            absence: match state & !DELETING {
                0 => Absence::Never,
                1 => Absence::Returned,
                day => Absence::Since(day - 2),
            },
            deleting: state & DELETING != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_unpacked_as_it_was_packed() {
        for absence in [Absence::Never, Absence::Returned, Absence::Since(0), Absence::Since(20_786)] {
            for digest in [None, Some(NonZeroU64::MIN), Some(NonZeroU64::MAX)] {
                for (size, deleting) in [(0, true), (u64::MAX, false), (1 << 33, true)] {
                    let entry = Entry { size, total: 3, digest, absence, deleting };
                    assert_eq!(Entry::from(Packed::from(entry)), entry);
                }
            }
        }
    }
}
