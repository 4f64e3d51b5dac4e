//! Keyed hashes: HMAC (RFC 2104).

use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use zeroize::Zeroize as _;

use crate::Secret;

/// A key longer than a block of the hash is hashed first (RFC 2104 section 2). Done here, as a key of
/// exactly one block is what makes an HMAC without a possible error.
pub(crate) fn hmac<D: EagerHash + hmac::digest::Digest>(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut block = hmac::digest::Key::<Hmac<D>>::default();
    if key.len() > block.len() {
        for (to, from) in block.iter_mut().zip(D::digest(key)) {
            *to = from;
        }
    } else {
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
    }
    let mut mac = Hmac::<D>::new(&block);
    block.as_mut_slice().zeroize();
    for part in parts {
        mac.update(part);
    }
    Secret::new(mac.finalize().into_bytes().to_vec())
}
