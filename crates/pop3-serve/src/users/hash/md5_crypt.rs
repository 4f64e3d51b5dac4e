//! MD5-crypt, `$1$`: what FreeBSD made in 1994, and many since. No library that is kept up has it.

use md5::{Digest, Md5};

use super::crypt::transposed;

/// How often the digest is computed anew.
const ROUNDS: u32 = 1_000;

/// The 16 octets of the hash, in the order in which they are written. The salt has at most 8 octets.
pub(super) fn md5_crypt(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut hasher = Md5::new().chain_update(password).chain_update(b"$1$").chain_update(salt);
    for piece in password.chunks(inner.len()) {
        hasher.update(&inner[..piece.len()]);
    }
    // A bit of the length stands for a NUL or the first octet.
    let mut length = password.len();
    while length != 0 {
        match password.first() {
            Some(&first) if length & 1 == 0 => hasher.update([first]),
            _ => hasher.update([0]),
        }
        length >>= 1;
    }
    let mut digest = hasher.finalize();
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut hasher = Md5::new();
        if odd {
            hasher.update(password);
        } else {
            hasher.update(digest);
        }
        if round % 3 != 0 {
            hasher.update(salt);
        }
        if round % 7 != 0 {
            hasher.update(password);
        }
        if odd {
            hasher.update(digest);
        } else {
            hasher.update(password);
        }
        digest = hasher.finalize();
    }
    let order = (0..4).flat_map(|group| [group + 12, group + 6, group]).chain([5, 10, 4, 11]);
    transposed(&digest, order)
}
