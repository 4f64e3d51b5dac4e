//! `maildir:DIR`: a Maildir that mail readers can share, with LF for CRLF, as they expect it.

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_disk::{Disk, Folder};
use pop3_maildir::Delivery;

use super::gathered::Gathered;
use super::spool::{Form, Spool};
use super::{Intake, Part, Sealed, Sink, group};
use crate::spot::Spot;

/// From this age on other programs may have removed an unfinished file as abandoned: somewhat before
/// the 36 hours of maildir(5), as clocks differ.
const MAY_BE_CLEANED: Duration = Duration::from_secs(30 * 60 * 60);

#[derive(Debug)]
pub(super) struct Maildir {
    delivery: Delivery,
    path: PathBuf,
    tmp: Arc<dyn Folder>,
    new: Arc<dyn Folder>,
    cur: Arc<dyn Folder>,
    /// The name of the state file, as a number.
    label: u64,
    /// Unfinished files of an interrupted run, to be removed.
    leftovers: Vec<Spot>,
}

impl Maildir {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, name: &str) -> io::Result<Self> {
        let label = u64::from_str_radix(name, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the state file has no proper name"))?;
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            disk.make_folders(above, 0o777)?;
        }
        // The source says what the system said; the sink's error names the target.
        let delivery = Delivery::open_on(Arc::clone(disk), path, true)?.with_label(label);
        let folder = disk.open_folder(path)?;
        let [tmp, new, cur] = [b"tmp", b"new", b"cur"].map(|name| folder.open_folder(name));
        let (tmp, new, cur, path) = (tmp?, new?, cur?, path.to_owned());
        Ok(Self { delivery, path, tmp, new, cur, label, leftovers: Vec::new() })
    }

    /// Where a message is received.
    pub(super) fn unfinished(&self, name: &str) -> Spot {
        Spot::within(&self.tmp, &self.path.join("tmp"), name)
    }

    /// Whether a message with this base lies in `new` or `cur`, whatever its flags.
    fn is_delivered(&self, base: &str) -> io::Result<bool> {
        let mut is_delivered = self.new.stat(base.as_bytes())?.is_some();
        self.cur.list(&mut |entry| {
            let flags = entry.name.strip_prefix(base.as_bytes());
            is_delivered |= flags.is_some_and(|flags| matches!(flags, [] | [b':' | b';' | b'!', ..]));
        })?;
        Ok(is_delivered)
    }
}

/// What names messages and makes their files.
struct Names {
    delivery: Delivery,
    path: PathBuf,
    tmp: Arc<dyn Folder>,
}

impl Intake for Names {
    fn token(&self) -> String {
        String::from_utf8_lossy(&self.delivery.fresh_name()).into_owned()
    }

    fn spool(&self, token: &str) -> io::Result<Spool> {
        Spool::create(Spot::within(&self.tmp, &self.path.join("tmp"), token), Form::Lf)
    }
}

impl Sink for Maildir {
    fn intake(&self) -> Arc<dyn Intake> {
        let (delivery, path, tmp) = (self.delivery.clone(), self.path.clone(), Arc::clone(&self.tmp));
        Arc::new(Names { delivery, path, tmp })
    }

    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
        let (files, result) = group::seal(&*self.tmp, |token| self.unfinished(token), Form::Lf, messages);
        let sealed = files.into_iter().map(|(name, spool)| {
            let part = InMaildir { delivery: self.delivery.clone(), spool, name };
            Sealed { part: Box::new(part), messages: 1 }
        });
        (sealed.collect(), result)
    }

    /// A reader may have moved a message on since.
    fn sync_published(&mut self) -> io::Result<()> {
        self.new.sync()?;
        self.cur.sync()
    }

    fn appeared(&mut self, token: &str, age: Duration) -> io::Result<bool> {
        if token.contains('/') {
            return Ok(true);
        }
        let unfinished = self.unfinished(token);
        if let Some(found) = unfinished.stat()? {
            self.leftovers.push(unfinished);
            // If files are moved by linking, a run killed in between leaves both names.
            return Ok(found.links > 1 && self.is_delivered(token)?);
        }
        // A reader may have moved or removed the message, but a program that cleans `tmp` may have done it, too.
        Ok(age < MAY_BE_CLEANED || self.is_delivered(token)?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        self.unfinished(token).remove()
    }

    fn clean(&mut self) -> io::Result<()> {
        for unfinished in self.leftovers.drain(..) {
            match unfinished.remove() {
                // Another program has cleaned `tmp`.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        self.delivery.clean_labelled(self.label)?;
        // Of state files that are gone, and of other programs.
        self.delivery.clean_tmp(Delivery::ABANDONED)?;
        Ok(())
    }
}

struct InMaildir {
    delivery: Delivery,
    spool: Spool,
    name: String,
}

impl Part for InMaildir {
    fn token(&self) -> &str {
        &self.name
    }

    fn publish(mut self: Box<Self>) -> io::Result<()> {
        self.spool.keep();
        Ok(self.delivery.publish(self.name.as_bytes())?)
    }

    fn leave(self: Box<Self>) {
        self.spool.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pop3_disk::{Faults, System, What};

    use super::super::testing::seal;
    use super::*;

    #[test]
    fn what_a_killed_run_delivered_is_brought_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::over(System::shared());
        let mut maildir = Maildir::open(&faults.shared(), folder.path(), "0123").unwrap();
        faults.calm();
        maildir.sync_published().unwrap();
        let synced: Vec<_> = faults.changes().into_iter().map(|change| (change.what, change.path)).collect();
        assert_eq!(synced, ["new", "cur"].map(|name| (What::Sync, folder.path().join(name))));
    }

    #[test]
    fn an_unfinished_file_that_others_removed_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let mut maildir = Maildir::open(&System::shared(), folder.path(), "0123").unwrap();
        let part = seal(&mut maildir, &[b"x"]).remove(0);
        let token = part.token().to_owned();
        part.leave();
        assert!(!maildir.appeared(&token, Duration::ZERO).unwrap());
        fs::remove_file(folder.path().join("tmp").join(token)).unwrap();
        maildir.clean().unwrap();
    }

    #[test]
    fn a_message_that_a_reader_moved_has_appeared() {
        let folder = tempfile::tempdir().unwrap();
        let mut maildir = Maildir::open(&System::shared(), &folder.path().join("a/mail"), "0123").unwrap();
        let part = seal(&mut maildir, &[b"a: b\r\n\r\nbody\r\n"]).remove(0);
        let token = part.token().to_owned();
        let old = Duration::from_secs(40 * 60 * 60);
        assert!(!maildir.appeared(&token, Duration::ZERO).unwrap());
        part.publish().unwrap();
        assert!(maildir.appeared(&token, Duration::ZERO).unwrap());
        assert!(maildir.appeared(&token, old).unwrap());
        let (new, cur) = (maildir.path.join("new"), maildir.path.join("cur"));
        let seen = cur.join(format!("{token}:2,S"));
        fs::rename(new.join(&token), &seen).unwrap();
        assert_eq!(fs::read(&seen).unwrap(), b"a: b\n\nbody\n");
        assert!(maildir.appeared(&token, old).unwrap());
        fs::remove_file(&seen).unwrap();
        assert!(maildir.appeared(&token, Duration::ZERO).unwrap());
        assert!(!maildir.appeared(&token, old).unwrap());
    }
}
