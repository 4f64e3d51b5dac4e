//! Lines of listings.

use ::arbitrary::{Arbitrary, Result, Unstructured};

use super::text;
use crate::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use crate::quirk::Quirk;
use crate::{LanguageRange, UniqueId};

impl<'a> Arbitrary<'a> for DropListing {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self { messages: u.arbitrary()?, octets: u.arbitrary()?, quirk: None })
    }
}

impl<'a> Arbitrary<'a> for ScanListing {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self { message: u.arbitrary()?, octets: u.arbitrary()?, quirk: None })
    }
}

/// The unique-id may depart from the protocol, as one from a server may.
impl<'a> Arbitrary<'a> for UniqueIdListing<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let message = u.arbitrary()?;
        let uid =
            if u.arbitrary()? { u.arbitrary::<UniqueId<'a>>()?.as_bytes() } else { text(u, &[b"a b"])? };
        let uid = if uid.is_empty() { b"1" } else { uid };
        Ok(Self { message, uid, quirk: UniqueId::parse(uid).is_err().then_some(Quirk::UniqueIdSyntax) })
    }
}

impl<'a> Arbitrary<'a> for LanguageListing<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let range: LanguageRange<'a> = u.arbitrary()?;
        let tag = if range.is_any() { "i-default" } else { range.as_str() };
        Ok(Self { tag, description: text(u, &[b"Deutsch", b""])? })
    }
}
