//! Dovecot's `pop3_uidl_format`.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use super::expressions;
use super::variables::{Part, Step, UidlFormatError, WIDTH_MAX, What};

/// How Dovecot makes the unique-id of a message: its setting `pop3_uidl_format`.
///
/// A format is text with variables, in the notation of Dovecot 2.3 or 2.4:
///
/// | 2.3 | 2.4 | stands for |
/// |---|---|---|
/// | `%u` | `%{uid}` | the UID of the message |
/// | `%v` | `%{uidvalidity}` | the UIDVALIDITY of the mailbox |
/// | `%f` | `%{filename}` | the file name without flags |
/// | `%g` | `%{guid}` | the GUID of the message; usually this is the file name |
/// | `%%` | | a percent sign |
///
/// In the notation of Dovecot 2.3, these may stand between `%` and the letter, in this order: an offset and a dot, a
/// width (numbers are filled up with zeros if it begins with 0, otherwise the value is cut), and modifiers: `X`
/// (hexadecimal), `M` (MD5), `L` (lower case), `U` (upper case), `R` (reversed).
///
/// In the notation of Dovecot 2.4, filters may follow the variable, as in `%{uid | hex(8)}`: `hex` of a number, with a
/// width; `lower`, `upper`, `reverse`, `truncate(width)`, `lfill(width)`, and `md5`, behind which only `hexlify` may
/// come before another one. A format with `%{` is in this notation.
///
/// ```
/// use pop3_maildir::UidlFormat;
/// let format: UidlFormat = "UID%u-%v".parse()?;
/// assert_eq!(format.to_string(), "UID%u-%v");
/// assert!("%m".parse::<UidlFormat>().is_err()); // Dovecot has it for mbox only.
/// assert!("%{uidvalidity}.%{uid | hex(8)}".parse::<UidlFormat>().is_ok());
/// # Ok::<(), pop3_maildir::UidlFormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UidlFormat {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

/// What the variables stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) uid: u32,
    pub(crate) validity: u32,
    pub(crate) file_name: &'a [u8],
    pub(crate) guid: &'a [u8],
    /// The hash of the header, for mbox only.
    pub(crate) md5: &'a [u8],
}

impl UidlFormat {
    /// Dovecot's default.
    const DEFAULT: &str = "%08Xu%08Xv";

    /// Parses the format for an mbox, where Dovecot has other variables: `%m` is a hash of the header, `%g` is the same,
    /// and there is no `%f`.
    ///
    /// # Errors
    /// Returns an error if the format is not supported.
    pub fn for_mbox(text: &str) -> Result<Self, UidlFormatError> {
        Self::parse(text, What::FileName)
    }

    /// Whether it has the UID or the UIDVALIDITY of a message.
    pub(crate) fn needs_uid(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Variable(What::Uid | What::Validity, _)))
    }

    /// The unique-id of a message, which may be one that no unique-id may be.
    pub(crate) fn expand(&self, values: &Values<'_>) -> Vec<u8> {
        let mut id = Vec::new();
        for part in &*self.parts {
            match part {
                Part::Text(text) => id.extend_from_slice(text.as_bytes()),
                Part::Variable(what, steps) => {
                    let value = match what {
                        What::Uid => values.uid.to_string().into_bytes(),
                        What::Validity => values.validity.to_string().into_bytes(),
                        What::FileName => values.file_name.to_vec(),
                        What::Guid => values.guid.to_vec(),
                        What::Md5 => values.md5.to_vec(),
                    };
                    id.extend(steps.iter().fold(value, |value, step| step.apply(value)));
                }
            }
        }
        id
    }
}

/// Reads what follows `%`, and how long it is.
fn variable(rest: &str) -> Option<(Part, usize)> {
    let octets = rest.as_bytes();
    let mut at = 0;
    let mut number = || {
        let digits = octets[at..].iter().take_while(|octet| octet.is_ascii_digit()).count();
        let text = &rest[at..at + digits];
        at += digits;
        let value = if digits == 0 { Some(0) } else { text.parse().ok().filter(|&value| value <= WIDTH_MAX) };
        let is_offset = octets.get(at) == Some(&b'.');
        at += usize::from(is_offset);
        value.map(|value| (value, text.starts_with('0'), is_offset))
    };
    let (mut width, mut zeros, is_offset) = number()?;
    let mut offset = 0;
    if is_offset {
        offset = width;
        (width, zeros, _) = number().filter(|&(_, _, again)| !again)?;
    }
    let mut steps = Vec::new();
    loop {
        let &letter = octets.get(at)?;
        at += 1;
        if let Some(step) = Step::of(letter) {
            steps.push(step);
            continue;
        }
        let what = match letter {
            b'u' => What::Uid,
            b'v' => What::Validity,
            b'f' => What::FileName,
            b'g' => What::Guid,
            b'm' => What::Md5,
            b'%' if at == 1 => return Some((Part::Text("%".to_owned()), at)),
            _ => return None,
        };
        steps.push(Step::Skip(offset));
        match width {
            _ if zeros => steps.push(Step::Zeros(width)),
            0 => {}
            _ => steps.push(Step::First(width)),
        }
        return Some((Part::Variable(what, steps), at));
    }
}

