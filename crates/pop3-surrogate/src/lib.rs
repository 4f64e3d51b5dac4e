//! Converts messages with a UTF-8 header for clients that have not asked for UTF8: the same message with a header in
//! ASCII (RFC 6856 section 2.1, RFC 6855 section 7).
//!
//! Use this crate in a mail store of your own. `pop3-maildir` already uses it.
//!
//! A message needs UTF8 if its header contains an octet outside ASCII (RFC 6532). The body does not matter: every
//! server sends bodies unchanged, with or without UTF8. For a client without UTF8, a store can send such a message
//! unchanged, refuse it with `-ERR [UTF8]`, or send a surrogate. To send a surrogate, the store must know its size
//! in advance, because LIST reports it. [`HeaderScan`] finds the header while the octets are counted. [`surrogate`]
//! makes the new header from the old one.
//!
//! ```
//! use pop3_surrogate::{HeaderScan, surrogate};
//! let message = "Subject: Gr\u{fc}\u{df}e\n\nK\u{f6}rper\n";
//! let mut scan = HeaderScan::new();
//! scan.update(message.as_bytes());
//! assert!(scan.is_complete() && scan.needs_utf8());
//! let (header, _body) = message.as_bytes().split_at(scan.octets());
//! assert_eq!(surrogate(header), b"Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n\n");
//! ```
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

extern crate alloc;

mod addresses;
mod fields;
mod parameters;
mod words;

pub use fields::surrogate;

/// Finds the end of a header in octets that arrive in pieces, in stored form. Lines may end with LF or CRLF. See the
/// [crate] for an example.
#[derive(Clone, Copy, Debug)]
pub struct HeaderScan {
    octets: usize,
    eight_bit: bool,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a line.
    Start,
    /// Behind a CR at the start of a line.
    Return,
    /// Within a line.
    Within,
    /// Behind the blank line.
    Behind,
}

impl HeaderScan {
    /// Creates a scan at the start of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: 0, eight_bit: false, place: Place::Start }
    }

    /// Processes the next octets. Ignores octets after the header.
    pub fn update(&mut self, mut chunk: &[u8]) {
        while self.place != Place::Behind && !chunk.is_empty() {
            let line = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |end| end.saturating_add(1));
            let (line, rest) = chunk.split_at_checked(line).unwrap_or((chunk, &[]));
            self.octets = self.octets.saturating_add(line.len());
            self.eight_bit |= !line.is_ascii();
            self.place = match (self.place, line) {
                (Place::Start | Place::Return, b"\n") | (Place::Start, b"\r\n") => Place::Behind,
                (Place::Start, b"\r") => Place::Return,
                (_, [.., b'\n']) => Place::Start,
                _ => Place::Within,
            };
            chunk = rest;
        }
    }

    /// Returns whether the blank line after the header was found. In a message without a blank line, everything is
    /// header.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.place == Place::Behind
    }

    /// Returns the number of octets of the header so far, including the blank line.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// Returns whether the header contains an octet outside ASCII.
    #[must_use]
    pub const fn needs_utf8(&self) -> bool {
        self.eight_bit
    }
}

impl Default for HeaderScan {
    fn default() -> Self {
        Self::new()
    }
}
