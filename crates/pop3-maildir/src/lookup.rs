//! Opening a message of the snapshot where it is now.

use std::io::{self, SeekFrom};

use pop3_disk::{File, Stat};

use crate::config::EightBitHeaders;
use crate::entries::{Entries, Entry};
use crate::folders::{Folders, State};
use crate::measure;
use crate::message::{MessageFile, Tries};
use crate::name::InfoSeparator;
use crate::search;

/// Looks where a message is now; `false` when it is under no other name.
pub(crate) fn search(
    folders: &Folders<'_>,
    entries: &mut Entries,
    searched: &mut Option<Box<State>>,
    index: usize,
    separator: InfoSeparator,
) -> io::Result<bool> {
    let before = folders.state()?;
    if searched.as_deref() == Some(&before) {
        // All names there are have been looked through, and this message was not among them.
        return Ok(false);
    }
    if search::guess(folders, entries, index, separator)? {
        return Ok(true);
    }
    let mut name = Vec::new();
    let place = |entries: &Entries, name: &mut Vec<u8>| {
        entries.get(index, name).map(|entry| (entry.folder, entry.name.to_vec()))
    };
    let old = place(entries, &mut name);
    let settled = search::relocate(folders, entries)?;
    if settled && folders.state()? == before {
        *searched = Some(Box::new(before));
    }
    if place(entries, &mut name) != old {
        return Ok(true);
    }
    if !settled {
        folders.wait_for_tick()?;
    }
    Ok(!settled)
}

/// Opens the file where the snapshot has it, `None` when something else or nothing is there.
pub(crate) fn open(
    folders: &Folders<'_>,
    entries: &mut Entries,
    index: usize,
    headers: EightBitHeaders,
    tries: &Tries,
) -> io::Result<Option<MessageFile>> {
    let mut name = Vec::new();
    let Some(entry) = entries.get(index, &mut name) else { return Ok(None) };
    // Most often another name is needed, and looking is cheaper than opening.
    match folders.stat(entry.folder, entry.name)? {
        Some(stat) if stat.same_content(&entry.stat) => {}
        _ => return Ok(None),
    }
    let (mut file, stat) = match folders.open_message(entry.folder, entry.name) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !stat.same_content(&entry.stat) || !is_as_counted(&mut *file, &entry, &stat, headers)? {
        return Ok(None);
    }
    if stat.changed != entry.stat.changed {
        let (folder, changed) = (entry.folder, stat.changed);
        entries.update(index, folder, &name, changed);
    }
    Ok(Some(MessageFile::new(file, stat, tries.clone())))
}

/// Whether the size that was counted is still right.
///
/// If the change time is another one, the file was renamed, or its content was changed and its modification time put
/// back. The content tells. Whether the header is ASCII is not known of a message whose size was told by its name, and
/// makes no difference if all are sent unchanged.
fn is_as_counted(
    file: &mut dyn File,
    entry: &Entry<'_>,
    stat: &Stat,
    headers: EightBitHeaders,
) -> io::Result<bool> {
    if stat.changed == entry.stat.changed {
        return Ok(true);
    }
    let count = measure::count(file, stat.len, &mut Vec::new())?;
    file.seek(SeekFrom::Start(0))?;
    let is_same_header = |eight_bit| matches!(headers, EightBitHeaders::Send) || eight_bit == entry.eight_bit;
    Ok(count.is_some_and(|count| Some(count.wire) == entry.wire && is_same_header(count.eight_bit)))
}
