//! The server's side of OAUTHBEARER (RFC 7628) and XOAUTH2.

use alloc::string::String;

use super::{Failure, setup::ServerSetup};
use crate::scram::message::{Flag, Gs2};
use crate::{Secret, text};

/// What a client of either mechanism has sent.
pub(super) struct TokenMessage {
    pub(super) name: Option<String>,
    /// Empty where the client only asks what token it needs (RFC 7628 section 4.3).
    pub(super) token: Secret,
}

/// Reads `n,a=name,^Ahost=…^Aport=…^Aauth=Bearer …^A^A`. Keys that are unknown are ignored.
pub(super) fn oauthbearer(message: &[u8], setup: &ServerSetup) -> Result<TokenMessage, Failure> {
    let message = core::str::from_utf8(message).map_err(|_| Failure::Malformed("it is not UTF-8"))?;
    let head = Gs2::parse(message).map_err(Failure::Malformed)?;
    if matches!(head.flag, Flag::Bound(_)) {
        return Err(Failure::Binding("the mechanism does not support it"));
    }
    let name = match head.authorization {
        None => None,
        Some(name) => Some(text::name(name.as_bytes()).ok_or(Failure::Malformed("invalid name"))?),
    };
    let (mut host, mut port, mut auth) = (None, None, None);
    let pairs = head.rest.strip_prefix('\x01').and_then(|rest| rest.strip_suffix('\x01'));
    let pairs = pairs.ok_or(Failure::Malformed("the list of keys and values is missing"))?;
    let pairs = match pairs {
        "" => pairs,
        _ => pairs.strip_suffix('\x01').ok_or(Failure::Malformed("the list of keys has no end"))?,
    };
    for pair in pairs.split('\x01').filter(|_| !pairs.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(Failure::Malformed("a key has no value"))?;
        let plain = |octet: u8| octet.is_ascii_graphic() || b" \t\r\n".contains(&octet);
        if key.is_empty() || !key.bytes().all(|octet| octet.is_ascii_alphabetic()) {
            return Err(Failure::Malformed("invalid key"));
        }
        if !value.bytes().all(plain) {
            return Err(Failure::Malformed("invalid value"));
        }
        let place = match key {
            "host" => &mut host,
            "port" => &mut port,
            "auth" => &mut auth,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(Failure::Malformed("a key appears twice"));
        }
    }
    let known = |host: &str| setup.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    if host.is_some_and(|host| !setup.hosts.is_empty() && !known(host)) {
        return Err(Failure::Malformed("it is for a different host"));
    }
    if let Some(port) = port {
        let port = text::number(port).and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or(Failure::Malformed("invalid port"))?;
        if !setup.ports.is_empty() && !setup.ports.contains(&port) {
            return Err(Failure::Malformed("it is for a different port"));
        }
    }
    match auth.ok_or(Failure::Malformed("the token is missing"))? {
        "" => Ok(TokenMessage { name, token: Secret::default() }),
        auth => Ok(TokenMessage { name, token: bearer(auth)? }),
    }
}

/// Reads `user=name^Aauth=Bearer …^A^A`.
pub(super) fn xoauth2(message: &[u8]) -> Result<TokenMessage, Failure> {
    const FLAW: Failure = Failure::Malformed("it does not consist of user and auth");
    let message = core::str::from_utf8(message).map_err(|_| Failure::Malformed("it is not UTF-8"))?;
    let pairs = message.strip_suffix("\x01\x01").ok_or(FLAW)?;
    let (user, auth) = pairs.split_once('\x01').ok_or(FLAW)?;
    let name = user.strip_prefix("user=").ok_or(FLAW)?;
    let name = text::name(name.as_bytes()).ok_or(Failure::Malformed("invalid name"))?;
    let token = bearer(auth.strip_prefix("auth=").ok_or(FLAW)?)?;
    Ok(TokenMessage { name: Some(name), token })
}

/// The token behind `Bearer`, which is written in any case (RFC 7628 section 4).
fn bearer(auth: &str) -> Result<Secret, Failure> {
    let (scheme, token) =
        auth.split_once(' ').ok_or(Failure::Malformed("the bearer token is missing or invalid"))?;
    let token = token.trim_start_matches(' ').as_bytes();
    if !scheme.eq_ignore_ascii_case("Bearer") || !text::is_token(token) {
        return Err(Failure::Malformed("the bearer token is missing or invalid"));
    }
    Ok(Secret::from(token))
}
