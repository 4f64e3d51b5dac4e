//! First lines of replies.

use ::arbitrary::{Arbitrary, Result, Unstructured};

use super::{text, word};
use crate::quirk::Quirk;
use crate::{Advice, Reply, ResponseCode, Status};

impl<'a> Arbitrary<'a> for Status {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Positive, Self::Negative]).copied()
    }
}

impl<'a> Arbitrary<'a> for Advice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        ResponseCode::arbitrary(u).map(ResponseCode::advice)
    }
}

/// A code is written as it is read: `[SYS/TEMP/DISK]` is [`SysTemp`](Self::SysTemp) and writes as `[SYS/TEMP]`.
impl<'a> Arbitrary<'a> for ResponseCode<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let known = [Self::LoginDelay, Self::InUse, Self::SysTemp, Self::SysPerm, Self::Auth, Self::Utf8];
        if u.arbitrary()? {
            return u.choose(&known).copied();
        }
        // Levels are separated by one slash.
        let inner =
            word(u, |octet| matches!(octet, 0x21..=0x5c | 0x5e..=0x7f), &[b"XCLIENT", b"SYS", b"A/B"])?;
        let level = |inner: &'a [u8]| inner.split(|&octet| octet == b'/').find(|level| !level.is_empty());
        let doubled = inner.windows(2).any(|pair| pair == b"//");
        let whole = !doubled && inner.first() != Some(&b'/') && inner.last() != Some(&b'/');
        let inner = if whole { inner } else { level(inner).unwrap_or(b"X") };
        Ok(Self::from_inner(inner))
    }
}

/// The quirk is one that a parsed reply can have.
impl<'a> Arbitrary<'a> for Reply<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let status = u.arbitrary()?;
        let quirk = u.choose(&[None, Some(Quirk::StatusCase), Some(Quirk::Spacing)]).copied()?;
        let examples: [&[u8]; 4] = [b"2 320", b"[IN-USE] busy", b"[SYS/TEMP/DISK] try later", b"[X] "];
        let text = text(u, &examples)?;
        // A control character after the space would be a quirk of the spacing.
        let start = text.iter().position(|&octet| octet > b' ').unwrap_or(text.len());
        Ok(Self::of_text(status, text.get(start..).unwrap_or_default(), quirk))
    }
}
