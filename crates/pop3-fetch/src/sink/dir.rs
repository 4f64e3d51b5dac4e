//! `dir:DIR`: each message as one file with exactly its octets.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_disk::{Disk, Folder};

use super::gathered::Gathered;
use super::spool::{Form, Spool, unique};
use super::{Intake, Part, Sealed, Sink, group};
use crate::spot::{Spot, remove_with};

/// A directory with one file a message, `<time>.<micros>.<count>.<state>.eml`: nothing that the server
/// says is in the name. Unfinished files lie under `tmp`.
#[derive(Debug)]
pub(super) struct Dir(Arc<Place>);

#[derive(Debug)]
struct Place {
    disk: Arc<dyn Disk>,
    folder: Arc<dyn Folder>,
    tmp: Arc<dyn Folder>,
    path: PathBuf,
    name: String,
    counter: AtomicU64,
}

impl Dir {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, name: &str) -> io::Result<Self> {
        let tmp = disk.make_folders(&path.join("tmp"), 0o700)?;
        let folder = disk.open_folder(path)?;
        let (disk, path, name) = (Arc::clone(disk), path.to_owned(), name.to_owned());
        Ok(Self(Arc::new(Place { disk, folder, tmp, path, name, counter: AtomicU64::new(1) })))
    }

    /// Where a file is received.
    pub(super) fn unfinished(&self, name: &str) -> Spot {
        self.0.unfinished(name)
    }
}

impl Place {
    fn unfinished(&self, name: &str) -> Spot {
        Spot::within(&self.tmp, &self.path.join("tmp"), name)
    }
}

impl Intake for Place {
    fn token(&self) -> String {
        unique(self.disk.now(), &self.name, self.counter.fetch_add(1, Ordering::Relaxed)) + ".eml"
    }

    fn spool(&self, token: &str) -> io::Result<Spool> {
        Spool::create(self.unfinished(token), Form::AsIs)
    }
}

impl Sink for Dir {
    fn intake(&self) -> Arc<dyn Intake> {
        Arc::clone(&self.0) as _
    }

    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
        let Place { folder, tmp, path, .. } = &*self.0;
        let (files, result) = group::seal(&**tmp, |token| self.unfinished(token), Form::AsIs, messages);
        let sealed = files.into_iter().map(|(name, spool)| {
            let place = Spot::within(folder, path, &name);
            Sealed { part: Box::new(InDir { spool, place, name }), messages: 1 }
        });
        (sealed.collect(), result)
    }

    fn sync_published(&mut self) -> io::Result<()> {
        self.0.folder.sync()
    }

    fn appeared(&mut self, token: &str, _age: Duration) -> io::Result<bool> {
        // The token is a name from our own state file, but check that it does not lead out of this directory.
        if token.contains('/') || !token.contains(&self.0.name) {
            return Ok(true);
        }
        let Some(unfinished) = self.unfinished(token).stat()? else { return Ok(true) };
        // A loss of power may leave both names of a file that was moved, as only the directory with the new one is synced.
        let place = Spot::within(&self.0.folder, &self.0.path, token).stat()?;
        Ok(place.is_some_and(|place| place.same_file(&unfinished)))
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        self.unfinished(token).remove()
    }

    fn clean(&mut self) -> io::Result<()> {
        remove_with(&*self.0.tmp, |name| name.ends_with(&format!(".{}.eml", self.0.name)))
    }
}

struct InDir {
    spool: Spool,
    place: Spot,
    name: String,
}

impl Part for InDir {
    fn token(&self) -> &str {
        &self.name
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

    use pop3_disk::{Faults, System};

    use super::super::testing::{begin, put, seal};
    use super::*;

    #[test]
    fn a_message_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), &folder.path().join("a/b"), "0123").unwrap();
        let files = || fs::read_dir(folder.path().join("a/b")).unwrap().count() - 1;
        drop(begin(&dir, b"half"));
        let part = seal(&mut dir, &[b"\0\xff\r\n\n\r.\r\n"]).remove(0);
        assert_eq!(files(), 0);
        let token = part.token().to_owned();
        part.publish().unwrap();
        assert_eq!(fs::read(folder.path().join("a/b").join(&token)).unwrap(), b"\0\xff\r\n\n\r.\r\n");
        assert_eq!(files(), 1);
        assert_eq!(fs::read_dir(folder.path().join("a/b/tmp")).unwrap().count(), 0);
        assert!(dir.appeared(&token, Duration::ZERO).unwrap());
    }

    #[test]
    fn names_sort_as_messages_came() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        // The second one is too large for memory, and so in a file before the first one.
        let large = vec![b'b'; 2_000_000];
        put(&mut dir, &[b"a", &large, b"c"]);
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> = names.filter(|path| path.is_file()).collect();
        names.sort();
        let first = names.iter().map(|path| fs::read(path).unwrap()[0]);
        assert_eq!(first.collect::<Vec<_>>(), b"abc");
    }

    /// As a loss of power leaves it: only the directory with the new name was synced.
    #[test]
    fn a_message_whose_unfinished_name_came_back_has_appeared() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        let part = seal(&mut dir, &[b"a"]).remove(0);
        let token = part.token().to_owned();
        part.publish().unwrap();
        let unfinished = folder.path().join("tmp").join(&token);
        fs::hard_link(folder.path().join(&token), &unfinished).unwrap();
        assert!(dir.appeared(&token, Duration::ZERO).unwrap());
        dir.clean().unwrap();
        assert!(!unfinished.exists() && folder.path().join(&token).exists());
    }

    /// As when the clock of a machine begins at the same time again.
    #[test]
    fn no_message_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        let part = seal(&mut dir, &[b""]).remove(0);
        let token = part.token().to_owned();
        fs::write(folder.path().join(&token), "another").unwrap();
        assert_eq!(part.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folder.path().join(&token)).unwrap(), b"another");
        assert!(!dir.appeared(&token, Duration::ZERO).unwrap());
    }

    #[test]
    fn no_message_takes_the_place_of_another_where_the_system_can_not_tell() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::over(System::shared());
        faults.without_rename_new();
        let mut dir = Dir::open(&faults.shared(), folder.path(), "0123").unwrap();
        let part = seal(&mut dir, &[b""]).remove(0);
        let place = folder.path().join(part.token());
        fs::write(&place, "another").unwrap();
        assert_eq!(part.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place).unwrap(), b"another");
        put(&mut dir, &[b"a"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn cleaning_lets_the_files_of_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = Dir::open(&System::shared(), folder.path(), "0123").unwrap();
        let mut theirs = Dir::open(&System::shared(), folder.path(), "4567").unwrap();
        let (a, b) = (seal(&mut ours, &[b"a"]).remove(0), seal(&mut theirs, &[b"b"]).remove(0));
        assert!(!ours.appeared(a.token(), Duration::ZERO).unwrap());
        ours.clean().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
        assert!(ours.appeared(a.token(), Duration::ZERO).unwrap());
        assert!(!theirs.appeared(b.token(), Duration::ZERO).unwrap());
    }
}
