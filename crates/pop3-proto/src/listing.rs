//! The listings in replies to STAT, LIST and UIDL, as a client reads them (RFC 1939 sections 5 and 7).
//!
//! Numbers and spaces are read leniently if the meaning stays clear. Each departure is reported as a [`Quirk`].

use core::fmt;

use nom::bytes::complete::{take_while, take_while1};
use nom::combinator::{map_opt, opt};
use nom::{IResult, Parser as _};

use crate::escaped::Escaped;
use crate::number::decimal;
use crate::quirk::Quirk;
use crate::{LanguageRange, MessageNumber, Octets, UniqueId};

/// The reply to STAT: a drop listing (RFC 1939 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DropListing {
    /// The number of messages, without those marked as deleted.
    pub messages: u32,
    /// The size of the messages in octets, as counted by the server. It is only a hint.
    pub octets: Octets,
    /// The departure from the protocol that was tolerated, if any.
    pub quirk: Option<Quirk>,
}

/// A line of LIST: a scan listing (RFC 1939 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ScanListing {
    /// The message.
    pub message: MessageNumber,
    /// The size of the message in octets, as counted by the server. It is only a hint: do not use it to find the end
    /// of a message.
    pub octets: Octets,
    /// The departure from the protocol that was tolerated, if any.
    pub quirk: Option<Quirk>,
}

/// A line of UIDL: a unique-id listing (RFC 1939 section 7).
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UniqueIdListing<'a> {
    /// The message.
    pub message: MessageNumber,
    /// The unique-id, which is not empty. Compare it octet by octet, and do not use it as a path. If the server
    /// departs from the protocol, it may contain anything except a line end.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::peer_octets::serialize"))]
    pub uid: &'a [u8],
    /// The departure from the protocol that was tolerated, if any.
    pub quirk: Option<Quirk>,
}

/// A line of LANG: a language that the server offers (RFC 6856 section 3).
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LanguageListing<'a> {
    /// The tag of the language, such as `de-AT`.
    pub tag: &'a str,
    /// The name of the language, usually in the language itself. These octets come from the server. They are usually
    /// UTF-8.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::peer_octets::serialize"))]
    pub description: &'a [u8],
}

impl DropListing {
    /// Reads the text after `+OK `. Everything after the second number is ignored.
    ///
    /// ```
    /// let listing = pop3_proto::listing::DropListing::parse(b"2 320").unwrap();
    /// assert_eq!((listing.messages, listing.octets), (2, 320));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (rest, (before, messages)) = (space0, number).parse(text).ok()?;
        let (rest, (gap, minus, octets)) =
            (space1, opt(nom::character::complete::char('-')), number).parse(rest).ok()?;
        ends_word(rest)?;
        let quirk = match minus {
            Some(_) => Some(Quirk::NegativeOctets),
            None => spacing(before, gap).or_else(|| zeros(text)),
        };
        let octets = if minus.is_some() { 0 } else { octets };
        Some(Self { messages: u32::try_from(messages).ok()?, octets, quirk })
    }
}

impl ScanListing {
    /// Reads a line of LIST, or the text after `+OK ` in the reply to `LIST n`. Everything after the second number is
    /// ignored.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (rest, (before, message, gap, octets)) = (space0, message, space1, number).parse(line).ok()?;
        ends_word(rest)?;
        Some(Self { message, octets, quirk: spacing(before, gap).or_else(|| zeros(line)) })
    }
}

impl<'a> UniqueIdListing<'a> {
    /// Reads a line of UIDL, or the text after `+OK ` in the reply to `UIDL n`. The unique-id is everything after the
    /// spaces that follow the number, without spaces at the end.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (rest, (before, message, gap)) = (space0, message, space1).parse(line).ok()?;
        let uid = rest.trim_ascii_end();
        if uid.is_empty() {
            return None;
        }
        let quirk = match UniqueId::parse(uid) {
            Ok(_) if uid.len() == rest.len() => spacing(before, gap).or_else(|| leading_zero(line)),
            Ok(_) => Some(Quirk::Spacing),
            Err(_) => Some(Quirk::UniqueIdSyntax),
        };
        Some(Self { message, uid, quirk })
    }
}

impl<'a> LanguageListing<'a> {
    /// Reads a line of LANG: a tag and an optional description after a space.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (tag, description) = first_word(line);
        Some(Self { tag: LanguageRange::parse(tag).filter(|tag| !tag.is_any())?.as_str(), description })
    }
}

