//! An unfinished file.

use std::io::{self, BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{File, Open};

use crate::spot::Spot;

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// An unfinished file, removed when it is dropped and was not kept.
#[derive(Debug)]
pub(super) struct Spool {
    spot: Spot,
    /// `None` when it is sealed, or a write failed.
    file: Option<BufWriter<Box<dyn File>>>,
    unfinished: bool,
}

impl Spool {
    /// Makes a new file, for its owner only.
    pub(super) fn create(spot: Spot) -> io::Result<Self> {
        let file = spot.open(Open::writing().make_new(0o600))?;
        Ok(Self { spot, file: Some(BufWriter::with_capacity(BUFFER, file)), unfinished: true })
    }

    /// Opens what was sealed.
    pub(super) fn open(&self) -> io::Result<Box<dyn File>> {
        self.spot.open(Open::reading())
    }

    /// Brings the content to the disk and closes the file.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        let file = self.file.take().ok_or_else(failed_before)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync()
    }

    /// Removes the file now, which tells later runs that the message has appeared.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.unfinished = false;
        self.spot.remove()
    }

    /// Moves the file to its place, where nothing may be. If that fails, the file stays where it is.
    pub(super) fn rename(mut self, to: &Spot) -> io::Result<()> {
        self.unfinished = false;
        match self.spot.rename_new(to) {
            // Then only the name, which contains a time, keeps one message from replacing another.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.spot.rename(to),
            moved => moved,
        }
    }

    /// From now on the file stays where it is, whatever becomes of this value.
    pub(super) const fn keep(&mut self) {
        self.unfinished = false;
    }

    /// Leaves the file where it is.
    pub(super) fn leave(mut self) {
        self.keep();
    }
}

impl Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or_else(failed_before)?;
        let written = file.write(octets);
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.file = None;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().ok_or_else(failed_before)?.flush()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Without writing what was gathered.
            drop(file.into_parts());
        }
        if self.unfinished {
            // If it can't be removed now, the next run does it.
            let _ = self.spot.remove();
        }
    }
}

fn failed_before() -> io::Error {
    io::Error::other("an earlier write failed")
}

/// A file name that no other message gets: the time in front, so that names sort as messages came.
pub(super) fn unique(now: SystemTime, name: &str, counter: &mut u64) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    *counter += 1;
    format!("{:010}.{:06}.{:06}.{name}", now.as_secs(), now.subsec_micros(), counter)
}
