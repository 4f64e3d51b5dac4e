//! Message numbers and the decimal numbers of the protocol.

use core::fmt;
use core::num::NonZeroU32;

use bytes::BytesMut;

/// The number of a message in a session: 1 for the first message (RFC 1939 section 4).
///
/// Numbers are assigned when the maildrop is opened. They do not change when messages are marked as deleted, and they
/// have no meaning in other sessions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The first message.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Creates the number, or returns `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number of the message at this index of a list whose first element is message 1. Returns `None` if
    /// it would exceed 4,294,967,295.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(Self::new)
    }

    /// Reads a number as in a command. It must consist of ASCII digits without a sign, and be from 1 to
    /// 4,294,967,295. Leading zeros are allowed.
    ///
    /// ```
    /// use pop3_proto::MessageNumber;
    /// assert_eq!(MessageNumber::parse(b"010"), MessageNumber::new(10));
    /// assert_eq!(MessageNumber::parse(b"0"), None);
    /// assert_eq!(MessageNumber::parse(b"+1"), None);
    /// assert_eq!(MessageNumber::parse(b"4294967297"), None);
    /// ```
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Self> {
        u32::try_from(decimal(digits)?).ok().and_then(Self::new)
    }

    /// Returns the number, at least 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// Returns the index in a list whose first element is message 1.
    #[must_use]
    pub const fn index(self) -> usize {
        // A u32 fits in a usize wherever a maildrop of that many messages does.
        (self.0.get() as usize).saturating_sub(1)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Reads ASCII digits, at least one and nothing else; `None` where they do not fit.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Appends a number in decimal digits.
pub(crate) fn put_decimal(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    for (place, octet) in digits.iter_mut().enumerate().rev() {
        // The remainder is below 10.
        *octet = b'0' | (number % 10) as u8;
        number /= 10;
        first = place;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_takes_digits_only() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"0018446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"-1", b"+1", b"1 ", b" 1", b"1a", b"0x1", b"1.0", b"18446744073709551616"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn decimal_reads_what_put_decimal_writes() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            let mut out = BytesMut::new();
            put_decimal(&mut out, number);
            assert_eq!(decimal(&out), Some(number));
            assert_eq!(out, alloc::format!("{number}").as_bytes());
        }
    }
}
