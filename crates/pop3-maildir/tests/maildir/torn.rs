//! The size cache while something goes wrong: each change fails or is the last one of a process, and two stores write at
//! once. A size is right or counted again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;

use pop3_disk::{Faults, System, What};
use pop3_maildir::{Maildir, MaildirConfig, MessageError};
use tempfile::TempDir;

use crate::counted::Counted;
use crate::support::{contents, maildir, number, put, read, sizes, stir, uids};

/// Ten messages that the size cache knows, one of them renamed, one gone, and two new ones.
fn changed(disk: &Counted) -> TempDir {
    let folder = maildir();
    for index in 10..20_usize {
        put(&folder, &format!("cur/{index}.a.h:2,"), "x\n".repeat(index));
    }
    drop(login(disk, folder.path()));
    fs::rename(folder.path().join("cur/12.a.h:2,"), folder.path().join("cur/12.a.h:2,S")).unwrap();
    fs::remove_file(folder.path().join("cur/13.a.h:2,")).unwrap();
    put(&folder, "new/20.a.h", "new\n");
    put(&folder, "new/21.a.h", "new\r\n");
    stir(&folder);
    folder
}

/// The same on a disk with faults.
fn faulty() -> (Faults, Counted, TempDir) {
    let faults = Faults::over(System::shared());
    let disk = Counted::over(faults.shared());
    let folder = changed(&disk);
    (faults, disk, folder)
}

/// The same, and one message was replaced by another after the size cache learnt it.
fn replaced() -> (Faults, Counted, TempDir) {
    let (faults, disk, folder) = faulty();
    drop(login(&disk, folder.path()));
    put(&folder, "new/20.a.h", "new message\n");
    (faults, disk, folder)
}

const SIZES: [u64; 11] = [30, 33, 36, 42, 45, 48, 51, 54, 57, 5, 5];

fn login(disk: &Counted, path: &Path) -> Maildir {
    Maildir::open_on(&disk.shared(), path, &MaildirConfig::new()).unwrap()
}

/// What a later session finds, with nothing going wrong: the truth, and after one login a cache that knows all of it.
fn assert_sound(folder: &TempDir, unknown: usize) {
    let disk = Counted::new();
    let maildir = login(&disk, folder.path());
    assert_eq!(sizes(&maildir), SIZES);
    assert!(maildir.summary().measured <= unknown, "{:?}", maildir.summary());
    assert!(maildir.cache_error().is_none());
    drop(maildir);
    disk.take();
    let mut maildir = login(&disk, folder.path());
    assert_eq!((sizes(&maildir), disk.take().get("list")), (SIZES.to_vec(), None));
    assert_eq!(contents(&mut maildir).len(), SIZES.len());
    assert!(!folder.path().join("pop3.sizes.tmp").exists());
}

#[test]
fn an_append_that_fails_leaves_what_was_there() {
    for change in 1.. {
        let (faults, disk, folder) = faulty();
        faults.fail_at(change, ErrorKind::StorageFull);
        let maildir = login(&disk, folder.path());
        let failed = faults.has_failed();
        assert_eq!(sizes(&maildir), SIZES);
        assert_eq!(maildir.cache_error().is_some(), failed, "change {change}");
        drop(maildir);
        // Half of it was written, and taken away again.
        assert_sound(&folder, if failed { 2 } else { 0 });
        if !failed {
            let changes: Vec<_> = faults.changes().into_iter().map(|change| change.what).collect();
            assert_eq!(changes, [What::Write], "one write for all records");
            break;
        }
    }
}

#[test]
fn an_append_in_which_the_process_ends_costs_the_new_records_only() {
    for change in 1.. {
        let (faults, disk, folder) = faulty();
        faults.end_at(change);
        drop(Maildir::open_on(&disk.shared(), folder.path(), &MaildirConfig::new()));
        let ended = faults.has_failed();
        assert_sound(&folder, if ended { 2 } else { 0 });
        if !ended {
            assert!(change > 1);
            break;
        }
    }
}

#[test]
fn an_append_that_is_cut_anywhere_costs_the_new_records_only() {
    let disk = Counted::new();
    let folder = changed(&disk);
    let path = folder.path().join("pop3.sizes");
    let before = fs::read(&path).unwrap();
    drop(login(&disk, folder.path()));
    let after = fs::read(&path).unwrap();
    assert!(after.len() < before.len() + 450 && after.starts_with(&before), "appended");
    for cut in (before.len()..after.len()).step_by(11) {
        fs::write(&path, &after[..cut]).unwrap();
        assert_sound(&folder, 2);
        // What a file system may have there after a loss of power.
        let mut zeros = after.clone();
        zeros[cut..].fill(0);
        fs::write(&path, zeros).unwrap();
        assert_sound(&folder, 2);
    }
}

