//! `mbox:FILE`: messages appended to a file in the form `mboxrd`.
//!
//! An append can be torn, so what is about to be appended, and where, is noted beside the file
//! (`FILE.pop3-append`). The next run that opens the file takes back what is not whole. The file is
//! [locked](super::locks) meanwhile in all ways that mail programs use.

mod torn;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Disk, File, LockedMbox, Open};
use pop3_driver::Stop;

use super::gathered::{Gathered, Whole};
use super::spool::{Form, Spool, unique};
use super::{Intake, Part, Sealed, Sink};
use crate::spot::{PRIVATE, Spot, remove_with};
use torn::{Found, compare, copy};

/// How the mbox is opened.
const MBOX: Open = Open::reading_and_writing().make(0o600);

/// Octets gathered before they are written.
const BUFFER: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Mbox {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    disk: Arc<dyn Disk>,
    mbox: Spot,
    /// The name of the state file.
    name: String,
    counter: AtomicU64,
    patience: Duration,
    stop: Stop,
}

impl Mbox {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, name: &str, stop: &Stop) -> io::Result<Self> {
        let (mbox, name) = (Spot::at(&**disk, path)?, name.to_owned());
        let (disk, counter, stop) = (Arc::clone(disk), AtomicU64::new(1), stop.clone());
        let place = Place { disk, mbox, name, counter, patience: LockedMbox::PATIENCE, stop };
        let mut mbox = Self { place: Arc::new(place) };
        mbox.repair()?;
        Ok(mbox)
    }
}

impl Sink for Mbox {
    fn intake(&self) -> Arc<dyn Intake> {
        Arc::clone(&self.place) as _
    }

    /// Messages that follow each other in memory become one part, and are appended in one step.
    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
        let mut sealed = Vec::new();
        let mut run = Vec::new();
        let mut result = Ok(());
        for message in messages {
            if message.is_in_memory() {
                run.push(message);
                continue;
            }
            let token = message.token.clone();
            result = self.place.seal_run(&mut run, &mut sealed).and_then(|()| {
                if let Whole::File(mut spool) = message.into_whole() {
                    spool.sync()?;
                    sealed.push(self.place.part(spool, token, 1));
                }
                Ok(())
            });
            if result.is_err() {
                break;
            }
        }
        let result = result.and_then(|()| self.place.seal_run(&mut run, &mut sealed));
        if !sealed.is_empty()
            && let Err(error) = self.place.mbox.sync_folder()
        {
            return (Vec::new(), Err(error));
        }
        (sealed, result)
    }

    /// Nothing is left to do: each part was brought to the disk as it was appended.
    fn sync_published(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn repair(&mut self) -> io::Result<()> {
        self.place.repair(self.place.lock()?.file())
    }

    fn appeared(&mut self, token: &str, _age: Duration) -> io::Result<bool> {
        if token.contains('/') || !token.contains(&self.place.name) {
            return Ok(true);
        }
        Ok(!self.place.part_file(token).exists()?)
    }

    fn discard(&mut self, token: &str) -> io::Result<()> {
        // An append that could not be undone is recognised by its unfinished file.
        let mut locked = self.place.lock()?;
        self.place.repair(locked.file())?;
        self.place.part_file(token).remove()
    }

    fn clean(&mut self) -> io::Result<()> {
        let prefix = self.place.part_file("");
        let Ok(prefix) = str::from_utf8(prefix.name()) else {
            return Ok(()); // A name that is no UTF-8: leftovers stay.
        };
        let suffix = format!(".{}", self.place.name);
        let is_ours = |file: &str| file.starts_with(prefix) && file.ends_with(&suffix);
        remove_with(self.place.mbox.folder(), is_ours)
    }
}

