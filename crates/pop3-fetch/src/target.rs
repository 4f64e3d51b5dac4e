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
    /// A Maildir. CRLF is stored as LF, as mail readers expect. It is created if it does not exist.
    Maildir(PathBuf),
    /// A file in the format `mboxrd`, to which messages are appended. It is locked as mail programs lock it.
    Mbox(PathBuf),
    /// A directory with one file for each message, unchanged.
    Dir(PathBuf),
    /// Standard output: one message after the other, with CRLF. Do not delete such messages from the server, because
    /// it is unknown what the reader does with them.
    Stdout,
}

impl Target {
    /// Reads `maildir:DIR`, `mbox:FILE`, `dir:DIR` or `-`.
    ///
    /// # Errors
    /// Returns a text with the allowed forms if the text is none of them.
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
            return Err("the target must be maildir:DIR, mbox:FILE, dir:DIR or -");
        };
        if path.is_empty() {
            return Err("the target names no file or directory");
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
