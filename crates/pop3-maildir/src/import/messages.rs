//! Importing messages of another store, which knows their unique-ids.
//!
//! Messages wait beside the directories of the Maildir, under the names that they will have. Then they get their lines in
//! `dovecot-uidlist`, all at once, and then they are moved to where they are seen. Whatever ends this, the next one goes
//! on: a file that waits and has no line may be torn, and is removed. One with a line only has to be moved.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::Disk;
use pop3_proto::UniqueId;

use super::ImportError;
use super::target::{Staged, Target, complete};
use crate::found::Found;
use crate::name::{self, MaildirFolder};
use crate::unique;
use crate::unique_ids::{UidlFormat, Wanted, dovecot};

/// What precedes the name of a message that is not moved to its place yet.
const WAITING: &[u8] = b"pop3-moving-";

/// Imports messages of another store into a Maildir, which is locked meanwhile. They keep their unique-ids, as `P` fields
/// in `dovecot-uidlist`: serve the Maildir with [`UniqueIds::Dovecot`](crate::UniqueIds::Dovecot).
///
/// Messages are seen, and survive a power failure, after [`publish`](Self::publish). If the process ends before that, the
/// next import removes or completes what is there, whenever that was.
///
/// ```
/// use pop3_maildir::{ImportedMessage, Maildir, MaildirConfig, MaildirImport, UidlFormat, UniqueIds};
/// use pop3_proto::{MessageNumber, UniqueId};
/// use std::time::SystemTime;
///
/// let folder = tempfile::tempdir()?;
/// let id = UniqueId::parse(b"whqtswO00WBw418f9t5JxYwZ")?;
/// let mut import = MaildirImport::open(&pop3_disk::System::shared(), &folder.path().join("mail"))?;
/// assert!(!import.knows(id));
/// import.add(&ImportedMessage::new(id, SystemTime::now()), &mut &b"Subject: hello\n\nhello\n"[..])?;
/// assert_eq!(import.publish()?, 1);
/// drop(import);
///
/// let config = MaildirConfig::new().with_unique_ids(UniqueIds::Dovecot(UidlFormat::default()));
/// let maildir = Maildir::open_with(folder.path().join("mail"), &config)?;
/// assert_eq!(maildir.snapshot().unique_id(MessageNumber::FIRST).ok_or("none")?.as_bytes(), id.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MaildirImport {
    path: PathBuf,
    target: Target,
    /// The unique-ids that are in the list or wait.
    known: HashSet<Vec<u8>>,
    waiting: Vec<Waiting>,
}

/// A message that is imported, without its content.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ImportedMessage<'m> {
    /// Its unique-id.
    pub unique_id: UniqueId<'m>,
    /// When it was delivered.
    pub received: SystemTime,
    /// Its flags, the letters of maildir(5); other octets are left out. `None` for a message that no mail reader has
    /// seen, which belongs into `new`.
    pub flags: Option<&'m [u8]>,
}

impl<'m> ImportedMessage<'m> {
    /// A message that no mail reader has seen.
    #[must_use]
    pub const fn new(unique_id: UniqueId<'m>, received: SystemTime) -> Self {
        Self { unique_id, received, flags: None }
    }

    /// Sets the flags.
    #[must_use]
    pub const fn with_flags(mut self, flags: Option<&'m [u8]>) -> Self {
        self.flags = flags;
        self
    }
}

/// A message that waits, and its unique-id.
#[derive(Debug)]
struct Waiting {
    id: Vec<u8>,
    /// The name in its place.
    name: Vec<u8>,
}

