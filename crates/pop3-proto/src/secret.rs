//! Values that must not be printed and do not outlive their use.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that [`Debug`](fmt::Debug) does not show and whose memory is zeroed when it is dropped.
///
/// ```
/// use pop3_proto::Secret;
/// let password = Secret::new(b"tanstaaf".to_vec());
/// assert_eq!(format!("{password:?}"), "Secret(***)");
/// assert!(password.same_octets(b"tanstaaf"));
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value into safe keeping.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value. Each call is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether the value has exactly these octets. The time taken tells at most the lengths.
    #[must_use]
    pub fn same_octets(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
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

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
