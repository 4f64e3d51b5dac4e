//! One user: what proves who it is, and settings.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use pop3_certificates::Fingerprint;
use pop3_proto::Secret;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};

use super::form::{Form, Plain};
use super::hash::Hashed;

/// A user: the stored credentials and the settings.
///
/// ```
/// let user = pop3_serve::User::new()
///     .with_form(b"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc")?
///     .with_form(b"{LOGIN-DELAY}60")?;
/// assert!(user.can_log_in());
/// # Ok::<(), pop3_serve::BadForm>(())
/// ```
#[derive(Default)]
pub struct User {
    pub(super) plain: Option<Plain>,
    hash: Option<Verifier>,
    /// At most one set for each hash, weakest hash first.
    keys: Vec<Keys>,
    pub(super) certificates: Vec<Fingerprint>,
    token: bool,
    /// Nobody logs in as this user.
    pub(super) barred: bool,
    /// Where the user may log in from, unless that is anywhere.
    nets: Option<Vec<IpNet>>,
    pub(super) home: Option<PathBuf>,
    pub(crate) login_delay: Option<Duration>,
    pub(crate) expire: Option<Option<u32>>,
}

/// What a password is checked with at some cost.
#[derive(Clone)]
pub(super) enum Verifier {
    Hash(Hashed),
    Keys(Keys),
}

/// A password as it came.
pub(super) struct Given<'a> {
    octets: &'a [u8],
    /// As SASLprep makes it, where that differs.
    prepared: Option<Secret<String>>,
}

/// A form that cannot be parsed, or of a kind that the user already has. The error contains no part of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadForm(&'static str);

impl User {
    /// Creates a user without credentials, who cannot log in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a form, as it follows the name in a [users file](crate#the-users-file): a password, a password hash,
    /// SCRAM keys, a certificate, or a setting.
    ///
    /// # Errors
    /// Returns an error if the form cannot be parsed, or if the user already has one of that kind.
    pub fn with_form(mut self, form: &[u8]) -> Result<Self, BadForm> {
        self.add(Form::parse(form).map_err(BadForm)?).map_err(BadForm)?;
        Ok(self)
    }

    /// Takes one more form in.
    ///
    /// # Errors
    /// When there is one of that kind already.
    pub(super) fn add(&mut self, form: Form) -> Result<(), &'static str> {
        const PASSWORD: &str = "this user already has a password";
        const SETTING: &str = "this user already has this setting";
        match form {
            Form::Plain(_) | Form::Hash(_) if self.plain.is_some() || self.hash.is_some() => {
                return Err(PASSWORD);
            }
            Form::Plain(plain) => self.plain = Some(plain),
            Form::Hash(hash) => self.hash = Some(Verifier::Hash(hash)),
            Form::Keys(keys) => {
                if self.stored_keys(keys.hash()).is_some() {
                    return Err("this user already has SCRAM keys of this kind");
                }
                self.keys.push(keys);
                self.keys.sort_by_key(|keys| keys.hash().octets());
            }
            Form::Certificate(fingerprint) if self.certificates.contains(&fingerprint) => {
                return Err("this user already has this certificate");
            }
            Form::Certificate(fingerprint) => self.certificates.push(fingerprint),
            Form::Token if self.token => return Err(SETTING),
            Form::Token => self.token = true,
            Form::LoginDelay(_) if self.login_delay.is_some() => return Err(SETTING),
            Form::LoginDelay(delay) => self.login_delay = Some(delay),
            Form::Expire(_) if self.expire.is_some() => return Err(SETTING),
            Form::Expire(days) => self.expire = Some(days),
            Form::Home(_) if self.home.is_some() => return Err(SETTING),
            Form::Home(home) => self.home = Some(home),
            Form::AllowNets(_) if self.nets.is_some() => return Err(SETTING),
            Form::AllowNets(nets) => self.nets = Some(nets),
            Form::NoLogin if self.barred => return Err(SETTING),
            Form::NoLogin => self.barred = true,
        }
        Ok(())
    }

    /// Returns whether the user can log in with a password, tokens or certificates. Settings alone are not enough.
    #[must_use]
    pub fn can_log_in(&self) -> bool {
        self.has_password() || self.token || !self.certificates.is_empty()
    }

    /// Returns the home directory of the user, if it is known: an absolute path without `..`.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// What the user has.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (has, word) in [
            (self.barred, "locked"),
            (self.plain.is_some(), "password"),
            (self.hash.is_some(), "hash"),
            (self.token, "token"),
            (!self.certificates.is_empty(), "certificate"),
        ] {
            words.extend(has.then(|| word.to_owned()));
        }
        words.extend(self.keys.iter().map(|keys| keys.hash().name().to_owned()));
        words
    }

    /// Whether the user may log in from there.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(crate) fn admit(&self, from: IpAddr) -> Result<(), &'static str> {
        let from = from.to_canonical();
        if self.barred {
            return Err("the account is locked");
        }
        match &self.nets {
            Some(nets) if !nets.iter().any(|net| net.contains(&from)) => {
                Err("the user may not log in from this address")
            }
            _ => Ok(()),
        }
    }

    /// Whether the user has a password in whatever form.
    pub(super) fn has_password(&self) -> bool {
        self.plain.is_some() || self.hash.is_some() || !self.keys.is_empty()
    }

    /// Whether it is said which certificates the user has.
    pub(crate) const fn has_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// What a password is checked with, where that is not a password in clear: the PHC string, else
    /// the keys of the strongest hash.
    pub(super) fn verifier(&self) -> Option<Verifier> {
        self.hash.clone().or_else(|| self.keys.last().cloned().map(Verifier::Keys))
    }

    /// The keys that are kept for this hash.
    pub(super) fn stored_keys(&self, hash: Hash) -> Option<&Keys> {
        self.keys.iter().find(|keys| keys.hash() == hash)
    }

    /// The password that keys for this hash have to be made of: where it is kept in clear, and no
    /// keys are kept.
    pub(super) fn key_password(&self, hash: Hash) -> Option<&Secret<String>> {
        if self.stored_keys(hash).is_some() {
            return None;
        }
        self.plain.as_ref()?.prepared.as_ref()
    }
}

