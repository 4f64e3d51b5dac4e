//! What kind of file system a disk has.

use core::time::Duration;

use crate::chance::Chance;

/// What kind of file system a disk has. The default is that of ext4 on a recent Linux, with everything in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Nature {
    /// Whether names come to the disk in the order in which they were changed, and with the sync of a new file, as with
    /// ext4. Otherwise, a crash may lose any change that was not synced and keep later ones, as POSIX allows.
    pub is_ordered: bool,
    /// Whether the calls that never wait are supported.
    pub can_try: bool,
    /// How many of 1000 of these calls find what they need in memory.
    pub cached: usize,
    /// Whether [`Folder::rename_new`](pop3_disk::Folder::rename_new) is supported.
    pub has_rename_new: bool,
    /// Whether hard links are supported.
    pub has_links: bool,
    /// Whether [`Folder::sync_all`](pop3_disk::Folder::sync_all) is supported.
    pub has_sync_all: bool,
    /// Whether the two kinds of locks are independent.
    pub has_separate_locks: bool,
    /// Whether a listing tells the type of each file.
    pub tells_kinds: bool,
    /// Whether a new file gets the inode number of one that was removed.
    pub reuses_numbers: bool,
    /// The resolution of the times of files.
    pub tick: Duration,
    /// How long each call takes.
    pub call_time: Duration,
    /// What the order of listings depends on.
    pub order: u64,
}

impl Default for Nature {
    fn default() -> Self {
        Self {
            is_ordered: true,
            can_try: true,
            cached: 1000,
            has_rename_new: true,
            has_links: true,
            has_sync_all: true,
            has_separate_locks: true,
            tells_kinds: true,
            reuses_numbers: true,
            tick: Duration::from_millis(4),
            call_time: Duration::ZERO,
            order: 0,
        }
    }
}

impl Nature {
    /// One of the kinds that there are.
    #[must_use]
    pub fn random(chance: &Chance) -> Self {
        let often = || chance.per_mille(850);
        Self {
            is_ordered: chance.per_mille(400),
            can_try: chance.per_mille(700),
            cached: *chance.pick(&[0, 500, 900, 1000]),
            has_rename_new: often(),
            has_links: often(),
            has_sync_all: chance.per_mille(500),
            has_separate_locks: often(),
            tells_kinds: often(),
            reuses_numbers: chance.per_mille(700),
            tick: Duration::from_millis(*chance.pick(&[1, 4, 4, 10])),
            call_time: Duration::from_micros(*chance.pick(&[0, 7, 300, 2_000])),
            order: chance.below(1 << 32) as u64,
        }
    }

    /// The place of a file in a listing.
    pub(super) const fn place_of(&self, node: u64) -> u64 {
        // The last steps of SplitMix64.
        let mut place = node.wrapping_add(self.order).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        place = (place ^ (place >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        place = (place ^ (place >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        place ^ (place >> 31)
    }
}
