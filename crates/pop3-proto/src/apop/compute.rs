//! Computes the digest. This is all that the feature `md5` adds to this crate.

use super::{Digest, Timestamp};

#[cfg(feature = "md5")]
impl Digest {
    /// Computes the digest of a timestamp (with its angle brackets) and the shared secret. Needs the feature `md5`.
    ///
    /// ```
    /// use pop3_proto::apop::{Digest, Timestamp};
    /// let timestamp = Timestamp::parse(b"<1896.697170952@dbc.mtview.ca.us>").unwrap();
    /// let digest = Digest::new(&timestamp, b"tanstaaf");
    /// assert_eq!(Some(digest), Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb"));
    /// ```
    #[must_use]
    pub fn new(timestamp: &Timestamp, secret: &[u8]) -> Self {
        use md5::{Digest as _, Md5};

        let mut md5 = Md5::new();
        md5.update(timestamp.as_str());
        md5.update(secret);
        Self(md5.finalize().into())
    }
}

/// Whether the digest is the one over this timestamp and this secret.
#[cfg(feature = "md5")]
pub(super) fn verify(digest: &Digest, timestamp: &Timestamp, secret: &[u8]) -> bool {
    Digest::new(timestamp, secret) == *digest
}

/// What can't be computed is never right.
#[cfg(not(feature = "md5"))]
pub(super) const fn verify(_: &Digest, _: &Timestamp, _: &[u8]) -> bool {
    false
}
