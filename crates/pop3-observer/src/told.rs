//! Which rules were told.

use crate::rule::Rule;

/// The rules broken within one reply: each is told once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told(u128);

// Each rule has a bit of its own.
const _: () = assert!(Rule::ALL.len() <= u128::BITS as usize, "a set of rules has 128 bits");

impl Told {
    /// Whether this one was told.
    pub(crate) const fn has(self, rule: Rule) -> bool {
        self.0 & bit(rule) != 0
    }

    /// Notes that this one is told; `true` if it was not before.
    pub(crate) const fn insert(&mut self, rule: Rule) -> bool {
        let new = !self.has(rule);
        self.0 |= bit(rule);
        new
    }
}

const fn bit(rule: Rule) -> u128 {
    1_u128.wrapping_shl(rule as u32)
}
