//! Who may log in: the users file.
//!
//! A line is `name:` and one form: `{PLAIN}secret`, where the password goes to the end of the line,
//! spaces included; a PHC string (argon2, scrypt or pbkdf2); SCRAM keys
//! (`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, RFC 5803); `{CERT}` and the SHA-256 of a
//! client's certificate; `{TOKEN}`; or a setting, `{LOGIN-DELAY}seconds` or `{EXPIRE}days`.
//!
//! A name may stand on several lines, for forms of different kinds: one password in clear or as a PHC
//! string, one set of SCRAM keys for each hash, any number of certificates. Empty lines and lines that
//! begin with `#` are skipped.

mod form;
mod name;
mod salt;
mod table;
mod user;

use core::net::IpAddr;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::{fs, io, thread};

use pop3_proto::Secret;
use pop3_sasl::scram::{Hash, Keys};

pub(crate) use form::{Fingerprint, parse_days};
pub(crate) use name::UserName;
pub(crate) use salt::SaltKey;
pub(crate) use table::Table;

use crate::exit::Failure;
use crate::source::Source;

/// The users file, which can be read again while it is in use.
#[derive(Debug)]
pub(crate) struct Users {
    path: PathBuf,
    table: RwLock<Arc<Table>>,
    gate: Gate,
}

impl Users {
    /// Reads the users file.
    ///
    /// # Errors
    /// When it can't be read, or a line can't be; the message names the file and the line.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let table = RwLock::new(Arc::new(read(path)?));
        Ok(Self { path: path.to_owned(), table, gate: Gate::new() })
    }

    /// Reads the file again and tells how many users it has. Sessions that are open stay open.
    ///
    /// # Errors
    /// As [`load`](Self::load); the old users are kept then.
    pub(crate) fn reload(&self) -> Result<usize, Failure> {
        let table = Arc::new(read(&self.path)?);
        let count = table.len();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(count)
    }

    /// The users as they are now.
    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is the user's password; if so, the user's checked name. This computes a hash,
    /// and blocks: at most one for each processor at a time, as each takes memory too, and not all for one
    /// address.
    pub(crate) fn verify(&self, name: &[u8], password: &[u8], from: IpAddr) -> Option<UserName> {
        let table = self.table();
        let _pass = self.gate.enter(from);
        table.verify(name, password)
    }

    /// The SCRAM keys for this name, known or not; see [`Table::scram_keys`]. This may compute a
    /// hash, as [`verify`](Self::verify) does.
    pub(crate) fn scram_keys(&self, name: &[u8], hash: Hash, salt_key: &SaltKey, from: IpAddr) -> Keys {
        let table = self.table();
        let _pass = table.makes_keys(hash).then(|| self.gate.enter(from));
        table.scram_keys(name, hash, salt_key)
    }
}

/// What is unwise about the users file, as one line, if anything.
pub(crate) fn warning(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let whom = match (mode & 0o022 != 0, mode & 0o004 != 0) {
        (true, _) => "written by others than its owner",
        (false, true) => "read by everybody on this machine",
        (false, false) => return None,
    };
    Some(format!("{} can be {whom}; chmod 600 it", path.display()))
}

fn read(path: &Path) -> Result<Table, Failure> {
    let octets = fs::read(path).map(Secret::new).map_err(|error| unreadable(path, &error))?;
    Table::parse(octets.expose())
        .map_err(|error| Failure::usage(format!("{}:{}: {}", path.display(), error.line, error.what)))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("the users file {} can't be read: {error}", path.display()))
}

/// Lets a bounded number of threads through, and not all of them for one source: who guesses from one
/// address must not keep all others waiting.
#[derive(Debug)]
struct Gate {
    places: usize,
    taken: Mutex<HashMap<Source, usize>>,
    freed: Condvar,
}

/// A place behind the [`Gate`].
#[derive(Debug)]
struct Pass<'a> {
    gate: &'a Gate,
    source: Source,
}

impl Gate {
    fn new() -> Self {
        Self::with_places(thread::available_parallelism().map_or(2, usize::from))
    }

    fn with_places(places: usize) -> Self {
        Self { places, taken: Mutex::default(), freed: Condvar::new() }
    }

    fn enter(&self, address: IpAddr) -> Pass<'_> {
        let source = Source::from(address);
        let taken = self.taken();
        let full = |taken: &mut HashMap<Source, usize>| !self.has_room(taken, source);
        let mut taken = self.freed.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner);
        *taken.entry(source).or_default() += 1;
        Pass { gate: self, source }
    }

    /// Of several places one is kept for others than this source.
    fn has_room(&self, taken: &HashMap<Source, usize>, source: Source) -> bool {
        let own = taken.get(&source).copied().unwrap_or_default();
        let most = self.places.saturating_sub(1).max(1);
        own < most && taken.values().sum::<usize>() < self.places
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut taken = self.gate.taken();
        if let Some(own) = taken.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.source);
            }
        }
        // Not every one that waits could go through now.
        self.gate.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_bad_file_keeps_the_old_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "alice:{PLAIN}one\n").unwrap();
        let users = Users::load(&path).unwrap();
        assert!(users.verify(b"alice", b"one", FROM).is_some());
        fs::write(&path, "alice:{PLAIN}two\nbob\n").unwrap();
        let error = users.reload().unwrap_err().to_string();
        assert!(error.contains("users:2: "), "{error}");
        assert!(users.verify(b"alice", b"one", FROM).is_some());
        fs::write(&path, "alice:{PLAIN}two\nbob:{PLAIN}x\n").unwrap();
        assert_eq!(users.reload(), Ok(2));
        assert!(users.verify(b"alice", b"one", FROM).is_none());
        assert!(users.verify(b"alice", b"two", FROM).is_some());
        fs::remove_file(&path).unwrap();
        assert!(users.reload().is_err());
        assert!(users.verify(b"alice", b"two", FROM).is_some());
    }

    #[test]
    fn a_file_that_everybody_reads_is_worth_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "").unwrap();
        for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o660, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(warning(&path).is_some(), warned, "{mode:o}");
        }
    }

    // SEC-02
    #[test]
    fn one_address_does_not_take_all_places() {
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        for (places, most) in [(1, 1), (2, 1), (8, 7)] {
            let gate = Gate::with_places(places);
            let room = |from: IpAddr| gate.has_room(&gate.taken(), from.into());
            let passes: Vec<_> = (0..most).map(|_| gate.enter(FROM)).collect();
            assert!(!room(FROM));
            assert_eq!(room(other), places > 1);
            thread::scope(|scope| {
                let waiting = scope.spawn(|| drop(gate.enter(FROM)));
                if places > 1 {
                    drop(gate.enter(other));
                }
                drop(passes);
                waiting.join().unwrap();
            });
            assert!(gate.taken().is_empty());
        }
    }
}
