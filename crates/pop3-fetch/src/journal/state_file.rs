//! The state file as the storage of the book: each note is a line.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, Open};
use pop3_seen::{Day, Note, Storage, day};

use super::record::Record;
use super::{Traits, Unsure};
use crate::spot::{PRIVATE, Spot};

/// A state file that is open.
#[derive(Debug)]
pub(super) struct StateFile {
    disk: Arc<dyn Disk>,
    spot: Spot,
    file: Box<dyn File>,
    /// The name of the file is known to be on the disk. If an earlier run was killed before that, a power failure would
    /// bring the file back that was there before, without what is noted now.
    is_named: bool,
    pub(super) header: Header,
    traits: Traits,
    /// What is noted, and is not known to have appeared.
    pub(super) tail: Vec<Unsure>,
    /// What the messages that are noted next will be found by, in their order.
    pub(super) tokens: Vec<String>,
    /// A failed write may have left notes that the next run believes.
    pub(super) is_torn: bool,
    /// Notes need not be on the disk before the next [`sync`](Self::sync).
    pub(super) is_lazy: bool,
    /// The lines that are not known to be on the disk.
    behind: Vec<u8>,
}

/// Whose file it is.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) target: String,
}

impl StateFile {
    /// Opens the file for notes behind those that are there.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        spot: Spot,
        header: Header,
        traits: Traits,
        tail: Vec<Unsure>,
    ) -> io::Result<Self> {
        let file = spot.open(Open::appending().make(0o600))?;
        let disk = Arc::clone(disk);
        Ok(Self {
            disk,
            spot,
            file,
            is_named: false,
            header,
            traits,
            tail,
            tokens: Vec::new(),
            is_torn: false,
            is_lazy: false,
            behind: Vec::new(),
        })
    }

    /// Opens the file anew for what was [read](Self::read) of it.
    pub(super) fn reopen(&self, traits: Traits, tail: Vec<Unsure>) -> io::Result<Self> {
        Self::open(&self.disk, self.spot.clone(), self.header.clone(), traits, tail)
    }

    /// Removes what an earlier process was to put in the place of the file, and could not.
    pub(super) fn remove_unplaced(&self) {
        // The next one is written over it, if it stays.
        let _ = self.spot.beside(".new").remove();
    }

    pub(super) fn read(&self) -> io::Result<Box<dyn File>> {
        self.spot.open(Open::reading())
    }

    pub(super) fn path(&self) -> &Path {
        self.spot.path()
    }

    pub(super) const fn traits(&self) -> Traits {
        self.traits
    }

    /// Notes the traits durably.
    pub(super) fn set_traits(&mut self, traits: Traits) -> io::Result<()> {
        if self.traits == traits {
            return Ok(());
        }
        let mut line = Vec::new();
        Record::Traits(traits).write(&mut line);
        self.append_lines(&line, true)?;
        self.traits = traits;
        Ok(())
    }

    /// Notes that all messages above have appeared. If that is lost, the next run finds it out.
    pub(super) fn published(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        Record::Published.write(&mut line);
        self.append_lines(&line, false)
    }

    /// Brings the notes to the disk that are not there yet.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.behind.is_empty() {
            self.sync_file()?;
            self.behind.clear();
        }
        Ok(())
    }

    /// Brings the content of the file to the disk, and its name.
    fn sync_file(&mut self) -> io::Result<()> {
        self.file.sync()?;
        if !self.is_named {
            self.spot.sync_folder()?;
            self.is_named = true;
        }
        Ok(())
    }

    /// The day by the clock; `None` where it can't be right.
    pub(super) fn today(&self) -> Option<Day> {
        day(self.disk.now().duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    /// Appends lines, all or none. Where some of them may stay in spite of an error, the file is
    /// [torn](Self::is_torn).
    fn append_lines(&mut self, lines: &[u8], durably: bool) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            return Err(io::Error::other("an earlier write failed and could not be undone"));
        }
        let length = self.file.stat()?.len;
        // It stays so in a panic.
        self.is_torn = true;
        let mut appended = self.file.write_all(lines);
        if durably {
            appended = appended.and_then(|()| self.sync_file());
        }
        // If it failed, the next run must not believe these lines, and no other lines may follow them.
        self.is_torn = appended.is_err() && self.cut_off(length).is_err();
        match &appended {
            Ok(()) if !durably => self.behind.extend_from_slice(lines),
            Ok(()) => self.behind.clear(),
            Err(_) => {}
        }
        appended
    }

    /// Removes what is behind this length. A sync that failed may have lost the lines before as well, although they can
    /// still be read: they are written once more.
    fn cut_off(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length.saturating_sub(self.behind.len() as u64))?;
        self.file.write_all(&self.behind)?;
        self.file.sync()?;
        self.behind.clear();
        Ok(())
    }

    fn write_to(&self, file: &mut dyn File, notes: &mut dyn Iterator<Item = Note>) -> io::Result<()> {
        /// Octets gathered before they are written.
        const BUFFER: usize = 64 * 1024;
        let Header { name, account, target } = self.header.clone();
        let unsure = self.tail.iter().map(|unsure| (unsure.id, unsure)).collect::<HashMap<_, _>>();
        let (mut lines, mut last) = (Vec::with_capacity(BUFFER + 1_024), Vec::new());
        Record::Header { name, account, target, is_old: false }.write(&mut lines);
        Record::Traits(self.traits).write(&mut lines);
        for note in notes {
            match note {
                Note::Stored(id, entry) => match unsure.get(&id) {
                    Some(Unsure { time, token, .. }) => {
                        Record::Stored { id, entry, time: *time, token: token.clone() }.write(&mut last);
                    }
                    None => Record::Stored { id, entry, time: 0, token: String::new() }.write(&mut lines),
                },
                Note::Deleting(id) => Record::Deleting { id }.write(&mut last),
            }
            if lines.len() >= BUFFER {
                file.write_all(&lines)?;
                lines.clear();
            }
        }
        Record::Published.write(&mut lines);
        lines.append(&mut last);
        file.write_all(&lines)
    }
}

