//! What the formats of unique-ids consist of, in either notation.

use core::fmt;

use md5::{Digest as _, Md5};

/// Why a text is not a [`UidlFormat`](crate::UidlFormat).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UidlFormatError {
    /// A `%` is followed by something that is not supported, or a variable by a filter that is not.
    Variable(String),
    /// Dovecot has a variable for Maildir or for mbox only, and this is the other one.
    Elsewhere(String),
    /// There is none of the variables `%u`, `%f` and `%g`, so all messages would have the same unique-id.
    NotUnique,
    /// A character outside 0x21 to 0x7E, which no unique-id may have (RFC 1939 section 7).
    Character(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Variable(What, Vec<Step>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Uid,
    Validity,
    FileName,
    Guid,
    Md5,
}

/// What is done with a value, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Hexadecimal,
    Md5,
    Lower,
    Upper,
    Reversed,
    /// Leaves so many octets out at the beginning.
    Skip(usize),
    /// Takes so many octets from the beginning.
    First(usize),
    /// Takes so many octets from the end.
    Last(usize),
    /// Puts zeros before the value until it has so many octets.
    Zeros(usize),
}

/// An offset or width of more than this makes no sense.
pub(super) const WIDTH_MAX: usize = 255;

impl Step {
    /// The modifier with this letter.
    pub(super) fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'X' => Self::Hexadecimal,
            b'M' => Self::Md5,
            b'L' => Self::Lower,
            b'U' => Self::Upper,
            b'R' => Self::Reversed,
            _ => return None,
        })
    }

    pub(super) fn apply(self, mut value: Vec<u8>) -> Vec<u8> {
        match self {
            // As Dovecot 2.3 does: 0 for what is not a number.
            Self::Hexadecimal => {
                return format!("{:x}", crate::name::decimal(&value).unwrap_or_default()).into_bytes();
            }
            Self::Md5 => {
                let digest = Md5::digest(&value);
                return digest.iter().map(|octet| format!("{octet:02x}")).collect::<String>().into_bytes();
            }
            Self::Lower => value.make_ascii_lowercase(),
            Self::Upper => value.make_ascii_uppercase(),
            Self::Reversed => value.reverse(),
            Self::Skip(octets) => drop(value.drain(..octets.min(value.len()))),
            Self::First(octets) => value.truncate(octets),
            Self::Last(octets) => drop(value.drain(..value.len().saturating_sub(octets))),
            Self::Zeros(octets) => {
                let missing = octets.saturating_sub(value.len());
                value.splice(..0, core::iter::repeat_n(b'0', missing));
            }
        }
        value
    }
}

impl fmt::Display for UidlFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(text) => {
                write!(
                    f,
                    "{text:?} is not supported here: Dovecot has %m for mbox only, and %f for Maildir only"
                )
            }
            Self::Variable(text) => write!(
                f,
                "{text:?} is not supported; variables are %u, %v, %f, %g and %%, with an offset, a width, and the \
                 modifiers X, M, L, U and R; or, as in Dovecot 2.4, %{{uid}}, %{{uidvalidity}}, %{{filename}} and \
                 %{{guid}}, with the filters hex, lower, upper, reverse, truncate, lfill, md5 and hexlify"
            ),
            Self::NotUnique => f.write_str("needs %u, %f or %g, as the unique-ids of messages must differ"),
            Self::Character(character) => write!(f, "a unique-id cannot contain {character:?}"),
        }
    }
}

impl core::error::Error for UidlFormatError {}
