//! Surrogate headers.

use base64ct::{Base64, Encoding as _};
use pop3_surrogate::{HeaderScan, surrogate};
use pop3_tests::split::{OCTETS, pieces};

/// The first octet is the length of the pieces. The rest is a message.
///
/// The header ends where a reader of whole lines finds its end, at every split. Its surrogate is ASCII, ends at the
/// same place, has as many fields, stays as it is the second time, and is not much longer. The text of a field can be
/// read back from it.
///
/// # Panics
/// If that does not hold.
pub fn surrogates(octets: &[u8]) {
    let Some((&length, message)) = octets.split_first() else { return };
    let wanted = header(message);
    for lengths in [&[][..], OCTETS, &[usize::from(length), 1]] {
        let mut scan = HeaderScan::new();
        for piece in pieces(message, lengths) {
            scan.update(piece);
        }
        assert_eq!((scan.octets(), scan.is_complete(), scan.needs_utf8()), wanted);
    }
    let (length, is_complete, needs_utf8) = wanted;
    let header = &message[..length];
    let made = surrogate(header);
    assert!(made.is_ascii());
    assert_eq!(surrogate(&made), made);
    assert!(needs_utf8 || made == header);
    let mut scan = HeaderScan::new();
    scan.update(&made);
    assert_eq!((scan.octets(), scan.is_complete()), (made.len(), is_complete), "{}", made.escape_ascii());
    assert_eq!(fields(&made), fields(header), "{}", made.escape_ascii());
    // The worst is an address of four octets, in place of which a name and another address are written.
    assert!(made.len() <= 32 * header.len() + 64, "{} octets of {}", made.len(), header.len());
    text(message);
}

/// The octets of the header, whether it is complete, and whether it is not ASCII.
fn header(message: &[u8]) -> (usize, bool, bool) {
    let mut length = 0;
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        length += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return (length, true, !message[..length].is_ascii());
        }
    }
    (length, false, !message.is_ascii())
}

/// The lines that continue no other line.
fn fields(header: &[u8]) -> usize {
    let lines = header.split_inclusive(|&octet| octet == b'\n').enumerate();
    lines.filter(|(index, line)| *index == 0 || !matches!(line.first(), Some(b' ' | b'\t'))).count()
}

/// What stands in a field of text is the same text after decoding.
fn text(octets: &[u8]) {
    let mut line: Vec<u8> = octets.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    // What looks like an encoded word would be decoded as well.
    if line.windows(2).any(|pair| pair == b"=?") {
        return;
    }
    line.splice(0..0, *b"Subject: ");
    line.extend_from_slice(b"\r\n");
    let made = surrogate(&line);
    assert!(made.split_inclusive(|&octet| octet == b'\n').all(|line| line.ends_with(b"\r\n")));
    assert_eq!(decoded(&made).escape_ascii().to_string(), line.escape_ascii().to_string());
}

/// Unfolds a field, and decodes its encoded words (RFC 2047 section 6).
fn decoded(field: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(field.to_vec()).expect("ASCII");
    // Only what separates two encoded words is folded here, and it is no part of the text.
    let text = text.replace("?=\r\n =?", "?==?");
    let mut octets = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, word)) = rest.split_once("=?") {
        octets.extend_from_slice(before.as_bytes());
        let mut parts = word.splitn(3, '?');
        let (charset, encoding) = (parts.next().expect("a charset"), parts.next().expect("an encoding"));
        let (content, behind) =
            parts.next().and_then(|rest| rest.split_once("?=")).expect("the end of a word");
        assert!(matches!(charset, "UTF-8" | "unknown-8bit") && encoding == "B");
        assert!(charset.len() + content.len() + 7 <= 75, "{word}");
        let content = Base64::decode_vec(content).expect("base64");
        assert!(charset != "UTF-8" || core::str::from_utf8(&content).is_ok());
        octets.extend_from_slice(&content);
        rest = behind;
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}
