//! A run that panics at any change to the disk, and the runs after it: no message is lost, none is doubled.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::PathBuf;

use pop3_disk::{Change, What};
use pop3_driver::Stop;

use super::found::{leftovers, stored};
use super::inbox::{Inbox, To};
use super::interrupted::{Quit, expected, folder, mail, session, system};
use crate::Target;

/// A run that panics at a change, and two that do not. Returns whether it came to this change, and those before.
fn panics_at(at: u64, target: fn(PathBuf) -> Target, delete: bool, anew: bool) -> (bool, Vec<Change>) {
    let folder = folder();
    let mail_folder = folder.path().join("mail");
    std::fs::create_dir(&mail_folder).unwrap();
    let (target, state) = (target(mail_folder.join("box")), folder.path().join("state"));
    let what = format!("{target:?} delete {delete} anew {anew}, change {at}");
    let faults = system();
    let disk = faults.shared();
    let open = || Inbox::open(&disk, To::Target(&target), &state, "u@h:1", false, &Stop::new()).unwrap();
    let mut maildrop = mail(&["a", "large", "b", "c"]);
    let mut all = expected(&maildrop);
    let mut inbox = open();
    faults.panic_at(at);
    let first = catch_unwind(AssertUnwindSafe(|| {
        session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "").unwrap();
    }));
    let changes = faults.changes();
    faults.calm();
    maildrop.push(("late", "late\r\n".to_owned()));
    all.insert("late\r\n".to_owned(), 1);
    for _ in 0..2 {
        if anew {
            drop(inbox);
            inbox = open();
        }
        session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "")
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(stored(&target), all, "{what}");
    }
    assert_eq!(maildrop.is_empty(), delete, "{what}");
    drop(inbox);
    drop(open());
    assert_eq!(leftovers(&target), 0, "{what}");
    (first.is_err(), changes)
}

/// Lock files are removed by destructors. A panic in one of those may leak what is returned meanwhile.
fn is_of_a_destructor(change: &Change) -> bool {
    change.what == What::Unlink && change.path.to_string_lossy().contains("lock")
}

#[test]
fn a_panic_at_any_change_to_the_disk_loses_and_repeats_nothing() {
    for target in [Target::Dir, Target::Maildir, Target::Mbox] {
        for (delete, anew) in [(true, true), (true, false), (false, false)] {
            let (panicked, changes) = panics_at(u64::MAX, target, delete, anew);
            assert!(!panicked && changes.len() > 20, "{changes:?}");
            for (at, _) in (1..).zip(&changes).filter(|(_, change)| !is_of_a_destructor(change)) {
                assert!(panics_at(at, target, delete, anew).0, "{at} of {changes:?}");
            }
        }
    }
}
