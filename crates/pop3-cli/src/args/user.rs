//! The options of `pop3 user`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pop3_connect::parse_octets;
use pop3_sasl::scram::{MAX_ITERATIONS, MIN_ITERATIONS};
use pop3_serve::{NameRule, UsersFormat};

use super::EXIT_CODES;
use super::named::named;
use super::passwd::{FORMS, Form};
use super::serve::USERS_FORMATS;
use super::store_at::Names;
use super::store_url::{StoreOption, StoreUrl};
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
    /// Remove a user; the mail stays, unless you say otherwise
    Del(Del),
    /// List the users, one a line: the name, a tab, and what the user logs in with
    List(List),
    /// Show how much mail a user of a database has, and set how much it may be; what comes beyond is refused
    Quota(QuotaOptions),
}

/// Which file or database is edited, and how its names are read.
#[derive(Debug, Args)]
pub(crate) struct File {
    /// The users file; the new one takes its place at once, with the same owner and mode
    #[arg(id = "users", long, value_name = "FILE", conflicts_with = "store")]
    path: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOption,
    /// The format of the users file
    #[arg(id = "users_format", long = "users-format", value_name = "FORMAT", default_value = "pop3", value_parser = named(USERS_FORMATS))]
    pub(crate) format: UsersFormat,
    #[command(flatten)]
    pub(crate) names: Names,
}

/// Where the users are.
#[derive(Clone, Debug)]
pub(crate) enum UsersAt {
    /// In a users file.
    File(PathBuf),
    /// In a database.
    Database(StoreUrl),
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
    /// Also remove the mail of the user from the database, for good
    #[arg(long, conflicts_with = "users")]
    pub(crate) delete_mail: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuotaOptions {
    /// The user's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: File,
    /// The maximum number of messages, or none
    #[arg(long, value_name = "N", value_parser = messages)]
    pub(crate) max_messages: Option<Limit>,
    /// The maximum size of all messages together, such as 500M, or none
    #[arg(long, value_name = "SIZE", value_parser = octets)]
    pub(crate) max_octets: Option<Limit>,
}

/// A limit, or that there is none. A name, as clap takes an `Option` that it sees for itself.
pub(crate) type Limit = Option<u64>;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) file: File,
}

impl Action {
    /// The users that it is about.
    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Add(add) => &add.change.file,
            Self::Passwd(change) => &change.file,
            Self::Del(del) => &del.file,
            Self::List(list) => &list.file,
            Self::Quota(quota) => &quota.file,
        }
    }
}

impl File {
    /// How names are read.
    pub(crate) fn names(&self) -> Result<NameRule, Failure> {
        self.names.rule()
    }

    /// Where the users are.
    pub(crate) fn at(&self) -> Result<UsersAt, Failure> {
        if let Some(path) = &self.path {
            return Ok(UsersAt::File(path.clone()));
        }
        match self.store.url()? {
            Some(StoreUrl::Maildir(_)) => {
                Err(Failure::usage("a store of Maildirs has its users in a file: give --users FILE"))
            }
            Some(store) => Ok(UsersAt::Database(store)),
            None => Err(Failure::usage("give --users FILE, or --store URL for a database")),
        }
    }
}

fn messages(text: &str) -> Result<Limit, &'static str> {
    limit(text, |text| text.parse().ok()).ok_or("expected a number, or none")
}

fn octets(text: &str) -> Result<Limit, &'static str> {
    limit(text, |text| parse_octets(text).ok()).ok_or("expected a size such as 500M, or none")
}

fn limit(text: &str, read: impl Fn(&str) -> Option<u64>) -> Option<Limit> {
    if text == "none" { Some(None) } else { read(text).map(Some) }
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
