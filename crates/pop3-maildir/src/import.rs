//! Importing an mbox: its messages, with their unique-ids, into a Maildir.
//!
//! Each message has a name that is made of its content. It is written under that name beside the directories of the
//! Maildir, then it gets its line in `dovecot-uidlist`, and then it is moved to where it is seen. So whatever ends the
//! import, the next one knows: without a line, the message is not imported, and its file may be torn. With a line and such
//! a file, it only has to be moved. With a line alone, it is imported, and may have been deleted since.

mod envelope;
mod mbox;

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, LockedMbox, Open, Spot};
use sha2::{Digest as _, Sha256};

use crate::folders::{Folders, Root, or_make};
use crate::found::Found;
use crate::lock::Lock;
use crate::name::MaildirFolder;
use crate::unique;
use crate::unique_ids::{UidlFormat, Values, Wanted, dovecot};
use mbox::{Message, Visit};

/// What precedes the name of a message that is not moved to its place yet.
const STAGED: &[u8] = b"pop3-import-";

/// Octets written at once.
const PIECE: usize = 64 * 1024;

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
        let root = Root::open(disk, to, true).map_err(into("open the Maildir"))?;
        let maildir = Maildir::open(root).map_err(into("open the Maildir"))?;
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
        let known = dovecot::known(&maildir.root, &wanted).map_err(into("read the list of"))?;
        let mut staging = Staging { maildir: &maildir, listed: &listed, known: &known, place: 0, file: None };
        read(mbox.file(), &mut staging).map_err(into("write to the Maildir"))?;
        maildir.root.directory().sync().map_err(into("write to the Maildir"))?;
        let chosen = |place: usize| self.unique_id(&listed[place].message);
        dovecot::add(&maildir.root, &self.format, &wanted, &chosen).map_err(into("add to the list of"))?;
        maildir.publish(&listed).map_err(into("write to the Maildir"))?;
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
    fn staged(&self) -> Vec<u8> {
        [STAGED, &self.name].concat()
    }

    /// Where it belongs, and under which name.
    fn place(&self) -> (MaildirFolder, Vec<u8>) {
        let status = &self.message.status;
        if status.is_empty() {
            return (MaildirFolder::New, self.name.clone());
        }
        // In the order of the alphabet: draft, flagged, replied, seen, trashed.
        let flags = [(b'T', b'D'), (b'F', b'F'), (b'A', b'R'), (b'R', b'S'), (b'D', b'T')];
        let flags: Vec<u8> =
            flags.iter().filter(|(letter, _)| status.contains(letter)).map(|&(_, flag)| flag).collect();
        (MaildirFolder::Cur, [&self.name, &b":2,"[..], &flags].concat())
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
    maildir: &'a Maildir,
    listed: &'a [Listed],
    known: &'a [bool],
    place: usize,
    file: Option<BufWriter<Box<dyn File>>>,
}

impl Visit for Staging<'_> {
    fn content(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.known.get(self.place) != Some(&false) {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.maildir.stage(&self.listed[self.place])?),
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
                None => self.maildir.stage(&self.listed[self.place])?,
            };
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            // The time is for people. Not every file system can have it.
            file.set_modified(UNIX_EPOCH + Duration::from_secs(message.time)).ok();
            file.sync()?;
        }
        self.place += 1;
        Ok(())
    }
}

/// A locked Maildir.
struct Maildir {
    root: Root,
    _lock: Lock,
}

impl Maildir {
    fn open(root: Root) -> io::Result<Self> {
        root.folders(true)?;
        let directory = root.directory();
        or_make(directory.open_folder(b"tmp"), directory, b"tmp")?;
        let in_use =
            || io::Error::new(io::ErrorKind::WouldBlock, "another session is using it; try again later");
        let lock = Lock::take(directory, || Ok(()))?.ok_or_else(in_use)?;
        Ok(Self { root, _lock: lock })
    }

    /// Makes the file of a message that is not seen yet.
    fn stage(&self, listed: &Listed) -> io::Result<BufWriter<Box<dyn File>>> {
        let (directory, name) = (self.root.directory(), listed.staged());
        match directory.unlink(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = directory.open(&name, Open::writing().make_new(0o600))?;
        if let Ok(owner) = directory.ownership() {
            // Only root can give it to the owner of the Maildir, and only root has to.
            file.set_ownership(pop3_disk::Ownership { mode: 0o600, ..owner }).ok();
        }
        Ok(BufWriter::with_capacity(PIECE, file))
    }

    /// Moves the messages that wait to where they are seen.
    fn publish(&self, listed: &[Listed]) -> io::Result<()> {
        let directory = self.root.directory();
        let folders: Folders<'_> = self.root.folders(true)?;
        for listed in listed {
            let staged = listed.staged();
            if directory.stat(&staged)?.is_none() {
                continue;
            }
            let (folder, name) = listed.place();
            match unique::rename(directory, &staged, folders.folder(folder), &name) {
                // On a file system without moves that replace nothing, a link was made, and its end was missed.
                Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
                    directory.unlink(&staged)?
                }
                moved => moved?,
            }
        }
        for folder in MaildirFolder::BOTH {
            folders.folder(folder).sync()?;
        }
        directory.sync()
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
