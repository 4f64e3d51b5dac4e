//! `mbox:FILE`: messages appended to a file in the form `mboxrd`.
//!
//! An append can be torn, so what is about to be appended, and where, is noted beside the file
//! (`FILE.pop3-append`). The next run that opens the file takes back what is not whole. The file is
//! [locked](super::locks) meanwhile in all ways that mail programs use.

use core::time::Duration;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pop3_driver::Stop;

use super::dir::{exists, remove_with};
use super::locks::{Locked, PATIENCE};
use super::mboxrd::Mboxrd;
use super::spool::{Spool, unique};
use super::{Receiving, Sink};
use crate::fuse;
use crate::journal::{beside, private, sync_folder_of};

#[derive(Debug)]
pub(super) struct Mbox {
    place: Arc<Place>,
    counter: u64,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// The name of the state file.
    name: String,
    patience: Duration,
    stop: Stop,
}

impl Mbox {
    pub(super) fn open(path: &Path, name: &str, stop: &Stop) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let (path, name) = (path.to_owned(), name.to_owned());
        let place = Place { path, name, patience: PATIENCE, stop: stop.clone() };
        place.repair(&mut place.lock()?.file)?;
        Ok(Self { place: Arc::new(place), counter: 0 })
    }
}

impl Sink for Mbox {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        let token = unique(&self.place.name, &mut self.counter);
        let mut spool = Spool::create(self.place.spool(&token))?;
        let mut buffer = Vec::new();
        Mboxrd::begin(SystemTime::now(), &mut buffer);
        spool.write_all(&buffer)?;
        buffer.clear();
        Ok(Box::new(InMbox { place: Arc::clone(&self.place), spool, token, form: Mboxrd::new(), buffer }))
    }

    fn sync_sealed(&mut self) -> io::Result<()> {
        sync_folder_of(&self.place.path)
    }

    /// Nothing is left to do: each message was brought to the disk as it was appended.
    fn sync_published(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn appeared(&mut self, token: &str, _age: Duration) -> io::Result<bool> {
        if token.contains('/') || !token.contains(&self.place.name) {
            return Ok(true);
        }
        Ok(!exists(&self.place.spool(token))?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        // An append that could not be taken back is known by its unfinished file.
        let mut locked = self.place.lock()?;
        self.place.repair(&mut locked.file)?;
        fuse::step()?;
        fs::remove_file(self.place.spool(token))
    }

    fn clean(&mut self) -> io::Result<()> {
        let folder = self.place.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Some(prefix) = self.place.spool("").file_name().and_then(OsStr::to_str).map(str::to_owned) else {
            return Ok(()); // A name that is no UTF-8: leftovers stay.
        };
        let suffix = format!(".{}", self.place.name);
        remove_with(folder.unwrap_or(Path::new(".")), |file| {
            file.starts_with(&prefix) && file.ends_with(&suffix)
        })
    }
}

impl Place {
    /// Where a message is received.
    fn spool(&self, token: &str) -> PathBuf {
        beside(&self.path, &format!(".pop3-part-{token}"))
    }

    /// The note about the append that is going on.
    fn note(&self) -> PathBuf {
        beside(&self.path, ".pop3-append")
    }

    fn remove_note(&self) -> io::Result<()> {
        fuse::step()?;
        fs::remove_file(self.note())
    }

    fn lock(&self) -> io::Result<Locked> {
        // Named as an unfinished file, so that it is cleaned up as one.
        let candidate = self.spool(&format!("lock-{}.{}", std::process::id(), self.name));
        Locked::take(&self.path, candidate, self.patience, &self.stop)
    }

    /// Takes back an append that is not whole; finishes one that is.
    fn repair(&self, file: &mut File) -> io::Result<()> {
        let note = match fs::read(self.note()) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // A note that is torn was not followed by an append.
        if let Some((offset, token)) = parse_note(&note) {
            match File::open(self.spool(token)) {
                Ok(mut spool) => match self.compare(file, offset, &mut spool)? {
                    Found::Whole => {
                        fuse::sync(file)?;
                        fuse::step()?;
                        fs::remove_file(self.spool(token))?;
                    }
                    Found::Part => {
                        fuse::step()?;
                        file.set_len(offset)?;
                        fuse::sync(file)?;
                    }
                    Found::Other => {}
                },
                // The append was whole.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.remove_note()
    }

    /// What of an append is in the mbox.
    fn compare(&self, file: &mut File, offset: u64, spool: &mut File) -> io::Result<Found> {
        let length = file.metadata()?.len();
        if length < offset {
            return Ok(Found::Other);
        }
        let gap = gap(file, offset)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut expected = gap.chain(BufReader::new(spool)).bytes();
        let mut found = BufReader::new(&mut *file).bytes();
        loop {
            match (expected.next().transpose()?, found.next().transpose()?) {
                (None, _) => return Ok(Found::Whole),
                (Some(_), None) => return Ok(Found::Part),
                (Some(one), Some(other)) if one != other => return Ok(Found::Other),
                (Some(_), Some(_)) => {}
            }
        }
    }

    /// Appends a spool, whole or not at all, and removes it. On an error the spool stays. The locks are
    /// held to the end, so that nobody else takes up a note that is still ours.
    fn append(&self, spool: Spool, token: &str) -> io::Result<()> {
        let appended = self.lock().and_then(|mut locked| {
            self.write(&mut locked.file, &spool, token)?;
            Ok(locked)
        });
        let _locked = match appended {
            Ok(locked) => locked,
            Err(error) => {
                spool.leave();
                return Err(error);
            }
        };
        spool.remove()?;
        sync_folder_of(&self.path)?;
        self.remove_note()
    }

    fn write(&self, file: &mut File, spool: &Spool, token: &str) -> io::Result<()> {
        // An append that failed could perhaps not be taken back then.
        self.repair(file)?;
        let offset = file.metadata()?.len();
        fuse::step()?;
        let mut note = private().truncate(true).open(self.note())?;
        fuse::write_all(&mut note, format!("{offset} {token}\n").as_bytes())?;
        fuse::sync(&note)?;
        let copied = self.copy(file, offset, spool);
        if copied.is_err() && !fuse::is_burnt() {
            // If that fails, the note stays, and whoever opens the mbox next takes it up.
            let taken_back = file.set_len(offset).and_then(|()| fuse::sync(file));
            let _ = taken_back.and_then(|()| self.remove_note());
        }
        copied
    }

    fn copy(&self, file: &mut File, offset: u64, spool: &Spool) -> io::Result<()> {
        let gap = gap(file, offset)?;
        file.seek(SeekFrom::Start(offset))?;
        fuse::write_all(file, gap)?;
        let mut source = OpenOptions::new().read(true).open(spool.path())?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return fuse::sync(file),
                Ok(read) => fuse::write_all(file, &buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What of an append is in the mbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// All of it.
    Whole,
    /// The beginning, and nothing else behind it.
    Part,
    /// Something else: another program has written since. What is there is let alone.
    Other,
}

/// What must be put behind the octets before `offset` so that an empty line ends them.
fn gap(file: &mut File, offset: u64) -> io::Result<&'static [u8]> {
    if offset == 0 {
        return Ok(b"");
    }
    let mut last = [b'\n'; 2];
    let count = offset.min(2);
    file.seek(SeekFrom::Start(offset - count))?;
    file.read_exact(if count == 1 { &mut last[1..] } else { &mut last })?;
    Ok(match last {
        [b'\n', b'\n'] if count == 2 => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

fn parse_note(note: &[u8]) -> Option<(u64, &str)> {
    let (offset, token) = str::from_utf8(note).ok()?.strip_suffix('\n')?.split_once(' ')?;
    Some((offset.parse().ok()?, token)).filter(|(_, token)| !token.contains('/'))
}

struct InMbox {
    place: Arc<Place>,
    spool: Spool,
    token: String,
    form: Mboxrd,
    buffer: Vec<u8>,
}

impl Write for InMbox {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.buffer.clear();
        self.form.push(octets, &mut self.buffer);
        self.spool.write_all(&self.buffer)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }
}

impl Receiving for InMbox {
    fn seal(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.form.end(&mut self.buffer);
        self.spool.write_all(&self.buffer)?;
        self.buffer = Vec::new();
        self.spool.seal()
    }

    fn token(&self) -> String {
        self.token.clone()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        self.place.append(self.spool, &self.token)
    }

    fn leave(self: Box<Self>) {
        self.spool.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(mbox: &mut Mbox, message: &[u8]) {
        let mut receiving = mbox.begin().unwrap();
        receiving.write_all(message).unwrap();
        receiving.seal().unwrap();
        receiving.publish().unwrap();
    }

    #[test]
    fn messages_are_appended_behind_an_empty_line() {
        for (before, gap) in [("", ""), ("x", "\n\n"), ("From a\n", "\n"), ("From a\n\n", ""), ("\n", "\n")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("mbox");
            fs::write(&path, before).unwrap();
            let mut mbox = Mbox::open(&path, "0123", &Stop::new()).unwrap();
            put(&mut mbox, b"a: b\r\n\r\nFrom c\r\n");
            mbox.begin().unwrap().write_all(b"not finished").unwrap();
            put(&mut mbox, b"second");
            let text = fs::read_to_string(&path).unwrap();
            let rest = text.strip_prefix(&format!("{before}{gap}From MAILER-DAEMON ")).unwrap();
            let (_, rest) = rest.split_once('\n').unwrap();
            let rest = rest.strip_prefix("a: b\n\n>From c\n\nFrom MAILER-DAEMON ").unwrap();
            assert_eq!(rest.split_once('\n').unwrap().1, "second\n\n");
            // Nothing is left beside it.
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_others_appended_is_let_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, "From a\n\nold\n\ntorn, and then of another program").unwrap();
        fs::write(beside(&path, ".pop3-part-t.0123"), "torn off").unwrap();
        fs::write(beside(&path, ".pop3-append"), "13 t.0123\n").unwrap();
        let before = fs::read(&path).unwrap();
        let mut mbox = Mbox::open(&path, "0123", &Stop::new()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(!mbox.appeared("t.0123", Duration::ZERO).unwrap());
        mbox.clean().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
