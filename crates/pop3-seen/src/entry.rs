//! What is known of one message that was fetched.

use core::num::NonZeroU64;

use crate::Key;

/// Identifies a message, even if the server lists several messages with the same unique-id. A server should not do
/// so, but some do, and all of these messages must be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it is these two")]
pub struct Id {
    /// The key of its unique-id or its content.
    pub key: Key,
    /// Its position among the messages with this key, starting at 0.
    pub occurrence: u32,
}

/// The record of a stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a storage has to keep all of it")]
pub struct SeenEntry {
    /// The size that LIST reported, or 0 if it reported none.
    pub size: u64,
    /// The number of messages with the same unique-id in the listing at that time. 0 if it is unknown because the key
    /// is that of the content.
    pub total: u32,
    /// The [digest](Key::digest) of its content.
    pub digest: Option<NonZeroU64>,
    /// Whether the server has listed it ever since.
    pub absence: Absence,
    /// Whether DELE was sent in a session whose end is unknown.
    pub deleting: bool,
}

/// Whether a stored message was missing from later listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a storage has to keep all of it")]
pub enum Absence {
    /// Every listing so far contained it.
    Never,
    /// Listings have not contained it since this day. [`Memory`](crate::Memory) takes a day after 2³¹ − 3 for that day:
    /// both are yet to come.
    Since(Day),
    /// At least one listing did not contain it, or contained another number of messages with this unique-id. The message
    /// that now has the unique-id may be a different one, so compare it before you delete it.
    Returned,
}

/// The number of days since 1970-01-01.
pub type Day = u32;

/// Returns the day of a time in seconds since 1970. Returns `None` if the clock is obviously wrong, as on a machine
/// without a battery-backed clock before it has synchronized the time.
#[must_use]
pub fn day(seconds: u64) -> Option<Day> {
    /// A day before this was written: 1 January 2024.
    const EARLIEST: Day = 19_723;
    Day::try_from(seconds / 86_400).ok().filter(|&day| day >= EARLIEST)
}

impl SeenEntry {
    /// Creates an entry with nothing else known.
    #[must_use]
    pub const fn new(size: u64, total: u32) -> Self {
        Self { size, total, digest: None, absence: Absence::Never, deleting: false }
    }

    /// Returns whether the listed size equals the recorded size. If no size was recorded, nothing can be compared: this
    /// returns false if a size is listed now and the [digest](Self::digest) of the content is recorded, so that the
    /// message can be fetched and recognised, and true otherwise.
    #[must_use]
    pub fn has_size(&self, listed: Option<u64>) -> bool {
        listed == Some(self.size) || self.size == 0 && (listed.is_none() || self.digest.is_none())
    }

    /// Returns whether a message with the same unique-id and this listed size is known and need not be fetched again.
    /// A message that was missing and returned with another size may be a different one, because a server may reuse a
    /// unique-id. If several messages have the same unique-id, each of them may be a different one if its size or their
    /// number has changed, or if any of them was missing.
    #[must_use]
    pub fn is_same(&self, listed: Option<u64>) -> bool {
        let is_alone = self.total <= 1;
        match self.absence {
            // Some servers list another size when they have changed a header.
            Absence::Never => is_alone || listed.is_none() || self.has_size(listed),
            Absence::Returned | Absence::Since(_) => is_alone && self.has_size(listed),
        }
    }

    /// Returns whether a message with the same unique-id and this listed size may be deleted without being fetched
    /// again. This requires that each listing contained it, that its size is the same, and that no other message has
    /// the same unique-id: which of several is which, only their content tells.
    #[must_use]
    pub fn may_be_deleted(&self, listed: Option<u64>) -> bool {
        self.has_size(listed) && self.absence == Absence::Never && self.total <= 1
    }
}

/// An entry in 24 octets: there may be a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed([u32; 6]);

const DELETING: u32 = 1 << 31;

impl From<SeenEntry> for Packed {
    fn from(entry: SeenEntry) -> Self {
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

impl From<Packed> for SeenEntry {
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
    fn a_clock_that_can_not_be_right_tells_no_day() {
        assert_eq!([0, 1_704_067_199, 1_704_067_200].map(day), [None, None, Some(19_723)]);
        assert_eq!((day(1_704_067_200 + 86_400), day(u64::MAX)), (Some(19_724), None));
    }

    /// A server may give a unique-id a second time. Without a size, only the content tells the two apart.
    #[test]
    fn what_was_stored_without_a_size_is_deleted_only_after_a_look_at_it() {
        let imported = SeenEntry::new(0, 1);
        let fetched = SeenEntry { digest: Some(NonZeroU64::MIN), ..imported };
        assert!(!fetched.may_be_deleted(Some(50)));
        assert!(fetched.may_be_deleted(None) && fetched.may_be_deleted(Some(0)));
        assert!(fetched.is_same(Some(50)), "it was listed ever since, and stays");
        let returned = SeenEntry { absence: Absence::Returned, ..fetched };
        assert!(!returned.is_same(Some(50)) && returned.is_same(None));
        // Fetched again, it could not be recognised.
        assert!(imported.may_be_deleted(Some(50)));
    }

    #[test]
    fn an_entry_is_unpacked_as_it_was_packed() {
        for absence in [Absence::Never, Absence::Returned, Absence::Since(0), Absence::Since(20_786)] {
            for digest in [None, Some(NonZeroU64::MIN), Some(NonZeroU64::MAX)] {
                for (size, deleting) in [(0, true), (u64::MAX, false), (1 << 33, true)] {
                    let entry = SeenEntry { size, total: 3, digest, absence, deleting };
                    assert_eq!(SeenEntry::from(Packed::from(entry)), entry);
                }
            }
        }
        let last = (1 << 31) - 3;
        for day in [last, last + 1, last + 2, last + 3, Day::MAX] {
            let entry = SeenEntry { absence: Absence::Since(day), ..SeenEntry::new(1, 1) };
            let packed = SeenEntry::from(Packed::from(SeenEntry { deleting: true, ..entry }));
            assert_eq!(packed, SeenEntry { absence: Absence::Since(last), deleting: true, ..entry });
        }
    }
}
