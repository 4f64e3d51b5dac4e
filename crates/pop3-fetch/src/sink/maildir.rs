//! `maildir:DIR`: a Maildir that mail readers can share, with LF for CRLF, as they expect it.

use core::time::Duration;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pop3_maildir::{Delivering, Delivery};

use super::dir::exists;
use super::{Receiving, Sink};
use crate::fuse;

/// From this age on other programs may have removed an unfinished file as abandoned: somewhat before
/// the 36 hours of maildir(5), as clocks differ.
const MAY_BE_CLEANED: Duration = Duration::from_secs(30 * 60 * 60);

#[derive(Debug)]
pub(super) struct Maildir {
    delivery: Delivery,
    folder: PathBuf,
    /// The name of the state file, as a number.
    label: u64,
    /// Unfinished files of an interrupted run, to be removed.
    leftovers: Vec<PathBuf>,
}

impl Maildir {
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let label = u64::from_str_radix(name, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the state file has no proper name"))?;
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(above)?;
        }
        // The source says what the system said; the sink's error names the target.
        let delivery = Delivery::open(folder, true)?.with_lf(true).with_label(label);
        Ok(Self { delivery, folder: folder.to_owned(), label, leftovers: Vec::new() })
    }

    /// Whether a message with this base lies in `new` or `cur`, whatever its flags.
    fn is_delivered(&self, base: &str) -> io::Result<bool> {
        if exists(&self.folder.join("new").join(base))? {
            return Ok(true);
        }
        for entry in fs::read_dir(self.folder.join("cur"))? {
            let name = entry?.file_name();
            if name
                .as_bytes()
                .strip_prefix(base.as_bytes())
                .is_some_and(|rest| matches!(rest, [] | [b':', ..]))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Sink for Maildir {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        fuse::step()?;
        let delivering = self.delivery.begin()?;
        let path = delivering.path();
        Ok(Box::new(InMaildir { delivering: Some(delivering), path }))
    }

    fn sync_sealed(&mut self) -> io::Result<()> {
        fuse::sync(&File::open(self.folder.join("tmp"))?)
    }

    /// Nothing is left to do: each message was brought to the disk as it was delivered.
    fn sync_published(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn appeared(&mut self, token: &str, age: Duration) -> io::Result<bool> {
        if token.contains('/') {
            return Ok(true);
        }
        let unfinished = self.folder.join("tmp").join(token);
        if exists(&unfinished)? {
            self.leftovers.push(unfinished);
            return Ok(false);
        }
        // A reader may have moved the message on, or removed it; but so may a cleaner of `tmp`.
        Ok(age < MAY_BE_CLEANED || self.is_delivered(token)?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        fuse::step()?;
        fs::remove_file(self.folder.join("tmp").join(token))
    }

    fn clean(&mut self) -> io::Result<()> {
        for path in self.leftovers.drain(..) {
            fuse::step()?;
            fs::remove_file(path)?;
        }
        fuse::step()?;
        self.delivery.clean_labelled(self.label)?;
        // Of state files that are gone, and of other programs.
        self.delivery.clean_tmp(Delivery::ABANDONED)?;
        Ok(())
    }
}

struct InMaildir {
    /// `None` once it is published.
    delivering: Option<Delivering>,
    path: PathBuf,
}

impl InMaildir {
    fn delivering(&mut self) -> io::Result<&mut Delivering> {
        self.delivering.as_mut().ok_or_else(|| io::Error::other("the message is delivered already"))
    }
}

impl Write for InMaildir {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        fuse::step()?;
        self.delivering()?.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.delivering()?.flush()
    }
}

impl Receiving for InMaildir {
    fn seal(&mut self) -> io::Result<()> {
        self.flush()?;
        fuse::step()?;
        fuse::sync(&File::open(&self.path)?)
    }

    fn token(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn publish(mut self: Box<Self>) -> io::Result<()> {
        let delivered = fuse::step().and_then(|()| Ok(self.delivering()?.deliver()?));
        match self.delivering.take() {
            Some(delivering) if delivered.is_err() => delivering.leave(),
            _ => {}
        }
        delivered.map(|_| ())
    }

    fn leave(mut self: Box<Self>) {
        if let Some(delivering) = self.delivering.take() {
            delivering.leave();
        }
    }
}

impl Drop for InMaildir {
    fn drop(&mut self) {
        // A process that is gone removes nothing.
        if fuse::is_burnt() {
            core::mem::forget(self.delivering.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_a_reader_moved_has_appeared() {
        let folder = tempfile::tempdir().unwrap();
        let mut maildir = Maildir::open(&folder.path().join("a/mail"), "0123").unwrap();
        let mut message = maildir.begin().unwrap();
        message.write_all(b"a: b\r\n\r\nbody\r\n").unwrap();
        message.seal().unwrap();
        let token = message.token();
        let old = Duration::from_secs(40 * 60 * 60);
        assert!(!maildir.appeared(&token, Duration::ZERO).unwrap());
        message.publish().unwrap();
        assert!(maildir.appeared(&token, Duration::ZERO).unwrap());
        assert!(maildir.appeared(&token, old).unwrap());
        let (new, cur) = (maildir.folder.join("new"), maildir.folder.join("cur"));
        let seen = cur.join(format!("{token}:2,S"));
        fs::rename(new.join(&token), &seen).unwrap();
        assert_eq!(fs::read(&seen).unwrap(), b"a: b\n\nbody\n");
        assert!(maildir.appeared(&token, old).unwrap());
        fs::remove_file(&seen).unwrap();
        assert!(maildir.appeared(&token, Duration::ZERO).unwrap());
        assert!(!maildir.appeared(&token, old).unwrap());
    }
}
