//! Where the state file lies when no option names it.

use std::env;
use std::io;
use std::path::{self, Path, PathBuf};

use pop3_disk::{Disk, System};
use pop3_driver::Stop;
use pop3_url::Url;

use super::session::Fetch;
use crate::journal::Key;
use crate::lock::wait_for;
use crate::spot::{PRIVATE, Spot};
use crate::{FetchError, FetchOptions, Target};

/// Returns the text that identifies an account in a state file: user, host, and port. The two standard ports give the
/// same text, because they lead to the same maildrop: switching to TLS does not fetch all messages again.
pub fn account(url: &Url, user: &[u8]) -> String {
    let (user, host) = (user.escape_ascii(), url.host());
    match url.port() {
        110 | 995 => format!("{user}@{host}"),
        port => format!("{user}@{host}:{port}"),
    }
}

/// Returns the default path of the state file for an account and target, in `$XDG_STATE_HOME/pop3` or
/// `~/.local/state/pop3`. A file with the name that an earlier version used is renamed.
///
/// # Errors
/// Returns an error if there is no home directory, or if the file cannot be renamed.
pub fn default_path(account: &str, target: &Target) -> Result<PathBuf, FetchError> {
    // A path that is not absolute is to be ignored (XDG Base Directory Specification).
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let state = absolute("XDG_STATE_HOME").or_else(home).ok_or_else(|| {
        FetchError::unusable("there is no home directory for the state file; give the name of a state file")
    })?;
    path_in(&System::default(), &state.join("pop3"), account, target)
}

impl FetchOptions {
    /// Opens the target and the state file that [`default_state`](crate::default_state) chooses for it.
    ///
    /// `account` identifies the account, for example `mrose@pop.example.org`; see [`Fetch::open`].
    ///
    /// # Errors
    /// Returns the same errors as [`Fetch::open`] and [`default_state`](crate::default_state).
    pub fn open(self, target: &Target, account: &str) -> Result<Fetch, FetchError> {
        let state = default_path(account, target)?;
        Fetch::open(target, &state, account, self)
    }
}

fn path_in(disk: &dyn Disk, folder: &Path, account: &str, target: &Target) -> Result<PathBuf, FetchError> {
    let file = |target: &str| {
        let key = Key::of_uid(format!("{account}\0{target}").as_bytes());
        folder.join(format!("{key}.state"))
    };
    let path = file(&target.identity(disk));
    let old = file(&as_spelled(target));
    // Without the directory there is no old file.
    if old != path
        && let Ok(folder) = disk.open_folder(folder)
    {
        let spot = |path: &Path| Spot::of(&folder, path);
        let (old, new) = (spot(&old), spot(&path));
        if is_there(&old) && !is_there(&new) {
            take_over(disk, &old, &new)?;
        }
    }
    Ok(path)
}

/// The text that stood for a target before its links and `..` were resolved. It is still what a directory
/// was known by that was moved since, with a link in its place.
fn as_spelled(target: &Target) -> String {
    let whole = |path: &PathBuf| path::absolute(path).unwrap_or_else(|_| path.clone());
    match target {
        Target::Maildir(path) => Target::Maildir(whole(path)),
        Target::Mbox(path) => Target::Mbox(whole(path)),
        Target::Dir(path) => Target::Dir(whole(path)),
        Target::Stdout => Target::Stdout,
    }
    .to_string()
}

/// Gives a state file its new name, unless a process is using it.
fn take_over(disk: &dyn Disk, old: &Spot, new: &Spot) -> Result<(), FetchError> {
    let failed = |error: io::Error| {
        FetchError::unusable(format!(
            "the state file {} can't be renamed to {}: {error}",
            old.path().display(),
            new.path().display()
        ))
    };
    let lock_spot = old.beside(".lock");
    let lock = lock_spot.open(PRIVATE).map_err(failed)?;
    if !wait_for(disk, &*lock, &Stop::new()).map_err(failed)? {
        return Err(FetchError::Running(format!(
            "another fetch is running with the state file {}; wait until it has finished",
            old.path().display()
        )));
    }
    if is_there(new) {
        return Ok(());
    }
    match old.rename(new) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(()) => {
            // Nobody looks for it any more.
            let _ = lock_spot.remove();
            new.sync_folder().map_err(failed)
        }
    }
}

/// Whether there is something. What can't be looked at can't be taken over either.
fn is_there(spot: &Spot) -> bool {
    spot.exists().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn path_in(folder: &Path, account: &str, target: &Target) -> Result<PathBuf, FetchError> {
        super::path_in(&System::default(), folder, account, target)
    }

    #[test]
    fn accounts_and_targets_have_one_text_each() {
        let url = Url::parse("pop3s://a%40b@Mail.Example").unwrap();
        assert_eq!(account(&url, b"a@b"), "a@b@mail.example");
        let url = Url::parse("pop3://h:1110").unwrap();
        assert_eq!(account(&url, b"u"), "u@h:1110");
    }

    #[test]
    fn a_file_of_the_old_name_is_found_once_and_for_all_spellings() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(base.join("a/out")).unwrap();
        std::os::unix::fs::symlink("a", base.join("link")).unwrap();
        let target = |path: &str| Target::Dir(base.join(path));
        let path = path_in(&base, "u@h", &target("a/out")).unwrap();
        for spelled in ["a/out/", "link/out", "a/../a/out"] {
            let _ = fs::remove_file(&path);
            // As the version before named it.
            let old = format!("u@h\0dir:{}", path::absolute(base.join(spelled)).unwrap().display());
            let old = base.join(format!("{}.state", Key::of_uid(old.as_bytes())));
            assert_ne!(old, path, "{spelled}");
            fs::write(&old, spelled).unwrap();
            assert_eq!(path_in(&base, "u@h", &target(spelled)).unwrap(), path);
            assert_eq!(fs::read_to_string(&path).unwrap(), spelled);
            assert!(!old.exists());
            // What is there is never replaced.
            fs::write(&old, "older").unwrap();
            assert_eq!(path_in(&base, "u@h", &target(spelled)).unwrap(), path);
            assert_eq!(fs::read_to_string(&path).unwrap(), spelled);
        }
    }
}
