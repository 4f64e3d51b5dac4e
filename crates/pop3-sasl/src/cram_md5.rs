//! The keyed digest of CRAM-MD5 (RFC 2195), which is all that the feature `md5` adds to this crate.

use crate::Secret;

/// Whether the digest can be computed.
pub(crate) const AVAILABLE: bool = cfg!(feature = "md5");

/// HMAC-MD5 over a challenge. `None` without the feature `md5`.
#[cfg(feature = "md5")]
pub(crate) fn digest(password: &[u8], challenge: &[u8]) -> Option<Secret> {
    Some(crate::keyed::hmac::<md5::Md5>(password, &[challenge]))
}

/// HMAC-MD5 over a challenge. `None` without the feature `md5`.
#[cfg(not(feature = "md5"))]
pub(crate) const fn digest(_: &[u8], _: &[u8]) -> Option<Secret> {
    None
}
