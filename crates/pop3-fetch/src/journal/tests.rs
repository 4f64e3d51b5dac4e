//! The state file: what is noted, torn, refused.

use std::fs;

use pop3_disk::{Change, Faults, System, What};

use super::record::checksum;
use super::*;

fn intent(uid: &str) -> Intent {
    Intent {
        id: Id { key: Key::of_uid(uid.as_bytes()), occurrence: 0 },
        entry: SeenEntry::new(7, 1),
        token: format!("token of {uid}"),
    }
}

#[test]
fn what_was_noted_is_there_in_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/state");
    let mut journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    let name = journal.name().to_owned();
    journal.intend(&[intent("a"), intent("b")]).unwrap();
    journal.published(&[]).unwrap();
    journal.deleting(&[intent("a").id]).unwrap();
    journal.intend(&[intent("c")]).unwrap();
    let memory = journal.memory().clone();
    drop(journal);
    let mut journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    assert_eq!(journal.memory(), &memory);
    assert_eq!(journal.name(), name);
    let unsure = journal.unsure();
    assert_eq!(unsure.iter().map(|unsure| unsure.token.as_str()).collect::<Vec<_>>(), ["token of c"]);
    journal.settle(&unsure).unwrap();
    journal.deleted().unwrap();
    drop(journal);
    let journal = Journal::open(&System::shared(), &path, "u@h:110", "mbox:y", &Stop::new()).unwrap();
    assert_eq!(journal.memory().iter().map(|(id, _)| id).collect::<Vec<_>>(), [intent("b").id]);
    assert!(journal.unsure().is_empty());
}

/// A run that was killed may have left a new file whose name is not on the disk. What is noted in it would be lost with
/// it in a power failure.
#[test]
fn the_first_note_of_a_run_brings_the_name_of_the_file_to_the_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let faults = Faults::over(System::shared());
    let open = || Journal::open(&faults.shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    let synced = || {
        let is_sync = |change: &Change| change.what == What::Sync;
        let paths = faults.changes().into_iter().filter(is_sync).map(|change| change.path);
        let paths: Vec<_> = paths.collect();
        faults.calm();
        paths
    };
    drop(open());
    let mut journal = open();
    faults.calm();
    journal.intend(&[intent("a")]).unwrap();
    assert_eq!(synced(), [path.clone(), folder.path().to_owned()]);
    journal.intend(&[intent("b")]).unwrap();
    assert_eq!(synced(), core::slice::from_ref(&path));
    // The sync of the directory fails when the file is written anew.
    faults.fail_at(5, io::ErrorKind::Other);
    journal.settle(&journal.unsure()).unwrap_err();
    assert!(faults.has_failed());
    faults.calm();
    journal.intend(&[intent("c")]).unwrap();
    assert!(synced().contains(&folder.path().to_owned()));
}

/// Beside the state file, nobody looks for what takes room.
#[test]
fn what_was_to_take_the_place_of_the_file_and_could_not_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let new = folder.path().join("state.new");
    let faults = Faults::over(System::shared());
    let open = || Journal::open(&faults.shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    let mut journal = open();
    journal.intend(&[intent("a")]).unwrap();
    faults.calm();
    journal.settle(&journal.unsure()).unwrap();
    let rename = 1 + faults.changes().iter().position(|change| change.what == What::Rename).unwrap() as u64;
    journal.intend(&[intent("b")]).unwrap();
    faults.fail_at(rename, io::ErrorKind::StorageFull);
    journal.settle(&journal.unsure()).unwrap_err();
    assert!(faults.has_failed() && !new.exists());
    drop(journal);

    // A process that is killed there can't remove it: the next one does.
    let mut journal = open();
    journal.intend(&[intent("c")]).unwrap();
    faults.end_at(rename);
    journal.settle(&journal.unsure()).unwrap_err();
    assert!(faults.has_failed() && new.exists());
    drop(journal);
    faults.calm();
    let journal = open();
    assert!(!new.exists());
    assert!(journal.memory().known(intent("b").id).is_some());
}

#[test]
fn traits_survive_and_a_torn_line_changes_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let open = || Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    let first = Traits { estimates_sizes: true, ..Traits::default() };
    let second = Traits { recognised_by: Some(RecognisedBy::Content), lost_synchronisation: true, ..first };
    let mut journal = open();
    assert_eq!(journal.traits(), Traits::default());
    journal.set_traits(first).unwrap();
    journal.intend(&[intent("a")]).unwrap();
    drop(journal);
    let mut journal = open();
    assert_eq!(journal.traits(), first);
    // By a rewrite too.
    journal.settle(&journal.unsure()).unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    let mut journal = open();
    assert_eq!(journal.traits(), first);
    journal.set_traits(second).unwrap();
    drop(journal);
    assert_eq!(open().traits(), second);
    let longer = fs::read(&path).unwrap();
    assert!(longer.starts_with(&whole));
    fs::write(&path, &longer[..longer.len() - 1]).unwrap();
    assert_eq!(open().traits(), first);
}

