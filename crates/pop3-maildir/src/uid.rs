//! Unique-ids made from file names.

use sha2::{Digest as _, Sha256};

/// Octets of the hash that a unique-id shows.
const HASH: usize = 16;

/// Octets of a unique-id: two hexadecimal digits for each of the hash.
const LEN: usize = 2 * HASH;

/// A unique-id: the first 128 bits of the SHA-256 of what stays of the file name, in lower-case
/// hexadecimal.
///
/// Always a hash, never the name itself: a name may have octets that no unique-id may have, may be
/// too long, and tells the name of the host (RFC 1939 section 7 wants neither to be the server's
/// worry). `printf %s NAME | sha256sum` finds the message to a unique-id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uid([u8; LEN]);

impl Uid {
    pub(crate) fn of(identity: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let hash = Sha256::digest(identity);
        let mut uid = [0; LEN];
        for (pair, octet) in uid.chunks_exact_mut(2).zip(hash) {
            pair[0] = DIGITS[usize::from(octet >> 4)];
            pair[1] = DIGITS[usize::from(octet & 0xf)];
        }
        Self(uid)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_finds_the_same() {
        // printf %s abc | sha256sum | cut -c1-32
        assert_eq!(Uid::of(b"abc").as_bytes(), b"ba7816bf8f01cfea414140de5dae2223");
    }
}
