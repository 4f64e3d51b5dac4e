//! The schemes of passwords that stand in braces, as in `{SSHA512}`: those of Dovecot, LDAP (RFC 2307) and others.

#[cfg(test)]
mod tests;

use pop3_proto::Secret;
use pop3_sasl::scram::Hash;

use super::{Form, Plain, parse_keys};
use crate::users::encoding;
use crate::users::hash::{Digest, Hashed};

/// How the text after a scheme is read.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The password itself.
    Plain,
    /// What crypt(3) makes, or a PHC string.
    Crypt,
    /// A digest without salt.
    Digest(Digest),
    /// A digest, and the salt behind it.
    Salted(Digest),
    /// `$1$salt$rounds$hash`.
    Pbkdf2,
    /// `iterations,salt,StoredKey,ServerKey`.
    Scram(Hash),
}

/// The schemes, and how each is read. `MD5` is `$1$`, or a digest.
const SCHEMES: &[(&str, Kind)] = &[
    ("PLAIN", Kind::Plain),
    ("CLEAR", Kind::Plain),
    ("CLEARTEXT", Kind::Plain),
    ("CRYPT", Kind::Crypt),
    ("MD5-CRYPT", Kind::Crypt),
    ("SHA256-CRYPT", Kind::Crypt),
    ("SHA512-CRYPT", Kind::Crypt),
    ("BLF-CRYPT", Kind::Crypt),
    ("ARGON2I", Kind::Crypt),
    ("ARGON2ID", Kind::Crypt),
    ("PBKDF2", Kind::Pbkdf2),
    ("SCRAM-SHA-1", Kind::Scram(Hash::Sha1)),
    ("SCRAM-SHA-256", Kind::Scram(Hash::Sha256)),
    ("SSHA", Kind::Salted(Digest::Sha1)),
    ("SSHA256", Kind::Salted(Digest::Sha256)),
    ("SSHA512", Kind::Salted(Digest::Sha512)),
    ("SMD5", Kind::Salted(Digest::Md5)),
    ("SHA", Kind::Digest(Digest::Sha1)),
    ("SHA1", Kind::Digest(Digest::Sha1)),
    ("SHA256", Kind::Digest(Digest::Sha256)),
    ("SHA512", Kind::Digest(Digest::Sha512)),
    ("PLAIN-MD5", Kind::Digest(Digest::Md5)),
    ("LDAP-MD5", Kind::Digest(Digest::Md5)),
    ("MD5", Kind::Digest(Digest::Md5)),
];

/// How a text is encoded, where the scheme says so itself: `{SSHA.HEX}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Hex,
    Base64,
}

/// Returns the names of the password schemes that a users file can contain in braces, such as `SSHA512`. Case does not
/// matter in them. Each can be followed by `.HEX`, `.B64` or `.BASE64`, which tells how the text after it is encoded.
pub fn password_schemes() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|(name, _)| *name)
}

/// Parses the text after `{scheme}`.
///
/// # Errors
/// What is wrong with it, which holds no part of it.
pub(in crate::users) fn parse(scheme: &str, text: &[u8]) -> Result<Form, &'static str> {
    const UNKNOWN: &str = "the scheme in braces is not supported; docs/users.md lists those that are";

    let (name, encoding) = match scheme.split_once('.') {
        None => (scheme, None),
        Some((name, encoding)) if encoding.eq_ignore_ascii_case("hex") => (name, Some(Encoding::Hex)),
        Some((name, encoding))
            if encoding.eq_ignore_ascii_case("b64") || encoding.eq_ignore_ascii_case("base64") =>
        {
            (name, Some(Encoding::Base64))
        }
        Some(_) => return Err("the encoding of the scheme must be HEX, B64 or BASE64"),
    };
    let known = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let &(_, kind) = known.ok_or(UNKNOWN)?;
    match kind {
        Kind::Digest(Digest::Md5) if name.eq_ignore_ascii_case("MD5") && text.starts_with(b"$1$") => {
            parse_crypt(text)
        }
        Kind::Digest(digest) => {
            let hash = decode_digest(text, encoding, digest)?;
            Hashed::digest(digest, hash.expose()).map(Form::Hash)
        }
        Kind::Salted(digest) => {
            let hash = decode(text, Some(encoding.unwrap_or(Encoding::Base64)))?;
            if hash.len() <= digest.octets() {
                return Err("the hash has no salt, or is damaged");
            }
            Hashed::digest(digest, hash.expose()).map(Form::Hash)
        }
        Kind::Plain => Plain::parse(decode(text, encoding)?.expose()).map(Form::Plain),
        Kind::Crypt => parse_crypt(decode(text, encoding)?.expose()),
        Kind::Pbkdf2 => Hashed::pbkdf2(as_text(decode(text, encoding)?.expose())?).map(Form::Hash),
        Kind::Scram(hash) => parse_scram(hash, as_text(decode(text, encoding)?.expose())?),
    }
}

/// Parses what begins with `$`.
pub(in crate::users) fn parse_crypt(text: &[u8]) -> Result<Form, &'static str> {
    let text = as_text(text)?;
    if !text.starts_with('$') {
        return Err("hashes of DES-crypt, and what does not begin with $, are not supported");
    }
    Hashed::parse(text).map(Form::Hash)
}

/// Parses SCRAM keys as Dovecot keeps them.
fn parse_scram(hash: Hash, text: &str) -> Result<Form, &'static str> {
    let fields: Vec<_> = text.split(',').collect();
    let &[iterations, salt, stored, server] = &fields[..] else {
        return Err("the SCRAM keys are damaged: they have the form iterations,salt,key,key");
    };
    let keys = format!("{}${iterations}:{salt}${stored}:{server}", hash.name());
    parse_keys(Secret::new(keys).expose()).map(Form::Keys)
}

fn as_text(octets: &[u8]) -> Result<&str, &'static str> {
    str::from_utf8(octets).map(str::trim).map_err(|_| "the hash is damaged")
}

/// The octets that a text stands for.
fn decode(text: &[u8], encoding: Option<Encoding>) -> Result<Secret<Vec<u8>>, &'static str> {
    let decoded = match encoding {
        None => return Ok(Secret::new(text.to_vec())),
        Some(Encoding::Hex) => encoding::hex(text.trim_ascii()),
        Some(Encoding::Base64) => encoding::base64(text.trim_ascii()),
    };
    decoded.map(Secret::new).ok_or("the text after the scheme is not in its encoding")
}

/// A digest without salt, which may be in either encoding: its length tells them apart.
fn decode_digest(
    text: &[u8],
    encoding: Option<Encoding>,
    digest: Digest,
) -> Result<Secret<Vec<u8>>, &'static str> {
    let text = text.trim_ascii();
    let guess = if text.len() == 2 * digest.octets() { Encoding::Hex } else { Encoding::Base64 };
    let octets = decode(text, Some(encoding.unwrap_or(guess)))?;
    if octets.len() == digest.octets() { Ok(octets) } else { Err("the hash is damaged") }
}