impl fmt::Debug for UniqueIdListing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueIdListing")
            .field("message", &self.message)
            .field("uid", &Escaped::new(self.uid))
            .field("quirk", &self.quirk)
            .finish()
    }
}

impl fmt::Debug for LanguageListing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanguageListing")
            .field("tag", &self.tag)
            .field("description", &Escaped::new(self.description))
            .finish()
    }
}

/// The number of a line of UIDL that has nothing else.
pub(crate) fn number_alone(line: &[u8]) -> Option<MessageNumber> {
    MessageNumber::parse(line.trim_ascii())
}

fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii();
    let end = line.iter().position(|&octet| is_space(octet)).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (word, rest.trim_ascii_start())
}

/// A number at the start with zeros before it.
fn leading_zero(line: &[u8]) -> Option<Quirk> {
    matches!(line.trim_ascii_start(), [b'0', b'0'..=b'9', ..]).then_some(Quirk::LeadingZeros)
}

/// Either of two numbers with zeros before it.
fn zeros(line: &[u8]) -> Option<Quirk> {
    let first = line.trim_ascii_start();
    let second = first.iter().position(|&octet| is_space(octet)).and_then(|end| first.get(end..));
    leading_zero(first).or_else(|| leading_zero(second.unwrap_or_default()))
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn space0(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(is_space).parse(input)
}

fn space1(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(is_space).parse(input)
}

fn number(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take_while1(|octet: u8| octet.is_ascii_digit()), decimal).parse(input)
}

fn message(input: &[u8]) -> IResult<&[u8], MessageNumber> {
    map_opt(take_while1(|octet: u8| octet.is_ascii_digit()), MessageNumber::parse).parse(input)
}

/// A number ends where its word does: `120x` is none.
fn ends_word(rest: &[u8]) -> Option<()> {
    rest.first().is_none_or(|&octet| is_space(octet)).then_some(())
}

fn spacing(before: &[u8], gap: &[u8]) -> Option<Quirk> {
    (!before.is_empty() || gap != b" ").then_some(Quirk::Spacing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_numbers_is_ignored() {
        let stat = |text| DropListing::parse(text).map(|listing| (listing.messages, listing.octets));
        assert_eq!(stat(b"2 320 extra text"), Some((2, 320)));
        assert_eq!(stat(b"1 5000000000"), Some((1, 5_000_000_000)));
        assert_eq!(stat(b"2 -1"), Some((2, 0)));
        for bad in [&b""[..], b"x y", b"7", b"-1 5", b"1 99999999999999999999999", b"1 2x", b"4294967296 1"] {
            assert_eq!(stat(bad), None, "{}", bad.escape_ascii());
        }
        let scan = |line| ScanListing::parse(line).map(|l| (l.message.number(), l.octets, l.quirk));
        assert_eq!(scan(b"1 120 foo@bar"), Some((1, 120, None)));
        assert_eq!(scan(b" 1  120 foo"), Some((1, 120, Some(Quirk::Spacing))));
        assert_eq!(scan(b"0001 171"), Some((1, 171, Some(Quirk::LeadingZeros))));
        assert_eq!(scan(b"1 0171"), Some((1, 171, Some(Quirk::LeadingZeros))));
        assert_eq!(scan(b"10 0"), Some((10, 0, None)));
        for bad in [&b"0 5"[..], b"1", b"1 ", b"-1 5", b"1 x", b""] {
            assert_eq!(scan(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_unique_id_is_the_rest_of_the_line() {
        let uid = |line| UniqueIdListing::parse(line).map(|l| (l.message.number(), l.uid, l.quirk));
        assert_eq!(uid(b"1 whqtswO00WBw418f9t5JxYwZ"), Some((1, &b"whqtswO00WBw418f9t5JxYwZ"[..], None)));
        assert_eq!(uid(b"1   6499"), Some((1, &b"6499"[..], Some(Quirk::Spacing))));
        assert_eq!(uid(b"1 a b"), Some((1, &b"a b"[..], Some(Quirk::UniqueIdSyntax))));
        let long = [&b"1 "[..], &[b'a'; 200]].concat();
        assert_eq!(uid(&long).map(|listing| listing.2), Some(Some(Quirk::UniqueIdSyntax)));
        assert_eq!((uid(b"3"), uid(b"3 "), uid(b"0 a")), (None, None, None));
    }
}
