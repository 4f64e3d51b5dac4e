//! Writes replies.

use bytes::BytesMut;

use super::language::Language;
use super::line::Line;
use super::listing::ListingEntry;
use crate::apop::Timestamp;
use crate::number::put_decimal;
use crate::reply::{MAX_REPLY, put_reply, put_text};
use crate::{Capabilities, MechanismName, MessageNumber, Octets, Rejection, Secret, Status, encode_base64};

/// Appends the greeting for a connection that is refused: a negative reply with the code and text of the rejection.
/// Send it and close the connection. The text can't be mistaken for a response code.
///
/// ```
/// use pop3_proto::{Rejection, server::turn_away};
/// let mut out = bytes::BytesMut::new();
/// turn_away(&Rejection::temporary("too many connections"), &mut out);
/// turn_away(&Rejection::plain("[IN-USE] x"), &mut out);
/// assert_eq!(out, "-ERR [SYS/TEMP] too many connections\r\n-ERR (IN-USE] x\r\n");
/// ```
pub fn turn_away(rejection: &Rejection, out: &mut BytesMut) {
    put_reply(out, Status::Negative, rejection.code(), rejection.text(), false);
}

/// Appends the greeting, with the timestamp of APOP at its end if there is one.
pub(super) fn greeting(text: &str, timestamp: Option<&Timestamp>, xclient: bool, out: &mut BytesMut) {
    let timestamp = timestamp.map_or("", Timestamp::as_str);
    // As Dovecot announces to its proxies that it will believe them.
    let status: &[u8] = if xclient { b"+OK [XCLIENT] " } else { b"+OK " };
    out.extend_from_slice(status);
    let room =
        MAX_REPLY.saturating_sub(" \r\n".len()).saturating_sub(status.len()).saturating_sub(timestamp.len());
    // Without APOP nothing in the greeting may look like a timestamp, and a bracket at its start would
    // be a response code (RFC 2449 section 6.4): at the start of what is left of it.
    let text = text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '<' | '>'));
    let text = text.skip_while(|c| matches!(c, '[' | ' '));
    out.extend(text.take(room).map(|c| c as u8));
    if !timestamp.is_empty() {
        out.extend_from_slice(b" ");
        out.extend_from_slice(timestamp.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// The reply to STAT. Nothing follows the two numbers (RFC 1939 section 5).
pub(super) fn drop_listing(messages: usize, octets: Octets, out: &mut BytesMut) {
    out.extend_from_slice(b"+OK ");
    put_decimal(out, messages as u64);
    out.extend_from_slice(b" ");
    put_decimal(out, octets);
    out.extend_from_slice(b"\r\n");
}

/// Appends the reply to LAST.
pub(super) fn last(highest: u32, out: &mut BytesMut) {
    out.extend_from_slice(b"+OK ");
    put_decimal(out, highest.into());
    out.extend_from_slice(b"\r\n");
}

/// A line of a listing. Nothing follows the size or the unique-id (RFC 1939 sections 5 and 7).
pub(super) fn entry(entry: ListingEntry, out: &mut BytesMut) {
    let number = |message: MessageNumber, out: &mut BytesMut| {
        put_decimal(out, message.number().into());
        out.extend_from_slice(b" ");
    };
    match entry {
        ListingEntry::Size(message, octets) => {
            number(message, out);
            put_decimal(out, octets);
        }
        ListingEntry::UniqueId(message, uid) => {
            number(message, out);
            out.extend_from_slice(uid.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The list of capabilities (RFC 2449 section 5).
pub(super) fn capabilities(capabilities: &Capabilities, out: &mut BytesMut) {
    for line in capabilities.lines() {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// Appends the mechanisms, one per line: the reply to AUTH without an argument.
pub(super) fn mechanisms(names: &[MechanismName], out: &mut BytesMut) {
    for name in names {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// A challenge: `+`, a space, base64 and nothing else (RFC 5034 section 4).
pub(super) fn challenge(challenge: &Secret, out: &mut BytesMut) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(encode_base64(challenge.expose()).expose());
    out.extend_from_slice(b"\r\n");
}

/// The positive reply to LANG: the exact tag, then a text (RFC 6856 section 3.2).
pub(super) fn language(language: &Language, line: &Line, out: &mut BytesMut) {
    let text = alloc::format!("{} {}", language.tag(), line.text);
    put_reply(out, line.status, line.code, &text, line.utf8);
}

/// The languages, one a line: a tag, and a description in UTF-8 (RFC 6856 section 3.2).
pub(super) fn languages(languages: &[Language], out: &mut BytesMut) {
    for language in languages {
        let tag = language.tag().trim_start_matches('.');
        put_text(out, tag, MAX_REPLY / 2, false);
        if !language.description().is_empty() {
            out.extend_from_slice(b" ");
            put_text(out, language.description(), MAX_REPLY / 2 - 3, true);
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}
