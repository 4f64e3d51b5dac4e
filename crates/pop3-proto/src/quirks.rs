//! A set of departures from the protocol.

use core::fmt;

use crate::quirk::Quirk;

/// A set of [`Quirk`]s: the departures from the protocol that were found in one item.
///
/// ```
/// use pop3_proto::{Quirk, Quirks};
/// let quirks = Quirks::from_iter([Quirk::Spacing, Quirk::BareLineFeed]);
/// assert!(quirks.contains(Quirk::Spacing) && !quirks.contains(Quirk::StatusCase));
/// assert_eq!(quirks.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Quirks(u64);

// Each quirk has a bit of its own.
const _: () = assert!(Quirk::ALL.len() <= u64::BITS as usize, "a set of quirks has 64 bits");

impl Quirks {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Returns whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the set contains this quirk.
    #[must_use]
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & bit(quirk) != 0
    }

    /// Returns the set with this quirk added.
    pub(crate) const fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | bit(quirk))
    }

    /// Returns the quirks in the order of [`Quirk::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        // Most sets are empty: no time is spent on those.
        let all: &[Quirk] = if self.is_empty() { &[] } else { Quirk::ALL };
        all.iter().copied().filter(move |&quirk| self.contains(quirk))
    }
}

const fn bit(quirk: Quirk) -> u64 {
    1_u64.wrapping_shl(quirk as u32)
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<T: IntoIterator<Item = Quirk>>(quirks: T) -> Self {
        quirks.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quirk_has_a_place_of_its_own() {
        for &quirk in Quirk::ALL {
            let one = Quirks::NONE.with(quirk);
            assert!(!one.is_empty());
            assert!(one.iter().eq([quirk]));
            for &other in Quirk::ALL {
                assert_eq!(one.contains(other), other == quirk, "{quirk:?} {other:?}");
            }
        }
        let all: Quirks = Quirk::ALL.iter().copied().collect();
        assert!(all.iter().eq(Quirk::ALL.iter().copied()));
        assert_eq!(all.with(Quirk::Spacing), all);
        assert!(Quirks::NONE.is_empty() && Quirks::NONE.iter().next().is_none());
    }
}
