//! The octets of replies that are more than a line.

use bytes::BytesMut;

use super::session::{Session, State};
use super::texts;
use super::vocabulary::{Column, Line};
use crate::number::put_decimal;
use crate::reply::{MAX_REPLY, put_filled_reply, put_reply, put_text};
use crate::{MessageNumber, Rejection, Secret, Status, encode_base64};

/// The first line of a reply. Its text is in the language of the session already.
pub(super) fn put_line(session: &Session, line: &Line, out: &mut BytesMut) {
    put_reply(out, line.status, line.code, &line.text, session.language.is_some());
}

/// A positive line with one of the texts that are known, and its numbers.
pub(super) fn positive(session: &Session, text: &'static str, numbers: &[u64], out: &mut BytesMut) {
    let text = session.translate(text);
    put_filled_reply(out, Status::Positive, None, text, numbers, session.language.is_some());
}

/// Appends the greeting of a connection that is not taken: a negative line with the rejection's code and
/// text. Send it, and close. It is written as all replies are, so that a text can't pass for a code.
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

/// The greeting, with the timestamp of APOP at its end if there is one.
pub(super) fn greeting(session: &Session, out: &mut BytesMut) {
    let timestamp = session.timestamp.as_deref().unwrap_or_default();
    // Dovecot tells its proxies so that it will believe them.
    let status: &[u8] = if session.trusted_proxy { b"+OK [XCLIENT] " } else { b"+OK " };
    out.extend_from_slice(status);
    let room =
        MAX_REPLY.saturating_sub(" \r\n".len()).saturating_sub(status.len()).saturating_sub(timestamp.len());
    // Without APOP nothing in the greeting may look like a timestamp, and a bracket at its start would
    // be a response code (RFC 2449 section 6.4): at the start of what is left of it.
    let text = session.config.greeting.chars();
    let text = text.filter(|c| matches!(c, ' '..='~') && !matches!(c, '<' | '>'));
    let text = text.skip_while(|c| matches!(c, '[' | ' '));
    out.extend(text.take(room).map(|c| c as u8));
    if !timestamp.is_empty() {
        out.extend_from_slice(b" ");
        out.extend_from_slice(timestamp.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// The reply to STAT. Nothing follows the two numbers (RFC 1939 section 5).
pub(super) fn drop_listing(session: &Session, out: &mut BytesMut) {
    let (messages, octets) = session.present();
    out.extend_from_slice(b"+OK ");
    put_decimal(out, messages as u64);
    out.extend_from_slice(b" ");
    put_decimal(out, octets);
    out.extend_from_slice(b"\r\n");
}

/// The first line of a listing.
pub(super) fn begin_listing(session: &Session, out: &mut BytesMut) {
    let (messages, octets) = session.present();
    positive(session, texts::LISTING, &[messages as u64, octets], out);
}

/// A line of a listing. Nothing follows the size or the unique-id (RFC 1939 sections 5 and 7).
pub(super) fn entry(session: &Session, column: Column, message: MessageNumber, out: &mut BytesMut) {
    put_decimal(out, message.number().into());
    out.extend_from_slice(b" ");
    match column {
        Column::Size => put_decimal(out, session.maildrop().size(message).unwrap_or_default()),
        Column::UniqueId => {
            if let Some(uid) = session.maildrop().unique_id(message) {
                out.extend_from_slice(uid.as_bytes());
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The list of capabilities for this state and this channel (RFC 2449 section 5).
///
/// What is announced before the login is announced after it as well, but for STLS, which means that
/// it may be used now (RFC 2595 section 4).
pub(super) fn capabilities(session: &Session, out: &mut BytesMut) {
    let config = &session.config;
    let before_login = matches!(session.state(), State::Authorization | State::Named);
    positive(session, texts::CAPABILITIES, &[], out);
    out.extend_from_slice(b"TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
    if session.channel.carries_secrets() {
        out.extend_from_slice(b"USER\r\n");
    }
    sasl(session, out);
    if before_login && config.starttls && !session.channel.is_tls() && !session.utf8 {
        out.extend_from_slice(b"STLS\r\n");
    }
    match config.utf8 {
        Some(utf8) if utf8.user => out.extend_from_slice(b"UTF8 USER\r\n"),
        Some(_) => out.extend_from_slice(b"UTF8\r\n"),
        None => {}
    }
    if !config.languages.is_empty() {
        out.extend_from_slice(b"LANG\r\n");
    }
    let account = &session.account;
    if let Some(delay) = account.login_delay.or(config.login_delay) {
        out.extend_from_slice(b"LOGIN-DELAY ");
        put_decimal(out, delay.delay.as_secs());
        per_user(before_login && delay.per_user, out);
    }
    if let Some(expire) = account.expire.or(config.expire) {
        out.extend_from_slice(b"EXPIRE ");
        match expire.days {
            Some(days) => put_decimal(out, days.into()),
            None => out.extend_from_slice(b"NEVER"),
        }
        per_user(before_login && expire.per_user, out);
    }
    if let Some(implementation) = &config.implementation {
        line("IMPLEMENTATION ", implementation, out);
    }
    for capability in &config.capabilities {
        // A tag has no dot, so that no line begins with one (RFC 2449 section 3), and one that is not
        // registered begins with X (section 9).
        let tag = capability.trim_start().split(' ').next().unwrap_or_default();
        if tag.starts_with(['X', 'x']) && !tag.contains('.') {
            line("", capability, out);
        }
    }
    out.extend_from_slice(b".\r\n");
}

/// The line SASL, with as many mechanisms as 512 octets hold. It stays after the login
/// (RFC 5034 section 3).
fn sasl(session: &Session, out: &mut BytesMut) {
    let mut room = MAX_REPLY.saturating_sub("SASL\r\n".len());
    let mut begun = false;
    for mechanism in session.mechanisms() {
        let name = mechanism.name.as_str();
        let Some(left) = room.checked_sub(name.len().saturating_add(1)) else { break };
        room = left;
        out.extend_from_slice(if begun { b" " } else { b"SASL " });
        out.extend_from_slice(name.as_bytes());
        begun = true;
    }
    if begun {
        out.extend_from_slice(b"\r\n");
    }
}

/// The mechanisms, one a line: the reply to AUTH without argument.
pub(super) fn mechanisms(session: &Session, out: &mut BytesMut) {
    positive(session, texts::MECHANISMS, &[], out);
    for mechanism in session.mechanisms() {
        out.extend_from_slice(mechanism.name.as_str().as_bytes());
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
pub(super) fn language(session: &Session, line: &Line, out: &mut BytesMut) {
    let tag = session.language.map_or("", |language| language.tag);
    put_reply(out, line.status, line.code, &alloc::format!("{tag} {}", line.text), true);
}

/// The languages, one a line: a tag, and a description in UTF-8 (RFC 6856 section 3.2).
pub(super) fn languages(session: &Session, out: &mut BytesMut) {
    positive(session, texts::LANGUAGES, &[], out);
    for language in &session.config.languages {
        let tag = language.tag.trim_start_matches('.');
        put_text(out, tag, MAX_REPLY / 2, false);
        if !language.description.is_empty() {
            out.extend_from_slice(b" ");
            put_text(out, language.description, MAX_REPLY / 2 - 3, true);
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

fn per_user(differs: bool, out: &mut BytesMut) {
    out.extend_from_slice(if differs { b" USER\r\n" } else { b"\r\n" });
}

/// A line of the operator's: printable ASCII within 512 octets, or none if nothing is left of it.
fn line(tag: &str, text: &str, out: &mut BytesMut) {
    let room = MAX_REPLY.saturating_sub(2).saturating_sub(tag.len());
    let text = text.trim_start().chars().filter(|c| matches!(c, ' '..='~')).take(room);
    let mut text = text.map(|c| c as u8).peekable();
    if text.peek().is_some() {
        out.extend_from_slice(tag.as_bytes());
        out.extend(text);
        out.extend_from_slice(b"\r\n");
    }
}
