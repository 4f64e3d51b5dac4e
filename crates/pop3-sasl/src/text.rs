//! Names, passwords and tokens as they come out of a message: checked like typed ones.

use alloc::borrow::Cow;
use alloc::string::String;

use base64ct::{Base64, Encoding};

use crate::saslprep::{StringKind, is_trace, prepare};
use crate::{Secret, nonce};

/// The most octets of a name, before and after its preparation (RFC 4616 section 2 asks for 255).
pub(crate) const MAX_NAME: usize = 255;
/// The most octets of a password. More than RFC 4616 asks for, as tokens are used as passwords.
pub(crate) const MAX_PASSWORD: usize = 1024;
/// The most octets of a token. Those of large directories have some thousands.
pub(crate) const MAX_TOKEN: usize = 11 * 1024;

/// A name that a peer sent, prepared.
pub(crate) fn name(octets: &[u8]) -> Option<String> {
    if octets.len() > MAX_NAME {
        return None;
    }
    let prepared = prepare(core::str::from_utf8(octets).ok()?, StringKind::Query).ok()?;
    (prepared.len() <= MAX_NAME).then(|| prepared.into_owned())
}

/// A name that may be left out.
pub(crate) fn optional_name(octets: &[u8]) -> Option<Option<String>> {
    if octets.is_empty() { Some(None) } else { name(octets).map(Some) }
}

/// A password that a peer sent, prepared.
pub(crate) fn password(octets: &[u8]) -> Option<Secret> {
    if octets.len() > MAX_PASSWORD {
        return None;
    }
    prepared(core::str::from_utf8(octets).ok()?, StringKind::Query)
}

/// A prepared secret.
pub(crate) fn prepared(text: &str, kind: StringKind) -> Option<Secret> {
    Some(match prepare(text, kind).ok()? {
        Cow::Borrowed(text) => Secret::from(text),
        Cow::Owned(text) => Secret::from(text),
    })
}

/// Whether octets are a bearer token: `b64token` of RFC 6750 section 2.1.
pub(crate) fn is_token(octets: &[u8]) -> bool {
    let body = octets.len().saturating_sub(octets.iter().rev().take_while(|&&octet| octet == b'=').count());
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet);
    body > 0 && octets.len() <= MAX_TOKEN && octets.iter().take(body).all(plain)
}

/// Whether text is a message of ANONYMOUS (RFC 4505 section 2). Without `@` there may be 255
/// characters; an address has no more in practice (RFC 5321 section 4.5.3.1), and is not looked into.
pub(crate) fn is_anonymous_message(text: &str) -> bool {
    text.chars().count() <= 255 && is_trace(text)
}

/// Whether text is an attribute's value as SCRAM writes names: `,` and `=` do not stand for
/// themselves (RFC 5802 section 5.1).
pub(crate) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// Reads a name that [`escape`] wrote. A `=` that stands for nothing makes it none.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('=');
    name.push_str(parts.next()?);
    for part in parts {
        let (character, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D")?),
        };
        name.push(character);
        name.push_str(rest);
    }
    Some(name)
}

/// Decodes base64, strictly.
pub(crate) fn decode(text: &str) -> Option<Secret> {
    Base64::decode_vec(text).ok().map(Secret::new)
}

/// Encodes base64.
pub(crate) fn encode(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

/// Whether text is a nonce that we take from a peer: 1 to 256 octets.
pub(crate) fn is_nonce(text: &str) -> bool {
    text.len() <= nonce::MAX_NONCE && nonce::is_nonce(text)
}

/// A positive decimal number without leading zeros.
pub(crate) fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}
