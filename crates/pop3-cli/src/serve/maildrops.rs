//! Where the maildrops of a server are, and who their users are.

use std::path::Path;
use std::sync::Arc;

use pop3_maildir::{InfoSeparator, UniqueIds};
use pop3_serve::{AnyUser, DecoyKey, MaildropPath, NameRule, ServeConfig, Users, UsersFile};

use super::database::Database;
use super::fault::{Fault, Purpose};
use crate::args::Serve;
use crate::args::store_url::StoreUrl;
use crate::exit::Failure;

/// Where a server finds mail. It stays the same as long as the server runs, but for the directory of Maildirs.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) store: StoreUrl,
    /// The database that is open, if it is one.
    pub(super) database: Option<Database>,
}

impl Source {
    /// What the options say, or what a server that runs has already. `current` is what it has.
    ///
    /// # Errors
    /// What is wrong with the options, or with the database.
    pub(super) fn of(options: &Serve, current: Option<&Self>, purpose: Purpose) -> Result<Self, Vec<Fault>> {
        let store = options.store().map_err(|failure| vec![Fault::new("store", failure)])?;
        let faults = unfit(options, &store);
        if !faults.is_empty() {
            return Err(faults);
        }
        if let Some(current) = current {
            let stays = current.database.is_some() || store.is_database();
            let store = if stays { current.store.clone() } else { store };
            return Ok(Self { store, database: current.database.clone() });
        }
        let database = match (store.is_database(), purpose) {
            (false, _) => None,
            (true, Purpose::Serve) => Some(Database::open(options, &store)?),
            (true, Purpose::Check) => {
                Database::check(options, &store)?;
                None
            }
        };
        Ok(Self { store, database })
    }

    /// The settings of a server with these maildrops.
    pub(super) fn config(&self) -> ServeConfig {
        match (&self.database, &self.store) {
            (Some(database), _) => ServeConfig::on(database.maildrops()),
            (None, StoreUrl::Maildir(folder)) => ServeConfig::new(folder),
            // It was only checked.
            (None, StoreUrl::Sqlite(_) | StoreUrl::Postgres(_)) => ServeConfig::new("/"),
        }
    }

    /// The users: those of the file if there is one, else those of the database, else all who are approved.
    pub(super) fn users(&self, file: Option<&Arc<UsersFile>>, names: NameRule) -> Arc<dyn Users> {
        match (file, &self.database) {
            (Some(file), _) => Arc::clone(file) as _,
            (None, Some(database)) => database.users(names),
            (None, None) => Arc::new(AnyUser::new(names)),
        }
    }

    /// The key of salts that all servers on the database have.
    pub(super) fn decoy_key(&self) -> Option<Arc<DecoyKey>> {
        self.database.as_ref().map(Database::decoy_key)
    }

    /// The directory of the Maildirs.
    pub(super) fn maildirs(&self) -> Option<&Path> {
        match &self.store {
            StoreUrl::Maildir(folder) => Some(folder),
            StoreUrl::Sqlite(_) | StoreUrl::Postgres(_) => None,
        }
    }
}

/// The options that do not fit to such a store.
fn unfit(options: &Serve, store: &StoreUrl) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut note = |option, is_given: bool, what: &str| {
        let text = format!("--{option} {what}");
        faults.extend(is_given.then(|| Fault::new(option, Failure::usage(text))));
    };
    if store.is_database() {
        let what = "is for Maildirs, and --store names a database; remove it";
        let unique_ids = &options.unique_ids;
        note("maildrop-path", options.users.maildrop_path != MaildropPath::default(), what);
        note("unique-ids", unique_ids.unique_ids != UniqueIds::Maildir, what);
        note("maildir-separator", unique_ids.maildir_separator != InfoSeparator::Colon, what);
        note("runtime", !options.runtime.is_tokio(), "must be tokio, because --store names a database");
        return faults;
    }
    let what = "is for a database, and the maildrops are Maildirs; remove it";
    note("node", options.database.node.is_some(), what);
    note("node-store", options.database.node_store.is_some(), what);
    let is_approved = options.checks.are_there();
    let needs =
        "is needed with Maildirs, unless another program says who is a user (--check-command and the like)";
    note("users", options.users.file.is_none() && !is_approved, needs);
    let needs = "needs a users file, or a database";
    note("tls-client-ca", options.tls_client_ca.is_some() && options.users.file.is_none(), needs);
    faults
}
