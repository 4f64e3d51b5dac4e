//! The options of `pop3 user`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pop3_sasl::scram::{MAX_ITERATIONS, MIN_ITERATIONS};
use pop3_serve::{NameRule, UsersFormat};

use super::EXIT_CODES;
use super::named::named;
use super::passwd::{FORMS, Form};
use super::serve::{USERS_FORMATS, name_rule};
use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Add a user; asks for the password, or reads it from standard input; creates the file if there is none
    Add(Add),
    /// Change the password of a user; asks for it, or reads it from standard input
    Passwd(Change),
    /// Remove a user from the file; the maildrop stays
    Del(Del),
    /// List the users, one a line: the name, a tab, and what the user logs in with
    List(List),
}

/// Which file is edited, and how its names are read.
#[derive(Debug, Args)]
pub(crate) struct File {
    /// The users file; the new one takes its place at once, with the same owner and mode
    #[arg(id = "users", long, value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// The format of the users file
    #[arg(id = "users_format", long = "users-format", value_name = "FORMAT", default_value = "pop3", value_parser = named(USERS_FORMATS))]
    pub(crate) format: UsersFormat,
    /// Ignore case in user names, as pop3 serve does with this option
    #[arg(long)]
    fold_names: bool,
    /// The domain of user names without @, as pop3 serve has it with this option
    #[arg(long, value_name = "DOMAIN")]
    default_domain: Option<String>,
}

/// How a password is stored.
#[derive(Debug, Args)]
pub(crate) struct Stored {
    /// The forms of the password; may be repeated [default: argon2id and all SCRAM keys, so that every
    /// mechanism works except APOP and CRAM-MD5; in a passwd-file, argon2id]
    #[arg(long, value_name = "FORM", value_delimiter = ',', value_parser = named(FORMS))]
    form: Vec<Form>,
    /// The iterations of SCRAM keys: a higher number makes a stolen users file harder to attack, and each
    /// login slower for the client
    #[arg(long, value_name = "N", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(i64::from(MIN_ITERATIONS)..=i64::from(MAX_ITERATIONS)))]
    pub(crate) iterations: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The home directory of the user, for pop3 serve --maildrop-path {home}/...
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The user's name: at most 64 letters, digits and . _ - + @, not beginning with a dot
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: File,
    #[command(flatten)]
    pub(crate) stored: Stored,
}

#[derive(Debug, Args)]
pub(crate) struct Del {
    /// The user's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: File,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) file: File,
}

impl File {
    /// How names are read.
    pub(crate) fn names(&self) -> Result<NameRule, Failure> {
        name_rule(self.fold_names, self.default_domain.as_deref())
    }
}

impl Stored {
    /// The forms of the password, in a file of this format.
    pub(crate) fn forms(&self, format: UsersFormat) -> Vec<Form> {
        if !self.form.is_empty() {
            return self.form.clone();
        }
        let most = if format == UsersFormat::PasswdFile { 1 } else { FORMS.len() };
        FORMS.iter().take(most).map(|&(_, form, _)| form).collect()
    }
}
