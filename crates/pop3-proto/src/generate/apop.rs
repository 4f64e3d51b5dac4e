//! The timestamp and the digest.

use alloc::vec::Vec;

use ::arbitrary::{Arbitrary, Error, Result, Unstructured};

use super::word;
use crate::apop::{ApopProof, Digest, Timestamp, is_plain};

/// The maximum length of each side of the `@`.
const SIDE: usize = (Timestamp::MAX_LEN - 3) / 2;

impl<'a> Arbitrary<'a> for Timestamp {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut side =
            |example| word(u, is_plain, &[example]).map(|octets| octets.get(..SIDE).unwrap_or(octets));
        let octets = [b"<", side(b"1896.697170952")?, b"@", side(b"dbc.mtview.ca.us")?, b">"].concat();
        Self::parse(&octets).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for Digest {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let digits = (0..32).map(|_| u.choose(b"0123456789abcdef").copied()).collect::<Result<Vec<_>>>()?;
        Self::parse(&digits).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for ApopProof {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}
