//! The delivery side: a message is in `new` whole and on the disk, or not at all.

mod error;

use core::time::Duration;
use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, Folder, Open, System};

pub use error::DeliveryError;

use crate::folders::{open_root, or_make};
use crate::lf::CrlfToLf;
use crate::unique;

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// A Maildir to which messages are delivered. It uses no lock: deliveries and sessions do not interfere with each
/// other.
///
/// ```
/// use std::io::Write;
/// use pop3_maildir::Delivery;
/// let folder = tempfile::tempdir()?;
/// let delivery = Delivery::open(folder.path().join("mail"), true)?.with_lf(true);
/// let mut message = delivery.begin()?;
/// message.write_all(b"Subject: hello\r\n\r\nhello\r\n")?;
/// let delivered = message.finish()?; // dropped without, it leaves nothing
/// assert_eq!(std::fs::read(delivered.path())?, b"Subject: hello\n\nhello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delivery {
    folders: Arc<Folders>,
    lf: bool,
    label: Option<u64>,
}

#[derive(Debug)]
struct Folders {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    tmp: Arc<dyn Folder>,
    new: Arc<dyn Folder>,
}

impl Delivery {
    /// The age at which a file in `tmp` counts as abandoned: 36 hours, as in maildir(5).
    pub const ABANDONED: Duration = Duration::from_secs(36 * 60 * 60);

    /// Opens a Maildir. With `create`, a missing Maildir is created, but not its parent directory.
    ///
    /// # Errors
    /// Returns an error if there is no Maildir, or if the system reports an error.
    pub fn open(path: impl AsRef<Path>, create: bool) -> Result<Self, DeliveryError> {
        Self::open_on(System::shared(), path, create)
    }

