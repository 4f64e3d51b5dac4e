//! Maildirs that are opened and released without waiting for the disk.

use std::fs;
use std::sync::Arc;

use pop3_disk::{Disk, Faults, System};
use pop3_maildir::{EightBitHeaders, Maildir, MaildirConfig};
use tempfile::TempDir;

use crate::counted::Counted;
use crate::support::{maildir, number, put, read, sizes, stir, uids};

/// A Maildir with a message in each folder, which another session has opened long after they came.
fn known() -> TempDir {
    let folder = maildir();
    put(&folder, "cur/1.a.h:2,S", "hello\n");
    put(&folder, "new/2.b.h", "hello again\n");
    drop(Maildir::open_on(&Counted::new().shared(), folder.path(), &MaildirConfig::new()).unwrap());
    folder
}

/// A disk that has all in its memory.
fn warm() -> (Faults, Arc<dyn Disk>) {
    let faults = Faults::over(System::shared());
    faults.warm_for(u64::MAX);
    let disk = faults.shared();
    (faults, disk)
}

fn tried(folder: &TempDir) -> Option<Maildir> {
    Maildir::try_open_on(&warm().1, folder.path(), &MaildirConfig::new())
}

#[test]
fn an_unchanged_maildrop_is_opened_with_a_few_calls_that_never_wait() {
    let folder = known();
    let expected = {
        let maildir = Maildir::open(folder.path()).unwrap();
        (uids(&maildir), sizes(&maildir))
    };
    let (faults, disk) = warm();
    let mut maildir = Maildir::try_open_on(&disk, folder.path(), &MaildirConfig::new()).unwrap();
    assert_eq!(
        faults.tries(),
        7,
        "the directory, the lock and its name, both folders, the size cache and its octets"
    );
    assert_eq!((uids(&maildir), sizes(&maildir)), expected);
    assert_eq!(read(&mut maildir, 2).unwrap(), b"hello again\n");
    assert!(maildir.releases_on_the_spot());
    assert!(maildir.remove([], []).is_complete());
    assert!(faults.changes().is_empty());
    assert!(tried(&folder).is_some(), "it was released");
}

/// A client that polls finds nothing most of the time.
#[test]
fn an_empty_maildrop_is_opened_in_the_same_way() {
    let folder = maildir();
    drop(Maildir::open_on(&Counted::new().shared(), folder.path(), &MaildirConfig::new()).unwrap());
    assert!(tried(&folder).unwrap().snapshot().is_empty());
    put(&folder, "new/1.a.h", "hello\n");
    assert!(tried(&folder).is_none());
}

#[test]
fn nothing_is_left_where_the_memory_ends() {
    let folder = known();
    for calls in 0..7 {
        let (faults, disk) = warm();
        faults.warm_for(calls);
        assert!(Maildir::try_open_on(&disk, folder.path(), &MaildirConfig::new()).is_none(), "{calls}");
        assert_eq!(Maildir::open(folder.path()).unwrap().snapshot().len(), 2, "{calls}");
    }
    let (faults, disk) = warm();
    faults.without_tries();
    assert!(Maildir::try_open_on(&disk, folder.path(), &MaildirConfig::new()).is_none());
}

#[test]
fn a_lock_holds_whichever_way_it_was_taken() {
    let folder = known();
    let first = tried(&folder).unwrap();
    assert!(tried(&folder).is_none());
    Maildir::open(folder.path()).unwrap_err();
    drop(first);
    let first = Maildir::open(folder.path()).unwrap();
    assert!(tried(&folder).is_none());
    drop(first);
    let _second = tried(&folder).unwrap();
    // A lock on a file without a name excludes nobody, so another one is made where that may take its time.
    fs::remove_file(folder.path().join("pop3.lock")).unwrap();
    assert!(tried(&folder).is_none());
}

#[test]
fn every_change_of_the_maildrop_is_noticed() {
    type Change = fn(&TempDir);
    let changes: [(&str, Change, usize); 5] = [
        ("delivered", |folder| drop(put(folder, "new/3.c.h", "new\n")), 3),
        ("removed", |folder| fs::remove_file(folder.path().join("cur/1.a.h:2,S")).unwrap(), 1),
        (
            "moved",
            |folder| fs::rename(folder.path().join("new/2.b.h"), folder.path().join("cur/2.b.h:2,")).unwrap(),
            2,
        ),
        ("without sizes", |folder| fs::remove_file(folder.path().join("pop3.sizes")).unwrap(), 2),
        ("without a folder", |folder| fs::remove_dir_all(folder.path().join("new")).unwrap(), 1),
    ];
    for (what, change, left) in changes {
        let folder = known();
        change(&folder);
        if what != "without a folder" {
            stir(&folder);
        }
        assert!(tried(&folder).is_none(), "{what}");
        assert_eq!(Maildir::open(folder.path()).unwrap().snapshot().len(), left, "{what}");
    }
}

#[test]
fn what_needs_a_look_at_a_message_or_a_change_waits() {
    let folder = maildir();
    put(&folder, "cur/1.a.h:2,S", "Subject: \u{fc}\n\nhello\n");
    drop(Maildir::open_on(&Counted::new().shared(), folder.path(), &MaildirConfig::new()).unwrap());
    assert!(tried(&folder).is_some());
    let config = MaildirConfig::new().with_eight_bit_headers(EightBitHeaders::Convert(|_| Vec::new()));
    assert!(Maildir::try_open_on(&warm().1, folder.path(), &config).is_none());
    let mut uncached = MaildirConfig::new();
    uncached.size_cache = false;
    assert!(Maildir::try_open_on(&warm().1, folder.path(), &uncached).is_none());

    // Messages that were sent are renamed at the end.
    let seen = MaildirConfig::new().with_seen_flag(true);
    let maildir = Maildir::try_open_on(&warm().1, folder.path(), &seen).unwrap();
    assert!(!maildir.releases_on_the_spot());
}

#[test]
fn a_large_maildrop_waits_as_reading_it_would_hold_up_others() {
    let folder = maildir();
    for index in 0..900 {
        put(&folder, &format!("cur/{}.M1P{index}.host:2,S", 1_700_000_000 + index), "a: b\n\nc\n");
    }
    drop(Maildir::open_on(&Counted::new().shared(), folder.path(), &MaildirConfig::new()).unwrap());
    assert!(tried(&folder).is_none());
}

/// On the disk of this machine, whatever it can do.
#[test]
fn the_system_opens_it_or_says_that_it_can_not() {
    let folder = known();
    // The file system becomes known.
    let expected = uids(&Maildir::open(folder.path()).unwrap());
    if let Some(maildir) = Maildir::try_open_with(folder.path(), &MaildirConfig::new()) {
        assert_eq!(uids(&maildir), expected);
        Maildir::open(folder.path()).unwrap_err();
        // Its directory can still be read, and messages removed.
        put(&folder, "new/3.c.h", "new\n");
        assert!(maildir.remove([number(1)], []).is_complete());
    }
    assert!(Maildir::open(folder.path()).is_ok());
}
