//! An unfinished file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fuse;
use crate::journal::private;

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// An unfinished file, removed when it is dropped and was not kept.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    /// `None` when it is sealed, or a write failed.
    file: Option<BufWriter<File>>,
    unfinished: bool,
}

impl Spool {
    /// Makes a new file, for its owner only.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        fuse::step()?;
        let file = private().create_new(true).open(&path)?;
        Ok(Self { path, file: Some(BufWriter::with_capacity(BUFFER, file)), unfinished: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the content to the disk and closes the file.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        fuse::step()?;
        let file = self.file.take().ok_or_else(failed_before)?;
        fuse::sync(&file.into_inner().map_err(io::IntoInnerError::into_error)?)
    }

    /// Removes the file now, which tells later runs that the message has appeared.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.unfinished = false;
        fuse::step()?;
        fs::remove_file(&self.path)
    }

    /// Moves the file to its place. If that fails, the file stays where it is.
    pub(super) fn rename(mut self, path: &Path) -> io::Result<()> {
        self.unfinished = false;
        fuse::step()?;
        fs::rename(&self.path, path)
    }

    /// Leaves the file where it is.
    pub(super) fn leave(mut self) {
        self.unfinished = false;
    }
}

impl Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        fuse::step()?;
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
        if self.unfinished && !fuse::is_burnt() {
            // If it can't be removed now, the next run does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed_before() -> io::Error {
    io::Error::other("an earlier write failed")
}

/// A file name that no other message gets: the time in front, so that names sort as messages came.
pub(super) fn unique(name: &str, counter: &mut u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    *counter += 1;
    format!("{:010}.{:06}.{:06}.{name}", now.as_secs(), now.subsec_micros(), counter)
}
