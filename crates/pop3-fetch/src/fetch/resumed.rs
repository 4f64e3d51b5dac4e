//! An inbox that goes on after a run that met a fault on the disk, without being opened anew: no message is lost, none
//! is doubled.

use std::path::PathBuf;

use pop3_disk::{Change, Faults};

use super::found::{leftovers, stored};
use super::interrupted::{
    Maildrop, Quit, UIDS, expected, folder, mail, open, refusal, session, system, with_links_only,
};
use crate::Target;

/// What the disk does from some change on.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One change fails.
    Once,
    /// So many fail, one after another.
    Several(u64),
    /// All fail until the end of the run.
    Lasting,
}

/// A run that meets a fault at this change, and two without. Returns the changes of the first one.
fn run_with(
    uids: &[&'static str],
    target: fn(PathBuf) -> Target,
    delete: bool,
    faults: &Faults,
    fault: Option<(u64, &Change, Fault)>,
) -> Vec<Change> {
    let folder = folder();
    let mail_folder = folder.path().join("mail");
    std::fs::create_dir(&mail_folder).unwrap();
    let (target, state) = (target(mail_folder.join("box")), folder.path().join("state"));
    let mut maildrop: Maildrop = mail(uids);
    let mut all = expected(&maildrop);
    let what = format!("{target:?} {uids:?} delete {delete}, {fault:?}");
    let mut inbox = open(faults, &target, &state).unwrap();
    match fault {
        None => faults.calm(),
        Some((at, change, Fault::Once)) => faults.fail_at(at, refusal(change.what)),
        Some((at, change, Fault::Several(count))) => faults.fail_from(at, count, refusal(change.what)),
        Some((at, _, Fault::Lasting)) => faults.end_at(at),
    }
    let first = session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "");
    assert!(fault.is_some() || first.is_ok(), "{what}: {first:?}");
    let changes = faults.changes();
    faults.calm();
    let late_uid = if uids.first() == Some(&"") { "" } else { "late" };
    maildrop.push((late_uid, "late\r\n".to_owned()));
    all.insert("late\r\n".to_owned(), 1);
    for _ in 0..2 {
        session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "")
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(stored(&target), all, "{what}");
    }
    assert_eq!(maildrop.is_empty(), delete, "{what}");
    drop(inbox);
    drop(open(faults, &target, &state).unwrap());
    assert_eq!(leftovers(&target), 0, "{what}");
    changes
}

#[test]
fn after_any_fault_of_the_disk() {
    for target in [Target::Dir, Target::Maildir, Target::Mbox] {
        for (uids, delete) in [(UIDS[0], true), (UIDS[1], false), (UIDS[2], true)] {
            let changes = run_with(uids, target, delete, &system(), None);
            for (at, change) in (1..).zip(&changes) {
                for fault in [Fault::Once, Fault::Lasting] {
                    run_with(uids, target, delete, &system(), Some((at, change, fault)));
                }
            }
        }
    }
}

/// A message that could not be taken back has appeared, or does when the target is used next.
#[test]
fn after_a_fault_that_could_not_be_undone() {
    for (target, faults) in [
        (Target::Dir as fn(_) -> _, system()),
        (Target::Dir, with_links_only()),
        (Target::Maildir, with_links_only()),
        (Target::Mbox, system()),
    ] {
        for delete in [false, true] {
            let changes = run_with(UIDS[0], target, delete, &faults, None);
            for (at, change) in (1..).zip(&changes) {
                for count in [2, 3, 5] {
                    run_with(UIDS[0], target, delete, &faults, Some((at, change, Fault::Several(count))));
                }
            }
        }
    }
}
