//! Writing the first line of a reply.

use bytes::BytesMut;

use super::{Reply, ResponseCode, Status};
use crate::number::put_decimal;

/// See [`Reply::MAX_OCTETS`].
pub(crate) const MAX_REPLY: usize = Reply::MAX_OCTETS;

/// The most digits of a number.
const MAX_DIGITS: usize = 20;

/// Appends the first line of a reply. Octets that are not printable ASCII (with `utf8`: control characters) become
/// `?`, and the line is cut to 512 octets. A text therefore can't end the line, forge another one, or forge a
/// response code.
pub(crate) fn put_reply(
    out: &mut BytesMut,
    status: Status,
    code: Option<ResponseCode<'_>>,
    text: &str,
    utf8: bool,
) {
    put_filled_reply(out, status, code, text, &[], utf8);
}

/// Like [`put_reply`], with numbers in place of `{}` in the text. Allocates nothing except space in `out`, because
/// every RETR uses it.
pub(crate) fn put_filled_reply(
    out: &mut BytesMut,
    status: Status,
    code: Option<ResponseCode<'_>>,
    text: &str,
    numbers: &[u64],
    utf8: bool,
) {
    let end = out.len().saturating_add(MAX_REPLY.saturating_sub(2));
    out.extend_from_slice(match status {
        Status::Positive => b"+OK ",
        Status::Negative => b"-ERR ",
    });
    if let Some(code) = code {
        out.extend_from_slice(b"[");
        out.extend_from_slice(code.as_bytes());
        out.extend_from_slice(b"] ");
    }
    // A bracket at the start of a text is for response codes alone (RFC 2449 section 6.4), and some
    // clients look for it behind spaces.
    let text = text.trim_start_matches(' ');
    let rest = match text.strip_prefix('[') {
        Some(rest) if code.is_none() => {
            out.extend_from_slice(b"(");
            rest
        }
        _ => text,
    };
    let mut parts = rest.splitn(numbers.len().saturating_add(1), "{}");
    put_text(out, parts.next().unwrap_or_default(), end.saturating_sub(out.len()), utf8);
    for (part, number) in parts.zip(numbers) {
        if end.saturating_sub(out.len()) < MAX_DIGITS {
            break;
        }
        put_decimal(out, *number);
        put_text(out, part, end.saturating_sub(out.len()), utf8);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a text, cut to this many octets, see [`put_reply`].
pub(crate) fn put_text(out: &mut BytesMut, text: &str, mut room: usize, utf8: bool) {
    if text.len() <= room && text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return out.extend_from_slice(text.as_bytes());
    }
    for c in text.chars() {
        let shown =
            if matches!(c, ' '..='~') || (utf8 && !c.is_control() && !c.is_ascii()) { c } else { '?' };
        let Some(left) = room.checked_sub(shown.len_utf8()) else { break };
        room = left;
        out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_replies_are_one_line_of_at_most_512_octets() {
        let mut out = BytesMut::new();
        put_reply(&mut out, Status::Negative, Some(ResponseCode::SysTemp), &"\r\n\u{1b}x".repeat(300), false);
        assert_eq!(out.len(), MAX_REPLY);
        assert!(out.starts_with(b"-ERR [SYS/TEMP] ???x"));
        assert!(out[..510].iter().all(|octet| (b' '..=b'~').contains(octet)) && out.ends_with(b"\r\n"));
    }

    #[test]
    fn numbers_stand_in_their_places_and_do_not_lengthen_the_line() {
        let put = |text: &str, numbers: &[u64]| {
            let mut out = BytesMut::new();
            put_filled_reply(&mut out, Status::Positive, None, text, numbers, true);
            out
        };
        assert_eq!(put("{} messages ({} octets)", &[2, 320]), "+OK 2 messages (320 octets)\r\n");
        assert_eq!(put("{} Stück", &[u64::MAX]), "+OK 18446744073709551615 Stück\r\n");
        assert_eq!(put("[{}] {}", &[7]), "+OK (7] {}\r\n");
        assert_eq!(put("  [AUTH] x", &[]), "+OK (AUTH] x\r\n");
        assert_eq!(put("a {} b", &[]), "+OK a {} b\r\n");
        for length in 480..520 {
            let line = put(&alloc::format!("{}{{}} octets", "x".repeat(length)), &[u64::MAX]);
            assert!(line.len() <= MAX_REPLY && line.ends_with(b"\r\n"), "{length}: {}", line.len());
        }
    }
}
