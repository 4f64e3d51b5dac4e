//! Where fetched mail goes.

mod place;

use core::fmt;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

pub(crate) use place::real_path;

/// Where fetched mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A Maildir, with LF for CRLF, as mail readers expect it; it is made if it is not there.
    Maildir(PathBuf),
    /// A file to which messages are appended in the form `mboxrd`, locked as mail programs lock it.
    Mbox(PathBuf),
    /// A folder with one file for each message, octet for octet.
    Dir(PathBuf),
    /// Standard output: one message behind the other, with CRLF. There is no way to tell what its reader makes of
    /// them, so nothing should be deleted from the server.
    Stdout,
}

impl Target {
    /// Reads `maildir:DIR`, `mbox:FILE`, `dir:DIR` or `-`.
    ///
    /// # Errors
    /// When the text is none of these; says so.
    pub fn parse(text: OsString) -> Result<Self, &'static str> {
        if text == "-" {
            return Ok(Self::Stdout);
        }
        let bytes = text.as_bytes();
        let (kind, path): (fn(PathBuf) -> Self, _) = if let Some(path) = bytes.strip_prefix(b"maildir:") {
            (Self::Maildir, path)
        } else if let Some(path) = bytes.strip_prefix(b"mbox:") {
            (Self::Mbox, path)
        } else if let Some(path) = bytes.strip_prefix(b"dir:") {
            (Self::Dir, path)
        } else {
            return Err("the target is one of maildir:DIR, mbox:FILE, dir:DIR and -");
        };
        if path.is_empty() {
            return Err("the target names no file or folder");
        }
        Ok(kind(OsString::from_vec(path.to_vec()).into()))
    }
}

impl fmt::Display for Target {
    /// As [`parse`](Self::parse) reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(path) => write!(f, "maildir:{}", path.display()),
            Self::Mbox(path) => write!(f, "mbox:{}", path.display()),
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Stdout => f.write_str("-"),
        }
    }
}
