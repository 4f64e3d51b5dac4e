//! The octets of replies that are more than a line.

use bytes::BytesMut;

use super::session::{Session, State};
use super::vocabulary::Column;
use crate::MessageNumber;
use crate::number::put_decimal;
use crate::reply::MAX_REPLY;

/// The greeting, with the timestamp of APOP at its end if there is one.
pub(super) fn greeting(session: &Session, out: &mut BytesMut) {
    let timestamp = session.timestamp.as_deref().unwrap_or_default();
    out.extend_from_slice(b"+OK ");
    let room = MAX_REPLY.saturating_sub("+OK  \r\n".len()).saturating_sub(timestamp.len());
    // Without APOP nothing in the greeting may look like a timestamp, and a bracket at its start would
    // be a response code (RFC 2449 section 6.4).
    let text = session.config.greeting.trim_start_matches(['[', ' ']);
    let text = text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '<' | '>'));
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
    out.extend_from_slice(b"+OK ");
    put_decimal(out, messages as u64);
    out.extend_from_slice(b" messages (");
    put_decimal(out, octets);
    out.extend_from_slice(b" octets)\r\n");
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
    out.extend_from_slice(b"+OK capability list follows\r\n");
    out.extend_from_slice(b"TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
    if session.channel.carries_secrets() {
        out.extend_from_slice(b"USER\r\n");
    }
    if before_login && config.starttls && !session.channel.is_tls() {
        out.extend_from_slice(b"STLS\r\n");
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
