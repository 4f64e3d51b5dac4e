//! A user's name that is fit to be one component of a path.

use core::fmt;

/// A user's name: 1 to 64 ASCII letters, digits and `. _ - + @`, with no dot first.
///
/// So it is never `.` or `..`, has no slash, no NUL and no control, and names a file that is not
/// hidden. Names that differ in case are different names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserName(String);

impl UserName {
    /// The most octets that a name has.
    pub(crate) const MAX: usize = 64;

    /// Reads a name, `None` where it breaks the rule above.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let allowed =
            |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-' | b'+' | b'@');
        if octets.len() > Self::MAX || octets.first().is_none_or(|&first| first == b'.') {
            return None;
        }
        if !octets.iter().all(allowed) {
            return None;
        }
        String::from_utf8(octets.to_vec()).ok().map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
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

    #[test]
    fn names_stay_inside_one_folder() {
        for good in ["alice", "a", "a.b-c_d+e@example.com", "-", "@", &"x".repeat(64)] {
            assert_eq!(UserName::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a/b",
            "/",
            "a\\b",
            "a b",
            "a\0",
            "a\n",
            "\u{e4}",
            "a:b",
            "%2e",
            &"x".repeat(65),
        ] {
            assert_eq!(UserName::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(UserName::parse(b"\xff"), None);
    }
}
