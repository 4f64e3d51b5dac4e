//! Other programs that work on a Maildir at the same time. What they do never fails.

use core::time::Duration;
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, Folder, Open};

use crate::chance::Chance;
use crate::disk::{SimDisk, SimProcess};

/// Another program with a Maildir.
#[derive(Debug)]
struct Program {
    process: SimProcess,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    chance: Chance,
}

impl Program {
    fn new(on: &SimDisk, path: &Path, chance: &Chance) -> Self {
        let process = on.actor();
        Self { disk: process.disk(), process, path: path.to_owned(), chance: chance.fork() }
    }

    fn folder(&self, name: &str) -> Arc<dyn Folder> {
        self.disk.open_folder(&self.path.join(name)).expect("the Maildir has this directory")
    }

    /// One of the messages, with its directory.
    fn any_message(&self) -> Option<(&'static str, Vec<u8>)> {
        let mut names = Vec::new();
        for folder in ["new", "cur"] {
            if let Ok(opened) = self.disk.open_folder(&self.path.join(folder)) {
                opened
                    .list(&mut |entry| names.push((folder, entry.name.to_vec())))
                    .expect("it can be listed");
            }
        }
        (!names.is_empty()).then(|| names.swap_remove(self.chance.below(names.len())))
    }
}

/// A program that delivers mail.
#[derive(Debug)]
pub struct Deliverer {
    program: Program,
    delivered: u64,
}

impl Deliverer {
    /// Delivers to the Maildir with this path.
    #[must_use]
    pub fn new(on: &SimDisk, path: &Path, chance: &Chance) -> Self {
        // Another number after each start, so that no name is used twice.
        let program = Program::new(on, path, chance);
        let delivered = program.chance.below(1 << 40) as u64;
        Self { program, delivered }
    }

    /// Delivers a message so that it survives a crash. Returns its name.
    pub fn deliver(&mut self, octets: &[u8]) -> Vec<u8> {
        self.put(octets, true)
    }

    /// Delivers a message as programs do that sync nothing. Returns its name.
    pub fn deliver_unsynced(&mut self, octets: &[u8]) -> Vec<u8> {
        self.put(octets, false)
    }

    fn put(&mut self, octets: &[u8], is_synced: bool) -> Vec<u8> {
        let program = &self.program;
        let now = program.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.delivered += 1;
        let name =
            format!("{}.M{}P7Q{}.other", now.as_secs(), now.subsec_micros(), self.delivered).into_bytes();
        let (tmp, new) = (program.folder("tmp"), program.folder("new"));
        let mut file = tmp.open(&name, Open::writing().make_new(0o600)).expect("the name is new");
        file.write_all(octets).expect("there is room");
        if is_synced {
            file.sync().expect("it can be synced");
        }
        tmp.rename(&name, &*new, &name).expect("it can be moved");
        if is_synced {
            new.sync().expect("it can be synced");
        }
        name
    }
}

/// A mail reader.
#[derive(Debug)]
pub struct Reader {
    program: Program,
}

impl Reader {
    /// Reads the Maildir with this path.
    #[must_use]
    pub fn new(on: &SimDisk, path: &Path, chance: &Chance) -> Self {
        Self { program: Program::new(on, path, chance) }
    }

    /// Returns whether the program runs. A crash ends it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.program.process.is_alive()
    }

    /// Moves a message to `cur`, or changes its flags. Sometimes syncs the directories.
    pub fn act(&self) {
        let program = &self.program;
        let Some((folder, name)) = program.any_message() else { return };
        let base = name.split(|&octet| octet == b':').next().unwrap_or_default();
        let flags = *program.chance.pick(&["", "S", "F", "FS", "RS", "T", "ST"]);
        let renamed = [base, b":2,", flags.as_bytes()].concat();
        let (from, cur) = (program.folder(folder), program.folder("cur"));
        // Somebody else may have put a directory there.
        if from.rename(&name, &*cur, &renamed).is_ok() && program.chance.per_mille(200) {
            cur.sync().expect("it can be synced");
            from.sync().expect("it can be synced");
        }
    }

    /// Removes a message for good. Returns the part of its name before the flags.
    pub fn remove(&self) -> Option<Vec<u8>> {
        let (folder, name) = self.program.any_message()?;
        self.program.folder(folder).unlink(&name).expect("it can be removed");
        name.split(|&octet| octet == b':').next().map(<[u8]>::to_vec)
    }
}

/// A user who means harm and owns the Maildir.
#[derive(Debug)]
pub struct Vandal {
    program: Program,
}

impl Vandal {
    /// Works on the Maildir with this path.
    #[must_use]
    pub fn new(on: &SimDisk, path: &Path, chance: &Chance) -> Self {
        Self { program: Program::new(on, path, chance) }
    }

    /// Spoils one file: a message, or one that the store keeps beside the messages. Returns its name.
    pub fn act(&self) -> Option<Vec<u8>> {
        let chance = &self.program.chance;
        let own = [&b"pop3.sizes"[..], b"pop3.lock"];
        let (folder, name) = match chance.below(8) {
            0 => ("", chance.pick(&own).to_vec()),
            _ => self.program.any_message()?,
        };
        let opened = self.program.folder(folder);
        if opened.stat(&name).is_ok_and(|stat| stat.is_some_and(|stat| stat.is_file())) {
            self.spoil(&*opened, &self.program.path.join(folder), &name);
        }
        Some(name)
    }

    /// Changes a message so that only its change time tells: its length and its time of modification stay. Returns its
    /// name.
    pub fn forge(&self) -> Option<Vec<u8>> {
        let (folder, name) = self.program.any_message()?;
        // No time of a file tells of two changes within one tick of the clock.
        self.program.disk.pause(Duration::from_millis(20));
        let mut opened = self.program.folder(folder).open(&name, Open::reading()).ok()?;
        let mut octets = Vec::new();
        opened.read_to_end(&mut octets).ok()?;
        let forged: Vec<u8> =
            octets.into_iter().map(|octet| if octet == b'\n' { b' ' } else { octet }).collect();
        let path = self.program.path.join(folder).join(OsStr::from_bytes(&name));
        self.program.process.forge(&path, &forged).ok()?;
        Some(name)
    }

    fn spoil(&self, folder: &dyn Folder, at: &Path, name: &[u8]) {
        let (chance, process) = (&self.program.chance, &self.program.process);
        let path = at.join(OsStr::from_bytes(name));
        let write = |how, octets: &[u8]| {
            folder.open(name, how).and_then(|mut file| file.write_all(octets)).ok();
        };
        let remove = || folder.unlink(name).expect("it can be removed");
        match chance.below(10) {
            0 => write(Open::writing().emptied(), b""),
            1 => write(Open::writing().emptied(), b"Subject: other\n\nother\n"),
            2 => write(Open::appending(), b"more\n"),
            3 => write(Open::writing(), b"X-"),
            4 => {
                remove();
                process.make_link(&path, Path::new("/secret")).expect("the name is free");
            }
            5 => {
                remove();
                folder.make_folder(name, 0o700).expect("the name is free");
            }
            6 => {
                remove();
                process.make_fifo(&path).expect("the name is free");
            }
            7 => {
                remove();
                write(Open::writing().make_new(0o600), b"Subject: another file\n\nhello\n");
            }
            8 => {
                let copy = [name, b"x"].concat();
                folder.link(name, folder, &copy).ok();
            }
            _ => process.set_readable(&path, chance.per_mille(500)).expect("it exists"),
        }
    }
}
