//! Commands and their arguments.

use ::arbitrary::{Arbitrary, Result, Unstructured};

use super::word;
use crate::{ArgumentError, Command, Extension, Keyword, Name, Password, ReplyShape, Xclient};

/// An argument without a space at either end.
fn argument<'a, T>(
    u: &mut Unstructured<'a>,
    parse: impl Fn(&'a [u8]) -> core::result::Result<T, ArgumentError>,
    example: &'static [u8],
) -> Result<T> {
    let octets = word(u, |octet| !octet.is_ascii_control(), &[example])?.trim_ascii();
    parse(octets).or_else(|_| parse(example)).map_err(|_| ::arbitrary::Error::IncorrectFormat)
}

impl<'a> Arbitrary<'a> for Name<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        argument(u, Self::parse, b"mrose")
    }
}

impl<'a> Arbitrary<'a> for Password<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let octets = word(u, |octet| !octet.is_ascii_control(), &[b"tanstaaf", b" "])?;
        Self::parse(octets).map_err(|_| ::arbitrary::Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for Xclient<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        argument(u, Self::parse, b"ADDR=192.0.2.1 PORT=1")
    }
}

impl<'a> Arbitrary<'a> for ReplyShape {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Line, Self::Lines, Self::Body]).copied()
    }
}

impl<'a> Arbitrary<'a> for Extension<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let shape = u.arbitrary()?;
        argument(u, |line| Self::new(line, shape), b"XTND XLST Subject")
    }
}

impl<'a> Arbitrary<'a> for Keyword {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Command::arbitrary(u).map(|command| command.keyword())
    }
}

impl<'a> Arbitrary<'a> for Command<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=20_u8)? {
            0 => Self::Noop,
            1 => Self::User(u.arbitrary()?),
            2 => Self::Pass(u.arbitrary()?),
            3 => Self::Apop { name: u.arbitrary()?, digest: u.arbitrary()? },
            4 => Self::Auth { mechanism: u.arbitrary()?, initial: u.arbitrary()? },
            5 => Self::AuthList,
            6 => Self::Stat,
            7 => Self::List(u.arbitrary()?),
            8 => Self::Retr(u.arbitrary()?),
            9 => Self::Top { message: u.arbitrary()?, lines: u.arbitrary()? },
            10 => Self::Dele(u.arbitrary()?),
            11 => Self::Rset,
            12 => Self::Uidl(u.arbitrary()?),
            13 => Self::Last,
            14 => Self::Capa,
            15 => Self::Stls,
            16 => Self::Utf8,
            17 => Self::Lang(u.arbitrary()?),
            18 => Self::Xclient(u.arbitrary()?),
            19 => Self::Quit,
            _ => Self::Extension(u.arbitrary()?),
        })
    }
}
