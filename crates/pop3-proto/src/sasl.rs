//! The elements of AUTH: mechanism names and lines of base64 (RFC 5034 section 4). The mechanisms themselves are not
//! part of this crate.

use core::fmt;

use crate::Secret;
use base64ct::Encoding as _;

/// The name of a SASL mechanism: 1 to 20 of `A` to `Z`, digits, `-` and `_` (RFC 4422 section 3.1). Names are not
/// case-sensitive and are kept in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MechanismName {
    octets: [u8; Self::MAX],
    length: u8,
}

/// Base64 text in a line of AUTH, with padding and without any other octets (RFC 4648 section 4). It may be empty.
/// `Debug` does not show it, because it may contain a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Base64<'a>(&'a [u8]);

impl MechanismName {
    /// The maximum length of a name in octets.
    pub const MAX: usize = 20;

    /// Reads a name. Lower case is accepted. Returns `None` if it is not the name of a mechanism.
    ///
    /// ```
    /// use pop3_proto::MechanismName;
    /// assert_eq!(MechanismName::parse(b"scram-sha-256").unwrap().as_str(), "SCRAM-SHA-256");
    /// assert!(MechanismName::parse(b"PL@IN").is_none());
    /// ```
    pub fn parse(name: &[u8]) -> Option<Self> {
        let mut octets = [0; Self::MAX];
        let length = u8::try_from(name.len()).ok()?;
        let room = octets.get_mut(..name.len())?;
        for (place, octet) in room.iter_mut().zip(name) {
            *place = octet.to_ascii_uppercase();
        }
        let good = |octet: &u8| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
        if room.is_empty() || !room.iter().all(good) {
            return None;
        }
        Some(Self { octets, length })
    }

    /// Returns the name in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let octets = self.octets.get(..self.length.into()).unwrap_or_default();
        core::str::from_utf8(octets).unwrap_or_default()
    }
}

impl<'a> Base64<'a> {
    /// The base64 text of no octets.
    pub const EMPTY: Self = Base64(b"");

    /// Checks that a text is base64.
    ///
    /// Returns `None` if it is not base64: it contains another octet, its padding is missing, excessive or in the middle,
    /// or bits after the last octet are set.
    ///
    /// ```
    /// use pop3_proto::Base64;
    /// assert_eq!(Base64::parse(b"dGVzdA==").unwrap().decode().expose(), b"test");
    /// assert!(Base64::parse(b"dGVzdB==").is_none());
    /// ```
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let body = match text {
            [body @ .., b'=', b'='] | [body @ .., b'='] => body,
            body => body,
        };
        // Bits of the last symbol that no octet uses.
        let unused = match text.len().saturating_sub(body.len()) {
            0 => 0,
            1 => 0b11,
            _ => 0b1111,
        };
        let whole = text.len().is_multiple_of(4);
        let clean = body.last().is_none_or(|&last| value(last).is_some_and(|value| value & unused == 0));
        let empty = body.is_empty() && !text.is_empty();
        (whole && clean && !empty && body.iter().all(|&octet| value(octet).is_some())).then_some(Self(text))
    }

    /// Returns the decoded octets.
    #[must_use]
    pub fn decode(self) -> Secret {
        let text = core::str::from_utf8(self.0).unwrap_or_default();
        // The text was found to be base64 when it was taken.
        Secret::new(base64ct::Base64::decode_vec(text).unwrap_or_default())
    }

    /// Returns the text. The name of this method makes every use easy to find in a review.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

/// Encodes octets as base64. The result can be passed to [`Base64::parse`].
#[must_use]
pub fn encode_base64(octets: &[u8]) -> Secret {
    Secret::new(base64ct::Base64::encode_string(octets).into_bytes())
}

fn value(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'A'..=b'Z' => symbol.wrapping_sub(b'A'),
        b'a'..=b'z' => symbol.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => symbol.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

impl fmt::Display for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MechanismName({})", self.as_str())
    }
}

impl fmt::Debug for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 5034-4.26
    #[test]
    fn mechanism_names_have_1_to_20_octets_of_their_alphabet() {
        for good in [&b"A"[..], b"PLAIN", b"scram-sha-256-plus", b"X_1", &[b'A'; 20]] {
            let name = MechanismName::parse(good).unwrap();
            assert_eq!(name.as_str().as_bytes(), good.to_ascii_uppercase());
        }
        for bad in [&b""[..], b"PL@IN", b"A B", b"A.", "É".as_bytes(), &[b'A'; 21]] {
            assert_eq!(MechanismName::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    // 5034-4.12, 5034-4.13
    #[test]
    fn base64_is_strict() {
        for bad in [
            "!!!!", "=AAA", "AAA=BBB", "AAA", "AA==AA==", "AA= =", "A===", "dGVzdB==", "=", "====", "*",
            "AAAA ", " AAAA", "AA\r=", "AA-_",
        ] {
            assert_eq!(Base64::parse(bad.as_bytes()), None, "{bad}");
        }
        for octets in [&b""[..], b"t", b"te", b"tes", b"test", b"\0\xff"] {
            let text = encode_base64(octets);
            assert_eq!(Base64::parse(text.expose()).unwrap().decode().expose(), octets);
        }
    }
}
