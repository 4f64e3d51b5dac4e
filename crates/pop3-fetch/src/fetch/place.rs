//! What an error of the system is about.

use core::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::Target;

/// The target or the state file, to be named in errors: what fills one disk is not to be sought on
/// another.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<str>);

impl Place {
    pub(super) fn target(target: &Target) -> Self {
        Self(format!("storing in {target} failed").into())
    }

    pub(super) fn caller() -> Self {
        Self("the program did not accept a message".into())
    }

    pub(super) fn state(path: &Path) -> Self {
        Self(format!("writing the state file {} failed", path.display()).into())
    }

    /// Names the place in the error.
    pub(super) fn named<V>(&self, result: io::Result<V>) -> io::Result<V> {
        result.map_err(|source| {
            if source.kind() == io::ErrorKind::Interrupted {
                return source; // It is tried again.
            }
            io::Error::new(source.kind(), Named { place: Arc::clone(&self.0), source })
        })
    }
}

#[derive(Debug)]
struct Named {
    place: Arc<str>,
    source: io::Error,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl core::error::Error for Named {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}
