//! What a session asks of the disk, counted.

use std::fs;

use pop3_maildir::{Maildir, MaildirConfig};
use tempfile::TempDir;

use crate::counted::{Counted, Counts};
use crate::support::{contents, eager, maildir, number, put, read, remove, sizes, stir, uids};

fn many(messages: u32) -> TempDir {
    let folder = maildir();
    for index in 0..messages {
        let name = format!("cur/{}.M{}P{}.host:2,S", 1_700_000_000 + index, index % 1000, index % 77);
        put(&folder, &name, "a: b\n\nc\n");
    }
    folder
}

fn login(disk: &Counted, folder: &TempDir) -> Maildir {
    let maildir = Maildir::open_on(&disk.shared(), folder.path(), &MaildirConfig::new()).unwrap();
    assert!(maildir.cache_error().is_none());
    maildir
}

fn calls(counts: &Counts) -> u64 {
    counts.iter().filter(|(what, _)| !what.starts_with("octets")).map(|(_, count)| count).sum()
}

#[test]
fn the_second_login_of_an_unchanged_maildrop_looks_at_no_message() {
    let mut counts = Vec::new();
    for messages in [20, 300] {
        let (folder, disk) = (many(messages), Counted::new());
        let first = login(&disk, &folder);
        assert_eq!(first.summary().measured, messages as usize);
        let expected = (uids(&first), sizes(&first));
        drop(first);
        disk.take();
        let second = login(&disk, &folder);
        assert_eq!(second.summary().measured, 0);
        assert_eq!((uids(&second), sizes(&second)), expected);
        assert!(remove(second, &[]).is_complete());
        counts.push(disk.take());
    }
    // The lock and the two directories; the lock file and the cache; one read.
    let expected = [("open", 2), ("open folder", 1), ("read", 1), ("stat", 3), ("stat of an open file", 2)];
    assert_eq!(counts[0], Counts::from(expected));
    assert_eq!(counts[0], counts[1], "no more for more messages");
}

#[test]
fn one_new_message_costs_one_record() {
    const MESSAGES: u32 = 300;
    let (folder, disk) = (many(MESSAGES), Counted::new());
    drop(login(&disk, &folder));
    let all = disk.take()["octets written"];
    assert!(all / u64::from(MESSAGES) < 120, "{all}");
    for index in 0..10 {
        put(&folder, &format!("new/180000000{index}.M1P2.host"), "new\n");
        stir(&folder);
        assert_eq!(login(&disk, &folder).summary().measured, 1);
        let counts = disk.take();
        assert!(counts["octets written"] < 200, "{counts:?}");
        assert_eq!((counts["write"], counts.get("rename"), counts["list"]), (1, None, 2), "{counts:?}");
        assert!(calls(&counts) < 32, "{counts:?}");
        drop(login(&disk, &folder));
        assert!(!disk.take().contains_key("list"), "it is known now");
    }
    // Removed and renamed messages cost as much.
    assert!(remove(login(&disk, &folder), &[1]).is_complete());
    fs::rename(
        folder.path().join("new/1800000003.M1P2.host"),
        folder.path().join("cur/1800000003.M1P2.host:2,S"),
    )
    .unwrap();
    stir(&folder);
    disk.take();
    let mut maildir = login(&disk, &folder);
    assert_eq!(maildir.summary().measured, 0);
    let counts = disk.take();
    assert!(counts["octets written"] < 300 && calls(&counts) < 32, "{counts:?}");
    assert_eq!(contents(&mut maildir).len(), 309);
}

#[test]
fn stale_records_are_dropped_in_the_end() {
    let (folder, disk) = (many(10), Counted::new());
    let length = || fs::metadata(folder.path().join("pop3.sizes")).unwrap().len();
    let mut longest = 0;
    for round in 0..100_u32 {
        put(&folder, &format!("new/{}.M1P2.host", 1_800_000_000 + round), "new\n");
        stir(&folder);
        let maildir = login(&disk, &folder);
        assert_eq!(maildir.snapshot().len(), 11);
        assert!(remove(maildir, &[11]).is_complete());
        longest = longest.max(length());
    }
    assert!(longest < 9_000, "{longest}");
}

