//! Language ranges and tags (RFC 4647, RFC 5646), as LANG carries them.

/// A basic language range (RFC 4647 section 2.1): `*`, or subtags of 1 to 8 ASCII letters and digits separated by
/// hyphens. The first subtag has only letters. The range has at most 240 octets, because the line of the command has
/// at most 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanguageRange<'a>(&'a str);

impl<'a> LanguageRange<'a> {
    /// `*`: the language that the administrator of the server prefers.
    pub const ANY: LanguageRange<'static> = LanguageRange("*");

    /// Reads a language range. Returns `None` if the text is not one.
    ///
    /// ```
    /// use pop3_proto::LanguageRange;
    /// assert!(LanguageRange::parse(b"EN-us").is_some());
    /// assert!(LanguageRange::parse(b"de--").is_none());
    /// ```
    pub fn parse(range: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(range).ok()?;
        let subtag = |(index, subtag): (usize, &str)| {
            let good = |octet: u8| match index {
                0 => octet.is_ascii_alphabetic(),
                _ => octet.is_ascii_alphanumeric(),
            };
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(good)
        };
        let good = text == "*" || (text.len() <= 240 && text.split('-').enumerate().all(subtag));
        good.then_some(Self(text))
    }

    /// Returns the range as it was written.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns whether the range is `*`.
    pub(crate) fn is_any(self) -> bool {
        self.0 == "*"
    }

    /// Returns whether a tag matches this range by the lookup of RFC 4647 section 3.4: the tag is equal to the range,
    /// or to the range without some of its last subtags. `*` matches every tag.
    pub(crate) fn matches(self, tag: &str) -> bool {
        self.is_any()
            || self.0.eq_ignore_ascii_case(tag)
            || (self.0.as_bytes().get(tag.len()) == Some(&b'-')
                && self.0.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 6856-3.03
    #[test]
    fn a_range_finds_itself_and_what_it_narrows() {
        let range = |text: &'static str| LanguageRange::parse(text.as_bytes());
        for good in ["*", "en", "de-CH-1996", "x-private", "i-klingon"] {
            assert!(range(good).is_some(), "{good}");
        }
        for bad in ["", "-", "en-", "toolongtag", "e n", "1a", "é", "*-CH", "en_US"] {
            assert!(range(bad).is_none(), "{bad}");
        }
        assert!(range("EN-us").unwrap().matches("en") && range("en").unwrap().matches("EN"));
        assert!(!range("en").unwrap().matches("en-US") && !range("eng").unwrap().matches("en"));
        assert!(range("*").unwrap().matches("mul"));
    }
}
