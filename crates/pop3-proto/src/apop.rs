//! APOP: the timestamp of a greeting and the digest computed from it (RFC 1939 section 7).
//!
//! MD5 is weak (RFC 6151). Anyone who can read the connection can try passwords offline. A malicious server that
//! chooses the timestamps can learn some octets of the password (CVE-2007-1558). Neither role therefore uses APOP
//! unless it is told to, and a timestamp is only accepted if it is a message-id in plain ASCII.
//!
//! Digests are only computed with the feature `md5`. Without it, APOP commands and timestamps are still read and
//! written, but a server refuses APOP, and no digest is accepted.

mod compute;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::fmt::Write as _;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::{Secret, hex};

/// Whether digests can be computed, which needs the feature `md5`. Without it, a server refuses APOP even if it is
/// given a timestamp.
pub const AVAILABLE: bool = cfg!(feature = "md5");

/// The timestamp of a greeting, including the angle brackets: `<` local `@` domain `>`.
///
/// A value of this type is always valid. Both sides of the single `@` consist of octets 0x21 to 0x7E without `<`, `>`
/// and `@`, and the whole has at most [`MAX_LEN`](Self::MAX_LEN) octets.
///
/// A server creates one for each connection with [`from_random`](Self::from_random). A client reads the server's with
/// [`find`](Self::find).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp(Box<str>);

impl Timestamp {
    /// The maximum length of a timestamp in octets. It fits in a greeting of 512 octets (RFC 2449 section 4), even
    /// after the code with which a server announces XCLIENT.
    pub const MAX_LEN: usize = 495;

    /// Creates the timestamp of a server's greeting from 16 random octets and the host name.
    ///
    /// The octets must come from a cryptographic random number generator and be new for each connection. The security
    /// of the digest depends on them. The result contains only letters, digits and dots around the single `@`,
    /// because some clients refuse anything else. Other characters of the host name become dots, and an empty name
    /// becomes `localhost`.
    ///
    /// ```
    /// use pop3_proto::apop::Timestamp;
    /// let timestamp = Timestamp::from_random([0xab; 16], "mail.example.org");
    /// assert_eq!(timestamp.as_str(), "<abababababababab.abababababababab@mail.example.org>");
    /// ```
    #[must_use]
    pub fn from_random(random: [u8; 16], host: &str) -> Self {
        let random = u128::from_be_bytes(random);
        let mut timestamp = String::new();
        // Writing to a String can't fail.
        let _ = write!(timestamp, "<{:016x}.{:016x}@", random >> 64, random & u128::from(u64::MAX));
        let host = host.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let host = if host.is_empty() { "localhost" } else { host };
        timestamp.extend(host.chars().take(200).map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }));
        timestamp.push('>');
        Self(timestamp.into())
    }

    /// Returns the first timestamp in the text of a greeting, at any position.
    ///
    /// ```
    /// use pop3_proto::apop::Timestamp;
    /// assert!(Timestamp::find(b"ready <1896.697170952@dbc.mtview.ca.us> go").is_some());
    /// assert!(Timestamp::find(b"ready <@dbc.mtview.ca.us>").is_none());
    /// assert!(Timestamp::find(b"ready <\xfe\x01@dbc.mtview.ca.us>").is_none());
    /// ```
    #[must_use]
    pub fn find(text: &[u8]) -> Option<Self> {
        memchr::memchr_iter(b'<', text).find_map(|start| {
            let rest = text.get(start..)?;
            let end = memchr::memchr(b'>', rest)?;
            Self::parse(rest.get(..=end)?)
        })
    }

    /// Reads a timestamp, including the angle brackets. Returns `None` if it is not valid.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let inner = octets.strip_prefix(b"<")?.strip_suffix(b">")?;
        let at = memchr::memchr(b'@', inner)?;
        let (local, domain) = (inner.get(..at)?, inner.get(at.checked_add(1)?..)?);
        let plain = |side: &[u8]| !side.is_empty() && side.iter().all(|&octet| is_plain(octet));
        if octets.len() > Self::MAX_LEN || !plain(local) || !plain(domain) {
            return None;
        }
        core::str::from_utf8(octets).ok().map(|text| Self(text.into()))
    }

    /// Returns the text, including the angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn is_plain(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>' | b'@')
}

