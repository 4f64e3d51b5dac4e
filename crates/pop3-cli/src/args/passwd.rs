//! The options of `pop3 passwd`.

use clap::{Args, ValueEnum};
use pop3_sasl::scram::{MAX_ITERATIONS, MIN_ITERATIONS};

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The user's name: letters, digits and . _ - + @, at most 64, no dot first
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Which lines to print; may be repeated [default: all of them, so that every mechanism works but
    /// APOP and CRAM-MD5, which need the password in clear]
    #[arg(long, value_enum, value_name = "FORM", value_delimiter = ',', default_values_t = PasswordForm::ALL, hide_default_value = true)]
    pub(crate) form: Vec<PasswordForm>,
    /// The iterations of SCRAM keys: more make guessing dearer for who steals the users file, and each
    /// login slower for the client
    #[arg(long, value_name = "N", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(i64::from(MIN_ITERATIONS)..=i64::from(MAX_ITERATIONS)))]
    pub(crate) iterations: u32,
}

/// What `pop3 passwd` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PasswordForm {
    /// For passwords that are sent: PASS, PLAIN, LOGIN
    Argon2id,
    /// Keys for SCRAM-SHA-1
    #[value(name = "scram-sha-1")]
    ScramSha1,
    /// Keys for SCRAM-SHA-256
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// Keys for SCRAM-SHA-512
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

impl PasswordForm {
    const ALL: [Self; 4] = [Self::Argon2id, Self::ScramSha1, Self::ScramSha256, Self::ScramSha512];
}
