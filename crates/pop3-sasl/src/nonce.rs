//! What makes an exchange unlike all others.

use alloc::borrow::ToOwned;
use alloc::string::String;

use base64ct::{Base64, Encoding};

/// Random text for one exchange. One side of SCRAM adds it to the nonce (RFC 5802 section 5.1). CRAM-MD5 uses it as
/// the local part of the challenge (RFC 2195 section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

/// The most octets of one side's nonce that we make or take.
pub(crate) const MAX_NONCE: usize = 256;

impl Nonce {
    /// Creates a nonce from 18 octets of a cryptographic random source. Use new octets for each exchange. The text
    /// has 24 characters.
    #[must_use]
    pub fn from_random(octets: [u8; 18]) -> Self {
        Self(Base64::encode_string(&octets))
    }

    /// Creates a nonce from your own text: 1 to 256 printable ASCII characters without commas and angle brackets.
    /// Returns `None` for any other text.
    ///
    /// ```
    /// use pop3_sasl::Nonce;
    /// assert!(Nonce::from_text("3rfcNHYJY1ZVvWVs7j").is_some());
    /// assert!(Nonce::from_text("a,b").is_none());
    /// ```
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let plain = is_nonce(text) && text.len() <= MAX_NONCE && !text.contains(['<', '>']);
        plain.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this is the rule `printable` of RFC 5802 section 7, with at least one character.
pub(crate) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}
