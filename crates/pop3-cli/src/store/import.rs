//! `pop3 store import`.

use std::path::Path;

use pop3_disk::System;
use pop3_maildir::{MboxImport, UidlFormat};
use pop3_serve::{UniqueIds, UserName, parse_unique_ids};

use super::maildirs::{FromMaildir, IntoMaildir, failure};
use super::transfer::{Target, Transferred, transfer};
use super::{for_each, in_folder, named, told};
use crate::args::store_url::StoreUrl;
use crate::args::{Import, ImportSource};
use crate::deliver::Maildirs;
use crate::exit::{Exit, Failure};
use crate::tell::hand_out;

const DONE: &str = "imported";

pub(super) fn run(options: &Import) -> Result<Exit, Failure> {
    if !matches!(options.from, ImportSource::Mbox(_)) && (options.x_uidl || options.remove) {
        return Err(Failure::usage("--x-uidl and --remove are for an mbox only"));
    }
    match (&options.from, &options.to) {
        (ImportSource::Mbox(from), Some(to)) => mbox(options, from, to),
        (ImportSource::Maildir(from), Some(to)) => {
            let transferred =
                transfer(&mut FromMaildir::open(from, unique_ids(options)?)?, &mut IntoMaildir::open(to)?)?;
            hand_out(&told(transferred, DONE))?;
            Ok(if transferred.failed > 0 { Exit::Partial } else { Exit::Done })
        }
        (ImportSource::Mbox(_), None) => Err(Failure::usage(
            "an mbox is imported into a Maildir: give --to maildir:DIR, and then import that into the store",
        )),
        (ImportSource::Maildirs(_), Some(_)) => Err(Failure::usage(
            "--from DIR is for all Maildirs in DIR, and needs --store; for one Maildir, write --from maildir:DIR",
        )),
        (ImportSource::Maildir(_) | ImportSource::Maildirs(_), None) => into_store(options),
    }
}

/// Imports Maildirs into maildrops of a store.
fn into_store(options: &Import) -> Result<Exit, Failure> {
    let (store, at) = (options.at.store.required()?, &options.at);
    let (ImportSource::Maildirs(from) | ImportSource::Maildir(from) | ImportSource::Mbox(from)) =
        &options.from;
    let is_one = !matches!(options.from, ImportSource::Maildirs(_));
    let users = if is_one {
        named(&at.names, &options.user)?
    } else {
        in_folder(from, &at.maildirs, &at.names, &options.user)?
    };
    if is_one && users.len() != 1 {
        return Err(Failure::usage("--from maildir:DIR needs exactly one USER, who gets the mail"));
    }
    let (maildirs, ids) = (Maildirs::new(from, &at.maildirs, &at.names)?, unique_ids(options)?);
    let source = |user: &UserName| {
        let path = if is_one { from.clone() } else { maildirs.path_of(user)? };
        FromMaildir::open(&path, ids.clone())
    };
    let copy = |user: &UserName, target: &mut dyn Target| -> Result<Transferred, Failure> {
        transfer(&mut source(user)?, target)
    };
    if let StoreUrl::Maildir(folder) = &store {
        let maildirs = Maildirs::new(folder, &at.maildirs, &at.names)?;
        return for_each(&users, DONE, |user| copy(user, &mut IntoMaildir::open(&maildirs.path_of(user)?)?));
    }
    #[cfg(feature = "tokio")]
    {
        let database = super::database(&store)?;
        for_each(&users, DONE, |user| copy(user, &mut super::sql::IntoSql::new(&database, user.clone())))
    }
    #[cfg(not(feature = "tokio"))]
    Err(super::without_databases(&store))
}

/// Imports an mbox into a Maildir.
fn mbox(options: &Import, from: &Path, to: &Path) -> Result<Exit, Failure> {
    let mut import = MboxImport::default();
    if let Some(way) = &options.unique_ids {
        import.format = match way.split_once(':') {
            None if way == "dovecot" => UidlFormat::default(),
            Some(("dovecot", format)) => {
                UidlFormat::for_mbox(format).map_err(|error| bad_way(&error.to_string()))?
            }
            _ => return Err(bad_way("expected dovecot, or dovecot: and a format")),
        };
    }
    (import.x_uidl, import.remove) = (options.x_uidl, options.remove);
    let report = import.run(&System::shared(), from, to).map_err(|error| failure(&error))?;
    let transferred = Transferred { new: report.imported, known: report.known, failed: 0 };
    hand_out(&told(transferred, DONE))?;
    Ok(Exit::Done)
}

/// Where the unique-ids of Maildirs come from.
fn unique_ids(options: &Import) -> Result<UniqueIds, Failure> {
    options
        .unique_ids
        .as_ref()
        .map_or(Ok(UniqueIds::Maildir), |way| parse_unique_ids(way).map_err(|error| bad_way(&error)))
}

fn bad_way(why: &str) -> Failure {
    Failure::usage(format!("--unique-ids: {why}"))
}
