//! What stands in a line of the client's, as far as an observer goes beyond [`Command::parse`]: what
//! may be shown of it, and which rule a server breaks that takes it.

use pop3_proto::{Command, CommandError, Keyword, MechanismName};

use crate::rule::Rule;

/// The keyword that a line begins with, whatever follows it.
pub(crate) fn keyword(line: &[u8]) -> Option<Keyword> {
    let word = line.split(|&octet| octet == b' ').next().unwrap_or_default();
    Keyword::of_line(word).filter(|keyword| keyword.as_str().len() == word.len())
}

/// What may be shown of a line, and whether a secret stands behind it. `wary` hides what is no
/// command: it may be a password or a response that went astray.
pub(crate) fn shown<'l>(
    line: &'l [u8],
    parsed: Result<&Command<'_>, CommandError>,
    wary: bool,
) -> (&'l [u8], bool) {
    // Whatever the client means by `\tpass\tsecret`, do not reveal it.
    let start = line.iter().position(u8::is_ascii_graphic).unwrap_or(line.len());
    let behind = |from: usize, good: fn(&u8) -> bool| {
        line.get(from..)
            .and_then(|rest| rest.iter().position(|octet| !good(octet)))
            .map_or(line.len(), |at| from.saturating_add(at))
    };
    let word_end = behind(start, u8::is_ascii_alphanumeric);
    let word = line.get(start..word_end).unwrap_or_default();
    let cut = |end: usize| (line.get(..end).unwrap_or(line), end < line.len());
    match keyword(word) {
        Some(Keyword::Pass) => cut(word_end),
        Some(Keyword::Apop) => match parsed {
            Ok(Command::Apop { .. }) => {
                let digest = line.trim_ascii_end().iter().rposition(|&octet| octet == b' ');
                cut(line.get(..digest.unwrap_or(word_end)).unwrap_or_default().trim_ascii_end().len())
            }
            Ok(_) | Err(_) => cut(word_end),
        },
        Some(Keyword::Auth) => {
            let from = behind(word_end, |octet| *octet == b' ');
            let end = behind(from, u8::is_ascii_graphic);
            let name = line.get(from..end).unwrap_or_default();
            if end == from || MechanismName::parse(name).is_some() { cut(end) } else { cut(word_end) }
        }
        None if wary => (&[], !line.is_empty()),
        Some(_) | None => (line, false),
    }
}

/// The rule that a server breaks which answers such a line positively.
pub(crate) fn wrong(line: &[u8], keyword: Option<Keyword>, error: CommandError) -> Option<Rule> {
    use Keyword::{Capa, Noop, Quit, Rset, Stat, Stls, User, Utf8};
    match error {
        CommandError::Empty => Some(Rule::PositiveEmpty),
        CommandError::Unknown | CommandError::TooLong => None,
        CommandError::Missing if keyword == Some(User) => Some(Rule::PositiveUser),
        CommandError::Surplus
            if keyword.is_some_and(|k| matches!(k, Stat | Noop | Rset | Quit | Capa | Stls | Utf8)) =>
        {
            Some(Rule::PositiveSurplus)
        }
        CommandError::Number => Some(wrong_number(line)),
        CommandError::Control | CommandError::EightBit => Some(Rule::PositiveOctets),
        CommandError::Base64 => Some(Rule::Base64Taken),
        CommandError::Missing
        | CommandError::Surplus
        | CommandError::Digest
        | CommandError::Mechanism
        | CommandError::Language => Some(Rule::PositiveSyntax),
        // One that this version does not know.
        _ => None,
    }
}

