//! The notation of Dovecot 2.4 for `pop3_uidl_format`: `%{uid | hex(8)}`.

use super::variables::{Part, Step, UidlFormatError, WIDTH_MAX, What};

/// Parses a format. `%%{` stands for `%{`.
pub(super) fn parse(text: &str) -> Result<Vec<Part>, UidlFormatError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        push_text(&mut parts, before);
        if let Some(after) = behind.strip_prefix("%{") {
            push_text(&mut parts, "%{");
            rest = after;
            continue;
        }
        let excerpt =
            || UidlFormatError::Variable(core::iter::once('%').chain(behind.chars().take(30)).collect());
        let (inside, after) =
            behind.strip_prefix('{').and_then(|inside| inside.split_once('}')).ok_or_else(excerpt)?;
        parts.push(expression(inside).ok_or_else(excerpt)?);
        rest = after;
    }
    push_text(&mut parts, rest);
    Ok(parts)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// What a value is, which decides what may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    /// The octets of a hash. Dovecot shows them in hexadecimal digits if nothing follows.
    Hash,
}

/// A variable with its filters.
fn expression(inside: &str) -> Option<Part> {
    let mut words = inside.split('|').map(|word| word.trim_matches([' ', '\t']));
    let what = match words.next()? {
        "uid" => What::Uid,
        "uidvalidity" => What::Validity,
        "filename" => What::FileName,
        "guid" => What::Guid,
        "md5" => What::Md5,
        _ => return None,
    };
    let mut kind = if matches!(what, What::Uid | What::Validity) { Kind::Number } else { Kind::Text };
    let mut steps = Vec::new();
    for word in words {
        let (name, width) = filter(word)?;
        match (name, width, kind) {
            ("hexlify", None, Kind::Hash) => {}
            (_, _, Kind::Hash) => return None,
            ("hex", width, Kind::Number) => {
                steps.push(Step::Hexadecimal);
                // It fills up, and cuts at the beginning.
                if let Some(width) = width.filter(|&width| width > 0) {
                    steps.extend([Step::Zeros(width), Step::Last(width)]);
                }
            }
            ("lower", None, _) => steps.push(Step::Lower),
            ("upper", None, _) => steps.push(Step::Upper),
            ("reverse", None, _) => steps.push(Step::Reversed),
            ("truncate", Some(width), _) => steps.push(Step::First(width)),
            ("lfill", Some(width), _) if width > 0 => steps.push(Step::Zeros(width)),
            ("md5", None, _) => steps.push(Step::Md5),
            _ => return None,
        }
        kind = if name == "md5" { Kind::Hash } else { Kind::Text };
    }
    Some(Part::Variable(what, steps))
}

/// The name of a filter, and the number in parentheses behind it.
fn filter(word: &str) -> Option<(&str, Option<usize>)> {
    let Some((name, rest)) = word.split_once('(') else { return Some((word, None)) };
    let digits = rest.strip_suffix(')')?.trim_matches([' ', '\t']);
    let width = digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())??;
    (width <= WIDTH_MAX).then(|| (name.trim_end_matches([' ', '\t']), Some(width)))
}
