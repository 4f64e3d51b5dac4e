//! `dir:DIR`: each message as one file with exactly its octets.

use core::time::Duration;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_disk::{Disk, Folder};

use super::spool::{Spool, unique};
use super::{Receiving, Sink};
use crate::spot::{Spot, remove_with};

/// A directory with one file a message, `<time>.<micros>.<count>.<state>.eml`: nothing that the server
/// says is in the name. Unfinished files lie under `tmp`.
#[derive(Debug)]
pub(super) struct Dir {
    disk: Arc<dyn Disk>,
    folder: Arc<dyn Folder>,
    tmp: Arc<dyn Folder>,
    path: PathBuf,
    name: String,
    counter: u64,
}

impl Dir {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, name: &str) -> io::Result<Self> {
        let tmp = disk.make_folders(&path.join("tmp"), 0o700)?;
        let folder = disk.open_folder(path)?;
        let (disk, path, name) = (Arc::clone(disk), path.to_owned(), name.to_owned());
        Ok(Self { disk, folder, tmp, path, name, counter: 0 })
    }

    /// Where a file is received.
    pub(super) fn unfinished(&self, name: &str) -> Spot {
        Spot::within(&self.tmp, &self.path.join("tmp"), name)
    }
}

impl Sink for Dir {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        let name = unique(self.disk.now(), &self.name, &mut self.counter) + ".eml";
        let spool = Spool::create(self.unfinished(&name))?;
        Ok(Box::new(InDir { spool, place: Spot::within(&self.folder, &self.path, &name), name }))
    }

    fn sync_sealed(&mut self) -> io::Result<()> {
        self.tmp.sync()
    }

    fn sync_published(&mut self) -> io::Result<()> {
        self.folder.sync()
    }

    fn appeared(&mut self, token: &str, _age: Duration) -> io::Result<bool> {
        // The token is a name from our own state file, but check that it does not lead out of this directory.
        if token.contains('/') || !token.contains(&self.name) {
            return Ok(true);
        }
        Ok(!self.unfinished(token).exists()?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        self.unfinished(token).remove()
    }

    fn clean(&mut self) -> io::Result<()> {
        remove_with(&*self.tmp, |name| name.ends_with(&format!(".{}.eml", self.name)))
    }
}

struct InDir {
    spool: Spool,
    place: Spot,
    name: String,
}

impl Write for InDir {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.spool.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }
}

impl Receiving for InDir {
    fn seal(&mut self) -> io::Result<()> {
        self.spool.seal()
    }

    fn token(&self) -> String {
        self.name.clone()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        self.spool.rename(&self.place)
    }

    fn leave(self: Box<Self>) {
        self.spool.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pop3_disk::System;

    use super::*;

    #[test]
    fn a_message_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), &folder.path().join("a/b"), "0123").unwrap();
        let files = || fs::read_dir(folder.path().join("a/b")).unwrap().count() - 1;
        let mut dropped = dir.begin().unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        let mut message = dir.begin().unwrap();
        message.write_all(b"\0\xff\r\n\n\r.\r\n").unwrap();
        message.seal().unwrap();
        assert_eq!(files(), 0);
        let token = message.token();
        message.publish().unwrap();
        assert_eq!(fs::read(folder.path().join("a/b").join(&token)).unwrap(), b"\0\xff\r\n\n\r.\r\n");
        assert_eq!(files(), 1);
        assert_eq!(fs::read_dir(folder.path().join("a/b/tmp")).unwrap().count(), 0);
        assert!(dir.appeared(&token, Duration::ZERO).unwrap());
    }

    /// As when the clock of a machine begins at the same time again.
    #[test]
    fn no_message_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        let mut message = dir.begin().unwrap();
        message.seal().unwrap();
        let token = message.token();
        fs::write(folder.path().join(&token), "another").unwrap();
        assert_eq!(message.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folder.path().join(&token)).unwrap(), b"another");
        assert!(!dir.appeared(&token, Duration::ZERO).unwrap());
    }

    #[test]
    fn cleaning_lets_the_files_of_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        let mut theirs = Dir::open(&System::shared(), folder.path(), "4567").unwrap();
        let (a, b) = (ours.begin().unwrap(), theirs.begin().unwrap());
        assert!(!ours.appeared(&a.token(), Duration::ZERO).unwrap());
        ours.clean().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
        assert!(ours.appeared(&a.token(), Duration::ZERO).unwrap());
        assert!(!theirs.appeared(&b.token(), Duration::ZERO).unwrap());
    }
}
