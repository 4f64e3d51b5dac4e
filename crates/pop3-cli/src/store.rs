//! `pop3 store`: stores of maildrops, and mail that moves between them.

mod export;
mod import;
mod maildirs;
#[cfg(feature = "tokio")]
mod sql;
#[cfg(feature = "tokio")]
mod tables;
mod transfer;

use std::fs;
use std::path::Path;

use pop3_serve::UserName;

use crate::args::store_at::{MaildirsAt, Names};
use crate::args::store_url::StoreUrl;
use crate::args::{Store, StoreCommand};
use crate::exit::{Exit, Failure};
use crate::passwd::bad_name;
use crate::tell::{hand_out, tell};
use transfer::Transferred;

pub(crate) fn run(options: &Store) -> Result<Exit, Failure> {
    match &options.command {
        #[cfg(feature = "tokio")]
        StoreCommand::Init(options) => tables::init(options),
        #[cfg(feature = "tokio")]
        StoreCommand::Check(options) => tables::check(options),
        #[cfg(not(feature = "tokio"))]
        StoreCommand::Init(options) => Err(without_databases(&options.store.required()?)),
        #[cfg(not(feature = "tokio"))]
        StoreCommand::Check(options) => Err(without_databases(&options.store.required()?)),
        StoreCommand::Import(options) => import::run(options),
        StoreCommand::Export(options) => export::run(options),
    }
}

/// What to say where a store is a database, and the program has none.
#[cfg(not(feature = "tokio"))]
pub(crate) fn without_databases(store: &StoreUrl) -> Failure {
    Failure::usage(format!("{store}: this program was built without databases"))
}

/// The users with these names.
fn named(names: &Names, users: &[String]) -> Result<Vec<UserName>, Failure> {
    let rule = names.rule()?;
    users.iter().map(|name| rule.apply(name.as_bytes()).ok_or_else(|| bad_name(name))).collect()
}

/// The users with these names, or else those with a Maildir in this directory.
fn in_folder(
    folder: &Path,
    at: &MaildirsAt,
    names: &Names,
    users: &[String],
) -> Result<Vec<UserName>, Failure> {
    if !users.is_empty() {
        return named(names, users);
    }
    if !at.is_flat() {
        return Err(Failure::usage("with --maildrop-path, name the users"));
    }
    let rule = names.rule()?;
    let failed =
        |error: std::io::Error| Failure::usage(format!("{} can't be read: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_maildir = ["new", "cur"].iter().any(|name| path.join(name).is_dir());
        let Some(name) = path.file_name().filter(|_| is_maildir) else { continue };
        match rule.apply(name.as_encoded_bytes()) {
            Some(user) => found.push(user),
            None => tell(Failure::usage(format!("{} is left out: no user has this name", path.display()))),
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let folder = folder.display();
        return Err(Failure::usage(format!(
            "{folder} contains no Maildir of a user; for one Maildir, write maildir:DIR"
        )));
    }
    Ok(found)
}

/// Does something for each user, and says what was done. Goes on after a failure.
fn for_each(
    users: &[UserName],
    done: &str,
    mut each: impl FnMut(&UserName) -> Result<Transferred, Failure>,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for user in users {
        match each(user) {
            Ok(transferred) => {
                hand_out(&format!("{user}: {}", told(transferred, done)))?;
                if transferred.failed > 0 {
                    exit = Exit::Partial;
                }
            }
            Err(failure) if users.len() == 1 => {
                return Err(Failure::new(failure.exit(), format!("{user}: {}", failure.message())));
            }
            Err(failure) => {
                tell(Failure::new(failure.exit(), format!("{user}: {}", failure.message())));
                exit = Exit::Partial;
            }
        }
    }
    Ok(exit)
}

/// A line about what was done.
fn told(Transferred { new, known, failed }: Transferred, done: &str) -> String {
    let failures = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    format!("{new} messages {done}, {known} were {done} before{failures}\n")
}

/// The database of a store that is one.
#[cfg(feature = "tokio")]
fn database(store: &StoreUrl) -> Result<crate::database::Database, Failure> {
    use crate::database::{Database, url};

    let url = url(store)?.ok_or_else(|| Failure::usage(format!("{store} is no database")))?;
    Ok(Database::open(&url)?)
}