#[test]
fn a_message_with_other_flags_is_found_without_reading_the_folder() {
    const MESSAGES: u32 = 300;
    let (folder, disk) = (many(MESSAGES), Counted::new());
    let mut maildir = login(&disk, &folder);
    let name = |index: u32, flags: &str| {
        format!("{}.M{}P{}.host{flags}", 1_700_000_000 + index, index % 1000, index % 77)
    };
    let (cur, new) = (folder.path().join("cur"), folder.path().join("new"));
    for index in 0..50 {
        let to = match index % 3 {
            0 => cur.join(name(index, ":2,FS")),
            1 => cur.join(name(index, ":2,")),
            _ => new.join(name(index, "")),
        };
        fs::rename(cur.join(name(index, ":2,S")), to).unwrap();
    }
    disk.take();
    for message in 1..=50 {
        assert_eq!(read(&mut maildir, message).unwrap(), b"a: b\n\nc\n");
    }
    let counts = disk.take();
    assert_eq!(counts.get("list"), None, "{counts:?}");
    assert!(counts["stat"] < 50 * 75, "{counts:?}");
}

#[test]
fn folders_that_changed_just_now_are_read_again_but_no_message_is_looked_at() {
    let mut counts = Vec::new();
    for messages in [20, 300] {
        let (folder, disk) = (many(messages), Counted::new());
        drop(login(&disk, &folder));
        // The tick of this change is never over.
        let time = disk.shared().now();
        for name in ["new", "cur"] {
            fs::File::open(folder.path().join(name)).unwrap().set_modified(time).unwrap();
        }
        let disk = disk.stopped_at(time);
        disk.take();
        let maildir = login(&disk, &folder);
        assert_eq!((maildir.snapshot().len(), maildir.summary().measured), (messages as usize, 0));
        counts.push(disk.take());
    }
    assert_eq!(counts[0]["list"], 6, "three times");
    assert_eq!(counts[0], counts[1], "no more for more messages");
}

#[test]
fn what_goes_while_the_folders_are_read_is_neither_listed_nor_remembered() {
    let (folder, disk) = (many(20), Counted::new());
    let leaving = put(&folder, "new/1.a.h", "going\n");
    drop(login(&disk, &folder));
    stir(&folder);
    disk.remove_when_listed(&leaving);
    for listings in [Some(&4), None] {
        disk.take();
        let maildir = login(&disk, &folder);
        assert_eq!(maildir.snapshot().len(), 20);
        assert_eq!(disk.take().get("list"), listings);
    }
}

#[test]
fn the_folders_are_read_once_for_a_change_that_cannot_be_guessed() {
    const MESSAGES: u32 = 300;
    let (folder, disk) = (many(MESSAGES), Counted::new());
    let mut maildir = login(&disk, &folder);
    let cur = folder.path().join("cur");
    for entry in fs::read_dir(&cur).unwrap() {
        let old = entry.unwrap().path();
        // A keyword of Dovecot.
        let new = format!("{}ab", old.to_str().unwrap());
        if fs::read(&old).unwrap().len() == 8 {
            fs::rename(old, new).unwrap();
        }
    }
    for index in 0..50 {
        let name = format!("{}.M{}P{}.host:2,Sab", 1_700_000_000 + index, index % 1000, index % 77);
        fs::remove_file(cur.join(name)).unwrap();
    }
    disk.take();
    for message in 1..=MESSAGES {
        assert_eq!(maildir.message(number(message)).is_err(), message <= 50, "{message}");
    }
    assert_eq!(disk.take()["list"], 2, "one pass through both folders");
}

#[test]
fn what_the_cache_does_not_know_is_asked_of_the_folders() {
    let (folder, disk) = (many(20), Counted::new());
    drop(login(&disk, &folder));
    // The same names in another directory: it has another inode.
    fs::rename(folder.path().join("cur"), folder.path().join("old")).unwrap();
    fs::create_dir(folder.path().join("cur")).unwrap();
    disk.take();
    let maildir = login(&disk, &folder);
    assert_eq!(maildir.snapshot().len(), 0);
    assert_eq!(disk.take()["list"], 2);
    drop(maildir);
    fs::remove_dir(folder.path().join("cur")).unwrap();
    fs::rename(folder.path().join("old"), folder.path().join("cur")).unwrap();
    assert_eq!(login(&disk, &folder).snapshot().len(), 20);
    // And if it is switched off, it is neither read nor written.
    let config = eager().with_size_cache(false);
    fs::write(folder.path().join("pop3.sizes"), "nothing").unwrap();
    assert_eq!(Maildir::open_with(folder.path(), &config).unwrap().summary().measured, 20);
    assert_eq!(fs::read(folder.path().join("pop3.sizes")).unwrap(), b"nothing");
}