impl fmt::Debug for User {
    /// Nothing of it is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

impl BadForm {
    pub(super) const fn new(what: &'static str) -> Self {
        Self(what)
    }
}

impl fmt::Display for BadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for BadForm {}

#[cfg(test)]
thread_local! {
    /// How many passwords this thread has checked at some cost.
    pub(super) static CHECKED: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
}

impl Verifier {
    /// What decides how long a check takes: all of it that is not salt or hash.
    pub(super) fn cost(&self) -> String {
        match self {
            Self::Hash(hash) => hash.cost(),
            Self::Keys(keys) => format!("{}${}", keys.hash().name(), keys.iterations()),
        }
    }

    /// Whether this is the password.
    pub(super) fn verify(&self, password: &Given<'_>) -> bool {
        #[cfg(test)]
        CHECKED.set(CHECKED.get() + 1);
        match self {
            Self::Hash(hash) => {
                let check = |octets: &[u8]| hash.verify(octets);
                // Whoever made the hash may have prepared the password or not.
                let mut right = check(password.octets);
                if let Some(prepared) = &password.prepared {
                    right |= check(prepared.expose().as_bytes());
                }
                right
            }
            // If no keys can be made, it must cost the same as a wrong password.
            Self::Keys(keys) => match password.for_keys() {
                Some(octets) => keys.verify_password(octets),
                None => {
                    core::hint::black_box(keys.verify_password(b"x"));
                    false
                }
            },
        }
    }
}

impl Plain {
    /// Whether this is the password, as it stands in the file or in another way to write it.
    pub(super) fn verify(&self, password: &Given<'_>) -> bool {
        let given = password.prepared.as_ref().map_or(password.octets, |text| text.expose().as_bytes());
        let prepared = self.prepared.as_ref().is_some_and(|text| text.same_octets(given));
        self.octets.same_octets(password.octets) | prepared
    }
}

impl<'a> Given<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        let prepared = str::from_utf8(octets).ok().and_then(|text| prepare(text, StringKind::Query).ok());
        let prepared = prepared.map(|text| Secret::new(text.into_owned()));
        Self { octets, prepared: prepared.filter(|text| text.expose().as_bytes() != octets) }
    }

    fn for_keys(&self) -> Option<&'a [u8]> {
        let text = str::from_utf8(self.octets).ok().filter(|text| text.len() <= 1024)?;
        prepare(text, StringKind::Stored).ok().map(|text| drop(Secret::new(text.into_owned())))?;
        Some(self.octets)
    }
}
