//! Encoded words (RFC 2047).

use alloc::vec::Vec;

use base64ct::Encoding as _;

/// Octets of text in an encoded word of UTF-8, so that the word has 75 octets at most.
const UTF8_OCTETS: usize = 45;

/// The same with the longer name of the charset for what is no UTF-8 (RFC 1428).
const UNKNOWN_OCTETS: usize = 42;

/// Appends a text as encoded words, on lines of their own from the second on.
pub(crate) fn encode(text: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    let (charset, most) = match core::str::from_utf8(text) {
        Ok(_) => ("UTF-8", UTF8_OCTETS),
        Err(_) => ("unknown-8bit", UNKNOWN_OCTETS),
    };
    let mut rest = text;
    while !rest.is_empty() {
        if rest.len() < text.len() {
            out.extend_from_slice(line_end);
            out.push(b' ');
        }
        let (word, behind) = rest.split_at_checked(end_of_word(rest, most)).unwrap_or((rest, &[]));
        out.extend_from_slice(b"=?");
        out.extend_from_slice(charset.as_bytes());
        out.extend_from_slice(b"?B?");
        out.extend_from_slice(base64ct::Base64::encode_string(word).as_bytes());
        out.extend_from_slice(b"?=");
        rest = behind;
    }
}

/// Where to cut: not within a character, if it is UTF-8.
fn end_of_word(text: &[u8], most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let continues = |&&octet: &&u8| octet & 0xc0 == 0x80;
    let behind = text.iter().take(most.saturating_add(1)).rev().take_while(continues).count();
    // Of a character at most three octets continue it; more are no UTF-8.
    if behind <= 3 { most.saturating_sub(behind) } else { most }
}