    /// Opens a Maildir on another [`Disk`], for example in tests.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, path: impl AsRef<Path>, create: bool) -> Result<Self, DeliveryError> {
        let path = path.as_ref();
        let open = || {
            let root = open_root(&*disk, path, create)?;
            let folder = |name| {
                let found = root.open_folder(name);
                if create { or_make(found, &*root, name) } else { found }
            };
            // All three, so that every reader takes it for a Maildir.
            folder(b"cur")?;
            let (tmp, new) = (folder(b"tmp")?, folder(b"new")?);
            Ok(Folders { disk: Arc::clone(&disk), path: path.to_path_buf(), tmp, new })
        };
        let folders = open().map_err(|source| DeliveryError::new("open the Maildir", path, source))?;
        Ok(Self { folders: Arc::new(folders), lf: false, label: None })
    }

    /// Sets whether to store each CRLF as LF, which other programs expect in a Maildir. Default: `false`; the octets
    /// are stored unchanged.
    #[must_use]
    pub const fn with_lf(mut self, lf: bool) -> Self {
        self.lf = lf;
        self
    }

    /// Uses this number in the names of messages instead of a random one. [`clean_labelled`](Self::clean_labelled)
    /// can then find the files of an interrupted delivery. Two processes that deliver at the same time must not use
    /// the same label.
    #[must_use]
    pub const fn with_label(mut self, label: u64) -> Self {
        self.label = Some(label);
        self
    }

    /// Starts to deliver a message. Creates a file in `tmp` that only the owner can read.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created.
    pub fn begin(&self) -> Result<Delivering, DeliveryError> {
        let Folders { disk, tmp, .. } = &*self.folders;
        let name = unique::base(disk.now(), None, self.label);
        let file = tmp
            .open(&name, Open::writing().make_new(0o600))
            .map_err(|error| DeliveryError::new("create", &path(&self.folders, "tmp", &name), error))?;
        let file = BufWriter::with_capacity(BUFFER, file);
        let body = if self.lf { Body::Lf(CrlfToLf::new(file)) } else { Body::AsIs(file) };
        Ok(Delivering { folders: Arc::clone(&self.folders), name, body: Some(body), unfinished: true })
    }

    /// Returns a name for a message that no other message has, as [`begin`](Self::begin) gives it to a file in `tmp`.
    /// Use it to write files in `tmp` yourself, for example many that are synced together, and then
    /// [`publish`](Self::publish) them.
    #[must_use]
    pub fn fresh_name(&self) -> Vec<u8> {
        unique::base(self.folders.disk.now(), None, self.label)
    }

    /// Moves a file from `tmp` to `new`, where nothing with its name may be. Sync its content and its name in `tmp`
    /// before, and the directory `new` afterwards.
    ///
    /// # Errors
    /// Returns an error of the system. The file is then still in `tmp`, and also in `new` if it
    /// [may be delivered](DeliveryError::may_be_delivered).
    pub fn publish(&self, name: &[u8]) -> Result<(), DeliveryError> {
        let Folders { tmp, new, .. } = &*self.folders;
        unique::rename(&**tmp, name, &**new, name).map_err(|error| {
            let path = path(&self.folders, "tmp", name);
            DeliveryError::new("deliver", &path, error.source).unsure(error.has_appeared)
        })
    }

    /// Removes files in `tmp` that were not changed for this time, for example [`ABANDONED`](Self::ABANDONED).
    /// Interrupted deliveries leave such files. Returns the number of removed files.
    ///
    /// # Errors
    /// Returns an error if `tmp` cannot be read. A file that cannot be removed is skipped.
    pub fn clean_tmp(&self, age: Duration) -> Result<usize, DeliveryError> {
        let now = self.folders.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = i64::try_from(now.saturating_sub(age).as_nanos()).unwrap_or(i64::MAX);
        self.clean(|_, modified| modified < limit)
    }

    /// Removes all files in `tmp` with this [label](Self::with_label), whatever their age. Do not call it during a
    /// delivery with the same label. Returns the number of removed files.
    ///
    /// # Errors
    /// Returns an error if `tmp` cannot be read. A file that cannot be removed is skipped.
    pub fn clean_labelled(&self, label: u64) -> Result<usize, DeliveryError> {
        self.clean(|name, _| unique::is_labelled(name, label))
    }

    /// Removes files by their names and the times of their last change.
    fn clean(&self, is_left: impl Fn(&[u8], i64) -> bool) -> Result<usize, DeliveryError> {
        let fail = |error| DeliveryError::new("clean", &self.folders.path.join("tmp"), error);
        let tmp = &self.folders.tmp;
        let mut removed = 0;
        tmp.list(&mut |entry| {
            let name = entry.name;
            if name.starts_with(b".") {
                return;
            }
            let Ok(Some(stat)) = tmp.stat(name) else { return };
            let left = stat.is_file() && is_left(name, stat.modified.max(stat.changed));
            if left && tmp.unlink(name).is_ok() {
                removed += 1;
            }
        })
        .map_err(fail)?;
        Ok(removed)
    }
}

/// A message that is being delivered. Write it, then call [`finish`](Self::finish).
///
/// If you drop it instead, the message is discarded. If the process is killed, a file remains in `tmp`, which mail
/// readers ignore.
#[derive(Debug)]
pub struct Delivering {
    folders: Arc<Folders>,
    name: Vec<u8>,
    /// `None` after an error: the octets on the disk are not the message.
    body: Option<Body>,
    unfinished: bool,
}

#[derive(Debug)]
enum Body {
    AsIs(BufWriter<Box<dyn File>>),
    Lf(CrlfToLf<BufWriter<Box<dyn File>>>),
}

