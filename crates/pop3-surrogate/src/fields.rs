//! The fields of a header.

use alloc::vec::Vec;

use crate::{addresses, parameters, words};

/// The fields whose values are addresses.
const ADDRESSES: [&str; 13] = [
    "FROM",
    "SENDER",
    "REPLY-TO",
    "TO",
    "CC",
    "BCC",
    "RESENT-FROM",
    "RESENT-SENDER",
    "RESENT-TO",
    "RESENT-CC",
    "RESENT-BCC",
    "RETURN-PATH",
    "DELIVERED-TO",
];

/// The fields with parameters.
const PARAMETERS: [&str; 2] = ["CONTENT-TYPE", "CONTENT-DISPOSITION"];

/// Returns an ASCII header with the same meaning.
///
/// Fields in ASCII stay unchanged. In other fields, names and texts become encoded words (RFC 2047), and MIME
/// parameters use the form of RFC 2231. An address outside ASCII becomes a text in front of
/// `<internationalized-address@invalid>`. Octets that are not UTF-8 are marked as `unknown-8bit`. Line ends stay LF
/// or CRLF. A blank line at the end stays, too.
#[must_use]
pub fn surrogate(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len().saturating_mul(2));
    let mut rest = header;
    while !rest.is_empty() {
        let (field, behind) = rest.split_at_checked(end_of_field(rest)).unwrap_or((rest, &[]));
        if field.is_ascii() {
            out.extend_from_slice(field)
        } else {
            encode(field, &mut out)
        }
        rest = behind;
    }
    out
}

/// Behind the field at the front: its line, and the lines that begin with a space or a tab.
fn end_of_field(header: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', header)
        .map(|end| end.saturating_add(1))
        .find(|&end| !matches!(header.get(end), Some(b' ' | b'\t')))
        .unwrap_or(header.len())
}

fn encode(field: &[u8], out: &mut Vec<u8>) {
    let (text, line_end): (_, &[u8]) = match field {
        [text @ .., b'\r', b'\n'] => (text, b"\r\n"),
        [text @ .., b'\n'] => (text, b"\n"),
        text => (text, b""),
    };
    let fold: &[u8] = if line_end.is_empty() { b"\n" } else { line_end };
    let text = unfolded(text);
    let colon = memchr::memchr(b':', &text).and_then(|colon| text.split_at_checked(colon));
    let name = colon.filter(|(name, _)| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
    if let Some((name, value)) = name {
        let value = value.strip_prefix(b":").unwrap_or(value);
        out.extend_from_slice(name);
        out.push(b':');
        let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
        if ADDRESSES.iter().any(&is) {
            addresses::encode(value, fold, out);
        } else if PARAMETERS.iter().any(is) {
            parameters::encode(value, out);
        } else {
            put_text(value, fold, out);
        }
    } else {
        // No field at all. It must not become one, nor end the header.
        out.extend_from_slice(b"X-Unreadable: ");
        words::encode(&text, fold, out);
    }
    out.extend_from_slice(line_end);
}

/// The text in one line.
fn unfolded(text: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len());
    for (index, part) in text.split(|&octet| octet == b'\n').enumerate() {
        if index > 0 && line.last() == Some(&b'\r') {
            line.pop();
        }
        line.extend_from_slice(part);
    }
    line
}

/// Appends a text: from the first word that is not ASCII to the last, as encoded words.
fn put_text(text: &[u8], fold: &[u8], out: &mut Vec<u8>) {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let first = text.iter().position(|octet| !octet.is_ascii()).unwrap_or(text.len());
    let last = text.iter().rposition(|octet| !octet.is_ascii()).unwrap_or_default();
    let before = text.get(..first).unwrap_or_default();
    let begin = before.iter().rposition(is_space).map_or(0, |space| space.saturating_add(1));
    let behind = text.get(last..).unwrap_or_default();
    let end = behind.iter().position(is_space).map_or(text.len(), |space| last.saturating_add(space));
    out.extend_from_slice(text.get(..begin).unwrap_or_default());
    if begin == 0 {
        // An encoded word stands alone (RFC 2047 section 5).
        out.push(b' ');
    }
    words::encode(text.get(begin..end).unwrap_or_default(), fold, out);
    out.extend_from_slice(text.get(end..).unwrap_or_default());
}
