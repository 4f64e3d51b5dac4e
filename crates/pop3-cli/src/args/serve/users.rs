//! The options of `pop3 serve` that say who the users are, and where their maildrops.

use std::path::PathBuf;

use clap::Args;
use pop3_serve::{MaildropPath, NameRule, UsersFormat};

use crate::args::named::named;
use crate::exit::Failure;

#[derive(Debug, Args)]
pub(crate) struct Users {
    /// The users file, as written by pop3 user and pop3 passwd: lines of the form NAME:{PLAIN}PASSWORD,
    /// NAME:HASH, NAME:SCRAM-KEYS and others; reloaded at SIGHUP. Without it, the users are those in the database of
    /// --store; without a database, everybody whom --check-command and the like approve
    #[arg(id = "users", long, value_name = "FILE", required_unless_present_any = CHECKS)]
    pub(crate) file: Option<PathBuf>,
    /// The format of the users file
    #[arg(id = "users_format", long = "users-format", value_name = "FORMAT", default_value = "pop3", value_parser = named(USERS_FORMATS))]
    pub(crate) format: UsersFormat,
    /// Ignore case in user names: they are made lower-case, those in the users file, too
    #[arg(long)]
    pub(crate) fold_names: bool,
    /// The domain of user names without @: with example.org, alice is alice@example.org, in the users file,
    /// too
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) default_domain: Option<String>,
    /// Where the Maildir of a user is below the directory of the maildrops: a path such as
    /// {domain}/{local}/Maildir or {home}/Maildir; {user} is the whole name
    #[arg(long, value_name = "PATH", default_value = "{user}")]
    pub(crate) maildrop_path: MaildropPath,
}

/// The options without one of which there must be a users file.
const CHECKS: [&str; 5] = ["check_command", "check_socket", "token_command", "token_socket", "store"];

/// The formats of users files.
pub(crate) const USERS_FORMATS: &[(&str, UsersFormat, &str)] = &[
    ("pop3", UsersFormat::Pop3, "Lines of NAME:FORM, as pop3 user and pop3 passwd write them"),
    (
        "passwd-file",
        UsersFormat::PasswdFile,
        "Lines of a passwd-file of Dovecot: NAME:PASSWORD:::::: and more",
    ),
];

impl Users {
    /// How names are read.
    pub(crate) fn names(&self) -> Result<NameRule, Failure> {
        name_rule(self.fold_names, self.default_domain.as_deref())
    }
}

/// How names are read with these options.
pub(crate) fn name_rule(fold: bool, domain: Option<&str>) -> Result<NameRule, Failure> {
    let names = NameRule::new().with_fold(fold);
    match domain {
        Some(domain) => names.with_default_domain(domain).map_err(Failure::usage),
        None => Ok(names),
    }
}
