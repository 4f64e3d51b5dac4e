//! Each change on the disk fails once, or is the last one of a process. A message is then complete or not there, and
//! the result of each call is true.

use std::io::{ErrorKind, Write};
use std::path::Path;

use pop3_disk::{Faults, System, What};
use pop3_maildir::{CommitReport, Delivery, DeliveryError, Maildir, MaildirConfig};
use tempfile::TempDir;

use crate::support::{contents, eager, maildir, names, number, open, put, remove};

const TEXT: &[u8] = b"a: b\n\nbody\n";

fn deliver(faults: &Faults, folder: &Path) -> Result<(), DeliveryError> {
    let mut message = Delivery::open_on(faults.shared(), folder, true)?.with_lf(true).begin()?;
    // A failed write is also reported at the end.
    let _ = message.write_all(b"a: b\r\n\r\nbody\r\n");
    message.finish().map(|_| ())
}

/// The ways in which a file gets its name: by a rename that replaces nothing, by a link, by an ordinary rename.
fn file_systems() -> [Faults; 3] {
    let make = || Faults::over(System::shared());
    let (links, neither) = (make(), make());
    links.without_rename_new();
    neither.without_rename_new();
    neither.without_links();
    [make(), links, neither]
}

#[test]
fn a_change_that_fails_once_is_found_out_and_taken_back() {
    for (system, faults) in file_systems().into_iter().enumerate() {
        for change in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("mail");
            faults.fail_at(change, ErrorKind::StorageFull);
            let delivered = deliver(&faults, &path);
            let failed = faults.has_failed();
            assert_eq!(delivered.is_err(), failed, "system {system}, change {change}: {delivered:?}");
            if let Err(error) = delivered {
                assert_eq!(error.kind(), ErrorKind::StorageFull);
            }
            // What failed can be repeated, and then the message exists once.
            faults.calm();
            if failed {
                deliver(&faults, &path).unwrap();
            }
            let found = contents(&mut Maildir::open(&path).unwrap());
            assert_eq!(found, [TEXT], "system {system}, change {change}");
            assert_eq!(std::fs::read_dir(path.join("tmp")).unwrap().count(), 0, "system {system}");
            if !failed {
                assert!(change > 10, "faults were seen");
                break;
            }
        }
    }
}

/// One or more changes in a row fail, those among them that would take the message back. It may then be there although it
/// could not be delivered, and who asked must know: a second try would double it.
#[test]
fn a_message_that_can_not_be_taken_back_is_not_called_missing() {
    for (system, faults) in file_systems().into_iter().enumerate() {
        let mut were_unsure = 0;
        for (change, count) in (1..=20).flat_map(|change| (1..=8).map(move |count| (change, count))) {
            let (folder, case) = (maildir(), format!("system {system}, {count} changes from {change} on"));
            faults.fail_from(change, count, ErrorKind::StorageFull);
            let delivered = deliver(&faults, folder.path());
            let published = Delivery::open_on(faults.shared(), folder.path(), false).map(|delivery| {
                put(&folder, "tmp/1.a.h", TEXT);
                delivery.publish(b"1.a.h")
            });
            faults.calm();
            let expected = [delivered, published.unwrap()].map(|result| match result {
                Ok(()) => 1,
                Err(error) => {
                    were_unsure += usize::from(error.may_be_delivered());
                    usize::from(error.may_be_delivered())
                }
            });
            let names = names(&folder, "new");
            let there =
                |name: &str| names.iter().filter(|other| (*other == "1.a.h") == (name == "1.a.h")).count();
            assert_eq!([there("delivered"), there("1.a.h")], expected, "{case}");
        }
        assert!(were_unsure > 0, "system {system}");
    }
}

#[test]
fn a_process_that_is_killed_at_any_change_leaves_a_message_whole_or_not_there() {
    for (system, faults) in file_systems().into_iter().enumerate() {
        for change in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("mail");
            faults.end_at(change);
            let delivered = deliver(&faults, &path);
            let ended = faults.has_failed();
            assert_eq!(delivered.is_err(), ended, "system {system}, change {change}");
            faults.calm();
            // After the crash, a reader creates the missing parts of the Maildir.
            let found =
                contents(&mut Maildir::open_with(&path, &MaildirConfig::new().with_create(true)).unwrap());
            assert!(found.iter().all(|text| text == TEXT), "system {system}, change {change}");
            assert!(found.len() <= 1, "system {system}, change {change}");
            if !ended {
                assert_eq!(found.len(), 1);
                break;
            }
        }
    }
}

