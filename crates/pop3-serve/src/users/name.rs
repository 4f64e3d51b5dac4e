//! A user's name that is fit to be one component of a path.

use core::fmt;
use std::sync::Arc;

use pop3_sasl::saslprep::{StringKind, prepare};

/// A user name, prepared by SASLprep (RFC 4013). It has 1 to 64 characters in at most 255 octets of UTF-8. ASCII
/// characters must be letters, digits or `. _ - + @`, and the first one is not a dot.
///
/// A name is therefore safe as a file name: it is never `.` or `..`, is not hidden, and contains no slash, NUL,
/// control character or space. Different encodings of the same letters are the same name. Names are case-sensitive.
/// Clones share their memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

impl UserName {
    /// The maximum number of characters of a name.
    pub const MAX: usize = 64;

    /// The most octets that a name has: what file systems take for one component of a path.
    const MAX_OCTETS: usize = 255;

    /// The rule for names, for error messages.
    pub const RULE: &str = "a user name has 1 to 64 letters, digits and . _ - + @, and does not begin \
        with a dot; non-ASCII letters must be those that SASLprep allows";

    /// Parses a name. Returns `None` if it breaks the [rule](Self::RULE).
    pub fn parse(octets: &[u8]) -> Option<Self> {
        // What has no form that fits is not prepared at all.
        let text = str::from_utf8(octets).ok().filter(|text| text.len() <= 2 * Self::MAX_OCTETS)?;
        // Check after the preparation, which can turn other characters into slashes and dots.
        let prepared = prepare(text, StringKind::Stored).ok()?;
        let allowed = |character: char| {
            !character.is_ascii()
                || character.is_ascii_alphanumeric()
                || matches!(character, '.' | '_' | '-' | '+' | '@')
        };
        let fits = prepared.len() <= Self::MAX_OCTETS && prepared.chars().count() <= Self::MAX;
        let good = fits && !prepared.starts_with('.') && prepared.chars().all(allowed);
        good.then(|| Self(prepared.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        UserName::parse(text.as_bytes()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_stay_inside_one_folder() {
        for good in ["alice", "a", "a.b-c_d+e@example.com", "-", "@", &"x".repeat(64)] {
            assert_eq!(parse(good).as_deref(), Some(good));
        }
        for bad in
            ["", ".", "..", ".a", "a/b", "/", "a\\b", "a b", "a\0", "a\n", "a:b", "%2e", &"x".repeat(65)]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert_eq!(UserName::parse(b"\xff"), None);
        assert_eq!(UserName::parse(b"\xc0\xaf"), None);
    }

    #[test]
    fn names_beyond_ascii_are_prepared() {
        for (written, name) in [
            ("j\u{f6}rg", "j\u{f6}rg"),
            ("jo\u{308}rg", "j\u{f6}rg"),
            ("\u{2168}", "IX"),
            ("a\u{ad}b", "ab"),
            ("\u{65e5}\u{672c}", "\u{65e5}\u{672c}"),
            ("\u{5d0}\u{5d1}", "\u{5d0}\u{5d1}"),
        ] {
            assert_eq!(parse(written).as_deref(), Some(name), "{written:?}");
        }
        assert_eq!(parse(&"\u{65e5}".repeat(64)).map(|name| name.len()), Some(192));
    }

    #[test]
    fn names_are_checked_after_preparation() {
        for bad in [
            "a\u{ff0f}b",           // a wide slash becomes a slash
            "\u{2024}a",            // one dot leader becomes a dot
            "\u{2025}",             // two of them
            "\u{ad}.a",             // what becomes nothing does not hide a dot
            "\u{ad}",               // nothing is left
            "a\u{ff1a}b",           // a wide colon
            "a\u{a0}b",             // a space
            "a\u{2028}b",           // a line separator
            "a\u{85}b",             // a control
            "a\u{202e}b",           // turns the text around
            "\u{e000}",             // private use
            "\u{221}",              // newer than Unicode 3.2
            "\u{5d0}a",             // two directions
            "a\u{337}/",            // a slash behind another character
            &"\u{fdfa}".repeat(20), // becomes much more
            &"\u{10348}".repeat(64),
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
