//! The files in which other servers keep their unique-ids: read line by line, and replaced as a whole.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};

use pop3_disk::{File, Folder, Open, Ownership};
use rustix::io::Errno;

use crate::folders::open_file;

/// Octets of a line. A file name has at most 255, a unique-id 70.
const LINE_MAX: u64 = 4096;

/// Octets of a file: some 500,000 messages.
const FILE_MAX: u64 = 64 << 20;

/// Octets read and written at once.
const PIECE: usize = 64 * 1024;

/// The lines of a file, with a bound for each.
#[derive(Debug)]
pub(super) struct Lines {
    from: BufReader<Box<dyn File>>,
    ownership: Option<Ownership>,
    file_name: &'static str,
    line: Vec<u8>,
    number: u64,
    /// Octets that may still come, whatever is added to the file meanwhile.
    left: u64,
}

/// A line without its line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'l> {
    pub(super) octets: &'l [u8],
    /// Whether there is a line end. Only the last line may have none.
    pub(super) is_whole: bool,
}

impl Lines {
    /// Opens a file in the Maildir, or returns `None` if there is none.
    pub(super) fn open(root: &dyn Folder, file_name: &'static str) -> io::Result<Option<Self>> {
        let (file, stat) = match open_file(root, file_name.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| failed("read", file_name, error))?,
        };
        if stat.len > FILE_MAX {
            let text = format!("it has {} octets, and at most {FILE_MAX} are read", stat.len);
            return Err(unusable(file_name, 0, &text));
        }
        let ownership = file.ownership().ok();
        let from = BufReader::with_capacity(PIECE, file);
        Ok(Some(Self { from, ownership, file_name, line: Vec::new(), number: 0, left: FILE_MAX }))
    }

    /// The next line, `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let read = (&mut self.from).take(LINE_MAX).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| failed("read", self.file_name, error))? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let Some(left) = self.left.checked_sub(read) else {
            return Err(self.broken(&format!("the file grows, and at most {FILE_MAX} octets are read")));
        };
        self.left = left;
        let is_whole = self.line.last() == Some(&b'\n');
        if !is_whole && self.line.len() as u64 >= LINE_MAX {
            return Err(self.broken("the line is too long"));
        }
        if is_whole {
            self.line.pop();
        }
        if self.line.contains(&0) {
            return Err(self.broken("it contains a NUL"));
        }
        Ok(Some(Line { octets: &self.line, is_whole }))
    }

    /// The error that the line just read can't be true. Other unique-ids than before must not be given because of it.
    pub(super) fn broken(&self, why: &str) -> io::Error {
        unusable(self.file_name, self.number, why)
    }

    pub(super) const fn ownership(&self) -> Option<Ownership> {
        self.ownership
    }
}

/// The error that a file can't be used.
pub(super) fn unusable(file_name: &str, line: u64, why: &str) -> io::Error {
    let place = if line == 0 { String::new() } else { format!(", line {line}") };
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "{file_name}{place}: {why}; repair the file, or remove it: then all messages get new unique-ids"
        ),
    )
}

/// The error of the system, with what failed. It may pass.
pub(super) fn failed(action: &str, file_name: &str, error: io::Error) -> io::Error {
    if is_shortage(&error) {
        return error;
    }
    let kind = if error.kind() == io::ErrorKind::WouldBlock { error.kind() } else { io::ErrorKind::Other };
    io::Error::new(kind, format!("can't {action} {file_name}: {error}"))
}

/// Whether descriptors are short. Whoever opens the Maildir waits and tries again.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Replaces a file in the Maildir by what `write` writes, and syncs it. The new file is written under a temporary name
/// first. It gets the owner of the old one, or that of the Maildir.
pub(super) fn replace(
    root: &dyn Folder,
    file_name: &str,
    old: Option<Ownership>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = format!("{file_name}.tmp").into_bytes();
    root.unlink(&temporary).ok();
    let store = || {
        let file = root.open(&temporary, Open::writing().make_new(0o600))?;
        if let Some(wanted) = old.or_else(|| root.ownership().ok()) {
            // Another server must be able to read it. Only root can do that, and only root has to.
            file.set_ownership(Ownership { mode: wanted.mode & 0o666 | 0o600, ..wanted }).ok();
        }
        let mut file = BufWriter::with_capacity(PIECE, file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync()?;
        root.rename(&temporary, root, file_name.as_bytes())
    };
    let stored = store();
    if stored.is_err() {
        root.unlink(&temporary).ok();
    }
    stored.and_then(|()| root.sync()).map_err(|error| failed("write", file_name, error))
}

#[cfg(test)]
mod tests {
    use pop3_disk::System;

    use super::*;

    #[test]
    fn a_file_that_grows_while_it_is_read_is_not_read_for_ever() {
        let place = tempfile::tempdir().unwrap();
        let folder = System::shared().open_folder(place.path()).unwrap();
        let mut file = folder.open(b"list", Open::writing().make_new(0o600)).unwrap();
        file.write_all(b"one\ntwo\nthree\n").unwrap();
        let mut lines = Lines::open(&*folder, "list").unwrap().unwrap();
        lines.left = 8;
        assert!(lines.next().unwrap().is_some() && lines.next().unwrap().is_some());
        let error = lines.next().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().starts_with("list, line 3: the file grows"), "{error}");
    }
}
