//! The logins: by USER and PASS, by APOP, and by AUTH.

use core::sync::atomic::Ordering;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::Session;
use crate::fake::{Flaw, PASSWORD, USER};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Plain,
    LoginName,
    LoginPassword,
    Cram,
}

impl Session<'_> {
    pub(super) fn password(&mut self, word: &str) -> String {
        let user = self.user.take().unwrap_or_default();
        let word = if self.flaw(Flaw::TrimsPassword) { word.trim() } else { word };
        let same =
            word == PASSWORD || self.flaw(Flaw::PasswordWithoutCase) && word.eq_ignore_ascii_case(PASSWORD);
        let reply = self.log_in(user == USER && same);
        if self.flaw(Flaw::KeepsName) && !self.logged_in {
            self.user = Some(user);
        }
        reply
    }

    fn log_in(&mut self, right: bool) -> String {
        if !right || self.flaw(Flaw::FailureEndsLogins) && self.failures > 0 {
            self.failures += 1;
            return "-ERR [AUTH] no".to_owned();
        }
        if !self.flaw(Flaw::NoLock) {
            if self.house.locked.swap(true, Ordering::SeqCst) {
                return "-ERR [IN-USE] locked".to_owned();
            }
            self.holds_lock = true;
        }
        self.logged_in = true;
        if self.flaw(Flaw::MarksStay) {
            self.marks = core::mem::take(&mut *self.house.marks.lock().unwrap());
            self.inherited = !self.marks.is_empty();
        }
        "+OK welcome".to_owned()
    }

    pub(super) fn apop(&mut self, argument: &str) -> String {
        let Some((user, digest)) = argument.split_once(' ') else { return "-ERR the digest?".to_owned() };
        if digest.len() != 32 || !digest.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return "-ERR no digest".to_owned();
        }
        let due = hex(&Md5::new().chain_update(&self.timestamp).chain_update(PASSWORD).finalize());
        let right = user == USER && (digest == due || self.flaw(Flaw::AnyDigest));
        self.log_in(right)
    }

    pub(super) fn auth(&mut self, argument: Option<&str>) -> String {
        let Some(argument) = argument else { return "-ERR the mechanism?".to_owned() };
        let (name, initial) =
            argument.split_once(' ').map_or((argument, None), |(name, rest)| (name, Some(rest)));
        let upper = if self.flaw(Flaw::MechanismHasCase) { name.to_owned() } else { name.to_uppercase() };
        match (&*upper, initial) {
            ("PLAIN", Some("=")) if self.flaw(Flaw::EqualsIsAbsent) => self.challenged(Exchange::Plain, b""),
            ("PLAIN", Some("=")) => self.plain(b""),
            ("PLAIN", Some(text)) => match self.decoded(text) {
                Some(octets) => self.plain(&octets),
                None => "-ERR no base64".to_owned(),
            },
            ("PLAIN", None) => self.challenged(Exchange::Plain, b""),
            ("LOGIN", None) => self.challenged(Exchange::LoginName, b"Username:"),
            ("CRAM-MD5", initial) if initial.is_none() || self.flaw(Flaw::CramTakesInitial) => {
                let number = self.house.count.fetch_add(1, Ordering::Relaxed);
                let number = if self.flaw(Flaw::SameChallenge) { 0 } else { number };
                self.challenge = format!("<{number}.9@fake.example>");
                let challenge = self.challenge.clone();
                self.challenged(Exchange::Cram, challenge.as_bytes())
            }
            _ => "-ERR no such mechanism".to_owned(),
        }
    }

    fn challenged(&mut self, exchange: Exchange, octets: &[u8]) -> String {
        self.exchange = Some(exchange);
        format!("+ {}", Base64::encode_string(octets))
    }

    fn decoded(&self, text: &str) -> Option<Vec<u8>> {
        if self.flaw(Flaw::LenientBase64) {
            let mut kept: String = text
                .chars()
                .filter(|letter| letter.is_ascii_alphanumeric() || "+/".contains(*letter))
                .collect();
            while !kept.len().is_multiple_of(4) {
                kept.push('=');
            }
            return Base64::decode_vec(&kept).ok();
        }
        Base64::decode_vec(text).ok()
    }

    pub(super) fn respond(&mut self, text: &str) -> Vec<u8> {
        let exchange = self.exchange.take();
        let octets = if text == "*" { None } else { self.decoded(text) };
        let reply = match (exchange, octets) {
            (Some(Exchange::Plain), Some(octets)) => self.plain(&octets),
            (Some(Exchange::LoginName), Some(octets)) => {
                self.name = octets;
                self.challenged(Exchange::LoginPassword, b"Password:")
            }
            (Some(Exchange::LoginPassword), Some(octets)) => {
                let right = self.name == USER.as_bytes() && octets == PASSWORD.as_bytes();
                self.log_in(right)
            }
            (Some(Exchange::Cram), Some(octets)) => {
                let mut mac = Hmac::<Md5>::new_from_slice(PASSWORD.as_bytes()).unwrap();
                mac.update(self.challenge.as_bytes());
                let due = format!("{USER} {}", hex(&mac.finalize().into_bytes()));
                self.log_in(octets == due.as_bytes())
            }
            _ => "-ERR cancelled".to_owned(),
        };
        format!("{reply}\r\n").into_bytes()
    }

    fn plain(&mut self, octets: &[u8]) -> String {
        let parts: Vec<&[u8]> = octets.split(|octet| *octet == 0).collect();
        let (parts, extra) = parts.split_at(parts.len().min(3));
        let [authorize, user, password] = parts else { return "-ERR no message of PLAIN".to_owned() };
        if !extra.is_empty() && !self.flaw(Flaw::AnyPlainMessage) || user.is_empty() || password.is_empty() {
            return "-ERR no message of PLAIN".to_owned();
        }
        let other = !authorize.is_empty() && *authorize != *user && !self.flaw(Flaw::IgnoresAuthorization);
        self.log_in(!other && *user == USER.as_bytes() && *password == PASSWORD.as_bytes())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
