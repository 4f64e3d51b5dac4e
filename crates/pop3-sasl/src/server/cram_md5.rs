//! The server's side of CRAM-MD5 (RFC 2195).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::setup::ServerSetup;
use crate::saslprep::StringKind;
use crate::{Secret, cram_md5, text};

/// A client's response to a CRAM-MD5 challenge, to be compared with the user's password.
#[derive(Clone, Debug)]
pub struct CramMd5 {
    name: String,
    challenge: String,
    digest: Secret,
}

impl CramMd5 {
    /// Returns the user name, prepared by SASLprep.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the challenge, including the angle brackets.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Returns whether the response was made with this password.
    ///
    /// Both forms of the password are accepted: unchanged, as in RFC 2195 and most clients, and prepared by SASLprep,
    /// as in later drafts. The time does not reveal where a response is wrong. Without the feature `md5`, this always
    /// returns false.
    #[must_use]
    pub fn prove(&self, password: &[u8]) -> bool {
        let made = |key: &[u8]| {
            let digest = cram_md5::digest(key, self.challenge.as_bytes());
            digest.is_some_and(|digest| digest.same_octets(self.digest.expose()))
        };
        let prepared =
            core::str::from_utf8(password).ok().and_then(|text| text::prepared(text, StringKind::Stored));
        made(password) | prepared.is_some_and(|prepared| made(prepared.expose()))
    }

    /// Parses a response: the name, a space, and 32 lower-case hexadecimal digits. The name may contain spaces.
    /// Returns `None` if the format is wrong or the name cannot be prepared by SASLprep.
    #[must_use]
    pub fn parse(response: &[u8], challenge: &str) -> Option<Self> {
        let space = response.iter().rposition(|&octet| octet == b' ')?;
        let (name, digest) = response.split_at_checked(space)?;
        let digest = digest.strip_prefix(b" ")?;
        let digest: Option<Vec<u8>> = digest.as_chunks().0.iter().map(octet).collect();
        let whole = response.len().checked_sub(space) == Some(33);
        let digest = Secret::new(digest?);
        let name = text::name(name)?;
        whole.then(|| Self { name, challenge: challenge.into(), digest })
    }
}

/// A challenge that no other exchange has, in the form of a message-id.
pub(super) fn challenge(setup: &ServerSetup) -> String {
    let host = setup.hosts.first().map_or("", String::as_str);
    let host = host.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let host: String =
        host.chars().take(200).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '.' }).collect();
    format!("<{}@{}>", setup.nonce.as_str(), if host.is_empty() { "localhost" } else { &host })
}

/// Two hexadecimal digits, in lower case as RFC 2195 section 2 wants them.
fn octet(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| {
        let lower = !digit.is_ascii_uppercase();
        char::from(digit).to_digit(16).filter(|_| lower)
    });
    let (high, low) = (u8::try_from(high?).ok()?, u8::try_from(low?).ok()?);
    Some(high << 4 | low)
}
