//! A file by its name in an open directory.

use std::io;

pub(crate) use pop3_disk::Spot;
use pop3_disk::{Folder, Open};

/// For writing a file that only its owner can read, which is made if it is missing.
pub(crate) const PRIVATE: Open = Open::writing().make(0o600);

/// Removes the files of a directory whose names are of this kind.
pub(crate) fn remove_with(folder: &dyn Folder, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut ours = Vec::new();
    folder.list(&mut |entry| {
        let name = entry.name;
        if str::from_utf8(name).is_ok_and(&is_ours) {
            ours.push(name.to_vec());
        }
    })?;
    ours.iter().try_for_each(|name| folder.unlink(name))
}
