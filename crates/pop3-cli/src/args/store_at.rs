//! The options that say where the maildrops are, for all commands but `pop3 serve`.

use std::path::PathBuf;

use clap::Args;
use pop3_serve::{MaildropPath, NameRule, UserName, UsersFile, UsersFormat};

use super::named::named;
use super::serve::{USERS_FORMATS, name_rule};
use super::store_url::StoreOption;
use crate::exit::Failure;

/// Where the maildrops are, and how their users are named. With the same options as `pop3 serve` it is the same store.
#[derive(Debug, Args)]
pub(crate) struct StoreAt {
    #[command(flatten)]
    pub(crate) store: StoreOption,
    #[command(flatten)]
    pub(crate) names: Names,
    #[command(flatten)]
    pub(crate) maildirs: MaildirsAt,
}

/// How names of users are read.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Ignore case in user names, as pop3 serve does with this option
    #[arg(long)]
    fold_names: bool,
    /// The domain of user names without @, as pop3 serve has it with this option
    #[arg(long, value_name = "DOMAIN")]
    default_domain: Option<String>,
}

/// Where the Maildirs are in their directory.
#[derive(Debug, Args)]
pub(crate) struct MaildirsAt {
    /// Where the Maildir of a user is below the directory of the maildrops, as with pop3 serve
    #[arg(long, value_name = "PATH", default_value = "{user}")]
    pub(crate) maildrop_path: MaildropPath,
    /// The users file: who is not in it has no maildrop [default: whoever has a Maildir is a user]
    #[arg(id = "users", long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The format of the users file
    #[arg(id = "users_format", long = "users-format", value_name = "FORMAT", default_value = "pop3", value_parser = named(USERS_FORMATS))]
    format: UsersFormat,
}

impl Names {
    /// How names are read.
    pub(crate) fn rule(&self) -> Result<NameRule, Failure> {
        name_rule(self.fold_names, self.default_domain.as_deref())
    }

    /// The user with this name, or `None` if nobody can have it.
    pub(crate) fn user(&self, name: &str) -> Result<Option<UserName>, Failure> {
        Ok(self.rule()?.apply(name.as_bytes()))
    }
}

impl MaildirsAt {
    /// Whether the Maildir of a user has the user's name.
    pub(crate) fn is_flat(&self) -> bool {
        self.maildrop_path == MaildropPath::default()
    }

    /// The users of the file, if there is one.
    pub(crate) fn users(&self, names: &Names) -> Result<Option<UsersFile>, Failure> {
        let Some(path) = &self.file else { return Ok(None) };
        Ok(Some(UsersFile::load_with(path, self.format, names.rule()?)?))
    }
}
