//! `pop3 store export`.

use std::io::ErrorKind;
use std::path::Path;

use pop3_disk::System;
use pop3_serve::UserName;

use super::maildirs::{FromMaildir, IntoMaildir};
use super::transfer::transfer;
use super::{for_each, in_folder};
use crate::args::Export;
use crate::args::store_url::StoreUrl;
use crate::deliver::Maildirs;
use crate::exit::{Exit, Failure};

const DONE: &str = "exported";

pub(super) fn run(options: &Export) -> Result<Exit, Failure> {
    let (store, at) = (options.at.store.required()?, &options.at);
    if let StoreUrl::Maildir(folder) = &store {
        let users = in_folder(folder, &at.maildirs, &at.names, &options.user)?;
        let maildirs = Maildirs::new(folder, &at.maildirs, &at.names)?;
        make(&options.to)?;
        return for_each(&users, DONE, |user| {
            let mut source = FromMaildir::open(&maildirs.path_of(user)?, options.unique_ids.clone())?;
            transfer(&mut source, &mut target(options, user)?)
        });
    }
    #[cfg(feature = "tokio")]
    return from_database(options, &store);
    #[cfg(not(feature = "tokio"))]
    Err(super::without_databases(&store))
}

#[cfg(feature = "tokio")]
fn from_database(options: &Export, store: &StoreUrl) -> Result<Exit, Failure> {
    use super::sql::FromDatabase;

    let database = super::database(store)?;
    let users = if options.user.is_empty() {
        super::sql::users(&database)?
    } else {
        super::named(&options.at.names, &options.user)?
    };
    make(&options.to)?;
    let from = FromDatabase::join(database)?;
    let exit = for_each(&users, DONE, |user| {
        let mut target = target(options, user)?;
        let mut source = from.maildrop(user)?;
        let transferred = transfer(&mut source, &mut target);
        source.release()?;
        transferred
    });
    from.leave()?;
    exit
}

/// The Maildir that the mail of a user becomes.
fn target(options: &Export, user: &UserName) -> Result<IntoMaildir, Failure> {
    IntoMaildir::open(&options.to.join(user.as_str()))
}

/// Makes the directory, so that it survives a power failure, but not the one above it.
fn make(folder: &Path) -> Result<(), Failure> {
    let disk = System::shared();
    let make = || {
        let (parent, name) = disk.open_parent(folder)?;
        match parent.make_folder(name, 0o700) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.and_then(|()| parent.sync()),
        }
    };
    match disk.open_folder(folder) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(),
        Err(error) => Err(error),
    }
    .map_err(|error| Failure::usage(format!("the directory {} can't be used: {error}", folder.display())))
}
