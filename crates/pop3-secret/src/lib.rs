//! Holds passwords, tokens and keys: they are not printed, and their memory is zeroed when they are dropped.
//!
//! `pop3-proto` and `pop3-sasl` re-export [`Secret`], the only type of this crate. A password can therefore pass
//! from one to the other without a copy. Depend on this crate directly only if you use neither of them.
//!
//! ```
//! use pop3_secret::Secret;
//!
//! let password = Secret::from("tanstaaf");
//! assert_eq!(format!("{password:?}"), "Secret(***)");
//! assert_eq!(password.expose(), b"tanstaaf");
//! // Compares in constant time.
//! assert!(password.same_octets(b"tanstaaf"));
//! ```
//!
//! A value that grows can leave copies in memory that are not zeroed. Create it with the right size.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

/// A value that [`Debug`](fmt::Debug) does not print and whose memory is zeroed when it is dropped.
///
/// The default type parameter holds octets.
///
/// ```
/// use pop3_secret::Secret;
/// let password = Secret::from("tanstaaf");
/// assert_eq!(format!("{password:?}"), "Secret(***)");
/// assert!(password.same_octets(b"tanstaaf"));
/// ```
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize = Vec<u8>>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. To review all uses of secrets, search for calls of this method.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Returns the value for changes in place. A vector or string that grows may leave a copy in memory that is not
    /// zeroed.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Returns the value itself. The caller is responsible for zeroing it.
    pub fn into_inner(mut self) -> T
    where
        T: Default,
    {
        core::mem::take(&mut self.0)
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Compares the octets with others. The time reveals at most the lengths.
    #[must_use]
    pub fn same_octets(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
    }

    /// Returns the number of octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().len()
    }

    /// Returns whether there are no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_empty()
    }
}

impl Secret {
    /// Joins parts into one value. Allocates the memory once, because a vector that grows leaves copies that are not
    /// zeroed.
    #[must_use]
    pub fn join(parts: &[&[u8]]) -> Self {
        let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let mut octets = Vec::with_capacity(length);
        for part in parts {
            octets.extend_from_slice(part);
        }
        Self(octets)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets.to_vec())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn debug_shows_nothing_and_comparison_is_of_octets() {
        let secret = Secret::from("tanstaaf");
        assert_eq!(alloc::format!("{secret:?}"), "Secret(***)");
        assert!(secret.same_octets(b"tanstaaf"));
        assert!(
            !secret.same_octets(b"tanstaa") && !secret.same_octets(b"tanstaag") && !secret.same_octets(b"")
        );
        assert!(secret.len() == 8 && !secret.is_empty() && Secret::<Vec<u8>>::default().is_empty());
    }

    #[test]
    fn parts_are_joined_in_one_allocation() {
        let secret = Secret::join(&[b"a", b"", b"bc"]);
        assert!(secret.same_octets(b"abc"));
        assert_eq!(secret.expose().capacity(), 3);
        assert!(Secret::join(&[]).is_empty());
    }

    #[test]
    fn what_is_handed_over_is_whole_and_what_is_dropped_is_zeroed() {
        static ZEROED: AtomicUsize = AtomicUsize::new(0);
        #[derive(Default)]
        struct Probe(u8);
        impl Zeroize for Probe {
            fn zeroize(&mut self) {
                ZEROED.fetch_add(usize::from(self.0), Ordering::SeqCst);
                self.0 = 0;
            }
        }
        drop(Secret::new(Probe(7)));
        assert_eq!(ZEROED.load(Ordering::SeqCst), 7);
        let probe = Secret::new(Probe(9)).into_inner();
        assert_eq!((probe.0, ZEROED.load(Ordering::SeqCst)), (9, 7));
    }
}
