//! Octets that must not be printed and do not outlive their use.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Octets that [`Debug`](fmt::Debug) does not show and whose memory is zeroed when they are dropped:
/// passwords, tokens, keys, and every message of an exchange.
///
/// ```
/// use pop3_sasl::Secret;
/// let password = Secret::from("tanstaaf");
/// assert_eq!(format!("{password:?}"), "Secret(***)");
/// assert!(password.same_octets(b"tanstaaf"));
/// ```
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes octets into safe keeping.
    #[must_use]
    pub const fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// Shows the octets. Each call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Hands the octets over, and with them the duty to zero them.
    #[must_use]
    pub fn into_octets(mut self) -> Vec<u8> {
        core::mem::take(&mut self.0)
    }

    /// Whether these are the same octets. The time taken tells at most the lengths.
    #[must_use]
    pub fn same_octets(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }

    /// How many octets there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Room for the parts of a message, which must not be moved when they are joined: what a growing
    /// vector leaves behind is not zeroed.
    pub(crate) fn join(parts: &[&[u8]]) -> Self {
        let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            octets.extend_from_slice(part);
        }
        Self(octets)
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}

impl From<alloc::string::String> for Secret {
    fn from(text: alloc::string::String) -> Self {
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
