//! POP URLs (RFC 2384), and the schemes in use beside it.
//!
//! A URL names a server, and optionally a user and a mechanism of authentication. It never carries
//! a password: RFC 2384 section 3 forbids it, and such a URL is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::net::Ipv6Addr;
use core::num::NonZeroU16;

use crate::scheme::Scheme;

/// A POP URL: `pop://[user[;AUTH=mechanism]@]host[:port]` (RFC 2384 section 3).
///
/// ```
/// use pop3_url::{AuthChoice, Scheme, Url};
/// let url = Url::parse("pop://rg;AUTH=+APOP@mail.eudora.com:8110").unwrap();
/// assert_eq!(url.scheme(), Scheme::Pop);
/// assert_eq!(url.user(), Some(&b"rg"[..]));
/// assert_eq!(url.auth(), &AuthChoice::Apop);
/// assert_eq!((url.host(), url.port()), ("mail.eudora.com", 8110));
/// assert!(Url::parse("pop://rg:secret@mail.eudora.com").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    user: Option<Vec<u8>>,
    auth: AuthChoice,
    host: String,
    port: Option<NonZeroU16>,
}

/// The login method in a URL (RFC 2384 section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthChoice {
    /// `;AUTH=*`, or no `AUTH`: any method that server and client support. On an unencrypted connection, the client
    /// must not fall back to a clear-text password.
    #[default]
    Any,
    /// `;AUTH=+APOP`: only the APOP command (RFC 1939 section 7).
    Apop,
    /// `;AUTH=+NAME`: an extension mechanism. The name is in upper case, without the `+`.
    Extension(String),
    /// `;AUTH=NAME`: only this SASL mechanism (RFC 5034). The name is in upper case.
    Sasl(String),
}

/// Why a text is not a valid POP URL. The error contains nothing of the text, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// The text does not begin with `pop://`, `pop3://`, `pops://` or `pop3s://`. Relative POP URLs do not exist (RFC
    /// 2384 section 5).
    Scheme,
    /// The URL contains a password.
    Password,
    /// The user name is empty.
    EmptyUser,
    /// The user name or the mechanism contains an octet that must be percent-encoded.
    Unescaped,
    /// A `%` is not followed by two hexadecimal digits.
    Escape,
    /// The decoded text contains a NUL, CR or LF.
    LineOctet,
    /// The user name is followed by something other than `;AUTH=` and the name of a mechanism.
    Auth,
    /// There is no host, or it is neither an ASCII name nor an address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The URL contains a path, a query or a fragment.
    Path,
}

impl Url {
    /// Parses a URL. The scheme, the host, `AUTH` and the mechanism are case-insensitive.
    ///
    /// # Errors
    /// Returns a [`UrlError`] if the text is not a valid POP URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(UrlError::Scheme)?;
        // A slash, question mark or number sign ends the authority part, whatever precedes it.
        let (server, path) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at_checked(end).ok_or(UrlError::Path)?,
            None => (rest, ""),
        };
        if !matches!(path, "" | "/") {
            return Err(UrlError::Path);
        }
        let (login, hostport) = match server.rsplit_once('@') {
            Some((login, hostport)) => (Some(login), hostport),
            None => (None, server),
        };
        let (user, auth) = login.map_or(Ok((None, AuthChoice::Any)), parse_login)?;
        let (host, port) = parse_hostport(hostport)?;
        Ok(Self { scheme, user, auth, host, port: port.filter(|port| port.get() != scheme.default_port()) })
    }

    /// Creates the URL of a server. The host is an ASCII name, an IPv4 address, or an IPv6 address without brackets.
    ///
    /// # Errors
    /// Returns [`UrlError::Host`] if it is none of these.
    pub fn new(scheme: Scheme, host: &str) -> Result<Self, UrlError> {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => ipv6_text(address),
            Err(_) => parse_name(host)?,
        };
        Ok(Self { scheme, user: None, auth: AuthChoice::Any, host, port: None })
    }

    /// Returns the same URL with this user.
    ///
    /// # Errors
    /// Returns [`UrlError::EmptyUser`] if the name is empty, or [`UrlError::LineOctet`] if it contains a NUL, CR or
    /// LF.
    pub fn with_user(mut self, user: &[u8]) -> Result<Self, UrlError> {
        if user.is_empty() {
            return Err(UrlError::EmptyUser);
        }
        if user.iter().any(|&octet| ends_a_line(octet)) {
            return Err(UrlError::LineOctet);
        }
        self.user = Some(user.to_vec());
        Ok(self)
    }

    /// Returns the same URL with this port.
    #[must_use]
    pub fn with_port(mut self, port: NonZeroU16) -> Self {
        self.port = Some(port).filter(|port| port.get() != self.scheme.default_port());
        self
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the decoded user name, if the URL has one.
    #[must_use]
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// Returns the login method.
    #[must_use]
    pub const fn auth(&self) -> &AuthChoice {
        &self.auth
    }

    /// Returns the host: a name in lower case, or an address. An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, or the default port of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.map_or(self.scheme.default_port(), NonZeroU16::get)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if let Some(user) = &self.user {
            write_escaped(f, user)?;
        }
        match &self.auth {
            AuthChoice::Any => {}
            AuthChoice::Apop => f.write_str(";AUTH=+APOP")?,
            AuthChoice::Extension(name) => {
                f.write_str(";AUTH=+")?;
                write_escaped(f, name.as_bytes())?;
            }
            AuthChoice::Sasl(name) => {
                f.write_str(";AUTH=")?;
                write_escaped(f, name.as_bytes())?;
            }
        }
        if self.user.is_some() || self.auth != AuthChoice::Any {
            f.write_char('@')?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl core::str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a POP URL must begin with pop://, pop3://, pops:// or pop3s://",
            Self::Password => "a POP URL must not contain a password (write : in the user name as %3A)",
            Self::EmptyUser => "the user name before the @ is empty",
            Self::Unescaped => {
                "a character in the user name or mechanism must be written as % and two hexadecimal \
                 digits (@ as %40)"
            }
            Self::Escape => "a % is not followed by two hexadecimal digits",
            Self::LineOctet => "the URL contains %00, %0D or %0A",
            Self::Auth => {
                "the user name is not followed by ;AUTH= and a mechanism (write ; in the user \
                name as %3B)"
            }
            Self::Host => "the host is neither an ASCII host name nor an IP address",
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Path => "a POP URL has no path, query or fragment",
        })
    }
}

