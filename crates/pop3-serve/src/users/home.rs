//! Paths of home directories.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Parses the path of a home directory.
///
/// # Errors
/// When it is not absolute, or goes up.
pub(crate) fn parse_home(octets: &[u8]) -> Result<PathBuf, &'static str> {
    let path = Path::new(OsStr::from_bytes(octets));
    let goes_up = path.components().any(|component| component == Component::ParentDir);
    if path.is_absolute() && !goes_up && !octets.contains(&0) {
        Ok(path.to_owned())
    } else {
        Err("the home directory must be an absolute path without ..")
    }
}