fn wrong_number(line: &[u8]) -> Rule {
    let words = line.split(|&octet| octet == b' ').skip(1).filter(|word| !word.is_empty());
    let bad = words.clone().find(|word| !word.iter().all(u8::is_ascii_digit));
    match bad {
        Some([b'+' | b'-', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => Rule::PositiveSigned,
        Some(_) => Rule::PositiveNumber,
        None if is_zero(line) => Rule::PositiveZero,
        None => Rule::PositiveHuge,
    }
}

/// Whether the first argument is the number 0.
pub(crate) fn is_zero(line: &[u8]) -> bool {
    let mut words = line.split(|&octet| octet == b' ').skip(1).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| word.iter().all(|&octet| octet == b'0'))
}

/// Whether not exactly one space stands between the words, or one at an end.
pub(crate) fn is_spaced(line: &[u8], keyword: Option<Keyword>) -> bool {
    let has_space_at_end = |word: &[u8]| matches!(word, [b' ', ..] | [.., b' ']);
    let argument = || line.splitn(2, |&octet| octet == b' ').nth(1).unwrap_or(b"x");
    match keyword {
        // Everything after `PASS ` is the password.
        Some(Keyword::Pass) => false,
        // Everything after `USER ` is the name, and what is before the last space of APOP.
        Some(Keyword::User) => argument().is_empty() || has_space_at_end(argument()),
        Some(Keyword::Apop) => {
            let mut words = argument().rsplitn(2, |&octet| octet == b' ');
            words.any(|word| word.is_empty() || has_space_at_end(word))
        }
        _ => !line.is_empty() && line.split(|&octet| octet == b' ').any(<[u8]>::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(line: &[u8]) -> (&[u8], bool) {
        shown(line, Command::parse(line).as_ref().map_err(|&error| error), true)
    }

    // 5034-4.30
    #[test]
    fn secrets_are_cut_off_however_they_are_written() {
        for (line, wanted) in [
            (&b"PASS secret"[..], &b"PASS"[..]),
            (b"pass\tsecret", b"pass"),
            (b" PASS secret", b" PASS"),
            (b"PASS a\x00secret", b"PASS"),
            (b"PASS", b"PASS"),
            (b"APOP a b c4c9334bac560ecc979e58001b3e22fb ", b"APOP a b"),
            (b"APOP c4c9334bac560ecc979e58001b3e22fb", b"APOP"),
            (b"APOP mrose secret", b"APOP"),
            (b"AUTH PLAIN AGEAYg==", b"AUTH PLAIN"),
            (b"AUTH PLAIN  x", b"AUTH PLAIN"),
            (b"AUTH AGEAYg==", b"AUTH"),
            (b"AUTH", b"AUTH"),
            (b"AUTH CRAM-MD5", b"AUTH CRAM-MD5"),
            (b"AGEAYg==", b""),
            (b"USER mrose", b"USER mrose"),
            (b"XPASS y", b""),
        ] {
            assert_eq!(show(line), (wanted, wanted.len() < line.len()), "{}", line.escape_ascii());
        }
    }

    /// 1939-3.03. Our own client may send a name with any spaces in it, because there is no other way to log in with it.
    #[test]
    fn words_are_separated_by_one_space_and_a_name_is_one_word() {
        for (line, spaced) in [
            (&b""[..], false),
            (b"NOOP", false),
            (b"NOOP ", true),
            (b" NOOP", true),
            (b"LIST  1", true),
            (b"X a  b", true),
            (b"X a b", false),
            (b"PASS  a  b ", false),
            (b"USER", false),
            (b"USER ", true),
            (b"USER a  b", false),
            (b"USER  a", true),
            (b"USER a ", true),
            (b"APOP a  b digest", false),
            (b"APOP  a digest", true),
            (b"APOP a  digest", true),
            (b"APOP a digest ", true),
        ] {
            assert_eq!(is_spaced(line, keyword(line)), spaced, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn numbers_are_wrong_in_their_own_ways() {
        for (line, rule) in [
            (&b"RETR 0"[..], Rule::PositiveZero),
            (b"RETR -1", Rule::PositiveSigned),
            (b"RETR 1a", Rule::PositiveNumber),
            (b"RETR 4294967296", Rule::PositiveHuge),
            (b"TOP 1 -1", Rule::PositiveSigned),
        ] {
            assert_eq!(wrong(line, keyword(line), Command::parse(line).unwrap_err()), Some(rule));
        }
    }
}
