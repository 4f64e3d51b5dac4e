//! The files of a certificate and its key, and whether they have changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use pop3_certificates::certified_key;
use rustls::sign::CertifiedKey;

use crate::error::ServeError;

/// A certificate chain and its key, in two files.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// What tells two versions of the files of a pair apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<Version>; 2]);

/// Device and number of a file, its size, and when its content and its entry were changed.
type Version = (u64, u64, u64, (i64, i64), (i64, i64));

impl Pair {
    /// The versions of the files now. Symbolic links are followed, as whoever renews a certificate may change the link
    /// and not the file.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp([version(&self.cert), version(&self.key)])
    }

    /// Reads the files. The stamp is older than what was read: who writes meanwhile changes it.
    pub(super) fn read(&self) -> Result<(CertifiedKey, Stamp), ServeError> {
        let stamp = self.stamp();
        Ok((certified_key(&self.cert, &self.key)?, stamp))
    }
}

/// The version of a file; `None` if it can't be looked at.
fn version(path: &Path) -> Option<Version> {
    let found: io::Result<fs::Metadata> = fs::metadata(path);
    found.ok().map(|found| {
        let changed = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        (found.dev(), found.ino(), found.size(), changed.0, changed.1)
    })
}
