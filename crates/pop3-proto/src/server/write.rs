//! Writes replies.

use bytes::BytesMut;

use super::announcement::Announcement;
use super::language::Language;
use super::line::Line;
use super::listing::ListingEntry;
use crate::apop::Timestamp;
use crate::number::put_decimal;
use crate::reply::{MAX_REPLY, put_filled_reply, put_reply, put_text};
use crate::{Capability, MechanismName, MessageNumber, Octets, Rejection, Secret, Status, encode_base64};

/// Appends the first line of a reply.
pub(super) fn put_line(line: &Line, out: &mut BytesMut) {
    put_filled_reply(out, line.status, line.code, &line.text, line.numbers.as_slice(), line.utf8);
}

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
pub(super) fn entry(entry: ListingEntry<'_>, out: &mut BytesMut) {
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
pub(super) fn capabilities(announcement: &Announcement, out: &mut BytesMut) {
    for capability in announcement.capabilities() {
        match capability {
            Capability::Implementation(text) => operators("IMPLEMENTATION ", text, out),
            Capability::Other(text) => operators("", text, out),
            Capability::Sasl(names) => {
                out.extend_from_slice(b"SASL ");
                out.extend_from_slice(names);
                out.extend_from_slice(b"\r\n");
            }
            Capability::LoginDelay(delay) => {
                out.extend_from_slice(b"LOGIN-DELAY ");
                put_decimal(out, delay.delay.as_secs());
                per_user(delay.per_user, out);
            }
            Capability::Expire(expire) => {
                out.extend_from_slice(b"EXPIRE ");
                match expire.days {
                    Some(days) => put_decimal(out, days.into()),
                    None => out.extend_from_slice(b"NEVER"),
                }
                per_user(expire.per_user, out);
            }
            Capability::Utf8 { user } => {
                out.extend_from_slice(b"UTF8");
                per_user(user, out);
            }
            Capability::Top => out.extend_from_slice(b"TOP\r\n"),
            Capability::User => out.extend_from_slice(b"USER\r\n"),
            Capability::RespCodes => out.extend_from_slice(b"RESP-CODES\r\n"),
            Capability::Pipelining => out.extend_from_slice(b"PIPELINING\r\n"),
            Capability::Uidl => out.extend_from_slice(b"UIDL\r\n"),
            Capability::Stls => out.extend_from_slice(b"STLS\r\n"),
            Capability::AuthRespCode => out.extend_from_slice(b"AUTH-RESP-CODE\r\n"),
            Capability::Lang => out.extend_from_slice(b"LANG\r\n"),
        }
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

fn per_user(differs: bool, out: &mut BytesMut) {
    out.extend_from_slice(if differs { b" USER\r\n" } else { b"\r\n" });
}

/// Appends a line whose text the operator has set: printable ASCII within 512 octets, or nothing if no text remains.
fn operators(tag: &str, text: &[u8], out: &mut BytesMut) {
    let room = MAX_REPLY.saturating_sub(2).saturating_sub(tag.len());
    let text = text.trim_ascii_start().iter().copied();
    let mut text = text.filter(|octet| matches!(octet, b' '..=b'~')).take(room).peekable();
    if text.peek().is_some() {
        out.extend_from_slice(tag.as_bytes());
        out.extend(text);
        out.extend_from_slice(b"\r\n");
    }
}
