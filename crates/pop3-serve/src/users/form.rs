//! What stands behind the colon of a line of the users file.

pub(super) mod scheme;

use core::time::Duration;
use std::path::PathBuf;

use ipnet::IpNet;
use pop3_certificates::Fingerprint;
use pop3_proto::Secret;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Keys, KeysError};

use super::hash::Hashed;
use super::home::parse_home;
use super::{NameRule, UserName};
use crate::written::parse_network;

/// One form of one user: something that proves who he is, or a setting of his.
#[derive(Debug)]
pub(super) enum Form {
    Plain(Plain),
    Hash(Hashed),
    Keys(Keys),
    Certificate(Fingerprint),
    /// The user exists, and may log in by a token if nothing else.
    Token,
    LoginDelay(Duration),
    /// The days, `None` for never.
    Expire(Option<u32>),
    Home(PathBuf),
    /// Where the user may log in from.
    AllowNets(Vec<IpNet>),
    /// The user may not log in.
    NoLogin,
}

/// A password in clear.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) octets: Secret<Vec<u8>>,
    /// As SASLprep makes it; `None` where it refuses the password, so that SCRAM can't have it.
    pub(super) prepared: Option<Secret<String>>,
}

/// Reads a line that is not empty and no comment.
///
/// # Errors
/// What is wrong with it, which holds no part of the line.
pub(super) fn parse_line(line: &[u8], names: &NameRule) -> Result<(UserName, Form), &'static str> {
    let colon = line.iter().position(|&octet| octet == b':').ok_or("a name is not followed by a colon")?;
    let (name, form) = (&line[..colon], &line[colon + 1..]);
    let name = names.apply(name).ok_or(UserName::RULE)?;
    Ok((name, Form::parse(form)?))
}

impl Form {
    /// Reads what stands behind the colon.
    ///
    /// # Errors
    /// What is wrong with it, which holds no part of it.
    pub(super) fn parse(form: &[u8]) -> Result<Self, &'static str> {
        if let Some(secret) = form.strip_prefix(b"{PLAIN}") {
            return Plain::parse(secret).map(Self::Plain);
        }
        let text = str::from_utf8(form).map_or("", str::trim);
        let braced = text.strip_prefix('{').and_then(|text| text.split_once('}'));
        match braced.map(|(kind, rest)| (kind, rest.trim_start())) {
            Some(("CERT", rest)) => rest.parse().map(Self::Certificate).map_err(|_| {
                "{CERT} must be followed by the 64 hexadecimal digits of a certificate's \
                    SHA-256"
            }),
            Some(("TOKEN", "")) => Ok(Self::Token),
            Some(("TOKEN", _)) => Err("{TOKEN} must not be followed by anything"),
            Some(("LOGIN-DELAY", rest)) => rest
                .parse()
                .map(|seconds: u32| Self::LoginDelay(Duration::from_secs(seconds.into())))
                .map_err(|_| "{LOGIN-DELAY} must be followed by a whole number of seconds"),
            Some(("EXPIRE", rest)) => parse_days(rest).map(Self::Expire),
            Some(("HOME", rest)) => parse_home(rest.as_bytes()).map(Self::Home),
            Some(("ALLOW-NETS", rest)) => parse_nets(rest).map(Self::AllowNets),
            Some(("NOLOGIN", "")) => Ok(Self::NoLogin),
            Some((scheme, _)) => scheme::parse(scheme, form.get(scheme.len() + 2..).unwrap_or_default()),
            None if text.starts_with("SCRAM-") => parse_keys(text).map(Self::Keys),
            None if text.starts_with('$') => Hashed::parse(text).map(Self::Hash),
            None => Err("the text after the colon is neither {PLAIN} and a password, nor a PHC string \
                ($argon2id$...), nor SCRAM keys (SCRAM-SHA-256$...)"),
        }
    }
}

impl Plain {
    pub(super) fn parse(secret: &[u8]) -> Result<Self, &'static str> {
        if secret.is_empty() {
            return Err("the password is empty");
        }
        if secret.contains(&0) || secret.contains(&b'\r') {
            return Err("the password contains NUL or CR, which no client can send");
        }
        let prepared = str::from_utf8(secret).ok().and_then(|text| prepare(text, StringKind::Stored).ok());
        let prepared = prepared.map(|text| Secret::new(text.into_owned()));
        Ok(Self { octets: Secret::new(secret.to_vec()), prepared })
    }
}

/// Parses networks and addresses with commas between them. `local` is nothing that a POP3 client has.
pub(super) fn parse_nets(text: &str) -> Result<Vec<IpNet>, &'static str> {
    let nets = text.split(',').map(str::trim).filter(|net| !net.is_empty() && *net != "local");
    nets.map(parse_network).collect()
}

/// Parses a number of days or `never`.
///
/// # Errors
/// Returns an error if the text is neither.
pub fn parse_days(text: &str) -> Result<Option<u32>, &'static str> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "EXPIRE must be a whole number of days, or NEVER")
}

pub(super) fn parse_keys(text: &str) -> Result<Keys, &'static str> {
    Keys::parse(text.as_bytes()).map_err(|error| {
        if error == KeysError::Hash {
            "unknown kind of SCRAM keys; use SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512"
        } else if error == KeysError::Iterations {
            "the iteration count of the SCRAM keys is below 4,096 or above 4,000,000"
        } else {
            "the SCRAM keys are damaged: they have the form SCRAM-SHA-256$iterations:salt$key:key"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_as_programs_print_them() {
        let read = |text: &str| match Form::parse(format!("{{CERT}}{text}").as_bytes()) {
            Ok(Form::Certificate(fingerprint)) => Some(*fingerprint.octets()),
            _ => None,
        };
        let plain = "00".repeat(31) + "aF";
        let colons = "00:".repeat(31) + "Af";
        let mut octets = [0; 32];
        octets[31] = 0xaf;
        // With the name of the hash as well, as people are shown them.
        for text in [&plain, &colons, &format!(" {plain}"), &format!("sha256:{plain}")] {
            assert_eq!(read(text), Some(octets), "{text}");
        }
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"00".repeat(33)] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn days() {
        for (text, days) in [("0", Some(0)), ("31", Some(31)), ("never", None), ("NEVER", None)] {
            assert_eq!(parse_days(text), Ok(days));
        }
        for bad in ["", "-1", "1.5", "1 day", "99999999999"] {
            assert!(parse_days(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_form_shows_a_secret() {
        let keys = Keys::derive(pop3_sasl::scram::Hash::Sha1, b"tanstaaf", &[7; 16], 4096).unwrap();
        let keys = String::from_utf8(keys.to_text().expose().to_vec()).unwrap();
        let line = format!("alice:{keys}");
        for line in ["alice:{PLAIN}tanstaaf", &line] {
            let shown = format!("{:?}", parse_line(line.as_bytes(), &NameRule::new()).unwrap());
            assert!(!shown.contains("tanstaaf") && !shown.contains(&keys[30..]), "{shown}");
        }
    }
}