impl MaildirImport {
    /// Opens and locks a Maildir, which is created if it is missing, but not its parent directory. Completes what an
    /// earlier import has left.
    ///
    /// # Errors
    /// Returns an error if the Maildir is in use (the kind is then `WouldBlock`), if it contains messages but no
    /// `dovecot-uidlist` (these would lose their unique-ids), or if the system reports an error.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, ImportError> {
        let failed = |action| move |source| ImportError { action, path: path.to_path_buf(), source };
        let target = Target::open(disk, path).map_err(failed("open the Maildir"))?;
        let known = dovecot::unique_ids(target.root(), &UidlFormat::default());
        let known = match known.map_err(failed("read the list of"))? {
            Some(known) => known,
            None if is_empty(&target).map_err(failed("read the Maildir"))? => HashSet::new(),
            None => {
                let text = "it contains messages but no dovecot-uidlist, so their unique-ids would change; \
                            choose a new Maildir";
                return Err(failed("import into")(io::Error::new(io::ErrorKind::InvalidInput, text)));
            }
        };
        recover(&target).map_err(failed("complete the last import into"))?;
        Ok(Self { path: path.to_path_buf(), target, known, waiting: Vec::new() })
    }

    /// Returns whether a message with this unique-id is or was in the Maildir, or was [added](Self::add).
    #[must_use]
    pub fn knows(&self, id: UniqueId<'_>) -> bool {
        self.known.contains(id.as_bytes())
    }

    /// Writes a message, and syncs its content. It is not seen before [`publish`](Self::publish). One whose unique-id is
    /// [known](Self::knows) is not read and not written.
    ///
    /// # Errors
    /// Returns an error if the content cannot be read or written. The message is then not added.
    pub fn add(&mut self, message: &ImportedMessage<'_>, content: &mut dyn Read) -> Result<(), ImportError> {
        if self.knows(message.unique_id) {
            return Ok(());
        }
        let seconds = message.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let mut name = unique::base(self.target.root().disk().now(), Some(seconds.as_bytes()), None);
        if let Some(flags) = message.flags {
            name.extend_from_slice(b":2,");
            let mut flags: Vec<u8> = flags.iter().copied().filter(u8::is_ascii_alphabetic).collect();
            flags.sort_unstable();
            flags.dedup();
            name.extend_from_slice(&flags);
        }
        let staged = staged(&name);
        let mut write = || {
            let mut file = self.target.stage(&staged.waiting)?;
            io::copy(content, &mut file)?;
            complete(file, message.received)
        };
        if let Err(source) = write() {
            self.target.root().directory().unlink(&staged.waiting).ok();
            return Err(self.error("import a message into", source));
        }
        let id = message.unique_id.as_bytes().to_vec();
        self.known.insert(id.clone());
        self.waiting.push(Waiting { id, name });
        Ok(())
    }

    /// Lets the messages that were added be seen. When this returns, they survive a power failure. Returns their number.
    ///
    /// # Errors
    /// Returns an error of the system. Some of the messages may be seen then. Do not use this value any more; open the
    /// Maildir anew.
    pub fn publish(&mut self) -> Result<usize, ImportError> {
        let waiting = core::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(0);
        }
        let publish = || {
            self.target.sync()?;
            let found: Vec<_> = waiting
                .iter()
                .map(|waiting| Found::new(MaildirFolder::New, &waiting.name[..], 0, None))
                .collect();
            let chosen = |place: usize| Some(waiting[place].id.clone());
            dovecot::add(self.target.root(), &UidlFormat::default(), &Wanted::new(&found), &chosen)?;
            self.target.publish(waiting.iter().map(|waiting| staged(&waiting.name)))
        };
        publish().map_err(|source| self.error("write to the Maildir", source))?;
        Ok(waiting.len())
    }

    fn error(&self, action: &'static str, source: io::Error) -> ImportError {
        ImportError { action, path: self.path.clone(), source }
    }
}

/// Where a message with this name waits, and where it belongs.
fn staged(name: &[u8]) -> Staged {
    let folder = if name::info(name).is_empty() { MaildirFolder::New } else { MaildirFolder::Cur };
    Staged { waiting: [WAITING, name].concat(), folder, name: name.to_vec() }
}

fn is_empty(target: &Target) -> io::Result<bool> {
    let mut is_empty = true;
    target.root().folders(true)?.names(|_, _| is_empty = false)?;
    Ok(is_empty)
}

/// Moves the messages that wait and are listed to their places, and removes the others.
fn recover(target: &Target) -> io::Result<()> {
    let directory = target.root().directory();
    let mut names = Vec::new();
    directory.list(&mut |entry| {
        if let Some(name) = entry.name.strip_prefix(WAITING) {
            names.push(name.to_vec());
        }
    })?;
    if names.is_empty() {
        return Ok(());
    }
    let found: Vec<_> = names.iter().map(|name| Found::new(MaildirFolder::New, &name[..], 0, None)).collect();
    let known = dovecot::known(target.root(), &Wanted::new(&found))?;
    let (mut listed, mut torn) = (Vec::new(), Vec::new());
    for (name, is_known) in names.iter().zip(known) {
        if is_known { listed.push(staged(name)) } else { torn.push(staged(name)) }
    }
    for Staged { waiting, .. } in torn {
        directory.unlink(&waiting)?;
    }
    target.publish(listed)
}
