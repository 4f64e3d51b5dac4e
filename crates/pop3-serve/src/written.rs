//! Settings as people write them: on a command line, in a file, in a form.

use core::net::IpAddr;
use std::fs;

use ipnet::IpNet;
use pop3_maildir::{UidlFormat, UidlFormatError, UniqueIds};
use pop3_sasl::Mechanism;

/// Parses a comma-separated list of mechanisms, ignoring case, or `none`.
///
/// # Errors
/// Returns an error if a name is unknown. The text lists all known names.
pub fn parse_mechanisms(text: &str) -> Result<Vec<Mechanism>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let parse = |name: &str| {
        Mechanism::parse(name.trim().as_bytes()).ok_or_else(|| {
            let known: Vec<_> = Mechanism::ALL.iter().copied().map(Mechanism::name).collect();
            format!("{name} is not one of {}", known.join(", "))
        })
    };
    text.split(',').map(parse).collect()
}

/// Parses the text for IMPLEMENTATION (RFC 2449 section 6.9) and removes the surrounding spaces.
///
/// # Errors
/// Returns an error if the text is empty, has more than 200 octets, or contains anything but printable ASCII.
pub fn parse_implementation(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 200 && text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if good && !text.trim().is_empty() {
        Ok(text.trim().to_owned())
    } else {
        Err("IMPLEMENTATION must be words of printable ASCII, at most 200 octets")
    }
}

/// Parses where unique-ids come from: `maildir`, `dovecot`, `dovecot:` with a format, or `courier`.
///
/// # Errors
/// Returns an error if the text is none of these, or if the format is not supported.
pub fn parse_unique_ids(text: &str) -> Result<UniqueIds, String> {
    match text.split_once(':') {
        None if text == "maildir" => Ok(UniqueIds::Maildir),
        None if text == "courier" => Ok(UniqueIds::Courier),
        None if text == "dovecot" => Ok(UniqueIds::Dovecot(UidlFormat::default())),
        Some(("dovecot", format)) => {
            format.parse().map(UniqueIds::Dovecot).map_err(|error: UidlFormatError| error.to_string())
        }
        _ => Err("expected maildir, dovecot, dovecot: and a format, or courier".to_owned()),
    }
}

/// Parses a network or a single address.
///
/// # Errors
/// Returns an error if the text is neither.
pub fn parse_network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "expected an address, or a network such as 192.0.2.0/24 or 2001:db8::/32")
}

/// Parses a host name that is valid in a greeting and in a msg-id (RFC 822): letters, digits, hyphens and dots, at
/// most 200 octets.
///
/// # Errors
/// Returns an error if the text is not such a name.
pub fn parse_host(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 200
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        });
    if good {
        Ok(text.to_owned())
    } else {
        Err("a host name consists of letters, digits and hyphens, separated by dots")
    }
}

/// Returns the name of this machine if it is valid in a greeting, and `localhost` otherwise.
#[must_use]
pub fn this_host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String = name.trim().chars().filter(good).take(200).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_mechanisms() {
        let list = parse_mechanisms("plain, SCRAM-SHA-256").unwrap();
        assert_eq!(list, [Mechanism::Plain, Mechanism::ScramSha256]);
        assert_eq!(parse_mechanisms("NONE").unwrap(), []);
        for bad in ["", "PLAIN,", "GSSAPI", "PLAIN LOGIN"] {
            assert!(parse_mechanisms(bad).unwrap_err().contains("SCRAM-SHA-512-PLUS"), "{bad}");
        }
    }

    #[test]
    fn an_implementation_is_words() {
        for (text, good) in
            [(" a b ", Some("a b")), ("", None), (" ", None), ("a\r\nb", None), ("\u{e4}", None)]
        {
            assert_eq!(parse_implementation(text).ok().as_deref(), good);
        }
    }

    #[test]
    fn hosts_are_names() {
        for (text, good) in [("a.b-1", true), ("", false), ("a..b", false), ("a b", false), ("a\n", false)] {
            assert_eq!(parse_host(text).is_ok(), good, "{text}");
        }
        assert!(!this_host().is_empty());
    }
}