impl core::error::Error for UrlError {}

/// Reads what stands before the `@`: `user[;AUTH=mechanism]`, or `;AUTH=mechanism` alone.
fn parse_login(login: &str) -> Result<(Option<Vec<u8>>, AuthChoice), UrlError> {
    if login.contains(':') {
        return Err(UrlError::Password);
    }
    let (user, auth) = match login.split_once(';') {
        Some((user, parameter)) => (user, Some(parse_auth(parameter)?)),
        None => (login, None),
    };
    match (user.is_empty(), auth) {
        (true, None) => Err(UrlError::EmptyUser),
        (true, Some(auth)) => Ok((None, auth)),
        (false, auth) => Ok((Some(unescape(user)?), auth.unwrap_or_default())),
    }
}

/// Reads `AUTH=mechanism`.
fn parse_auth(parameter: &str) -> Result<AuthChoice, UrlError> {
    let (keyword, value) = parameter.split_once('=').ok_or(UrlError::Auth)?;
    if !keyword.eq_ignore_ascii_case("AUTH") {
        return Err(UrlError::Auth);
    }
    if value == "*" {
        return Ok(AuthChoice::Any);
    }
    let name = String::from_utf8(unescape(value)?).map_err(|_| UrlError::Auth)?.to_ascii_uppercase();
    match name.strip_prefix('+') {
        Some("APOP") => Ok(AuthChoice::Apop),
        Some(name) if !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic()) => {
            Ok(AuthChoice::Extension(name.into()))
        }
        None if is_mechanism(&name) => Ok(AuthChoice::Sasl(name)),
        Some(_) | None => Err(UrlError::Auth),
    }
}

/// 1 to 20 capitals, digits, hyphens and underscores (RFC 4422 section 3.1).
fn is_mechanism(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name
            .bytes()
            .all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'_'))
}

/// Reads `host[:port]`; an empty port is the default one.
fn parse_hostport(text: &str) -> Result<(String, Option<NonZeroU16>), UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
            let address = address.parse().map_err(|_| UrlError::Host)?;
            let port = if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or(UrlError::Port)? };
            (ipv6_text(address), port)
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            (parse_name(host)?, port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    if port.len() > 5 || !port.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    port.parse().map(|port| (host, Some(port))).map_err(|_| UrlError::Port)
}

/// Checks a host name or IPv4 address and brings it to small letters. Underscores are let through,
/// as private networks have them; a last dot is, as the name of the root.
fn parse_name(host: &str) -> Result<String, UrlError> {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let good = host.len() <= 254
        && labels.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
        });
    if good { Ok(host.to_ascii_lowercase()) } else { Err(UrlError::Host) }
}

fn ipv6_text(address: Ipv6Addr) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{address}");
    text
}

/// Undoes percent-encoding; octets that had to be encoded are refused.
fn unescape(text: &str) -> Result<Vec<u8>, UrlError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let octet = match octet {
            b'%' => escaped_octet(&mut rest).ok_or(UrlError::Escape)?,
            octet if is_achar(octet) => octet,
            _ => return Err(UrlError::Unescaped),
        };
        if ends_a_line(octet) {
            return Err(UrlError::LineOctet);
        }
        octets.push(octet);
    }
    Ok(octets)
}

/// The octet that two hexadecimal digits behind a `%` stand for.
pub(crate) fn escaped_octet(digits: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || u8::try_from(char::from(digits.next()?).to_digit(16)?).ok();
    Some((digit()? << 4) | digit()?)
}

fn write_escaped(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|&octet| {
        // The asterisk and the plus sign mean something in a mechanism, so they are always encoded.
        if is_achar(octet) && !matches!(octet, b'*' | b'+') {
            f.write_char(char::from(octet))
        } else {
            write!(f, "%{octet:02X}")
        }
    })
}

/// The octets that stand for themselves (RFC 2384 section 8, achar; RFC 1738 section 5, uchar).
const fn is_achar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'$' | b'-' | b'_' | b'.' | b'+' | b'!' | b'*' | b'\'' | b'(' | b')' | b',' | b'&' | b'=' | b'~'
        )
}

const fn ends_a_line(octet: u8) -> bool {
    matches!(octet, 0 | b'\r' | b'\n')
}
