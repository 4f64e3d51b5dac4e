//! Lists of addresses (RFC 5322 section 3.4, RFC 6532).

use alloc::vec::Vec;

use crate::words;

/// What stands for an address that can't be written in ASCII. Nobody can be reached under it
/// (RFC 2606 section 2).
const SUBSTITUTE: &[u8] = b"<internationalized-address@invalid>";

/// A piece of the field's value.
enum Piece<'a> {
    /// Words and quoted strings, spaces between and around them included.
    Phrase(&'a [u8]),
    /// An address between angle brackets, these included.
    Angle(&'a [u8]),
    /// A comment, its parentheses included.
    Comment(&'a [u8]),
    /// `,`, `;` or `:`.
    Separator(u8),
}

/// Appends the value of a field with addresses.
///
/// Names become encoded words. An address that is not ASCII becomes a part of the name, and a
/// [`SUBSTITUTE`] takes its place.
pub(crate) fn encode(value: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while !rest.is_empty() {
        let (piece, behind) = next(rest);
        match piece {
            Piece::Phrase(phrase) if phrase.is_ascii() => out.extend_from_slice(phrase),
            Piece::Phrase(phrase) => {
                let bare = phrase.contains(&b'@') && !matches!(behind.first(), Some(b'<'));
                put_spaced(phrase, out, |text, out| {
                    words::encode(&unquoted(text), line_end, out);
                    if bare {
                        out.push(b' ');
                        out.extend_from_slice(SUBSTITUTE);
                    }
                });
            }
            Piece::Angle(address) if address.is_ascii() => out.extend_from_slice(address),
            Piece::Angle(address) => {
                let inner = address.strip_prefix(b"<").unwrap_or(address);
                words::encode(inner.strip_suffix(b">").unwrap_or(inner), line_end, out);
                out.push(b' ');
                out.extend_from_slice(SUBSTITUTE);
            }
            Piece::Comment(comment) if comment.is_ascii() => out.extend_from_slice(comment),
            Piece::Comment(comment) => {
                let inner = comment.strip_prefix(b"(").unwrap_or(comment);
                out.push(b'(');
                words::encode(inner.strip_suffix(b")").unwrap_or(inner), line_end, out);
                out.push(b')');
            }
            Piece::Separator(octet) => out.push(octet),
        }
        rest = behind;
    }
}

/// The piece at the front, and what is behind it.
fn next(value: &[u8]) -> (Piece<'_>, &[u8]) {
    let cut = |end: usize| value.split_at_checked(end).unwrap_or((value, &[]));
    match value.first() {
        Some(&octet @ (b',' | b';' | b':')) => (Piece::Separator(octet), cut(1).1),
        Some(b'<') => {
            let (angle, behind) = cut(end_of(value, b'<', b'>'));
            (Piece::Angle(angle), behind)
        }
        Some(b'(') => {
            let (comment, behind) = cut(end_of(value, b'(', b')'));
            (Piece::Comment(comment), behind)
        }
        _ => {
            let (mut quoted, mut escaped) = (false, false);
            let end = value.iter().position(|&octet| {
                let ends = !quoted && matches!(octet, b',' | b';' | b':' | b'<' | b'(');
                quoted ^= octet == b'"' && !escaped;
                escaped = octet == b'\\' && quoted && !escaped;
                ends
            });
            let (phrase, behind) = cut(end.unwrap_or(value.len()));
            (Piece::Phrase(phrase), behind)
        }
    }
}

/// Behind the bracket that closes the first one; the end where there is none.
fn end_of(value: &[u8], open: u8, close: u8) -> usize {
    let (mut depth, mut escaped) = (0_usize, false);
    let end = value.iter().position(|&octet| {
        if escaped {
            escaped = false;
        } else if octet == open {
            depth = depth.saturating_add(1);
        } else if octet == close {
            depth = depth.saturating_sub(1);
        } else {
            escaped = octet == b'\\';
        }
        depth == 0
    });
    end.map_or(value.len(), |end| end.saturating_add(1))
}

/// Keeps the spaces on both sides of the text.
fn put_spaced(text: &[u8], out: &mut Vec<u8>, put: impl FnOnce(&[u8], &mut Vec<u8>)) {
    let inner = text.trim_ascii();
    let before = text.len().saturating_sub(text.trim_ascii_start().len());
    let behind = text.len().saturating_sub(before).saturating_sub(inner.len());
    out.extend_from_slice(text.get(..before).unwrap_or_default());
    put(inner, out);
    out.extend_from_slice(text.get(text.len().saturating_sub(behind)..).unwrap_or_default());
}

/// The text without the quotes and backslashes of quoted strings.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let mut plain = Vec::with_capacity(text.len());
    for &octet in text {
        if escaped {
            escaped = false;
            plain.push(octet);
        } else if octet == b'"' {
            quoted = !quoted;
        } else if quoted && octet == b'\\' {
            escaped = true;
        } else {
            plain.push(octet);
        }
    }
    plain
}
