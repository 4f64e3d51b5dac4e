//! What a proxy tells about the client that it speaks for.

use alloc::string::String;
use core::net::IpAddr;

use crate::Xclient;

/// The client that a trusted proxy speaks for, from the command XCLIENT. That command is in no RFC, but Dovecot and
/// nginx use it. A value that the proxy did not send is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The client's address (`ADDR`).
    pub address: Option<IpAddr>,
    /// The client's port (`PORT`).
    pub port: Option<u16>,
    /// The proxy's name for the session (`SESSION`), printable ASCII.
    pub session: Option<String>,
    /// The name with which the client logged in to the proxy (`LOGIN`), printable ASCII. It proves nothing.
    pub login: Option<String>,
    /// The name the client gave itself (`HELO`), printable ASCII.
    pub helo: Option<String>,
}

/// The maximum length of a value in octets.
const MAX_VALUE: usize = 255;

impl ClientInfo {
    /// Reads the attributes and ignores unknown ones. Returns `None` if a known one is invalid.
    pub(super) fn parse(attributes: Xclient<'_>) -> Option<Self> {
        let text = |name| match attributes.attribute(name) {
            None => Some(None),
            Some(value) if value.eq_ignore_ascii_case(b"[UNAVAILABLE]") => Some(None),
            Some(value) if value.len() > MAX_VALUE || !value.iter().all(u8::is_ascii_graphic) => None,
            Some(value) => core::str::from_utf8(value).ok().map(Some),
        };
        let address = match text("ADDR")? {
            // Postfix, whose command this was, marks addresses of IPv6.
            Some(value) => match value.get(..5) {
                Some(mark) if mark.eq_ignore_ascii_case("IPV6:") => Some(value.get(5..)?.parse().ok()?),
                _ => Some(value.parse().ok()?),
            },
            None => None,
        };
        let port = match text("PORT")? {
            Some(value) if value.bytes().all(|octet| octet.is_ascii_digit()) => Some(value.parse().ok()?),
            Some(_) => return None,
            None => None,
        };
        let owned = |value: Option<&str>| value.map(String::from);
        Some(Self {
            address,
            port,
            session: owned(text("SESSION")?),
            login: owned(text("LOGIN")?),
            helo: owned(text("HELO")?),
        })
    }
}