impl UidlFormat {
    /// Parses a format without this variable.
    fn parse(text: &str, without: What) -> Result<Self, UidlFormatError> {
        let parts = if text.contains("%{") { expressions::parse(text)? } else { letters(text)? };
        for part in &parts {
            match part {
                Part::Variable(what, _) if *what == without => {
                    return Err(UidlFormatError::Elsewhere(text.to_owned()));
                }
                Part::Variable(..) => {}
                Part::Text(text) => {
                    if let Some(character) = text.chars().find(|character| !character.is_ascii_graphic()) {
                        return Err(UidlFormatError::Character(character));
                    }
                }
            }
        }
        let is_unique = |part: &Part| matches!(part, Part::Variable(what, _) if *what != What::Validity);
        if !parts.iter().any(is_unique) {
            return Err(UidlFormatError::NotUnique);
        }
        Ok(Self { text: text.into(), parts: parts.into() })
    }
}

/// Parses the notation of Dovecot 2.3.
fn letters(text: &str) -> Result<Vec<Part>, UidlFormatError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let (part, octets) = variable(behind).ok_or_else(|| {
            UidlFormatError::Variable(core::iter::once('%').chain(behind.chars().take(8)).collect())
        })?;
        parts.push(part);
        rest = &behind[octets..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

impl FromStr for UidlFormat {
    type Err = UidlFormatError;

    fn from_str(text: &str) -> Result<Self, UidlFormatError> {
        Self::parse(text, What::Md5)
    }
}

impl Default for UidlFormat {
    /// Dovecot's default, `%08Xu%08Xv`.
    fn default() -> Self {
        let number = |what| Part::Variable(what, vec![Step::Hexadecimal, Step::Skip(0), Step::Zeros(8)]);
        Self { text: Self::DEFAULT.into(), parts: [number(What::Uid), number(What::Validity)].into() }
    }
}

impl fmt::Display for UidlFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // MDR-10. The expected values are those of Dovecot 2.3.19, and of 2.4.1 for its notation.
    #[test]
    fn formats_are_expanded_as_dovecot_does() {
        let expand = |format: &str, uid, validity, file_name: &str| {
            let format: UidlFormat = format.parse().unwrap();
            let file_name = file_name.as_bytes();
            String::from_utf8(format.expand(&Values { uid, validity, file_name, guid: file_name, md5: b"" }))
                .unwrap()
        };
        let name = "1700000000.M1P2.host,S=17";
        for (format, expected) in [
            ("%08Xu%08Xv", "000000016b0d41bc"),
            ("%g", name),
            ("%f", name),
            ("%v-%u", "1796030908-1"),
            ("UID%u-%v", "UID1-1796030908"),
            ("%Mf", "333c60a4f01823f4afcdbbd70dd23572"),
            ("%5.3f", "000"),
            ("%Uf", "1700000000.M1P2.HOST,S=17"),
            ("%LUf", "1700000000.M1P2.HOST,S=17"),
            ("%Rf", "71=S,tsoh.2P1M.0000000071"),
            ("%8u", "1"),
            ("%03u", "001"),
            ("%%%u", "%1"),
            ("%Xf", "0"),
            ("%MXu", "0"),
            ("%UMf", "53868e76971e07867478a7cd4a46ab77"),
            ("%4f", "1700"),
            ("%u%2.08Xv", "1000d41bc"),
            ("%u%04.2v", "103"),
            ("%{uid | hex(8)}%{uidvalidity | hex(8)}", "000000016b0d41bc"),
            ("%{uidvalidity}-%{uid}", "1796030908-1"),
            ("UID%{uid}-%{uidvalidity|hex}", "UID1-6b0d41bc"),
            ("%{uid}.%{uidvalidity | hex(4) | upper}", "1.41BC"),
            ("%{filename}", name),
            ("%{guid | md5}", "333c60a4f01823f4afcdbbd70dd23572"),
            ("%{guid | md5 | hexlify | truncate(4) | reverse}", "c333"),
            ("%{uid | lfill(3)}%%{%{guid | truncate(4)}", "001%{1700"),
        ] {
            assert_eq!(expand(format, 1, 1_796_030_908, name), expected, "{format}");
        }
        assert_eq!(UidlFormat::DEFAULT.parse(), Ok(UidlFormat::default()));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for format in ["%m", "%", "%5", "%X5u", "%-4f", "%1.2.3u", "%999u", "%Hu", "%\u{e9}"] {
            assert!(format.parse::<UidlFormat>().is_err(), "{format}");
        }
        assert!(UidlFormat::for_mbox("%m").is_ok() && UidlFormat::for_mbox("%f").is_err());
        assert_eq!("%v".parse::<UidlFormat>(), Err(UidlFormatError::NotUnique));
        for format in [
            "%{",
            "%{uid",
            "%{}",
            "%{uid|}",
            "%{md5}",
            "%{user}",
            "%{uid}%u",
            "%{uid | hex(-8)}",
            "%{uid | hex(8) | hex}",
            "%{filename | hex}",
            "%{uid | hex(999)}",
            "%{uid | hex(}",
            "%{uid | hex(8)x}",
            "%{guid | md5 | truncate(4)}",
            "%{guid | hexlify}",
            "%{uid | substr(0, 4)}",
            "%{uid | lower(1)}",
            "%{uid | truncate}",
            "%{uid}\u{e9}",
        ] {
            assert!(format.parse::<UidlFormat>().is_err(), "{format}");
        }
        assert!(UidlFormat::for_mbox("%{md5}").is_ok() && UidlFormat::for_mbox("%{filename}").is_err());
        assert_eq!("%{uidvalidity}".parse::<UidlFormat>(), Err(UidlFormatError::NotUnique));
        assert_eq!("a %{uid}".parse::<UidlFormat>(), Err(UidlFormatError::Character(' ')));
        assert_eq!("a %u".parse::<UidlFormat>(), Err(UidlFormatError::Character(' ')));
        assert_eq!("".parse::<UidlFormat>(), Err(UidlFormatError::NotUnique));
    }
}
