//! An unfinished file.

use std::io::{self, BufWriter, Seek as _, Write};
use std::thread::panicking;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{File, Open};
use pop3_maildir::CrlfToLf;

use super::mboxrd::Mboxrd;
use crate::spot::Spot;

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// The form in which a target stores messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// As the server has them, with CRLF.
    AsIs,
    /// LF for CRLF.
    Lf,
    /// As a part of an mbox: the time stands in its first line.
    Mboxrd(SystemTime),
}

/// An unfinished file, removed when it is dropped and was not kept. In a panic it stays, as it would if the process
/// were killed: a note about it may be on the disk, and its absence would say that the message has appeared.
#[derive(Debug)]
pub(crate) struct Spool {
    /// `None` where the file has no name, and so goes by itself.
    spot: Option<Spot>,
    body: Body,
    unfinished: bool,
}

#[derive(Debug)]
enum Body {
    AsIs(BufWriter<Box<dyn File>>),
    Lf(CrlfToLf<BufWriter<Box<dyn File>>>),
    Mboxrd {
        form: Mboxrd,
        buffer: Vec<u8>,
        file: BufWriter<Box<dyn File>>,
    },
    /// All is written.
    Whole(Box<dyn File>),
    /// And the file is closed.
    Closed,
    Failed,
}

impl Form {
    /// Brings a complete message into this form.
    pub(super) fn convert(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::AsIs => out.extend_from_slice(message),
            Self::Lf => {
                // Writing to a vector does not fail.
                let mut converted = CrlfToLf::new(out);
                let _ = converted.write_all(message).and_then(|()| converted.finish().map(drop));
            }
            Self::Mboxrd(now) => {
                let mut form = Mboxrd::new();
                Mboxrd::begin(now, out);
                form.push(message, out);
                form.end(out);
            }
        }
    }
}

