//! Groups: what they cost, as files are opened and written once each and synced together; and what happens when any of
//! their changes fails.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use pop3_disk::{Faults, What};
use pop3_driver::Stop;
use pop3_proto::MessageNumber;

use super::inbox::{Inbox, To};
use super::interrupted::{FAULTS, Quit, folder, survives_each, system};
use super::place::Place;
use super::plan::Task;
use crate::Target;
use crate::journal::{Id, Journal, Key};
use crate::sink::printing;

/// The changes by which a group of so many small messages is stored, counted.
fn changes(count: usize, target: fn(PathBuf) -> Target, faults: &Faults) -> BTreeMap<&'static str, usize> {
    let folder = folder();
    let target = target(folder.path().join("box"));
    let state = folder.path().join("state");
    let mut inbox =
        Inbox::open(&faults.shared(), To::Target(&target), &state, "u@h:1", false, &Stop::new()).unwrap();
    faults.calm();
    for index in 0..count {
        let id = Id { key: Key::of_uid(&index.to_be_bytes()), occurrence: 0 };
        let task =
            Task { number: MessageNumber::from_index(index).unwrap(), size: None, id: Some(id), total: 1 };
        let mut incoming = inbox.reception().begin(None);
        // In pieces, as they arrive.
        b"Subject: x\r\n\r\nx\r\n".chunks(5).for_each(|piece| incoming.push(piece).unwrap());
        incoming.finish(false).unwrap();
        inbox.keep(incoming, &task).unwrap();
    }
    assert_eq!(faults.changes(), [], "nothing is written before the group is complete");
    inbox.commit().unwrap();
    let mut counts = BTreeMap::new();
    for change in faults.changes() {
        let what = match change.what {
            What::Make => "open",
            What::Write => "write",
            What::Rename | What::Link => "move",
            What::Unlink => "remove",
            What::Sync => "sync",
            What::SyncAll => "sync all",
            What::MakeFolder | What::SetLen => panic!("{change:?}"),
            _ => panic!("unknown: {change:?}"),
        };
        *counts.entry(what).or_default() += 1;
    }
    faults.calm();
    assert_eq!(inbox.stored().0, count as u64);
    counts
}

/// The state file is written twice: with what is about to appear, and that it has.
const STATE_WRITES: usize = 2;

#[test]
fn a_file_of_a_folder_or_a_maildir_is_opened_written_and_moved_once() {
    for (target, folders) in [(Target::Dir as fn(_) -> _, 1), (Target::Maildir, 2)] {
        for count in [1, 7, 100] {
            let found = changes(count, target, &system());
            // The files, `tmp`, the state file, and where the files are in the end.
            let expected = [
                ("open", count),
                ("write", count + STATE_WRITES),
                ("move", count),
                ("sync", count + 2 + folders),
            ];
            assert_eq!(found, BTreeMap::from(expected));
        }
    }
}

#[test]
fn many_files_are_synced_by_one_call_where_that_is_safe() {
    for (target, folders) in [(Target::Dir as fn(_) -> _, 1), (Target::Maildir, 2)] {
        let faults = system();
        faults.with_sync_all();
        assert_eq!(changes(7, target, &faults).get("sync all"), None, "for a few it is not worth it");
        for count in [8, 100, 1000] {
            let found = changes(count, target, &faults);
            // The state file, and where the files are in the end.
            let expected = [
                ("open", count),
                ("write", count + STATE_WRITES),
                ("move", count),
                ("sync all", 1),
                ("sync", 1 + folders),
            ];
            assert_eq!(found, BTreeMap::from(expected));
        }
    }
}

#[test]
fn an_mbox_is_locked_and_written_once_for_a_group() {
    let one = changes(1, Target::Mbox, &system());
    assert!(one["sync"] <= 8, "{one:?}");
    for count in [2, 100, 500] {
        let found = changes(count, Target::Mbox, &system());
        assert_eq!(found, one, "{count}");
    }
    // More than what is gathered before it is written.
    let found = changes(5_000, Target::Mbox, &system());
    let more = found["write"] - one["write"];
    assert!(found["sync"] == one["sync"] && (1..20).contains(&more), "{found:?}");
}

