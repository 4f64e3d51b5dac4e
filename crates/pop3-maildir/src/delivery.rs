//! The delivery side: a message is in `new` whole and on the disk, or not at all.

use core::fmt;
use core::time::Duration;
use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, File, Folder, Open, System};

use crate::folders::{open_root, or_make};
use crate::lf::CrlfToLf;
use crate::unique;

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// A Maildir that mail is delivered to. It takes no lock: deliveries and sessions don't disturb one
/// another.
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
    /// The age at which a file in `tmp` has been given up, as maildir(5) says: 36 hours.
    pub const ABANDONED: Duration = Duration::from_secs(36 * 60 * 60);

    /// Opens a Maildir. With `create` it is made if it is missing, but not the directory above it.
    ///
    /// # Errors
    /// Returns an error if there is no Maildir, or the system refuses.
    pub fn open(path: impl AsRef<Path>, create: bool) -> Result<Self, DeliveryError> {
        Self::open_on(System::shared(), path, create)
    }

    /// Opens a Maildir on a disk other than the system's, as tests have it.
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

    /// Sets whether each CRLF is stored as LF, which other programs expect in a Maildir. Default `false`: what is
    /// written is stored.
    #[must_use]
    pub const fn with_lf(mut self, lf: bool) -> Self {
        self.lf = lf;
        self
    }

    /// Puts this number into the names of messages, instead of a random one for each, so that
    /// [`clean_labelled`](Self::clean_labelled) finds what a delivery left that was killed. Two processes
    /// that deliver at the same time must not have the same label.
    #[must_use]
    pub const fn with_label(mut self, label: u64) -> Self {
        self.label = Some(label);
        self
    }

    /// Begins a message: a new file under `tmp`, for the owner only.
    ///
    /// # Errors
    /// Returns an error if the file can't be made.
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

    /// Removes files in `tmp` that nobody touched for so long, say [`ABANDONED`](Self::ABANDONED): what deliveries
    /// left that were killed. Returns how many.
    ///
    /// # Errors
    /// Returns an error if `tmp` can't be read. A file that can't be removed is left.
    pub fn clean_tmp(&self, age: Duration) -> Result<usize, DeliveryError> {
        let now = self.folders.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = i64::try_from(now.saturating_sub(age).as_nanos()).unwrap_or(i64::MAX);
        self.clean(|_, modified| modified < limit)
    }

    /// Removes files in `tmp` that deliveries with this [label](Self::with_label) left, whatever their age. No such
    /// delivery may be going on. Returns how many.
    ///
    /// # Errors
    /// Returns an error if `tmp` can't be read. A file that can't be removed is left.
    pub fn clean_labelled(&self, label: u64) -> Result<usize, DeliveryError> {
        self.clean(|name, _| unique::is_labelled(name, label))
    }

    /// Removes files by their names and the times of their last change.
    fn clean(&self, is_left: impl Fn(&[u8], i64) -> bool) -> Result<usize, DeliveryError> {
        let fail = |error| DeliveryError::new("clean", &self.folders.path.join("tmp"), error);
        let tmp = &self.folders.tmp;
        let mut removed = 0;
        tmp.list(&mut |name| {
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

/// A message that is being delivered: write it, then [`finish`](Self::finish).
///
/// Dropped without that, it leaves nothing. When the process is killed, the file under `tmp` stays,
/// which no reader looks at.
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
    /// Where the message is written meanwhile.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path(&self.folders, "tmp", &self.name)
    }

    /// Brings the message to the disk, moves it to `new`, and brings that to the disk too. When this returns, the
    /// message outlasts a loss of power, and may be deleted elsewhere.
    ///
    /// # Errors
    /// Returns an error if a step failed, an earlier write included. Nothing is delivered then.
    pub fn finish(mut self) -> Result<Delivered, DeliveryError> {
        self.deliver()
    }

    /// Does what [`finish`](Self::finish) does, and lets the caller decide what becomes of the file under `tmp` when
    /// that fails: it stays until this value is dropped, or for good if it is [left](Self::leave). After a success
    /// nothing is left to do.
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
        file.and_then(|file| file.sync())
            .and_then(|()| unique::rename(&**tmp, &self.name, &**new, &self.name))
            .map_err(|error| self.error("deliver", error))?;
        if let Err(error) = new.sync() {
            // It must not be there if we say that it is not.
            if unique::rename(&**new, &self.name, &**tmp, &self.name).is_err() {
                new.unlink(&self.name).ok();
            }
            return Err(self.error("deliver", error));
        }
        // From here the name under `tmp` is none of ours.
        self.unfinished = false;
        Ok(Delivered { path: path(&self.folders, "new", &self.name) })
    }

    /// Brings what was written so far to the disk, out of sight still. A CR that came last waits for its next octet.
    /// The name under `tmp` is not brought there.
    ///
    /// # Errors
    /// Returns an error if a step failed, an earlier write included.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        let synced = match &self.body {
            Some(Body::AsIs(file)) => file.get_ref().sync(),
            Some(Body::Lf(file)) => file.get_ref().get_ref().sync(),
            None => Err(io::Error::other("an earlier write failed")),
        };
        self.checked(synced)
    }

    /// Leaves the file under `tmp` where it is, as a process would that is killed.
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
    /// Where the message lies, until a mail reader moves it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Why a message was not delivered, or the Maildir not opened.
#[derive(Debug)]
pub struct DeliveryError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl DeliveryError {
    fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), source }
    }

    /// Returns the file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of the system's error: `StorageFull` and `QuotaExceeded` will meet the next message too.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} {:?}", self.action, self.path)
    }
}

impl core::error::Error for DeliveryError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<DeliveryError> for io::Error {
    fn from(error: DeliveryError) -> Self {
        Self::new(error.kind(), error)
    }
}

fn path(folders: &Folders, folder: &str, name: &[u8]) -> PathBuf {
    folders.path.join(folder).join(OsStr::from_bytes(name))
}
