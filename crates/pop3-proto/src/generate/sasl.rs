//! What AUTH carries.

use alloc::vec::Vec;

use ::arbitrary::{Arbitrary, Error, Result, Unstructured};

use super::word;
use crate::server::{Needs, OfferedMechanism};
use crate::{Base64, MechanismName};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
const MECHANISMS: &[&[u8]] =
    &[b"PLAIN", b"LOGIN", b"CRAM-MD5", b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS", b"XOAUTH2"];

impl<'a> Arbitrary<'a> for MechanismName {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let name = if u.arbitrary()? {
            let length = u.int_in_range(1..=Self::MAX)?;
            &(0..length).map(|_| u.choose(LETTERS).copied()).collect::<Result<Vec<_>>>()?[..]
        } else {
            u.choose(MECHANISMS)?
        };
        Self::parse(name).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for Base64<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let symbol = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
        let octets = word(u, symbol, &[b"", b"dGVzdA==", b"AG1yb3NlAHRhbnN0YWFm", b"dGVzdDE="])?;
        // All groups of four before the first padding, and the group with it if it is valid.
        let body = octets.iter().position(|&octet| octet == b'=').unwrap_or(octets.len());
        let whole = body & !3;
        let padded = octets.get(..whole.saturating_add(4)).and_then(Self::parse);
        Ok(padded.or_else(|| Self::parse(octets.get(..whole)?)).unwrap_or(Self::EMPTY))
    }
}

impl<'a> Arbitrary<'a> for Needs {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Nothing, Self::Privacy, Self::Tls]).copied()
    }
}

impl<'a> Arbitrary<'a> for OfferedMechanism {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}
