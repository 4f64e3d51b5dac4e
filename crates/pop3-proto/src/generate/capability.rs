//! Capabilities.

use core::time::Duration;

use ::arbitrary::{Arbitrary, Result, Unstructured};

use super::text;
use crate::{Capabilities, Capability, Expire, LoginDelay};

impl<'a> Arbitrary<'a> for LoginDelay {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self { delay: Duration::from_secs(u.arbitrary()?), per_user: u.arbitrary()? })
    }
}

impl<'a> Arbitrary<'a> for Expire {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self { days: u.arbitrary()?, per_user: u.arbitrary()? })
    }
}

impl<'a> Arbitrary<'a> for Capability<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=13_u8)? {
            0 => Self::Top,
            1 => Self::User,
            2 => Self::Sasl(text(u, &[b"PLAIN LOGIN", b""])?),
            3 => Self::RespCodes,
            4 => Self::LoginDelay(u.arbitrary()?),
            5 => Self::Pipelining,
            6 => Self::Expire(u.arbitrary()?),
            7 => Self::Uidl,
            8 => Self::Implementation(text(u, &[b"a server", b""])?),
            9 => Self::Stls,
            10 => Self::AuthRespCode,
            11 => Self::Utf8 { user: u.arbitrary()? },
            12 => Self::Lang,
            // A line with the name of a known capability is that one.
            _ => Self::parse(text(u, &[b"XOIP", b"X-OTHER one  two"])?),
        })
    }
}

impl<'a> Arbitrary<'a> for Capabilities {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut list = Self::new();
        for capability in u.arbitrary_iter::<Capability<'a>>()? {
            let capability = capability?;
            if let Capability::Other(line) = capability {
                list.push(line);
            } else {
                list.push(alloc::string::ToString::to_string(&capability).as_bytes());
            }
        }
        Ok(list)
    }
}