/// Counts what is written, and closes after so many writes.
struct Pipe {
    told: Sender<usize>,
    left: usize,
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        self.told.send(octets.len()).unwrap();
        Ok(octets.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(&slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<_>>())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Receives a message of 4096 octets. Returns whether the inbox takes it.
fn keeps(inbox: &mut Inbox, index: usize) -> bool {
    let id = Id { key: Key::of_uid(&index.to_be_bytes()), occurrence: 0 };
    let task = Task { number: MessageNumber::from_index(index).unwrap(), size: None, id: Some(id), total: 1 };
    let mut incoming = inbox.reception().begin(None);
    incoming.push(&[b'x'; 4096]).unwrap();
    incoming.finish(false).unwrap();
    inbox.keep(incoming, &task).is_ok()
}

/// Prints messages of 4096 octets to a pipe that takes so many writes. Returns what was written to it at a time, how
/// often the state file was written and synced, and how many messages are recorded.
fn prints(count: usize, writes: usize) -> (Vec<usize>, usize, usize, usize) {
    let folder = folder();
    let faults = system();
    let disk = faults.shared();
    let journal = Journal::open(&disk, &folder.path().join("state"), "u@h:1", "-", &Stop::new()).unwrap();
    let (told, heard) = channel();
    let sink = printing(&disk, Pipe { told, left: writes });
    let mut inbox = Inbox::of(&disk, journal, sink, None, Place::caller());
    faults.calm();
    let kept = (0..count).all(|index| keeps(&mut inbox, index));
    let committed = inbox.commit().is_ok();
    assert_eq!(kept && committed, writes >= count.div_ceil(16));
    let changes = faults.changes();
    let of = |what| changes.iter().filter(|change| change.what == what).count();
    let counts = (of(What::Write), of(What::Sync));
    let recorded = inbox.memory().len();
    assert_eq!(inbox.stored(), (recorded as u64, 4096 * recorded as u64));
    drop(inbox);
    (heard.iter().collect(), counts.0, counts.1, recorded)
}

#[test]
fn small_messages_are_printed_and_noted_together() {
    assert_eq!(prints(1, 9), (vec![4096], 1, 1, 1));
    // 64 KiB at a time.
    assert_eq!(prints(100, 9), ([vec![16 * 4096; 6], vec![4 * 4096]].concat(), 7, 1, 100));
    // What the reader of the pipe did not take is not recorded.
    assert_eq!(prints(100, 2), (vec![16 * 4096; 2], 2, 1, 32));
    assert_eq!(prints(100, 6), (vec![16 * 4096; 6], 6, 1, 96));
}

/// What was printed is noted. As the notes may not be on the disk, the next run brings them there.
#[test]
fn notes_that_could_not_be_synced_behind_a_failed_print_are_written_anew() {
    let folder = folder();
    let faults = system();
    let disk = faults.shared();
    let journal = Journal::open(&disk, &folder.path().join("state"), "u@h:1", "-", &Stop::new()).unwrap();
    let (told, _heard) = channel();
    let sink = printing(&disk, Pipe { told, left: 1 });
    let mut inbox = Inbox::of(&disk, journal, sink, None, Place::caller());
    inbox.begin_run().unwrap();
    // The last is not printed.
    assert!((0..17).all(|index| keeps(&mut inbox, index)));
    assert_eq!(inbox.stored().0, 16);
    faults.calm();
    faults.end_at(1);
    inbox.commit().unwrap_err();
    assert!(faults.has_failed());
    inbox.end_run();
    faults.calm();
    inbox.begin_run().unwrap();
    let changes = faults.changes();
    let of = |what| changes.iter().any(|change| change.what == what);
    assert!(of(What::Write) && of(What::Sync) && of(What::Rename), "{changes:?}");
    assert_eq!(inbox.memory().len(), 16);
}

/// Small messages in memory, and large ones in files between them.
const MIXED: &[&str] = &["a", "b", "large", "c", "d", "large too"];

#[test]
fn a_group_with_large_messages() {
    for target in [Target::Dir, Target::Maildir, Target::Mbox] {
        survives_each(&FAULTS[..2], MIXED, target, true, &[Quit::Answered], &system());
    }
}

/// So many that the whole file system is synced for them at once.
const GROUP: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "i"];

#[test]
fn a_group_for_which_all_is_synced_at_once() {
    for target in [Target::Dir, Target::Maildir, Target::Mbox] {
        let faults = system();
        faults.with_sync_all();
        survives_each(&FAULTS[..2], GROUP, target, true, &[Quit::Answered], &faults);
    }
}
