//! Hexadecimal digits and base64, as hashes are written with.

use base64ct::{Base64, Base64Unpadded, Encoding};

/// The octets that these digits stand for, if there are only pairs of digits.
pub(super) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octets: Option<Vec<u8>> =
        pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    octets.filter(|_| rest.is_empty())
}

/// The octets that this base64 stands for, with or without padding.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?;
    Base64::decode_vec(text).or_else(|_| Base64Unpadded::decode_vec(text)).ok()
}