impl Storage for StateFile {
    type Error = io::Error;

    fn append(&mut self, notes: &[Note]) -> io::Result<()> {
        let time = self.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut tokens = core::mem::take(&mut self.tokens).into_iter();
        let (mut lines, mut tail) = (Vec::new(), Vec::new());
        for &note in notes {
            match note {
                Note::Stored(id, entry) => {
                    let token = tokens.next().unwrap_or_default();
                    let record = Record::Stored { id, entry, time, token };
                    record.write(&mut lines);
                    if let Record::Stored { token, .. } = record
                        && !token.is_empty()
                    {
                        tail.push(Unsure { id, token, time });
                    }
                }
                Note::Deleting(id) => Record::Deleting { id }.write(&mut lines),
            }
        }
        self.append_lines(&lines, !self.is_lazy)?;
        self.tail.append(&mut tail);
        Ok(())
    }

    /// Writes the file anew, in one step for all who look.
    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> io::Result<()> {
        let new = self.spot.beside(".new");
        let mut file = new.open(PRIVATE.emptied())?;
        let placed = self.write_to(&mut *file, notes).and_then(|()| file.sync()).and_then(|()| {
            // From here on, lines are written to the new file, even if the rest fails.
            let file = new.open(Open::appending())?;
            new.rename(&self.spot)?;
            Ok(file)
        });
        if placed.is_err() {
            // On a full disk, it would take space that other files need.
            self.remove_unplaced();
        }
        let file = placed?;
        self.file = file;
        self.is_torn = false;
        self.behind.clear();
        self.is_named = false;
        self.spot.sync_folder()?;
        self.is_named = true;
        Ok(())
    }
}
