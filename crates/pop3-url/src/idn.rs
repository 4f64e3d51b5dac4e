//! Converts internationalized host names (RFC 5890) between A-labels for programs and U-labels for people.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::url::escaped_octet;

/// The host of a URL is not a valid DNS name: it contains characters that are not allowed, or is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoHostName;

impl fmt::Display for NoHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the host is not a valid internationalized name: it contains characters that are not \
            allowed in host names, or is too long",
        )
    }
}

impl core::error::Error for NoHostName {}

/// Returns the URL with its host in ASCII. A host outside ASCII, unencoded or percent-encoded in UTF-8 (RFC 3986
/// section 3.2.2), is converted to A-labels (`xn--…`). Other errors in the URL stay unchanged.
///
/// # Errors
/// Returns an error if the host is not a valid DNS name. The message does not contain the URL, because it may contain
/// a password.
pub fn to_ascii(url: &str) -> Result<Cow<'_, str>, NoHostName> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(url.into()) };
    let (server, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (login, host_and_port) = server.split_at(server.rfind('@').map_or(0, |at| at.saturating_add(1)));
    let (host, port) = host_and_port.split_at(host_and_port.find(':').unwrap_or(host_and_port.len()));
    if host.starts_with('[') || (host.is_ascii() && !host.contains('%')) {
        return Ok(url.into());
    }
    let ascii = unescape(host)
        .and_then(|host| if host.is_ascii() { Some(host) } else { idna::domain_to_ascii_strict(&host).ok() });
    // Decoded characters must not become another part of the URL.
    let plain = |host: &String| {
        host.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'))
    };
    match ascii.filter(plain) {
        Some(host) => Ok(format!("{scheme}://{login}{host}{port}{path}").into()),
        None => Err(NoHostName),
    }
}

/// Returns the host in a form for people. A-labels are converted to Unicode if the result converts back to the same
/// labels.
#[must_use]
pub fn to_text(host: &str) -> String {
    let (text, result) = idna::domain_to_unicode(host);
    let same = || idna::domain_to_ascii_strict(&text).is_ok_and(|back| back == host);
    if result.is_ok() && !text.is_ascii() && same() { text } else { host.to_owned() }
}

/// Undoes percent-encoding; `None` if it is none, or no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(if octet == b'%' { escaped_octet(&mut rest)? } else { octet });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn hosts_become_a_labels() {
        for (url, ascii) in [
            ("pop3s://alice@b\u{fc}cher.example:995/", "pop3s://alice@xn--bcher-kva.example:995/"),
            ("pop3s://B\u{dc}CHER.example", "pop3s://xn--bcher-kva.example"),
            ("pop3://a@bu\u{308}cher.example", "pop3://a@xn--bcher-kva.example"),
            ("pop://a;AUTH=*@b%C3%BCcher.example:1", "pop://a;AUTH=*@xn--bcher-kva.example:1"),
            ("pop3://a@fa\u{df}.example", "pop3://a@xn--fa-hia.example"),
            ("pop3://a@\u{4f8b}\u{3048}\u{3002}\u{30c6}\u{30b9}\u{30c8}", "pop3://a@xn--r8jz45g.xn--zckzah"),
            ("pop3://a@\u{ff11}\u{ff12}\u{ff17}.0.0.1:1", "pop3://a@127.0.0.1:1"),
            ("pop3://a@%6dail.example", "pop3://a@mail.example"),
            // Nothing to do, whatever it is.
            ("pop3://%C3%BC@h:1", "pop3://%C3%BC@h:1"),
            ("pop3://\u{fc}@h:1", "pop3://\u{fc}@h:1"),
            ("pop3://a@[::1]:1", "pop3://a@[::1]:1"),
            ("b\u{fc}cher.example", "b\u{fc}cher.example"),
        ] {
            assert_eq!(to_ascii(url).unwrap(), ascii);
        }
    }

    #[test]
    fn what_no_host_may_have_is_refused_and_not_repeated() {
        for host in [
            "a%40evil.example",
            "a%2fb",
            "a%3a1",
            "a%00",
            "a%",
            "a%f",
            "a%+1",
            "%ff.example",
            "b\u{fc}cher\u{ff0f}x.example",
            "\u{fc} x.example",
            "\u{fc}\u{ff20}x",
            "-\u{fc}.example",
            "\u{202e}x.example",
            "xn--\u{fc}.example",
            &"\u{fc}".repeat(70),
        ] {
            let error = to_ascii(&format!("pop3://alice@{host}:110")).unwrap_err();
            assert!(error.to_string().contains("not a valid internationalized name"), "{host}: {error}");
            assert!(!error.to_string().contains("alice"));
        }
    }

    #[test]
    fn a_labels_are_shown_as_what_they_stand_for() {
        assert_eq!(to_text("xn--bcher-kva.example"), "b\u{fc}cher.example");
        for plain in ["mail.example", "127.0.0.1", "::1", "xn--zzzzzzzz", "xn--a", "a_b.example", "h."] {
            assert_eq!(to_text(plain), plain);
        }
    }
}
