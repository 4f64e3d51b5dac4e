//! What a message is remembered by.

use core::fmt;
use core::num::NonZeroU64;

use sha2::{Digest, Sha256};

/// The key of a message: half of the SHA-256 of its unique-id, or half of the BLAKE3 hash of its content if the server
/// has no unique-ids. It always has 16 octets, whatever the server sends as a unique-id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Key {
    /// A placeholder for a missing key. No unique-id has this key.
    pub const NONE: Self = Self([0; 16]);

    /// Returns the key of a unique-id, which may be any octets.
    #[must_use]
    pub fn of_uid(uid: &[u8]) -> Self {
        Self::of_hash(&Sha256::new().chain_update(b"uid\0").chain_update(uid).finalize())
    }

    /// Starts to compute the key of a content, piece by piece. It never equals the key of a unique-id.
    #[must_use]
    pub fn of_content() -> Content {
        Content(blake3::Hasher::new())
    }

    /// Returns half of the key, never 0. This is enough to compare one message with one other.
    #[must_use]
    pub fn digest(self) -> NonZeroU64 {
        let half = self.0.first_chunk().map_or(0, |half| u64::from_be_bytes(*half));
        NonZeroU64::new(half).unwrap_or(NonZeroU64::MIN)
    }

    /// Parses the 32 hexadecimal digits that [`Display`](fmt::Display) writes. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = <&[u8; 32]>::try_from(text.as_bytes()).ok()?;
        let mut octets = [0; 16];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = DIGITS.iter().position(|own| own == digit)?;
                *octet = (*octet << 4) | value as u8;
            }
        }
        Some(Self(octets))
    }

    fn of_hash(hash: &[u8]) -> Self {
        let mut octets = [0; 16];
        octets.copy_from_slice(&hash[..16]);
        Self(octets)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        for (pair, octet) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[octet >> 4, octet & 15].map(|digit| DIGITS[usize::from(digit)]));
        }
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Computes the key of a content.
#[derive(Clone)]
pub struct Content(blake3::Hasher);

impl Content {
    /// Adds the next piece of the content.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// Returns the key of the content.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of_hash(self.0.finalize().as_bytes())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_key_survives_being_written() {
        let key = Key::of_uid(b"whqtswO00WBw418f9t5JxYwZ");
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_ne!(key, Key::of_content().key());
        assert_eq!(key.to_string(), "50401930b359b3fded36d405dd9204bc");
        // BLAKE3 of nothing.
        assert_eq!(Key::of_content().key().to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
        for bad in ["", "00", &"+0".repeat(16), &"zz".repeat(16), &"0".repeat(33)] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_is_written_in_one_way() {
        let key = Key::of_uid(b"whqtswO00WBw418f9t5JxYwZ").to_string();
        assert_eq!(Key::parse(&key.to_uppercase()), None);
        assert!(alloc::format!("deleting {key}.0").parse::<crate::Note>().is_ok());
        assert!(alloc::format!("deleting {}.0", key.to_uppercase()).parse::<crate::Note>().is_err());
    }
}