/// A client's proof in APOP: the timestamp that the server sent, and the digest that the client sent.
///
/// ```
/// use pop3_proto::apop::{ApopProof, Digest, Timestamp};
/// let timestamp = Timestamp::parse(b"<1896.697170952@dbc.mtview.ca.us>").unwrap();
/// let digest = Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
/// let answer = ApopProof::new(timestamp, digest);
/// # #[cfg(feature = "md5")]
/// assert!(answer.is_made_with(b"tanstaaf"));
/// assert!(!answer.is_made_with(b"tanstaaF"));
/// ```
#[derive(Clone, Debug)]
pub struct ApopProof {
    timestamp: Timestamp,
    digest: Secret<Digest>,
}

impl ApopProof {
    /// Creates a proof from the timestamp of the greeting and the digest that was received.
    #[must_use]
    pub const fn new(timestamp: Timestamp, digest: Digest) -> Self {
        Self { timestamp, digest: Secret::new(digest) }
    }

    /// Returns the timestamp of the greeting.
    #[must_use]
    pub const fn timestamp(&self) -> &Timestamp {
        &self.timestamp
    }

    /// Returns whether the digest was made with this secret. The comparison takes constant time. Without the feature
    /// `md5`, this is always `false`.
    #[must_use]
    pub fn is_made_with(&self, secret: &[u8]) -> bool {
        compute::verify(self.digest.expose(), &self.timestamp, secret)
    }
}

/// The MD5 digest in APOP. Two digests are compared in constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Reads 32 hexadecimal digits. RFC 1939 requires lower case, but upper case is accepted as well.
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let pairs: &[[u8; 2]; 16] = pairs.try_into().ok()?;
        let mut digest = [0; 16];
        for (octet, &pair) in digest.iter_mut().zip(pairs) {
            *octet = hex::octet(pair)?;
        }
        Some(Self(digest))
    }

    /// Returns the 32 hexadecimal digits in lower case, as they are sent.
    pub(crate) fn to_hex(self) -> [u8; 32] {
        let mut digits = [0; 32];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, octet) in pairs.iter_mut().zip(self.0) {
            *pair = hex::digits(octet);
        }
        digits
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Zeroize for Digest {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_strict_message_ids() {
        let find = |text| Timestamp::find(text).map(|found| found.as_str().as_bytes().to_vec());
        assert_eq!(find(b"hi <1.2@h> ready"), Some(b"<1.2@h>".to_vec()));
        assert_eq!(find(b"<ESMTP> <1.2@h>"), Some(b"<1.2@h>".to_vec()));
        assert_eq!(find(b"<<1.2@h>"), Some(b"<1.2@h>".to_vec()));
        for bad in [
            &b"<a>"[..],
            b"<a@>",
            b"<@h>",
            b"<a b@c>",
            b">x@y<",
            b"<a@b@c>",
            b"<a\x7f@b>",
            b"<\xfe\x01@x>",
            b"<a@b",
            b"",
        ] {
            assert_eq!(find(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn timestamps_made_here_are_letters_digits_and_dots() {
        for host in ["mail.example.org", "", "my_host-1.example", "☃", "..a.."] {
            let timestamp = Timestamp::from_random(*b"0123456789abcdef", host);
            assert_eq!(Timestamp::parse(timestamp.as_str().as_bytes()).as_ref(), Some(&timestamp));
            let inner = &timestamp.as_str()[1..timestamp.as_str().len() - 1];
            assert!(inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '@'), "{timestamp}");
        }
    }

    #[test]
    fn the_longest_timestamp_fits_in_any_greeting() {
        let of = |length: usize| {
            let text = alloc::format!("<{}@b>", "a".repeat(length.checked_sub(4).unwrap()));
            Timestamp::parse(text.as_bytes())
        };
        assert_eq!(of(Timestamp::MAX_LEN).unwrap().as_str().len(), Timestamp::MAX_LEN);
        assert_eq!(of(Timestamp::MAX_LEN + 1), None);
    }

    #[test]
    fn digests_are_read_in_either_case_and_shown_in_neither() {
        let lower = Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
        assert_eq!(Digest::parse(b"C4C9334BAC560ECC979E58001B3E22FB"), Some(lower));
        assert_eq!(Digest::parse(b"c4c9334bac560ecc979e58001b3e22f"), None);
        assert_eq!(alloc::format!("{lower:?}"), "Digest(***)");
    }
}