#[test]
fn a_message_is_brought_to_the_disk_before_it_appears_and_its_name_after() {
    let folder = maildir();
    let faults = Faults::over(System::shared());
    let mut message = Delivery::open_on(faults.shared(), folder.path(), false).unwrap().begin().unwrap();
    message.write_all(TEXT).unwrap();
    let delivered = message.finish().unwrap();
    let name = delivered.path().file_name().unwrap();
    let (tmp, new) = (folder.path().join("tmp"), folder.path().join("new"));
    let made: Vec<_> = faults.changes().into_iter().map(|change| (change.what, change.path)).collect();
    assert_eq!(
        made,
        [
            (What::Make, tmp.join(name)),
            (What::Write, tmp.join(name)),
            (What::Sync, tmp.join(name)),
            (What::Rename, new.join(name)),
            (What::Sync, new),
        ]
    );
}

#[test]
fn what_was_written_is_synced_or_flushed_when_asked_and_never_when_dropped() {
    let folder = maildir();
    let faults = Faults::over(System::shared());
    let mut message = Delivery::open_on(faults.shared(), folder.path(), false).unwrap().begin().unwrap();
    let path = message.path();
    let made = |faults: &Faults| faults.changes().into_iter().map(|change| change.what).collect::<Vec<_>>();
    message.write_all(b"one").unwrap();
    message.flush().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    message.write_all(b"two").unwrap();
    message.sync().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"onetwo");
    message.write_all(b"three").unwrap();
    drop(message);
    assert_eq!(made(&faults), [What::Make, What::Write, What::Write, What::Sync, What::Unlink]);
}