impl Spool {
    /// Makes a new file, for its owner only. What is written to it gets this form.
    pub(super) fn create(spot: Spot, form: Form) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER, new_file(&spot)?);
        let body = match form {
            Form::AsIs => Body::AsIs(file),
            Form::Lf => Body::Lf(CrlfToLf::new(file)),
            Form::Mboxrd(now) => {
                let mut buffer = Vec::new();
                Mboxrd::begin(now, &mut buffer);
                Body::Mboxrd { form: Mboxrd::new(), buffer, file }
            }
        };
        Ok(Self { spot: Some(spot), body, unfinished: true })
    }

    /// Makes a new file with this content. It stays open.
    pub(super) fn with(spot: Spot, content: &[u8]) -> io::Result<Self> {
        let file = new_file(&spot)?;
        let mut spool = Self { spot: Some(spot), body: Body::Failed, unfinished: true };
        spool.body = Body::Whole(file);
        spool.append(content)?;
        Ok(spool)
    }

    /// A file that has no name.
    pub(super) fn unnamed(file: Box<dyn File>) -> Self {
        Self { spot: None, body: Body::AsIs(BufWriter::with_capacity(BUFFER, file)), unfinished: true }
    }

    /// Writes behind what was written, as it is.
    pub(super) fn append(&mut self, content: &[u8]) -> io::Result<()> {
        let Body::Whole(file) = &mut self.body else { return Err(failed_before()) };
        file.write_all(content).inspect_err(|_| self.body = Body::Failed)
    }

    /// Opens what was written.
    pub(super) fn open(&self) -> io::Result<Box<dyn File>> {
        self.spot.as_ref().ok_or_else(failed_before)?.open(Open::reading())
    }

    /// The complete file, from its begin.
    pub(super) fn rewound(&mut self) -> io::Result<&mut dyn File> {
        let Body::Whole(file) = &mut self.body else { return Err(failed_before()) };
        file.rewind()?;
        Ok(&mut **file)
    }

    /// No more is written.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let written = match core::mem::replace(&mut self.body, Body::Failed) {
            Body::AsIs(file) => Ok(file),
            Body::Lf(file) => file.finish(),
            Body::Mboxrd { mut form, mut buffer, mut file } => {
                form.end(&mut buffer);
                file.write_all(&buffer).map(|()| file)
            }
            done @ (Body::Whole(_) | Body::Closed) => {
                self.body = done;
                return Ok(());
            }
            Body::Failed => Err(failed_before()),
        };
        let file = written.and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error))?;
        self.body = Body::Whole(file);
        Ok(())
    }

    /// Brings the complete content to the disk and closes the file. Does nothing for a file that was closed.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match core::mem::replace(&mut self.body, Body::Closed) {
            Body::Whole(file) => file.sync().inspect_err(|_| self.body = Body::Failed),
            Body::Closed => Ok(()),
            Body::AsIs(_) | Body::Lf(_) | Body::Mboxrd { .. } | Body::Failed => {
                self.body = Body::Failed;
                Err(failed_before())
            }
        }
    }

    /// Closes the file. Somebody else brings the content to the disk.
    pub(super) fn close(&mut self) -> io::Result<()> {
        match core::mem::replace(&mut self.body, Body::Closed) {
            Body::Whole(_) | Body::Closed => Ok(()),
            Body::AsIs(_) | Body::Lf(_) | Body::Mboxrd { .. } | Body::Failed => {
                self.body = Body::Failed;
                Err(failed_before())
            }
        }
    }

    /// Removes the file now, which tells later runs that the message has appeared.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.unfinished = false;
        self.spot.as_ref().map_or(Ok(()), Spot::remove)
    }

    /// Moves the file to its place, where nothing may be. If that fails, the file stays where it is.
    pub(super) fn rename(mut self, to: &Spot) -> io::Result<()> {
        self.unfinished = false;
        let Some(spot) = &self.spot else { return Err(failed_before()) };
        match spot.rename_new(to) {
            // Nobody else makes such a name. The time in it may come again if a clock is set back.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                if to.exists()? {
                    Err(io::ErrorKind::AlreadyExists.into())
                } else {
                    spot.rename(to)
                }
            }
            moved => moved,
        }
    }

    /// From now on the file stays where it is, whatever becomes of this value.
    pub(super) const fn keep(&mut self) {
        self.unfinished = false;
    }

    /// Leaves the file where it is.
    pub(super) fn leave(mut self) {
        self.keep();
    }
}

fn new_file(spot: &Spot) -> io::Result<Box<dyn File>> {
    spot.open(Open::writing().make_new(0o600))
}

impl Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = match &mut self.body {
            Body::AsIs(file) => file.write(octets),
            Body::Lf(file) => file.write(octets),
            Body::Mboxrd { form, buffer, file } => {
                form.push(octets, buffer);
                let written = file.write_all(buffer);
                buffer.clear();
                written.map(|()| octets.len())
            }
            Body::Whole(_) | Body::Closed | Body::Failed => Err(failed_before()),
        };
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            discard(core::mem::replace(&mut self.body, Body::Failed));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        discard(core::mem::replace(&mut self.body, Body::Failed));
        if self.unfinished
            && !panicking()
            && let Some(spot) = &self.spot
        {
            // If it can't be removed now, the next run does it.
            let _ = spot.remove();
        }
    }
}

/// Closes the file without writing what was gathered.
fn discard(body: Body) {
    match body {
        Body::AsIs(file) | Body::Mboxrd { file, .. } => drop(file.into_parts()),
        Body::Lf(file) => drop(file.into_inner().into_parts()),
        Body::Whole(_) | Body::Closed | Body::Failed => {}
    }
}

fn failed_before() -> io::Error {
    io::Error::other("an earlier write failed")
}

/// A file name that no other message gets: the time in front, so that names sort as messages came.
pub(super) fn unique(now: SystemTime, name: &str, count: u64) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:010}.{:06}.{count:06}.{name}", now.as_secs(), now.subsec_micros())
}
