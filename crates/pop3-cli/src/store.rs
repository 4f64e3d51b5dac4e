//! `pop3 store`: mail of other servers.

use std::io;

use pop3_disk::System;
use pop3_maildir::MboxImport;

use crate::args::{Import, Store, StoreCommand};
use crate::exit::{Exit, Failure};
use crate::tell::hand_out;

pub(crate) fn run(options: &Store) -> Result<Exit, Failure> {
    match &options.command {
        StoreCommand::Import(options) => import(options),
    }
}

fn import(options: &Import) -> Result<Exit, Failure> {
    let mut import = MboxImport::default();
    import.format.clone_from(&options.unique_ids);
    (import.x_uidl, import.remove) = (options.x_uidl, options.remove);
    let report = import.run(&System::shared(), &options.from, &options.to).map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::WouldBlock { Exit::TryLater } else { Exit::Usage };
        Failure::new(exit, pop3_text::reasons(&error))
    })?;
    hand_out(&format!("{} messages imported, {} were imported before\n", report.imported, report.known))?;
    Ok(Exit::Done)
}
