//! Challenges of AUTH, as servers send them.

use core::fmt;

use crate::escaped::Escaped;
use crate::quirk::Quirk;
use crate::sasl::Base64;

/// The challenge that follows `+` (RFC 5034 section 4).
///
/// `Debug` shows only [`Words`](Self::Words), because a challenge may contain data that identifies the user.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge<'b> {
    /// The challenge, which may be empty.
    Octets(Base64<'b>),
    /// Words for people, such as `go ahead`, in place of base64. A lenient client may respond if the mechanism
    /// expects an empty challenge or ignores its content. Otherwise it must cancel.
    Words(&'b [u8]),
    /// Neither base64 nor words. The exchange can only be cancelled.
    Unreadable,
}

impl<'b> Challenge<'b> {
    /// An empty challenge.
    pub const EMPTY: Self = Challenge::Octets(Base64::EMPTY);

    /// Reads a line without its line end, and returns the quirk that was tolerated, if any. Returns `None` if the
    /// line is not a challenge: `+` must be followed by a space or by nothing.
    pub(super) fn parse(line: &'b [u8]) -> Option<(Self, Option<Quirk>)> {
        let behind = line.strip_prefix(b"+")?;
        let text = match behind {
            [] => return Some((Self::EMPTY, Some(Quirk::ContinuationWithoutSpace))),
            [b' ' | b'\t', text @ ..] => text,
            _ => return None,
        };
        let trimmed = text.trim_ascii();
        let spacing =
            (behind.first() != Some(&b' ') || trimmed.len() != text.len()).then_some(Quirk::Spacing);
        Some(match Base64::parse(trimmed) {
            Some(octets) => (Self::Octets(octets), spacing),
            None if are_words(trimmed) => (Self::Words(trimmed), Some(Quirk::ChallengeWords)),
            None => (Self::Unreadable, None),
        })
    }
}

impl fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(text) => f.debug_tuple("Octets").field(text).finish(),
            Self::Words(words) => f.debug_tuple("Words").field(&Escaped::new(words)).finish(),
            Self::Unreadable => f.write_str("Unreadable"),
        }
    }
}

/// Whether this is meant for people, and no base64 that was damaged.
fn are_words(text: &[u8]) -> bool {
    let printable = text.iter().all(|octet| matches!(octet, b' '..=b'~'));
    printable && text.iter().any(u8::is_ascii_alphabetic) && (text.contains(&b' ') || text.ends_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // 5034-4.04, 5034-4.15
    #[test]
    fn lines_of_challenges() {
        let octets = |text| Challenge::Octets(Base64::parse(text).unwrap());
        for (line, challenge, quirk) in [
            (&b"+ "[..], Challenge::EMPTY, None),
            (b"+", Challenge::EMPTY, Some(Quirk::ContinuationWithoutSpace)),
            (b"+ VXNlcm5hbWU6", octets(b"VXNlcm5hbWU6"), None),
            (b"+  VXNlcm5hbWU6 ", octets(b"VXNlcm5hbWU6"), Some(Quirk::Spacing)),
            (b"+\tVXNlcm5hbWU6", octets(b"VXNlcm5hbWU6"), Some(Quirk::Spacing)),
            (b"+ go ahead", Challenge::Words(b"go ahead"), Some(Quirk::ChallengeWords)),
            (b"+ Username:", Challenge::Words(b"Username:"), Some(Quirk::ChallengeWords)),
            (b"+ !!!", Challenge::Unreadable, None),
            (b"+ AAA=BBB", Challenge::Unreadable, None),
            (b"+ dGVz dA=\xff", Challenge::Unreadable, None),
        ] {
            assert_eq!(Challenge::parse(line), Some((challenge, quirk)), "{}", line.escape_ascii());
        }
        for line in [&b"+OKAY"[..], b"+ERR", b"-ERR", b"", b"++", b"* +"] {
            assert_eq!(Challenge::parse(line), None);
        }
    }
}
