//! Unique-ids (RFC 1939 section 7, UIDL).

use core::fmt;

/// The unique-id of a message: 1 to 70 octets, each from 0x21 to 0x7E (RFC 1939 section 7).
///
/// A message has the same unique-id in all sessions. Two unique-ids are equal if their octets are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId<'a>(&'a [u8]);

/// The reason why octets are not a [`UniqueId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UniqueIdError {
    /// There are no octets.
    Empty,
    /// There are more than 70 octets.
    TooLong,
    /// An octet is outside 0x21 to 0x7E.
    Octet(u8),
}

impl<'a> UniqueId<'a> {
    /// The maximum length of a unique-id in octets.
    pub const MAX: usize = 70;

    /// Reads a unique-id.
    ///
    /// # Errors
    /// Returns an error unless there are 1 to 70 octets, each from 0x21 to 0x7E.
    pub fn parse(octets: &'a [u8]) -> Result<Self, UniqueIdError> {
        if octets.is_empty() {
            return Err(UniqueIdError::Empty);
        }
        if octets.len() > Self::MAX {
            return Err(UniqueIdError::TooLong);
        }
        match octets.iter().find(|octet| !octet.is_ascii_graphic()) {
            Some(&octet) => Err(UniqueIdError::Octet(octet)),
            None => Ok(Self(octets)),
        }
    }

    /// Returns the octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the octets as text. They are always ASCII.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }
}

impl fmt::Display for UniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueId({self})")
    }
}

impl fmt::Display for UniqueIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a unique-id has at least one octet"),
            Self::TooLong => f.write_str("a unique-id has at most 70 octets"),
            Self::Octet(octet) => write!(f, "a unique-id cannot contain the octet 0x{octet:02x}"),
        }
    }
}

impl core::error::Error for UniqueIdError {}

#[cfg(test)]
mod tests {
    use super::*;

    // 1939-7.52
    #[test]
    fn one_to_seventy_graphic_octets() {
        assert!(UniqueId::parse(&[b'!'; 70]).is_ok());
        assert_eq!(UniqueId::parse(b""), Err(UniqueIdError::Empty));
        assert_eq!(UniqueId::parse(&[b'~'; 71]), Err(UniqueIdError::TooLong));
        for octet in [b' ', 0x7f, 0x80, 0] {
            assert_eq!(UniqueId::parse(&[b'a', octet]), Err(UniqueIdError::Octet(octet)));
        }
    }
}
