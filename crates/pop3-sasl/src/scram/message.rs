//! The messages of SCRAM (RFC 5802 section 7).

/// A positive decimal number without leading zeros.
pub(crate) fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}