#[test]
fn writing_it_anew_can_end_at_any_change() {
    for change in 1.. {
        let (faults, disk, folder) = faulty();
        let path = folder.path().join("pop3.sizes");
        let mut torn = fs::read(&path).unwrap();
        torn.pop();
        fs::write(&path, torn).unwrap();
        faults.end_at(change);
        drop(Maildir::open_on(&disk.shared(), folder.path(), &MaildirConfig::new()));
        let ended = faults.has_failed();
        assert_sound(&folder, if ended { 2 } else { 0 });
        if !ended {
            assert!(change > 3);
            break;
        }
    }
}

#[test]
fn a_message_that_turns_out_to_be_another_is_forgotten_at_any_change() {
    for change in 1.. {
        let (faults, disk, folder) = replaced();
        let mut maildir = login(&disk, folder.path());
        faults.fail_at(change, ErrorKind::StorageFull);
        for _ in 0..3 {
            let error = maildir.message(number(10)).unwrap_err();
            assert!(matches!(error, MessageError::Changed { .. }), "{error:?}");
        }
        assert_eq!(read(&mut maildir, 11).unwrap(), b"new\r\n");
        drop(maildir);
        let failed = faults.has_failed();
        faults.calm();
        let mut maildir = login(&disk, folder.path());
        assert_eq!(sizes(&maildir)[9], 13, "change {change}");
        assert_eq!(read(&mut maildir, 10).unwrap(), b"new message\n");
        if !failed {
            assert!(change > 1);
            break;
        }
    }
}

#[test]
fn a_process_that_ends_while_it_forgets_a_message_leaves_nothing_that_stays_wrong() {
    for change in 1.. {
        let (faults, disk, folder) = replaced();
        let mut maildir = login(&disk, folder.path());
        faults.end_at(change);
        assert!(matches!(maildir.message(number(10)), Err(MessageError::Changed { .. })));
        drop(maildir);
        let ended = faults.has_failed();
        faults.calm();
        // What was to be forgotten may still be listed once more. Then it is forgotten.
        let mut maildir = login(&disk, folder.path());
        let is_right = sizes(&maildir)[9] == 13;
        assert!(ended || is_right);
        assert_eq!(maildir.message(number(10)).is_ok(), is_right, "change {change}");
        drop(maildir);
        for _ in 0..2 {
            let mut maildir = login(&disk, folder.path());
            assert_eq!(sizes(&maildir)[9], 13, "change {change}");
            assert_eq!(read(&mut maildir, 10).unwrap(), b"new message\n");
        }
        if !ended {
            assert!(change > 1);
            break;
        }
    }
}

#[test]
fn a_seal_with_something_behind_it_seals_nothing() {
    let disk = Counted::new();
    let folder = changed(&disk);
    drop(login(&disk, folder.path()));
    let path = folder.path().join("pop3.sizes");
    for behind in [&b"G"[..], b"G\0\x06\x0020.a.h1234567", &[0; 100], &[b'S'; 60]] {
        let good = fs::read(&path).unwrap();
        fs::write(&path, [&good, behind].concat()).unwrap();
        disk.take();
        drop(login(&disk, folder.path()));
        assert_eq!(disk.take()["list"], 2, "{}", behind.escape_ascii());
        assert!(fs::read(&path).unwrap().len() <= good.len(), "it is written anew");
        assert_sound(&folder, 0);
    }
}

#[test]
fn two_stores_at_once_do_not_deceive_each_other() {
    const ROUNDS: u32 = 20;
    let folder = maildir();
    // As on a network file system whose locks do not work.
    let disks = [Counted::new().without_locks(), Counted::new().without_locks()];
    thread::scope(|scope| {
        for (place, disk) in disks.iter().enumerate() {
            let folder = &folder;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let text = "x\n".repeat(1 + round as usize);
                    let name = format!("{round}.store{place}.h");
                    let written = put(folder, &format!("tmp/{name}"), text);
                    fs::rename(written, folder.path().join("new").join(name)).unwrap();
                    stir(folder);
                    let mut maildir = login(disk, folder.path());
                    let listed = sizes(&maildir);
                    for (message, size) in (1..).zip(listed) {
                        let text = read(&mut maildir, message).unwrap();
                        assert_eq!(pop3_proto::dots::wire_size(&text), size);
                    }
                }
            });
        }
    });
    let (disk, mut expected) = (Counted::new(), Vec::new());
    for round in 0..u64::from(ROUNDS) {
        expected.extend([3 * (1 + round); 2]);
    }
    for _ in 0..2 {
        let maildir = login(&disk, folder.path());
        assert_eq!(sizes(&maildir), expected);
        assert_eq!(uids(&maildir).len(), expected.len());
    }
}
