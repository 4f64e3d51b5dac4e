//! SASLprep: brings names and passwords into a form that can be compared (RFC 4013, RFC 3454).
//!
//! Strings that look the same but were typed on different keyboards become the same octets. Characters that do not
//! belong in a name or password are rejected. ASCII without control characters stays unchanged.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroize as _;

mod tables;

/// How a string will be used. This decides how characters newer than Unicode 3.2 are handled (RFC 3454 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 3454 has these two kinds")]
pub enum StringKind {
    /// The string, or keys derived from it, will be stored. Newer characters are rejected, because a later version of
    /// Unicode may prepare them differently.
    Stored,
    /// The string will be compared with a stored one. Newer characters stay unchanged and match nothing.
    Query,
}

/// Why a string cannot be prepared. The error does not name the character, because it may be part of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslprepError {
    /// The string contains a character that is prohibited, for example a control or private use character (RFC 4013
    /// section 2.3).
    Prohibited,
    /// The string mixes right-to-left and left-to-right text, or right-to-left text does not begin and end with a
    /// right-to-left character (RFC 3454 section 6).
    Bidirectional,
    /// A string to be stored contains a character that Unicode 3.2 does not assign (RFC 4013 section 2.5).
    Unassigned,
    /// The string is empty, or nothing remains of it.
    Empty,
}

/// Prepares a string. The result is never empty and contains no control characters.
///
/// ```
/// use pop3_sasl::saslprep::{SaslprepError, StringKind, prepare};
/// assert_eq!(prepare("I\u{ad}X", StringKind::Stored)?, "IX");
/// assert_eq!(prepare("\u{2168}", StringKind::Stored)?, "IX");
/// assert_eq!(prepare("a\u{7}b", StringKind::Stored), Err(SaslprepError::Prohibited));
/// # Ok::<(), SaslprepError>(())
/// ```
///
/// # Errors
/// Returns an error if the string cannot be prepared.
pub fn prepare(text: &str, kind: StringKind) -> Result<Cow<'_, str>, SaslprepError> {
    if text.is_empty() {
        return Err(SaslprepError::Empty);
    }
    if text.is_ascii() {
        let controls = text.bytes().any(|octet| octet.is_ascii_control());
        return if controls { Err(SaslprepError::Prohibited) } else { Ok(Cow::Borrowed(text)) };
    }
    // Check before mapping: a later version of Unicode may map such a character differently.
    if kind == StringKind::Stored && text.chars().any(is_unassigned) {
        return Err(SaslprepError::Unassigned);
    }
    // U+200B is in both tables. RFC 4013 section 2.1 names the mapping to a space first.
    let mapped = text
        .chars()
        .map(|character| if tables::contains(tables::SPACES, character) { ' ' } else { character })
        .filter(|&character| !tables::contains(tables::MAPPED_TO_NOTHING, character));
    // Form KC needs at most 11 times as many octets, so the buffer never grows and leaves no copies.
    let mut prepared = String::with_capacity(text.len().saturating_mul(11));
    form_kc(mapped, &mut prepared);
    match check(&prepared, kind) {
        Ok(()) => Ok(Cow::Owned(prepared)),
        Err(error) => {
            prepared.zeroize();
            Err(error)
        }
    }
}

/// Appends the form KC as Unicode 3.2 has it.
///
/// To Unicode 3.2, a character that it does not assign has no decomposition, combines with nothing, and
/// lets nothing combine across it. So it stays as it is, and what stands before and behind it is
/// normalized on its own. Of what Unicode 3.2 assigns, later versions change five decompositions and
/// nothing else; [`decomposed`] brings those back.
fn form_kc(text: impl Iterator<Item = char>, out: &mut String) {
    let mut text = text.map(decomposed).peekable();
    while text.peek().is_some() {
        out.extend(core::iter::from_fn(|| text.next_if(|&character| !is_unassigned(character))).nfkc());
        out.extend(core::iter::from_fn(|| text.next_if(|&character| is_unassigned(character))));
    }
}

/// The five ideographs whose decomposition Corrigendum 4 has changed in Unicode 4.0, as Unicode 3.2
/// decomposes them.
const fn decomposed(character: char) -> char {
    match character {
        '\u{2f868}' => '\u{2136a}',
        '\u{2f874}' => '\u{5f33}',
        '\u{2f91f}' => '\u{43ab}',
        '\u{2f95f}' => '\u{7aae}',
        '\u{2f9bf}' => '\u{4d57}',
        other => other,
    }
}

fn is_unassigned(character: char) -> bool {
    tables::contains(tables::UNASSIGNED, character)
}

/// Whether a string is fit for the message of ANONYMOUS: the trace profile, which changes nothing
/// (RFC 4505 section 3).
pub(crate) fn is_trace(text: &str) -> bool {
    !text.chars().any(|character| tables::contains(tables::PROHIBITED, character)) && is_one_way(text)
}

fn check(prepared: &str, kind: StringKind) -> Result<(), SaslprepError> {
    if prepared.is_empty() {
        return Err(SaslprepError::Empty);
    }
    let any = |table| prepared.chars().any(|character| tables::contains(table, character));
    if any(tables::PROHIBITED) || any(tables::SPACES) || any(tables::NOT_CANONICAL) {
        return Err(SaslprepError::Prohibited);
    }
    if !is_one_way(prepared) {
        return Err(SaslprepError::Bidirectional);
    }
    // Current normalization never produces such a character. The check protects against later tables.
    if kind == StringKind::Stored && any(tables::UNASSIGNED) {
        return Err(SaslprepError::Unassigned);
    }
    Ok(())
}

/// RFC 3454 section 6.
fn is_one_way(text: &str) -> bool {
    let right = |character: char| tables::contains(tables::RIGHT_TO_LEFT, character);
    if !text.chars().any(right) {
        return true;
    }
    !text.chars().any(|character| tables::contains(tables::LEFT_TO_RIGHT, character))
        && text.chars().next().is_some_and(right)
        && text.chars().next_back().is_some_and(right)
}

impl fmt::Display for SaslprepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prohibited => "the text contains a character that SASLprep does not allow",
            Self::Bidirectional => "the text mixes right-to-left and left-to-right characters",
            Self::Unassigned => "the text contains a character that is newer than Unicode 3.2",
            Self::Empty => "the text is empty",
        })
    }
}

impl core::error::Error for SaslprepError {}
