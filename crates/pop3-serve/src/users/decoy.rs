//! The key of the salts that users without SCRAM keys, and names without users, get.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use pop3_proto::Secret;

use super::encoding;
use crate::error::{ServeError, ServeErrorKind};

/// The key for the salts of users who have no SCRAM keys. Keep it secret, so that nobody can tell these salts from
/// real ones. Keep it unchanged, because the salts of real users do not change either.
#[derive(Debug)]
pub struct DecoyKey(Secret<Vec<u8>>);

/// How many octets the key has. The file has twice as many hexadecimal digits and a line end.
const OCTETS: usize = 32;

impl DecoyKey {
    /// Returns the default path of the key, beside the users file.
    pub fn default_path(users: &Path) -> PathBuf {
        let mut path = OsString::from(users);
        path.push(".decoy-key");
        path.into()
    }

    /// Creates a random key for this process.
    ///
    /// # Errors
    /// Returns an error if the system provides no random octets.
    pub fn random() -> Result<Self, ServeError> {
        let mut octets = vec![0; OCTETS];
        getrandom::fill(&mut octets)
            .map_err(|error| ServeError::system(format!("the system provides no random octets: {error}")))?;
        Ok(Self(Secret::new(octets)))
    }

    /// Creates a key from octets that are kept elsewhere, for example in a database that several servers share.
    #[must_use]
    pub fn from_octets(octets: [u8; 32]) -> Self {
        Self(Secret::new(octets.to_vec()))
    }

    /// Reads the key from a file, or creates the file. Only the owner may read the file. It is created atomically: if
    /// two programs create it at the same time, both use the first one.
    ///
    /// # Errors
    /// Returns an error if the file exists but cannot be read or contains no key. If there is no file and none can be
    /// created, the kind of the error is [`NotMade`](ServeErrorKind::NotMade). A server can then use
    /// [`random`](Self::random).
    pub fn load_or_make(path: &Path) -> Result<Self, ServeError> {
        if let Some(key) = Self::load(path)? {
            return Ok(key);
        }
        match Self::random()?.write(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let text = format!(
                    "{} can't be created: {error}; without it, the salts of unknown users change with \
                     each start, which reveals that they are unknown",
                    path.display()
                );
                return Err(ServeError::new(ServeErrorKind::NotMade, text));
            }
        }
        let vanished = || ServeError::unusable(format!("{} was created and has disappeared", path.display()));
        Self::load(path)?.ok_or_else(vanished)
    }

    /// Reads the key from a file. Returns `None` if there is no file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, contains no key, or can be read by others than its owner.
    pub fn load(path: &Path) -> Result<Option<Self>, ServeError> {
        let wrong = |why: &str| {
            ServeError::unusable(format!(
                "{} can't be used as decoy key: \
            {why}",
                path.display()
            ))
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&format!("it can't be read: {error}"))),
        };
        let mode = file.metadata().map_err(|error| wrong(&error.to_string()))?.mode();
        if mode & 0o077 != 0 {
            return Err(wrong("users other than its owner can read or write it; remove it"));
        }
        let mut text = Vec::with_capacity(2 * OCTETS + 2);
        let read = file.take(2 * OCTETS as u64 + 2).read_to_end(&mut text);
        let text = Secret::new(text);
        read.map_err(|error| wrong(&format!("it can't be read: {error}")))?;
        let digits = text.expose().strip_suffix(b"\n").unwrap_or_default();
        let octets = encoding::hex(digits).filter(|octets| octets.len() == OCTETS);
        let octets = octets.ok_or_else(|| wrong("it does not contain 64 hexadecimal digits; remove it"))?;
        Ok(Some(Self(Secret::new(octets))))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut temporary = OsString::from(path);
        temporary.push(format!(".{}", process::id()));
        let temporary = PathBuf::from(temporary);
        let made = self.write_new(&temporary).and_then(|()| fs::hard_link(&temporary, path));
        // Whatever happened: it is linked under its own name, or of no use.
        let _ = fs::remove_file(&temporary);
        made?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let text: String = self.expose().iter().map(|octet| format!("{octet:02x}")).collect();
        let text = Secret::new(text + "\n");
        file.write_all(text.expose().as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = DecoyKey::default_path(&folder.path().join("users"));
        assert!(path.ends_with("users.decoy-key"));
        let made = DecoyKey::load_or_make(&path).unwrap();
        let read = DecoyKey::load_or_make(&path).unwrap();
        assert_eq!((made.expose().len(), made.expose()), (32, read.expose()));
        assert_ne!(made.expose(), DecoyKey::random().unwrap().expose());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_key_is_not_taken_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for content in ["", "00", &"0".repeat(64), &("g".repeat(64) + "\n"), &("0".repeat(66) + "\n")] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(DecoyKey::load_or_make(&path).unwrap_err().to_string().contains("digits"), "{content}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, "0".repeat(64) + "\n").unwrap();
        assert!(DecoyKey::load_or_make(&path).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(DecoyKey::load_or_make(&path).is_err());
    }

    #[test]
    fn a_folder_that_can_not_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = DecoyKey::load_or_make(&folder.path().join("none/key")).unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::NotMade);
    }
}