impl Delivering {
    /// Returns the path of the temporary file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path(&self.folders, "tmp", &self.name)
    }

    /// Syncs the message to the disk, moves it to `new`, and syncs the directory. When this returns, the message
    /// survives a power failure and may be deleted elsewhere.
    ///
    /// # Errors
    /// Returns an error if a step failed, including an earlier write. The message is then not delivered, except if it
    /// had appeared and could not be taken back: see [`DeliveryError::may_be_delivered`].
    pub fn finish(mut self) -> Result<Delivered, DeliveryError> {
        self.deliver()
    }

    /// Does the same as [`finish`](Self::finish), but keeps the file in `tmp` after an error until this value is
    /// dropped. To keep the file permanently, call [`leave`](Self::leave). After a success, there is nothing left to
    /// do.
    ///
    /// # Errors
    /// Returns the same errors as [`finish`](Self::finish).
    pub fn deliver(&mut self) -> Result<Delivered, DeliveryError> {
        let written = match self.body.take() {
            Some(Body::AsIs(file)) => Ok(file),
            Some(Body::Lf(file)) => file.finish(),
            None => Err(io::Error::other("an earlier write failed")),
        };
        let file = written.and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error));
        let Folders { tmp, new, .. } = &*self.folders;
        file.and_then(|file| file.sync()).map_err(|error| self.error("deliver", error))?;
        unique::rename(&**tmp, &self.name, &**new, &self.name)
            .map_err(|error| self.error("deliver", error.source).unsure(error.has_appeared))?;
        if let Err(error) = new.sync() {
            // It must not be there if we say that it is not.
            let is_taken_back = self.take_back();
            return Err(self.error("deliver", error).unsure(!is_taken_back));
        }
        // From here on, the name in `tmp` is not ours.
        self.unfinished = false;
        Ok(Delivered { path: path(&self.folders, "new", &self.name) })
    }

    /// Moves the message from `new` back to `tmp`, or removes it. Returns whether it has certainly gone from `new`, and
    /// not to a mail reader.
    fn take_back(&self) -> bool {
        let Folders { tmp, new, .. } = &*self.folders;
        let is_back = unique::rename(&**new, &self.name, &**tmp, &self.name).is_ok();
        // What was moved by a link may still have both names.
        is_back && matches!(new.stat(&self.name), Ok(None)) || new.unlink(&self.name).is_ok()
    }

    /// Syncs the octets written so far to the disk. The message stays invisible. A final CR is not written until the
    /// next octet is known. The name in `tmp` is not synced.
    ///
    /// # Errors
    /// Returns an error if a step failed, including an earlier write.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        let synced = match &self.body {
            Some(Body::AsIs(file)) => file.get_ref().sync(),
            Some(Body::Lf(file)) => file.get_ref().get_ref().sync(),
            None => Err(io::Error::other("an earlier write failed")),
        };
        self.checked(synced)
    }

    /// Leaves the file in `tmp`, as if the process had been killed.
    pub fn leave(mut self) {
        self.unfinished = false;
    }

    fn error(&self, action: &'static str, source: io::Error) -> DeliveryError {
        DeliveryError::new(action, &self.path(), source)
    }

    fn checked<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|source| {
            if source.kind() == io::ErrorKind::Interrupted {
                return source;
            }
            discard(self.body.take());
            self.error("write", source).into()
        })
    }
}

impl Write for Delivering {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = match &mut self.body {
            Some(Body::AsIs(file)) => file.write(buf),
            Some(Body::Lf(file)) => file.write(buf),
            None => Err(io::Error::other("an earlier write failed")),
        };
        self.checked(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = match &mut self.body {
            Some(Body::AsIs(file)) => file.flush(),
            Some(Body::Lf(file)) => file.flush(),
            None => Err(io::Error::other("an earlier write failed")),
        };
        self.checked(result)
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        discard(self.body.take());
        if self.unfinished {
            self.folders.tmp.unlink(&self.name).ok();
        }
    }
}

/// Closes the file without writing what was gathered.
fn discard(body: Option<Body>) {
    let file = match body {
        Some(Body::AsIs(file)) => file,
        Some(Body::Lf(file)) => file.into_inner(),
        None => return,
    };
    drop(file.into_parts());
}

/// A message that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    path: PathBuf,
}

impl Delivered {
    /// Returns the path of the message. A mail reader may move it later.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn path(folders: &Folders, folder: &str, name: &[u8]) -> PathBuf {
    folders.path.join(folder).join(OsStr::from_bytes(name))
}
