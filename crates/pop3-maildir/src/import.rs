//! Importing messages with their unique-ids into a Maildir: those of an mbox, and in [`messages`], those of another store.
//!
//! Each message of an mbox has a name that is made of its content. It is written under that name beside the directories of the
//! Maildir, then it gets its line in `dovecot-uidlist`, and then it is moved to where it is seen. So whatever ends the
//! import, the next one knows: without a line, the message is not imported, and its file may be torn. With a line and such
//! a file, it only has to be moved. With a line alone, it is imported, and may have been deleted since.

mod envelope;
mod mbox;
mod messages;
mod target;

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, LockedMbox, Open, Spot};
use sha2::{Digest as _, Sha256};

use crate::found::Found;
use crate::name::MaildirFolder;
use crate::unique_ids::{UidlFormat, Values, Wanted, dovecot};
use mbox::{Message, Visit};
pub use messages::{ImportedMessage, MaildirImport};
use target::{Staged, Target, Writing};

/// What precedes the name of a message that is not moved to its place yet.
const STAGED: &[u8] = b"pop3-import-";

/// How to import an mbox.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MboxImport {
    /// The format of the unique-ids that clients have seen, for messages that a POP3 server has shown from this mbox.
    /// For `%u` and `%v`, the message must have the field `X-UID`, which Dovecot writes. Default: that of Dovecot. Use
    /// [`UidlFormat::for_mbox`] for other formats, such as `%m`.
    pub format: UidlFormat,
    /// Whether the field `X-UIDL` of a message is its unique-id, as with qpopper and with Dovecot's
    /// `pop3_reuse_xuidl`. Default: `false`.
    pub x_uidl: bool,
    /// Whether to empty the mbox when all messages are in the Maildir. Default: `false`; it is not changed.
    pub remove: bool,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// The number of messages that are new in the Maildir.
    pub imported: usize,
    /// The number of messages that an earlier import had brought.
    pub known: usize,
}

/// Why an import failed. It can be repeated.
#[derive(Debug)]
pub struct ImportError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl MboxImport {
    /// Imports the mbox into a Maildir, which is created if it is missing, but not its parent directory.
    ///
    /// Both are locked meanwhile. The messages get the unique-ids that clients have seen, as `P` fields in
    /// `dovecot-uidlist`: serve the Maildir with [`UniqueIds::Dovecot`](crate::UniqueIds::Dovecot). They keep their flags
    /// and the time at which they were delivered. A line that begins with `>From ` is not changed, as POP3 servers do not
    /// change it either.
    ///
    /// An import that was interrupted, even by a power failure, can be repeated. No message is imported twice, even if it
    /// was deleted since.
    ///
    /// # Errors
    /// Returns an error if one of them is in use, if the file is not an mbox, or if the system reports an error.
    pub fn run(&self, disk: &Arc<dyn Disk>, from: &Path, to: &Path) -> Result<ImportReport, ImportError> {
        let into = |action| move |source| ImportError { action, path: to.to_path_buf(), source };
        let out_of = |action| move |source| ImportError { action, path: from.to_path_buf(), source };
        let maildir = Target::open(disk, to).map_err(into("open the Maildir"))?;
        let spot = Spot::at(&**disk, from).map_err(out_of("open the mbox"))?;
        let candidate = spot.beside(&format!(".pop3-import-{}", std::process::id()));
        let how = Open::reading_and_writing();
        let mut mbox = LockedMbox::take(&**disk, &spot, candidate, how, LockedMbox::PATIENCE, &|| false)
            .map_err(out_of("lock the mbox"))?;

        let mut survey = Survey::default();
        read(mbox.file(), &mut survey).map_err(out_of("read the mbox"))?;
        let Survey { listed, .. } = survey;
        let len = mbox.file().stat().map_err(out_of("read the mbox"))?.len;
        let found: Vec<_> =
            listed.iter().map(|listed| Found::new(MaildirFolder::New, &listed.name[..], 0, None)).collect();
        let wanted = Wanted::new(&found);
        let known = dovecot::known(maildir.root(), &wanted).map_err(into("read the list of"))?;
        let mut staging = Staging { maildir: &maildir, listed: &listed, known: &known, place: 0, file: None };
        read(mbox.file(), &mut staging).map_err(into("write to the Maildir"))?;
        maildir.sync().map_err(into("write to the Maildir"))?;
        let chosen = |place: usize| self.unique_id(&listed[place].message);
        dovecot::add(maildir.root(), &self.format, &wanted, &chosen).map_err(into("add to the list of"))?;
        maildir.publish(listed.iter().map(Listed::staged)).map_err(into("write to the Maildir"))?;
        if self.remove {
            empty(mbox.file(), len).map_err(out_of("empty the mbox"))?;
        }
        let known = known.iter().filter(|&&known| known).count();
        Ok(ImportReport { imported: listed.len() - known, known })
    }

