//! Parameters of MIME fields (RFC 2231).

use alloc::vec::Vec;

/// Appends the value of a field with parameters: those that are not ASCII in the form `name*=`.
pub(crate) fn encode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    loop {
        let end = end_of_part(rest);
        let (part, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        put_part(part, out);
        let Some(behind) = behind.strip_prefix(b";") else { return };
        out.push(b';');
        rest = behind;
    }
}

/// Where the next semicolon is that stands in no quoted string.
fn end_of_part(value: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let end = value.iter().position(|&octet| {
        let ends = octet == b';' && !quoted;
        quoted ^= octet == b'"' && !escaped;
        escaped = octet == b'\\' && quoted && !escaped;
        ends
    });
    end.unwrap_or(value.len())
}

fn put_part(part: &[u8], out: &mut Vec<u8>) {
    let equals = memchr::memchr(b'=', part).filter(|_| !part.is_ascii());
    let Some((name, value)) = equals.and_then(|equals| part.split_at_checked(equals)) else {
        return put_ascii(part, out);
    };
    put_ascii(name, out);
    if !name.ends_with(b"*") {
        out.push(b'*');
    }
    let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
    let text = match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    };
    let charset: &[u8] = if core::str::from_utf8(text).is_ok() { b"UTF-8" } else { b"unknown-8bit" };
    out.push(b'=');
    out.extend_from_slice(charset);
    out.extend_from_slice(b"''");
    let mut escaped = false;
    for &octet in text {
        escaped = octet == b'\\' && !escaped && value.len() > text.len();
        if escaped {
            continue;
        }
        if octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_') {
            out.push(octet);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |value: u8| HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0');
            out.extend([b'%', digit(octet >> 4), digit(octet)]);
        }
    }
}

/// Where only ASCII can stand at all.
fn put_ascii(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.iter().map(|&octet| if octet.is_ascii() { octet } else { b'?' }));
}
