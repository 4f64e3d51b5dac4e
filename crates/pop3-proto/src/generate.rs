//! Words from arbitrary octets, for fuzz targets and property tests (the feature `arbitrary`).
//!
//! Each value is one that the parser of its type can return. Words that borrow are pieces of the octets, or examples
//! if no piece fits. No octets are refused.

mod apop;
mod capability;
mod command;
mod listing;
mod reply;
mod sasl;

use core::time::Duration;

use ::arbitrary::{Arbitrary, Result, Unstructured};

use crate::{Channel, Instant, LanguageRange, MessageNumber, Quirk, Quirks, Snapshot, TextId, UniqueId};

/// Returns the longest run of octets that are all `good`, or one of the examples. It is not empty unless an example is.
fn word<'a>(
    u: &mut Unstructured<'a>,
    good: impl Fn(u8) -> bool,
    examples: &[&'static [u8]],
) -> Result<&'a [u8]> {
    if u.ratio(3_u8, 4)? {
        let octets: &[u8] = u.arbitrary()?;
        let runs = octets.split(|&octet| !good(octet)).filter(|run| !run.is_empty());
        if let Some(longest) = runs.max_by_key(|run| run.len()) {
            return Ok(longest);
        }
    }
    u.choose(examples).copied()
}

/// Returns a text without line ends, and without spaces at either end. It may be empty.
fn text<'a>(u: &mut Unstructured<'a>, examples: &[&'static [u8]]) -> Result<&'a [u8]> {
    word(u, |octet| !matches!(octet, b'\r' | b'\n'), examples).map(<[u8]>::trim_ascii)
}

impl<'a> Arbitrary<'a> for MessageNumber {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(|number| Self::new(number).unwrap_or(Self::FIRST))
    }
}

impl<'a> Arbitrary<'a> for UniqueId<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let octets = word(u, |octet| octet.is_ascii_graphic(), &[b"whqtswO00WBw418f9t5JxYwZ", b"1"])?;
        let octets = octets.get(..Self::MAX).unwrap_or(octets);
        Self::parse(octets).map_err(|_| ::arbitrary::Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for LanguageRange<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let octets =
            word(u, |octet| octet.is_ascii_alphanumeric() || octet == b'-', &[b"en", b"de-CH-1996"])?;
        Ok(Self::parse(octets).unwrap_or(Self::ANY))
    }
}

impl<'a> Arbitrary<'a> for Quirk {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(Self::ALL).copied()
    }
}

impl<'a> Arbitrary<'a> for Quirks {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary_iter::<Quirk>()?.collect()
    }
}

impl<'a> Arbitrary<'a> for TextId {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(Self::ALL).copied()
    }
}

impl<'a> Arbitrary<'a> for Channel {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Plaintext, Self::TrustedPlaintext, Self::Tls]).copied()
    }
}

impl<'a> Arbitrary<'a> for Instant {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary::<Duration>().map(Self::new)
    }
}

/// The unique-ids differ, as a store must ensure.
impl<'a> Arbitrary<'a> for Snapshot {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut snapshot = Self::new();
        let mut seen = alloc::collections::BTreeSet::new();
        for message in u.arbitrary_iter::<(u32, UniqueId<'a>)>()? {
            let (size, uid) = message?;
            if seen.insert(uid) {
                snapshot.push(size.into(), uid);
            }
        }
        Ok(snapshot)
    }
}