#[test]
fn a_file_of_the_old_form_is_read_and_written_anew() {
    let by_content = SeenEntry { total: 0, ..intent("b").entry };
    for (entries, expected) in [
        (&[][..], None),
        (&[intent("a").entry], Some(RecognisedBy::UniqueIds)),
        (&[by_content], Some(RecognisedBy::Content)),
        (&[by_content, intent("a").entry], Some(RecognisedBy::UniqueIds)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let header = "pop3-state-1 n u@h:110 dir:x";
        let mut old = [&checksum(header.as_bytes())[..], b" ", header.as_bytes(), b"\n"].concat();
        for (index, &entry) in entries.iter().enumerate() {
            let id = intent(&index.to_string()).id;
            Record::Stored { id, entry, time: 0, token: String::new() }.write(&mut old);
        }
        Record::Published.write(&mut old);
        fs::write(&path, &old).unwrap();
        for _ in 0..2 {
            let journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
            assert_eq!(journal.traits().recognised_by, expected);
            assert_eq!((journal.memory().len(), journal.name()), (entries.len(), "n"));
            assert!(!String::from_utf8(fs::read(&path).unwrap()).unwrap().contains("pop3-state-1"));
        }
    }
}

#[test]
fn refuses_what_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let refusal = |account, target| {
        Journal::open(&System::shared(), &path, account, target, &Stop::new())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let mut journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    assert!(refusal("u@h:110", "dir:x").contains("another fetch is running with the state file"));
    journal.intend(&[intent("a")]).unwrap();
    drop(journal);
    assert!(refusal("v@h:110", "dir:x").contains("belongs to u@h:110"));
    assert!(refusal("u@h:110", "dir:y").contains("interrupted fetch to dir:x"));
    fs::write(&path, "something else\n").unwrap();
    assert!(refusal("u@h:110", "dir:x").contains("not a state file"));
    assert_eq!(fs::read(&path).unwrap(), b"something else\n");
}

#[test]
fn a_torn_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mut journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    journal.intend(&[intent("a")]).unwrap();
    journal.published(&[]).unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for garbage in [&b"12345678 s 00"[..], b"\0\0\0\0", b"12345678 p\n12345678 p\n", b"\xff\n"] {
        fs::write(&path, [&whole, garbage].concat()).unwrap();
        let mut journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
        assert_eq!(journal.memory().len(), 1);
        // What comes next is not glued to what was torn.
        journal.intend(&[intent("b")]).unwrap();
        drop(journal);
        let journal = Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
        assert_eq!((journal.memory().len(), journal.unsure().len()), (2, 1));
    }
}

/// That messages have appeared is noted without a sync. A later sync that fails may lose this note, and a loss of power
/// then leaves zeros in its place.
#[test]
fn a_line_that_was_lost_hides_none_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let open = || Journal::open(&System::shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    let mut journal = open();
    journal.intend(&[intent("a")]).unwrap();
    let lost = fs::read(&path).unwrap().len();
    journal.published(&[]).unwrap();
    let behind = fs::read(&path).unwrap().len();
    journal.intend(&[intent("b")]).unwrap();
    let whole = fs::read(&path).unwrap();
    for (from, to) in [(lost, behind), (lost + 3, behind), (lost, behind - 1), (lost + 3, lost + 5)] {
        drop(journal);
        let mut damaged = whole.clone();
        damaged[from..to].fill(0);
        fs::write(&path, &damaged).unwrap();
        journal = open();
        assert_eq!(journal.memory().len(), 2, "{from}..{to}");
        // The target is asked about both.
        let tokens: Vec<_> = journal.unsure().into_iter().map(|unsure| unsure.token).collect();
        assert_eq!(tokens, [intent("a").token, intent("b").token]);
        assert!(!fs::read(&path).unwrap().contains(&0), "it is written anew");
    }
}

#[test]
fn a_file_that_is_written_anew_is_on_the_disk_before_it_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let faults = Faults::over(System::shared());
    let order = || {
        let changes =
            faults.changes().into_iter().filter(|change| [What::Sync, What::Rename].contains(&change.what));
        let order: Vec<_> = changes.map(|change| (change.what, change.path)).collect();
        faults.calm();
        order
    };
    let anew = [
        (What::Sync, folder.path().join("state.new")),
        (What::Rename, path.clone()),
        (What::Sync, folder.path().into()),
    ];
    let mut journal = Journal::open(&faults.shared(), &path, "u@h:110", "dir:x", &Stop::new()).unwrap();
    assert_eq!(order(), anew, "the header of a new file");
    journal.intend(&[intent("a")]).unwrap();
    // It is known by the name under which it was opened.
    assert_eq!(order(), [(What::Sync, folder.path().join("state.new"))], "a note");
    journal.settle(&journal.unsure()).unwrap();
    assert_eq!(order(), anew, "a note is taken back");
    journal.intend(&[intent("b")]).unwrap();
    order();
    journal.reload().unwrap();
    assert_eq!(order(), anew, "what was read may not be on the disk");
}