impl Intake for Place {
    fn token(&self) -> String {
        unique(self.disk.now(), &self.name, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    fn spool(&self, token: &str) -> io::Result<Spool> {
        Spool::create(self.part_file(token), Form::Mboxrd(self.disk.now()))
    }
}

impl Place {
    fn part(self: &Arc<Self>, spool: Spool, token: String, messages: usize) -> Sealed {
        Sealed { part: Box::new(InMbox { place: Arc::clone(self), spool, token }), messages }
    }

    /// Seals messages in memory as one part. If there is no room for all of them, each by itself.
    fn seal_run(self: &Arc<Self>, run: &mut Vec<Gathered>, sealed: &mut Vec<Sealed>) -> io::Result<()> {
        let run = core::mem::take(run);
        let Some(first) = run.first() else { return Ok(()) };
        match self.write(&run) {
            Ok(spool) => {
                sealed.push(self.part(spool, first.token.clone(), run.len()));
                Ok(())
            }
            Err(error) if run.len() == 1 => Err(error),
            Err(_) => run.into_iter().try_for_each(|message| {
                let token = message.token.clone();
                let spool = self.write(&[message])?;
                sealed.push(self.part(spool, token, 1));
                Ok(())
            }),
        }
    }

    /// Writes messages in memory into one file, and brings it to the disk.
    fn write(&self, run: &[Gathered]) -> io::Result<Spool> {
        let token = run.first().map(|first| first.token.as_str()).unwrap_or_default();
        let mut spool = Spool::with(self.part_file(token), b"")?;
        let now = self.disk.now();
        let mut buffer = Vec::new();
        for message in run.iter().filter_map(Gathered::memory) {
            Form::Mboxrd(now).convert(message, &mut buffer);
            if buffer.len() >= BUFFER {
                spool.append(&buffer)?;
                buffer.clear();
            }
        }
        if !buffer.is_empty() {
            spool.append(&buffer)?;
        }
        spool.sync()?;
        Ok(spool)
    }

    /// Where messages are received.
    fn part_file(&self, token: &str) -> Spot {
        self.mbox.beside(&format!(".pop3-part-{token}"))
    }

    /// The note about the append that is going on.
    fn note(&self) -> Spot {
        self.mbox.beside(".pop3-append")
    }

    fn lock(&self) -> io::Result<LockedMbox> {
        // Named as an unfinished file, so that it is cleaned up as one.
        let candidate = self.part_file(&format!("lock-{}.{}", std::process::id(), self.name));
        LockedMbox::take(&*self.disk, &self.mbox, candidate, MBOX, self.patience, &|| self.stop.is_stopped())
    }

    /// Takes back an append that is not whole; finishes one that is.
    fn repair(&self, file: &mut dyn File) -> io::Result<()> {
        let mut note = Vec::new();
        match self.note().open(Open::reading()) {
            Ok(mut file) => file.read_to_end(&mut note)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // If the note is torn, no append followed it.
        if let Some((offset, token)) = parse_note(&note) {
            match self.part_file(token).open(Open::reading()) {
                Ok(spool) => match compare(file, offset, spool)? {
                    // Written once more: what can be read need not be on the disk if an earlier sync failed, and the
                    // next one may succeed all the same.
                    Found::Whole => {
                        copy(file, offset, self.part_file(token).open(Open::reading())?)?;
                        self.part_file(token).remove()?;
                    }
                    Found::Part => {
                        file.set_len(offset)?;
                        file.sync()?;
                    }
                    Found::Other => {}
                },
                // The append was complete.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.note().remove()
    }

    /// Appends a spool, whole or not at all, and removes it. On an error the spool stays, or nothing is
    /// appended. The locks are held to the end, so that nobody else takes up a note that is still ours.
    fn append(&self, mut spool: Spool, token: &str) -> io::Result<()> {
        spool.keep();
        let mut locked = self.lock()?;
        let file = locked.file();
        // A failed append may not have been undone.
        self.repair(file)?;
        let offset = file.stat()?.len;
        let mut note = self.note().open(PRIVATE.emptied())?;
        note.write_all(format!("{offset} {token}\n").as_bytes())?;
        note.sync()?;
        // The names of the note, and of an mbox that was just made.
        self.mbox.sync_folder()?;
        let copied = spool.open().and_then(|source| copy(file, offset, source));
        let appended = copied.and_then(|()| spool.remove());
        // Without the spool the message has appeared, whatever fails from here on. With it, what did not end well is
        // taken back, a whole append included.
        let settled = match appended {
            Ok(()) => self.mbox.sync_folder(),
            Err(_) => file.set_len(offset).and_then(|()| file.sync()),
        };
        // A note that stays is taken up by whoever opens the mbox next, should the spool be back by then.
        let _ = settled.and_then(|()| self.note().remove());
        appended
    }
}

fn parse_note(note: &[u8]) -> Option<(u64, &str)> {
    let (offset, token) = str::from_utf8(note).ok()?.strip_suffix('\n')?.split_once(' ')?;
    Some((offset.parse().ok()?, token)).filter(|(_, token)| !token.contains('/'))
}

/// Messages that are appended in one step.
struct InMbox {
    place: Arc<Place>,
    spool: Spool,
    token: String,
}

impl Part for InMbox {
    fn token(&self) -> &str {
        &self.token
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
    use std::fs;

    use pop3_disk::{Faults, System, What};

    use super::super::testing::{begin, put, seal};
    use super::*;

    fn open(path: &Path) -> Mbox {
        open_on(&System::shared(), path)
    }

    fn open_on(disk: &Arc<dyn Disk>, path: &Path) -> Mbox {
        Mbox::open(disk, path, "0123", &Stop::new()).unwrap()
    }

    #[test]
    fn messages_are_appended_behind_an_empty_line() {
        for (before, gap) in [("", ""), ("x", "\n\n"), ("From a\n", "\n"), ("From a\n\n", ""), ("\n", "\n")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("mbox");
            fs::write(&path, before).unwrap();
            let mut mbox = open(&path);
            put(&mut mbox, &[b"a: b\r\n\r\nFrom c\r\n"]);
            drop(begin(&mbox, b"not finished"));
            put(&mut mbox, &[b"second"]);
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
    fn the_note_is_on_the_disk_before_the_message_and_goes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::over(System::shared());
        let path = folder.path().join("mbox");
        let mut mbox = open_on(&faults.shared(), &path);
        let part = seal(&mut mbox, &[b"text"]).remove(0);
        faults.calm();
        part.publish().unwrap();
        let changes = faults.changes().into_iter();
        let made: Vec<_> = changes
            .map(|change| (change.what, change.path.file_name().unwrap().to_str().unwrap().to_owned()))
            .filter(|(_, name)| !name.contains("lock"))
            .collect();
        let place = folder.path().file_name().unwrap().to_str().unwrap();
        let (_, spool) = made.iter().find(|(what, _)| *what == What::Unlink).unwrap();
        let expected = [
            (What::Make, "mbox"),
            (What::Make, "mbox.pop3-append"),
            (What::Write, "mbox.pop3-append"),
            (What::Sync, "mbox.pop3-append"),
            (What::Sync, place),
            (What::Write, "mbox"),
            (What::Sync, "mbox"),
            (What::Unlink, spool),
            (What::Sync, place),
            (What::Unlink, "mbox.pop3-append"),
        ];
        assert_eq!(made, expected.map(|(what, name)| (what, name.to_owned())));
    }

    /// Without its unfinished file a message counts as there, so it must be.
    #[test]
    fn a_message_is_there_if_its_unfinished_file_is_gone_whatever_fails() {
        for change in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let faults = Faults::over(System::shared());
            let path = folder.path().join("mbox");
            let mut mbox = open_on(&faults.shared(), &path);
            let part = seal(&mut mbox, &[b"text"]).remove(0);
            let token = part.token().to_owned();
            faults.fail_at(change, io::ErrorKind::Other);
            let published = part.publish();
            let failed = faults.has_failed();
            faults.calm();
            let appeared = mbox.appeared(&token, Duration::ZERO).unwrap();
            assert_eq!(published.is_ok(), appeared, "{change}: {published:?}");
            assert_eq!(fs::read(&path).unwrap().is_empty(), !appeared, "{change}: {published:?}");
            if !failed {
                assert!(change > 10);
                break;
            }
        }
    }

    #[test]
    fn what_others_appended_is_let_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, "From a\n\nold\n\ntorn, and then of another program").unwrap();
        fs::write(folder.path().join("mbox.pop3-part-t.0123"), "torn off").unwrap();
        fs::write(folder.path().join("mbox.pop3-append"), "13 t.0123\n").unwrap();
        let before = fs::read(&path).unwrap();
        let mut mbox = open(&path);
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(!mbox.appeared("t.0123", Duration::ZERO).unwrap());
        mbox.clean().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
