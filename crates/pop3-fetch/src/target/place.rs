//! The one path of a file or directory, however it is spelled.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{self, Component, Path, PathBuf};

use pop3_disk::Disk;

use super::Target;

/// How many links are followed that lead to nothing yet, as many as Linux follows.
const LINKS: u32 = 40;

/// The path without links, `.` and `..`. What does not exist yet is resolved as far as it does, so
/// that the path stays the same once it is made.
pub(crate) fn real_path(disk: &dyn Disk, path: &Path) -> PathBuf {
    resolve(disk, &path::absolute(path).unwrap_or_else(|_| path.to_owned()), LINKS)
}

fn resolve(disk: &dyn Disk, path: &Path, links: u32) -> PathBuf {
    if let Ok(real) = disk.canonical(path) {
        return real;
    }
    let above = || resolve(disk, path.parent().unwrap_or(Path::new("/")), links);
    match path.components().next_back() {
        Some(Component::Normal(name)) => {
            let (above, name) = (above(), Path::new(name));
            match disk.read_link(&above.join(name)) {
                // `join` returns only the link if it is absolute.
                Ok(link) if links > 0 => resolve(disk, &above.join(link), links - 1),
                _ => above.join(name),
            }
        }
        // The directory before `..` does not exist. When it is created, it will not be a link.
        Some(Component::ParentDir) => {
            let mut above = above();
            above.pop();
            above
        }
        _ => path.to_owned(),
    }
}

impl Target {
    /// The same target with its [real path](real_path).
    pub(crate) fn real(&self, disk: &dyn Disk) -> Self {
        match self {
            Self::Maildir(path) => Self::Maildir(real_path(disk, path)),
            Self::Mbox(path) => Self::Mbox(real_path(disk, path)),
            Self::Dir(path) => Self::Dir(real_path(disk, path)),
            Self::Stdout => Self::Stdout,
        }
    }

    /// The text by which a state file knows the target: one for each target, however it is spelled.
    /// Octets of the path that are no UTF-8 stand as hexadecimal digits behind a NUL, which no path has.
    pub(crate) fn identity(&self, disk: &dyn Disk) -> String {
        let (kind, path) = match self.real(disk) {
            Self::Maildir(path) => ("maildir:", path),
            Self::Mbox(path) => ("mbox:", path),
            Self::Dir(path) => ("dir:", path),
            Self::Stdout => return "-".to_owned(),
        };
        path.as_os_str().as_bytes().utf8_chunks().fold(kind.to_owned(), |text, chunk| {
            let invalid = chunk.invalid().iter().map(|octet| format!("\0{octet:02x}"));
            text + chunk.valid() + &invalid.collect::<String>()
        })
    }

    /// Whether a text from a state file means the target with this identity. Older files have the path
    /// as it was spelled.
    pub(crate) fn is_named_by(disk: &dyn Disk, identity: &str, text: &str) -> bool {
        let read = || Self::parse(OsString::from_vec(text.into())).ok();
        text == identity || read().is_some_and(|target| target.identity(disk) == identity)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::symlink;

    use pop3_disk::System;

    use super::*;

    #[test]
    fn all_spellings_have_one_path_before_and_after_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(base.join("a")).unwrap();
        symlink("a", base.join("link")).unwrap();
        symlink("a/out", base.join("dangling")).unwrap();
        symlink(base.join("dangling"), base.join("twice")).unwrap();
        symlink("round", base.join("round")).unwrap();
        for made in [false, true] {
            for spelled in [
                "a/out",
                "a/out/",
                "a//out/.",
                "a/../a/out",
                "link/out",
                "link/../a/out",
                "dangling",
                "twice",
                "a/new/../out",
            ] {
                if made && spelled.contains("new") {
                    continue;
                }
                assert_eq!(
                    real_path(&System::default(), &base.join(spelled)),
                    base.join("a/out"),
                    "{spelled} {made}"
                );
            }
            fs::create_dir_all(base.join("a/out")).unwrap();
        }
        // It ends, whatever it says.
        real_path(&System::default(), &base.join("round/x"));
    }

    #[test]
    fn a_target_has_one_identity_and_two_have_two() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        symlink(&base, base.join("link")).unwrap();
        let identity = Target::Dir(base.join("x")).identity(&System::default());
        assert_eq!(identity, format!("dir:{}/x", base.display()));
        assert_eq!(Target::Dir(base.join("link/x/")).identity(&System::default()), identity);
        assert!(Target::is_named_by(
            &System::default(),
            &identity,
            &format!("dir:{}/link/./x/", base.display())
        ));
        assert!(!Target::is_named_by(&System::default(), &identity, &format!("mbox:{}/x", base.display())));
        assert!(!Target::is_named_by(&System::default(), &identity, ""));
        assert_ne!(Target::Mbox(base.join("x")).identity(&System::default()), identity);
        let odd =
            |octets: &[u8]| Target::Dir(base.join(OsStr::from_bytes(octets))).identity(&System::default());
        assert_ne!(odd(b"\xff"), odd(b"\xfe"));
        assert_ne!(odd(b"\xff"), odd("\u{fffd}".as_bytes()));
        assert_eq!(Target::Stdout.identity(&System::default()), "-");
    }
}
