//! `dir:DIR`: each message as one file with exactly its octets.

use core::time::Duration;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::spool::{Spool, unique};
use super::{Receiving, Sink};
use crate::fuse;

/// A folder with one file a message, `<time>.<micros>.<count>.<state>.eml`: nothing that the server
/// says is in the name. Unfinished files lie under `tmp`.
#[derive(Debug)]
pub(super) struct Dir {
    folder: PathBuf,
    name: String,
    counter: u64,
}

impl Dir {
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder.join("tmp"))?;
        Ok(Self { folder: folder.to_owned(), name: name.to_owned(), counter: 0 })
    }

    fn tmp(&self) -> PathBuf {
        self.folder.join("tmp")
    }
}

impl Sink for Dir {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        let name = unique(&self.name, &mut self.counter) + ".eml";
        let spool = Spool::create(self.tmp().join(&name))?;
        Ok(Box::new(InDir { spool, place: self.folder.join(&name), name }))
    }

    fn sync_sealed(&mut self) -> io::Result<()> {
        fuse::sync(&File::open(self.tmp())?)
    }

    fn sync_published(&mut self) -> io::Result<()> {
        fuse::step()?;
        fuse::sync(&File::open(&self.folder)?)
    }

    fn appeared(&mut self, token: &str, _age: Duration) -> io::Result<bool> {
        // The token is a name that we made, and comes from our file; yet it is not let out of here.
        if token.contains('/') || !token.contains(&self.name) {
            return Ok(true);
        }
        Ok(!exists(&self.tmp().join(token))?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        fuse::step()?;
        fs::remove_file(self.tmp().join(token))
    }

    fn clean(&mut self) -> io::Result<()> {
        remove_with(&self.tmp(), |name| name.ends_with(&format!(".{}.eml", self.name)))
    }
}

/// Whether there is something under this name, a link that leads nowhere included.
pub(super) fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the files of a folder whose names are of this kind.
pub(super) fn remove_with(folder: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_ours) {
            fuse::step()?;
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

struct InDir {
    spool: Spool,
    place: PathBuf,
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
    use super::*;

    #[test]
    fn a_message_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&folder.path().join("a/b"), "0123").unwrap();
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

    #[test]
    fn cleaning_lets_the_files_of_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = Dir::open(folder.path(), "0123").unwrap();
        let mut theirs = Dir::open(folder.path(), "4567").unwrap();
        let (a, b) = (ours.begin().unwrap(), theirs.begin().unwrap());
        assert!(!ours.appeared(&a.token(), Duration::ZERO).unwrap());
        ours.clean().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
        assert!(ours.appeared(&a.token(), Duration::ZERO).unwrap());
        assert!(!theirs.appeared(&b.token(), Duration::ZERO).unwrap());
    }
}
