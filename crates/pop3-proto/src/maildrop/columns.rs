//! The sizes and unique-ids of a snapshot, in little memory.

use alloc::vec::Vec;
use core::fmt;

use crate::{Octets, UniqueId, hex};

/// The sizes of messages: four octets for each, or eight if one of them needs as many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    Short(Vec<u32>),
    Long(Vec<Octets>),
}

impl Sizes {
    pub(super) const fn new() -> Self {
        Self::Short(Vec::new())
    }

    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Short(sizes) => sizes.len(),
            Self::Long(sizes) => sizes.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Octets> {
        match self {
            Self::Short(sizes) => sizes.get(index).copied().map(Into::into),
            Self::Long(sizes) => sizes.get(index).copied(),
        }
    }

    pub(super) fn push(&mut self, size: Octets) {
        match (&mut *self, u32::try_from(size)) {
            (Self::Short(sizes), Ok(size)) => sizes.push(size),
            (Self::Short(sizes), Err(_)) => {
                let long = sizes.iter().map(|&size| size.into());
                *self = Self::Long(long.chain([size]).collect());
            }
            (Self::Long(sizes), _) => sizes.push(size),
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        match self {
            Self::Short(sizes) => sizes.shrink_to_fit(),
            Self::Long(sizes) => sizes.shrink_to_fit(),
        }
    }
}

/// The unique-ids of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Uids {
    /// All have this many lower-case hexadecimal digits, as hashes have. Each octet is two digits.
    Hashes { digits: u8, octets: Vec<u8> },
    /// Any unique-ids, and where they end.
    Texts { octets: Vec<u8>, ends: Vec<u32> },
}

/// The octets with these digits, if they are pairs of digits in lower case.
fn packed(uid: &[u8]) -> Option<impl Iterator<Item = u8>> {
    let is_hash =
        uid.len().is_multiple_of(2) && uid.iter().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then(|| uid.as_chunks().0.iter().map(|&pair| hex::octet(pair).unwrap_or_default()))
}

impl Uids {
    pub(super) const fn new() -> Self {
        Self::Hashes { digits: 0, octets: Vec::new() }
    }

    /// Adds the unique-id of the next message, or returns `None` if there is no room.
    pub(super) fn push(&mut self, uid: &[u8]) -> Option<()> {
        if let Self::Hashes { digits, octets } = self {
            let first = octets.is_empty();
            let fits = first || usize::from(*digits) == uid.len();
            if let Some(packed) = packed(uid).filter(|_| fits) {
                *digits = u8::try_from(uid.len()).ok()?;
                octets.extend(packed);
                return Some(());
            }
            *self = self.unpacked()?;
        }
        let Self::Texts { octets, ends } = self else { return None };
        let end = u32::try_from(octets.len().checked_add(uid.len())?).ok()?;
        octets.extend_from_slice(uid);
        ends.push(end);
        Some(())
    }

    /// The same as texts.
    fn unpacked(&self) -> Option<Self> {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        let mut index = 0;
        while let Some(uid) = self.get(index) {
            all.extend_from_slice(uid.as_bytes());
            ends.push(u32::try_from(all.len()).ok()?);
            index = index.checked_add(1)?;
        }
        Some(Self::Texts { octets: all, ends })
    }

    pub(super) fn get(&self, index: usize) -> Option<SnapshotUid> {
        let mut uid = SnapshotUid { octets: [0; UniqueId::MAX], len: 0 };
        match self {
            Self::Hashes { digits, octets } => {
                let width = usize::from(*digits / 2);
                let packed = octets.get(index.checked_mul(width)?..)?.get(..width)?;
                if packed.is_empty() {
                    return None;
                }
                for (pair, &octet) in uid.octets.as_chunks_mut().0.iter_mut().zip(packed) {
                    *pair = hex::digits(octet);
                }
                uid.len = *digits;
            }
            Self::Texts { octets, ends } => {
                let end = *ends.get(index)?;
                let start = match index.checked_sub(1) {
                    Some(before) => *ends.get(before)?,
                    None => 0,
                };
                let text = octets.get(start as usize..end as usize)?;
                uid.octets.get_mut(..text.len())?.copy_from_slice(text);
                uid.len = u8::try_from(text.len()).ok()?;
            }
        }
        Some(uid)
    }

    pub(super) fn shrink_to_fit(&mut self) {
        match self {
            Self::Hashes { octets, .. } => octets.shrink_to_fit(),
            Self::Texts { octets, ends } => {
                octets.shrink_to_fit();
                ends.shrink_to_fit();
            }
        }
    }
}

/// A unique-id of a [`Snapshot`](crate::Snapshot), by value, because the snapshot may keep it in another form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotUid {
    /// Zeros behind the unique-id, so that this order is that of the unique-ids.
    octets: [u8; UniqueId::MAX],
    len: u8,
}

impl SnapshotUid {
    /// Returns the octets: 1 to 70 of them, each from 0x21 to 0x7E.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len.into()).unwrap_or_default()
    }
}

impl fmt::Display for SnapshotUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

impl fmt::Debug for SnapshotUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnapshotUid({self})")
    }
}
