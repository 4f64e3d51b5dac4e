//! The one way from the mail stores of this workspace to files.
//!
//! [`Disk`], [`Folder`] and [`File`] are the calls that a Maildir, an mbox or a log of notes needs, and no more.
//! [`System`] implements them over the operating system. Nothing else in the crates that store mail touches a file or
//! asks for the time, so whatever stands behind the traits decides what those crates can meet: [`Faults`] makes any
//! change fail, or be the last one of a process.
//!
//! The traits follow what a Unix does:
//! - A name is a sequence of octets without `/`. It is looked up in an open [`Folder`], so that nobody can lead a
//!   program elsewhere by moving directories about.
//! - A change of a name is durable after [`Folder::sync`], a change of the content after [`File::sync`].
//! - Errors are [`std::io::Error`]s. What a file system can't do at all is an error of the kind
//!   [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! The traits are used as objects (`Arc<dyn Disk>`): a call costs one indirection, next to a call of the system. A read
//! or a write takes as many octets as the caller has room for, so nothing is paid per octet.
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
//! folder.sync()?; // From here on the note outlasts a loss of power.
//!
//! let mut text = String::new();
//! folder.open(b"note", Open::reading())?.read_to_string(&mut text)?;
//! assert_eq!(text, "hello");
//! # Ok::<(), std::io::Error>(())
//! ```
#![cfg(unix)]

mod disk;
mod faults;
mod file;
mod folder;
mod open;
mod stat;
mod system;

pub use disk::Disk;
pub use faults::{Change, Faults, What};
pub use file::{File, Lock};
pub use folder::{Folder, is_without_links};
pub use open::Open;
pub use stat::{Kind, Stat};
pub use system::System;
