//! The secrets that were sent to the server, so that they are not reported if it repeats them.

use alloc::vec::Vec;
use core::fmt;

use crate::Secret;
use crate::command::Command;
use crate::sasl::Base64;

/// How many secrets are kept, and how many octets of each. A login has fewer, except for long tokens.
const MAX_SECRETS: usize = 32;
const MAX_OCTETS: usize = 4096;

/// The replacement for a secret.
const MASK: &[u8] = b"***";

/// What was sent for the login. By default it is kept until the first reply after the login is complete, because a server
/// that repeats what it receives does so at once.
#[derive(Default)]
pub(super) struct Shown {
    secrets: Vec<Secret>,
    /// There were too many secrets, or one was too long. Nothing that the server sends is then reported.
    overflow: bool,
}

impl Shown {
    /// Keeps the secret of a command.
    pub(super) fn command(&mut self, command: &Command<'_>) {
        if let Command::Pass(password) = command {
            self.password(password.expose());
        } else if let Command::Apop { digest, .. } = command {
            self.add(&digest.to_hex());
        } else if let Command::Auth { initial: Some(initial), .. } = command {
            self.response(*initial);
        }
    }

    /// Keeps a response of AUTH and the secret in it. The secret is what follows the last NUL, as in PLAIN, or else
    /// the last word, as in CRAM-MD5, XOAUTH2 and OAUTHBEARER. Names are not secret.
    pub(super) fn response(&mut self, text: Base64<'_>) {
        if text.expose().len() > MAX_OCTETS {
            self.overflow = true;
            return;
        }
        self.add(text.expose());
        let decoded = text.decode();
        let whole = decoded.expose().as_slice();
        self.add(whole);
        if let Some(at) = memchr::memrchr(0, whole) {
            self.add(whole.get(at.saturating_add(1)..).unwrap_or_default());
        } else {
            let mut words = whole.split(|octet| matches!(octet, 0..=b' '));
            self.add(words.rfind(|word| !word.is_empty()).unwrap_or_default());
        }
    }

    /// Keeps a password. A server that repeats it may leave out spaces at its ends.
    pub(super) fn password(&mut self, password: &[u8]) {
        self.add(password);
        self.add(password.trim_ascii());
    }

    fn add(&mut self, secret: &[u8]) {
        if secret.is_empty() || self.secrets.iter().any(|known| known.expose() == secret) {
            return;
        }
        if self.secrets.len() >= MAX_SECRETS || secret.len() > MAX_OCTETS {
            self.overflow = true;
            return;
        }
        self.secrets.push(Secret::new(secret.to_vec()));
        // Where one holds another, the whole of it is masked.
        self.secrets.sort_by_key(|secret| usize::MAX.saturating_sub(secret.expose().len()));
    }

    /// Forgets all secrets.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the text with each secret masked. If the text is incomplete, its end may be the beginning of a secret.
    pub(super) fn mask(&self, text: &[u8], goes_on: bool) -> Vec<u8> {
        if self.overflow {
            return MASK.to_vec();
        }
        let mut masked = Vec::new();
        let mut rest = text;
        while let Some((&first, behind)) = rest.split_first() {
            let mut secrets = self.secrets.iter().map(Secret::expose);
            let found = secrets.find_map(|secret| {
                let begun = goes_on && secret.starts_with(rest);
                rest.strip_prefix(secret.as_slice()).or(begun.then_some(&[][..]))
            });
            if found.is_some() {
                masked.extend_from_slice(MASK);
            } else {
                masked.push(first);
            }
            rest = found.unwrap_or(behind);
        }
        masked
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Password;
    use crate::sasl::encode_base64;

    fn mask(shown: &Shown, text: &str, goes_on: bool) -> alloc::string::String {
        alloc::string::String::from_utf8(shown.mask(text.as_bytes(), goes_on)).unwrap()
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let mut shown = Shown::default();
        assert_eq!(mask(&shown, "PASS tanstaaf", false), "PASS tanstaaf");
        shown.command(&Command::Pass(Password::parse(b"tanstaaf").unwrap()));
        assert_eq!(mask(&shown, "PASS tanstaaf, tanstaaftanstaaf", false), "PASS ***, ******");
        assert_eq!(mask(&shown, "PASS tanst", false), "PASS tanst");
        assert_eq!(mask(&shown, "PASS tanst", true), "PASS ***");
        assert_eq!(mask(&shown, "PASS x t", true), "PASS x ***");
        shown.clear();
        assert_eq!(mask(&shown, "PASS tanstaaf", true), "PASS tanstaaf");
    }

    #[test]
    fn responses_are_masked_in_base64_and_without() {
        for (response, secret) in [
            (&b"\0mrose\0x"[..], "x"),
            (b"\0mrose\0two words", "two words"),
            (b"user=mrose\x01auth=Bearer ya29.token\x01\x01", "ya29.token"),
            (b"n,a=mrose,\x01auth=Bearer ya29.token\x01\x01", "ya29.token"),
            (b"tanstaaf", "tanstaaf"),
            (b"mrose 0123456789abcdef", "0123456789abcdef"),
        ] {
            let mut shown = Shown::default();
            let text = encode_base64(response);
            shown.response(Base64::parse(text.expose()).unwrap());
            let encoded = alloc::string::String::from_utf8(text.expose().clone()).unwrap();
            for told in [secret, &encoded] {
                assert_eq!(mask(&shown, &alloc::format!("-- {told}"), false), "-- ***", "{secret}");
            }
            assert_eq!(mask(&shown, "mrose may not", false), "mrose may not");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_nothing_is_told_then() {
        let text = encode_base64(&[b'a'; 4000]);
        let mut shown = Shown::default();
        shown.response(Base64::parse(text.expose()).unwrap());
        assert_eq!(mask(&shown, "anything", false), "***");
        let mut shown = Shown::default();
        for number in 0_u32..100 {
            let text = encode_base64(&number.to_be_bytes());
            shown.response(Base64::parse(text.expose()).unwrap());
        }
        assert!(shown.secrets.len() <= MAX_SECRETS);
        assert_eq!(mask(&shown, "anything", false), "***");
    }
}
