//! Hexadecimal digits.

/// Returns the two digits of an octet, in lower case.
pub(crate) const fn digits(octet: u8) -> [u8; 2] {
    const fn of(half: u8) -> u8 {
        half.wrapping_add(if half < 10 { b'0' } else { b'a'.wrapping_sub(10) })
    }
    [of(octet >> 4), of(octet & 15)]
}

/// Returns the octet with these two digits, in lower or upper case.
pub(crate) fn octet([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_has_its_digits() {
        for number in 0..=u8::MAX {
            assert_eq!(digits(number), *alloc::format!("{number:02x}").as_bytes());
            assert_eq!(octet(digits(number)), Some(number));
            assert_eq!(octet(digits(number).map(|digit| digit.to_ascii_uppercase())), Some(number));
        }
        for other in [b"g0", b"0g", b"0 ", b"+0", b"/0", b":0", b"@0", b"`0"] {
            assert_eq!(octet(*other), None);
        }
    }
}