    /// The unique-id that clients have seen, as far as the mbox tells.
    fn unique_id(&self, message: &Message) -> Option<Vec<u8>> {
        if self.x_uidl && message.uidl.is_some() {
            return message.uidl.clone();
        }
        let md5 = message.md5.as_bytes();
        if message.uid.is_none() && self.format.needs_uid() {
            return None;
        }
        let (uid, validity) = message.uid.unwrap_or_default();
        Some(self.format.expand(&Values { uid, validity, file_name: b"", guid: md5, md5 }))
    }
}

/// Empties the mbox, if it has this length.
fn empty(file: &mut dyn File, len: u64) -> io::Result<()> {
    if file.stat()?.len != len {
        let text = "another program has changed it without a lock; import it again";
        return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
    }
    file.set_len(0)?;
    file.sync()
}

/// Reads the mbox once more.
fn read(file: &mut dyn File, visit: &mut dyn Visit) -> io::Result<()> {
    file.rewind()?;
    mbox::read(file, visit)
}

/// A message of the mbox, and the base of its name in the Maildir.
#[derive(Debug)]
struct Listed {
    name: Vec<u8>,
    message: Message,
}

impl Listed {
    /// The name under which it waits.
    fn waiting(&self) -> Vec<u8> {
        [STAGED, &self.name].concat()
    }

    /// Where it waits, where it belongs, and under which name.
    fn staged(&self) -> Staged {
        let waiting = self.waiting();
        let status = &self.message.status;
        if status.is_empty() {
            return Staged { waiting, folder: MaildirFolder::New, name: self.name.clone() };
        }
        // In the order of the alphabet: draft, flagged, replied, seen, trashed.
        let flags = [(b'T', b'D'), (b'F', b'F'), (b'A', b'R'), (b'R', b'S'), (b'D', b'T')];
        let flags: Vec<u8> =
            flags.iter().filter(|(letter, _)| status.contains(letter)).map(|&(_, flag)| flag).collect();
        let name = [&self.name, &b":2,"[..], &flags].concat();
        Staged { waiting, folder: MaildirFolder::Cur, name }
    }
}

/// The first reading: which messages there are.
#[derive(Default)]
struct Survey {
    listed: Vec<Listed>,
    hash: Sha256,
    /// How often each content was met.
    met: HashMap<[u8; 16], u32>,
}

impl Visit for Survey {
    fn content(&mut self, octets: &[u8]) -> io::Result<()> {
        self.hash.update(octets);
        Ok(())
    }

    fn end(&mut self, message: Message) -> io::Result<()> {
        let mut hash = core::mem::take(&mut self.hash);
        if message.is_internal {
            return Ok(());
        }
        hash.update(message.time.to_le_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let half: [u8; 16] = *hash.first_chunk().unwrap_or(&[0; 16]);
        let met = self.met.entry(half).or_insert(0);
        let digits: String = half.iter().map(|octet| format!("{octet:02x}")).collect();
        let name = format!("{}.I{digits}N{met}.mbox", message.time).into_bytes();
        *met += 1;
        self.listed.push(Listed { name, message });
        Ok(())
    }
}

/// The second reading: writes the messages that are new.
struct Staging<'a> {
    maildir: &'a Target,
    listed: &'a [Listed],
    known: &'a [bool],
    place: usize,
    file: Option<Writing>,
}

impl Visit for Staging<'_> {
    fn content(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.known.get(self.place) != Some(&false) {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.maildir.stage(&self.listed[self.place].waiting())?),
        };
        file.write_all(octets)
    }

    fn end(&mut self, message: Message) -> io::Result<()> {
        let file = self.file.take();
        if message.is_internal {
            // It was written under the name of the next message, which is written anew.
            return Ok(());
        }
        if self.known.get(self.place) == Some(&false) {
            let file = match file {
                Some(file) => file,
                None => self.maildir.stage(&self.listed[self.place].waiting())?,
            };
            target::complete(file, UNIX_EPOCH + Duration::from_secs(message.time))?;
        }
        self.place += 1;
        Ok(())
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} {:?}", self.action, self.path)
    }
}

impl core::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl ImportError {
    /// Returns the kind of the system error. `WouldBlock` means that the mbox or the Maildir is in use.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}