/// After a power failure, only one of two directories may be as it was left. Who moves a message by giving it a second
/// name must not take the first one before the second is on the disk.
#[test]
fn a_message_that_is_moved_by_a_link_keeps_its_old_name_until_the_new_one_is_on_the_disk() {
    let [_, links, _] = file_systems();
    let folder = maildir();
    let [tmp, new, cur] = ["tmp", "new", "cur"].map(|name| folder.path().join(name));
    let moves = |faults: &Faults| -> Vec<_> {
        let changes = faults.changes().into_iter().map(|change| (change.what, change.path));
        changes.skip_while(|(what, _)| *what != What::Link).take(3).collect()
    };

    let delivery = Delivery::open_on(links.shared(), folder.path(), false).unwrap();
    put(&folder, "tmp/1.a.h", "x\n");
    delivery.publish(b"1.a.h").unwrap();
    let published =
        [(What::Link, new.join("1.a.h")), (What::Sync, new.clone()), (What::Unlink, tmp.join("1.a.h"))];
    assert_eq!(moves(&links), published);

    links.calm();
    let session = Maildir::open_on(&links.shared(), folder.path(), &eager().with_seen_flag(true)).unwrap();
    assert_eq!(session.remove([], [number(1)]).seen(), 1);
    let seen =
        [(What::Link, cur.join("1.a.h:2,S")), (What::Sync, cur.clone()), (What::Unlink, new.join("1.a.h"))];
    assert_eq!(moves(&links), seen);

    links.calm();
    links.fail_at(2, ErrorKind::StorageFull);
    put(&folder, "tmp/2.a.h", "y\n");
    assert_eq!(delivery.publish(b"2.a.h").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!((names(&folder, "tmp"), names(&folder, "new")), (vec!["2.a.h".to_owned()], vec![]));
}

/// Five messages, one of them with two names, and a session with them.
fn session(faults: &Faults) -> (TempDir, Maildir) {
    let folder = maildir();
    for index in 1..=5 {
        put(&folder, &format!("new/{index}.a.h"), format!("message {index}\n"));
    }
    std::fs::hard_link(folder.path().join("new/2.a.h"), folder.path().join("cur/2.a.h:2,S")).unwrap();
    let session = Maildir::open_on(&faults.shared(), folder.path(), &eager().with_seen_flag(true)).unwrap();
    (folder, session)
}

fn quit(session: Maildir) -> CommitReport {
    session.remove([1, 2, 4].map(number), [3].map(number))
}

#[test]
fn a_removal_that_fails_is_reported_and_no_other_message_goes() {
    for change in 1.. {
        let faults = Faults::over(System::shared());
        let (folder, session) = session(&faults);
        faults.fail_at(change, ErrorKind::PermissionDenied);
        let report = quit(session);
        let failed = faults.has_failed();
        let found = contents(&mut open(&folder));
        let has = |index: u32| found.contains(&format!("message {index}\n").into_bytes());
        assert!(has(3) && has(5), "change {change}: {found:?}");
        for index in [1, 2, 4] {
            let is_reported = report.failures().iter().any(|failure| failure.number == number(index));
            assert_eq!(has(index), is_reported, "change {change}, message {index}: {report:?}");
        }
        let is_unsynced = report.unsynced().is_some_and(|error| error.kind() == ErrorKind::PermissionDenied);
        assert_eq!(is_unsynced, !report.is_complete() && report.failures().is_empty(), "{report:?}");
        if !failed {
            assert!(report.is_complete() && report.seen() == 1 && change > 5, "{change} {report:?}");
            break;
        }
        // Only the flag is optional.
        assert!(!report.is_complete() || report.seen() == 0, "change {change}: {report:?}");
    }
}

#[test]
fn a_removal_is_brought_to_the_disk_before_it_is_reported() {
    for (removed, retrieved, flags) in [(2, 0, false), (2, 0, true), (0, 1, true), (0, 1, false)] {
        let folder = maildir();
        for index in 1..=3 {
            put(&folder, &format!("new/{index}.a.h"), "x\n");
        }
        let faults = Faults::over(System::shared());
        let config = eager().with_seen_flag(flags);
        let session = Maildir::open_on(&faults.shared(), folder.path(), &config).unwrap();
        faults.calm();
        let report = session.remove((1..=removed).map(number), (3..3 + retrieved).map(number));
        assert!(report.is_complete() && report.removed() == removed as usize, "{report:?}");
        let changes = faults.changes();
        let (done, synced) =
            changes.split_at(changes.iter().take_while(|change| change.what != What::Sync).count());
        let synced: Vec<_> = synced.iter().map(|change| (change.what, change.path.clone())).collect();
        if removed > 0 || flags {
            assert!(!done.is_empty());
            assert_eq!(synced, ["new", "cur"].map(|name| (What::Sync, folder.path().join(name))));
        } else {
            assert_eq!(changes, []);
        }
    }
}

#[test]
fn a_session_killed_at_quit_removes_nothing_but_what_was_marked() {
    for change in 1.. {
        let faults = Faults::over(System::shared());
        let (folder, session) = session(&faults);
        faults.end_at(change);
        let report = quit(session);
        assert_eq!(report.is_complete(), !faults.has_failed(), "change {change}: {report:?}");
        // The lock is released, and a second session does the rest.
        let mut second = open(&folder);
        let found = contents(&mut second);
        for index in [3, 5] {
            assert!(found.contains(&format!("message {index}\n").into_bytes()), "change {change}");
        }
        let marked: Vec<u32> = (1..).zip(&found).filter(|(_, text)| !is_kept(text)).map(|(n, _)| n).collect();
        assert!(remove(second, &marked).is_complete());
        assert_eq!(contents(&mut open(&folder)).len(), 2, "change {change}");
        if !faults.has_failed() {
            break;
        }
    }
}

fn is_kept(text: &[u8]) -> bool {
    [b"message 3\n", b"message 5\n"].contains(&text.try_into().unwrap_or(b"message 0\n"))
}

#[test]
fn a_session_is_opened_whatever_becomes_of_the_size_cache() {
    for change in 1.. {
        let folder = maildir();
        for index in 1..=3 {
            put(&folder, &format!("cur/{index}.a.h:2,"), "x\n");
        }
        let faults = Faults::over(System::shared());
        faults.fail_at(change, ErrorKind::StorageFull);
        let opened = Maildir::open_on(&faults.shared(), folder.path(), &eager());
        let failed = faults.has_failed();
        match opened {
            Ok(mut session) => assert_eq!(contents(&mut session).len(), 3),
            // Without the lock file there is no session.
            Err(error) => assert_eq!(change, 1, "{error}"),
        }
        // A damaged cache is rebuilt, and no temporary file remains.
        faults.calm();
        let mut session = Maildir::open_on(&faults.shared(), folder.path(), &eager()).unwrap();
        assert_eq!((contents(&mut session).len(), session.cache_error().is_none()), (3, true));
        assert!(names(&folder, ".").iter().all(|name| !name.ends_with(".tmp")), "change {change}");
        if !failed {
            assert!(change > 3);
            break;
        }
    }
}
