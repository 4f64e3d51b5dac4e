//! The options of `pop3 passwd`.

use clap::Args;
use pop3_sasl::scram::{Hash, MAX_ITERATIONS, MIN_ITERATIONS};
use pop3_serve::PasswordForm;

use super::named::named;

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The user's name: at most 64 letters, digits and . _ - + @, not beginning with a dot
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Which lines to print; may be repeated [default: all, so that every mechanism works except APOP and
    /// CRAM-MD5, which need the password in clear text]
    #[arg(long, value_name = "FORM", value_delimiter = ',', value_parser = named(FORMS),
        default_values = FORMS.iter().map(|(name, ..)| *name), hide_default_value = true)]
    pub(crate) form: Vec<Form>,
    /// The iterations of SCRAM keys: a higher number makes a stolen users file harder to attack, and each
    /// login slower for the client
    #[arg(long, value_name = "N", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(i64::from(MIN_ITERATIONS)..=i64::from(MAX_ITERATIONS)))]
    pub(crate) iterations: u32,
}

/// What `pop3 passwd` prints, once the iterations of SCRAM are known.
pub(crate) type Form = fn(u32) -> PasswordForm;

pub(super) const FORMS: &[(&str, Form, &str)] = &[
    ("argon2id", |_| PasswordForm::Argon2id, "For passwords that are sent: PASS, PLAIN, LOGIN"),
    ("scram-sha-1", |iterations| scram(Hash::Sha1, iterations), "Keys for SCRAM-SHA-1"),
    ("scram-sha-256", |iterations| scram(Hash::Sha256, iterations), "Keys for SCRAM-SHA-256"),
    ("scram-sha-512", |iterations| scram(Hash::Sha512, iterations), "Keys for SCRAM-SHA-512"),
];

const fn scram(hash: Hash, iterations: u32) -> PasswordForm {
    PasswordForm::Scram { hash, iterations }
}
