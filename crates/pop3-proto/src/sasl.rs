//! The elements of AUTH: mechanism names and lines of base64 (RFC 5034 section 4). The mechanisms themselves are not
//! part of this crate.

use core::fmt;

use base64ct::Encoding as _;
use bytes::BytesMut;

use crate::Secret;

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

/// A client's response to a challenge (RFC 5034 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client answers or cancels")]
pub enum SaslResponse<'a> {
    /// `*`: cancels the exchange.
    Cancel,
    /// The response. An empty line is an empty response.
    Octets(Base64<'a>),
}

/// The reason why a text is not a mechanism name or not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslTextError {
    /// The text is not the name of a mechanism.
    Mechanism,
    /// The text is not base64 according to RFC 4648 section 4. It contains another octet, its padding is missing,
    /// excessive or in the middle, or bits after the last octet are set.
    Base64,
}

impl MechanismName {
    /// The maximum length of a name in octets.
    pub const MAX: usize = 20;

    /// Reads a name. Lower case is accepted.
    ///
    /// # Errors
    /// Returns [`SaslTextError::Mechanism`] if it is not the name of a mechanism.
    ///
    /// ```
    /// use pop3_proto::MechanismName;
    /// assert_eq!(MechanismName::parse(b"scram-sha-256").unwrap().as_str(), "SCRAM-SHA-256");
    /// assert!(MechanismName::parse(b"PL@IN").is_err());
    /// ```
    pub fn parse(name: &[u8]) -> Result<Self, SaslTextError> {
        let mut octets = [0; Self::MAX];
        let length = u8::try_from(name.len()).map_err(|_| SaslTextError::Mechanism)?;
        let room = octets.get_mut(..name.len()).ok_or(SaslTextError::Mechanism)?;
        for (place, octet) in room.iter_mut().zip(name) {
            *place = octet.to_ascii_uppercase();
        }
        let good = |octet: &u8| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
        if room.is_empty() || !room.iter().all(good) {
            return Err(SaslTextError::Mechanism);
        }
        Ok(Self { octets, length })
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
    /// # Errors
    /// Returns [`SaslTextError::Base64`] if it is not.
    ///
    /// ```
    /// use pop3_proto::Base64;
    /// assert_eq!(Base64::parse(b"dGVzdA==").unwrap().decode().expose(), b"test");
    /// assert!(Base64::parse(b"dGVzdB==").is_err());
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, SaslTextError> {
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
        if whole && clean && !empty && body.iter().all(|&octet| value(octet).is_some()) {
            Ok(Self(text))
        } else {
            Err(SaslTextError::Base64)
        }
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

impl<'a> SaslResponse<'a> {
    /// Reads a line without its line end.
    ///
    /// # Errors
    /// Returns [`SaslTextError::Base64`] if it is neither `*` nor base64. `=` for no octets is only allowed in the
    /// line of AUTH itself.
    pub fn parse(line: &'a [u8]) -> Result<Self, SaslTextError> {
        if line == b"*" { Ok(Self::Cancel) } else { Base64::parse(line).map(Self::Octets) }
    }

    /// Appends the response as a line with CRLF. Space for the whole line is reserved first, so that no reallocation
    /// leaves a copy of the response behind.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Cancel => out.extend_from_slice(b"*"),
            Self::Octets(text) => {
                out.reserve(text.expose().len().saturating_add(2));
                out.extend_from_slice(text.expose());
            }
        }
        out.extend_from_slice(b"\r\n");
    }
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

impl fmt::Display for SaslTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mechanism => "invalid name of a SASL mechanism",
            Self::Base64 => "invalid base64",
        })
    }
}

impl core::error::Error for SaslTextError {}

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
            assert_eq!(MechanismName::parse(bad), Err(SaslTextError::Mechanism), "{}", bad.escape_ascii());
        }
    }

    // 5034-4.12, 5034-4.13
    #[test]
    fn base64_is_strict() {
        for bad in [
            "!!!!", "=AAA", "AAA=BBB", "AAA", "AA==AA==", "AA= =", "A===", "dGVzdB==", "=", "====", "*",
            "AAAA ", " AAAA", "AA\r=", "AA-_",
        ] {
            assert_eq!(Base64::parse(bad.as_bytes()), Err(SaslTextError::Base64), "{bad}");
        }
        for octets in [&b""[..], b"t", b"te", b"tes", b"test", b"\0\xff"] {
            let text = encode_base64(octets);
            assert_eq!(Base64::parse(text.expose()).unwrap().decode().expose(), octets);
        }
    }

    // SEC-05: room is made once, so that no copy of a token is left where the buffer was before.
    #[test]
    fn a_response_is_not_moved_when_it_is_written() {
        for octets in [1, 3000, 12_288] {
            let text = encode_base64(&alloc::vec![7; octets]);
            let mut out = BytesMut::new();
            SaslResponse::Octets(Base64::parse(text.expose()).unwrap()).write(&mut out);
            assert_eq!(out.len(), text.expose().len() + 2);
            assert!(out.capacity() < out.len() + 16, "{} of {}", out.len(), out.capacity());
        }
    }

    // 5034-4.07, 5034-4.11, 5034-4.27
    #[test]
    fn a_response_is_base64_or_a_star() {
        assert_eq!(SaslResponse::parse(b"*"), Ok(SaslResponse::Cancel));
        assert_eq!(SaslResponse::parse(b""), Ok(SaslResponse::Octets(Base64::EMPTY)));
        assert_eq!(SaslResponse::parse(b"="), Err(SaslTextError::Base64));
        assert!(matches!(SaslResponse::parse(b"QUIT"), Ok(SaslResponse::Octets(_))));
    }
}
