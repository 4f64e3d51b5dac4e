//! Fingerprints of certificates.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFingerprint(());

impl Fingerprint {
    /// Computes the fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Creates a fingerprint from its octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Returns the octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// 64 hexadecimal digits, with colons between the octets or without, behind `sha256:` or alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = match text.get(..7) {
            Some(name) if name.eq_ignore_ascii_case("sha256:") => text.get(7..).unwrap_or_default(),
            _ => text,
        };
        let digits = if bare.contains(':') {
            if !bare.split(':').all(|part| part.len() == 2) {
                return Err(NoFingerprint(()));
            }
            bare.replace(':', "")
        } else {
            bare.to_owned()
        };
        let digits: Vec<u32> = digits
            .chars()
            .map(|digit| digit.to_digit(16).ok_or(NoFingerprint(())))
            .collect::<Result<_, _>>()?;
        if digits.len() != 64 {
            return Err(NoFingerprint(()));
        }
        let mut octets = [0; 32];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
            *octet =
                pair.iter().fold(0, |octet, &digit| octet << 4 | u8::try_from(digit).unwrap_or_default());
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for NoFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected sha256: and 64 hexadecimal digits, with or without colons, as printed by openssl \
             x509 -fingerprint -sha256",
        )
    }
}

impl core::error::Error for NoFingerprint {}

impl fmt::Display for Fingerprint {
    /// `sha256:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_as_they_are_written() {
        let fingerprint = Fingerprint::of(&[1, 2, 3]);
        let text = fingerprint.to_string();
        let digits = text.strip_prefix("sha256:").unwrap();
        let pairs: Vec<&str> = (0..32).map(|at| &digits[2 * at..2 * at + 2]).collect();
        let colons = pairs.join(":").to_uppercase();
        for good in [&text, digits, &colons, &format!("SHA256:{colons}")] {
            assert_eq!(good.parse(), Ok(fingerprint), "{good}");
        }
        for bad in [
            "",
            "sha256:",
            &digits[1..],
            &format!("{digits}0"),
            &format!("sha1:{digits}"),
            &format!(":{digits}"),
            &format!("{}:{}", &digits[..3], &digits[3..]),
            &digits.replace(&digits[..1], "g"),
            &format!("{colons}:"),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
