//! File access for mail stores, as traits that tests can replace.
//!
//! Use this crate to test what your store does when a write fails or the process is killed. `pop3-maildir` and
//! `pop3-fetch` access files only through it.
//!
//! [`Disk`], [`Folder`] and [`File`] have the calls that a Maildir, an mbox or a log needs, and no more. [`System`]
//! implements them with the operating system. [`Faults`] makes any change fail, or be the last one before the
//! process ends.
//!
//! The traits follow the behaviour of Unix:
//! - A name is a sequence of octets without `/`. It is looked up in an open [`Folder`], so that nobody can redirect
//!   a program by moving directories.
//! - A change of a name survives a power failure after [`Folder::sync`]. A change of the content does after
//!   [`File::sync`].
//! - Errors are [`std::io::Error`]s. An operation that the file system does not support fails with the kind
//!   [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! The traits are used as trait objects (`Arc<dyn Disk>`). The cost of one indirect call is small compared with the
//! system call.
//!
//! ```
//! use std::io::{Read as _, Write as _};
//! use pop3_disk::{Disk, Open, System};
//!
//! let place = tempfile::tempdir()?;
//! let disk = System::shared();
//! let folder = disk.open_folder(place.path())?;
//! let mut file = folder.open(b"note.new", Open::writing().make_new(0o600))?;
//! file.write_all(b"hello")?;
//! file.sync()?;
//! folder.rename(b"note.new", &*folder, b"note")?;
//! folder.sync()?; // From here on, the note survives a power failure.
//!
//! let mut text = String::new();
//! folder.open(b"note", Open::reading())?.read_to_string(&mut text)?;
//! assert_eq!(text, "hello");
//! # Ok::<(), std::io::Error>(())
//! ```
#![cfg(unix)]

mod disk;
mod dot_lock;
mod faults;
mod file;
mod folder;
mod mbox_lock;
mod open;
mod spot;
mod stat;
mod sync_all;
mod system;

pub use disk::Disk;
pub use dot_lock::{DotLock, DotLockCandidate, LockOwner};
pub use faults::{Change, Faults, What};
pub use file::{File, Lock, Ownership};
pub use folder::{Folder, FolderEntry, is_without_links};
pub use mbox_lock::LockedMbox;
pub use open::Open;
pub use spot::Spot;
pub use stat::{FileKind, Stat};
pub use system::System;
