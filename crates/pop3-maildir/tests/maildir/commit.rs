//! The commit removes the marked messages and nothing else, and reports what it did (RFC 1939 section 6).

use std::fs;

use tempfile::TempDir;

use crate::support::{contents, maildir, names, open, put, remove};

fn five() -> TempDir {
    let folder = maildir();
    for index in 1..=5 {
        put(&folder, &format!("new/{index}.a.h"), format!("{index}\n"));
    }
    folder
}

// 1939-6.10, 1939-6.12
#[test]
fn marked_messages_go_and_others_stay() {
    let folder = five();
    let report = remove(open(&folder), &[2, 5]);
    assert!(report.is_complete());
    assert_eq!((report.removed(), report.gone(), report.seen()), (2, 0, 0));
    assert_eq!(names(&folder, "new"), ["1.a.h", "3.a.h", "4.a.h"]);
}

// 1939-6.01
#[test]
fn without_a_commit_nothing_goes() {
    let folder = five();
    drop(open(&folder));
    let report = remove(open(&folder), &[]);
    assert!(report.is_complete());
    assert_eq!(names(&folder, "new").len(), 5);
    assert!(names(&folder, "cur").is_empty());
}

// MDR-05, 1939-6.14
#[test]
fn renamed_messages_are_found_and_gone_ones_count_as_removed() {
    let folder = five();
    let maildir = open(&folder);
    fs::rename(folder.path().join("new/1.a.h"), folder.path().join("cur/1.a.h:2,RS")).unwrap();
    fs::remove_file(folder.path().join("new/2.a.h")).unwrap();
    let report = remove(maildir, &[1, 2, 3]);
    assert!(report.is_complete());
    assert_eq!((report.removed(), report.gone()), (2, 1));
    assert_eq!(contents(&mut open(&folder)), [b"4\n", b"5\n"]);
}

#[test]
fn of_many_renamed_messages_each_is_removed_that_was_marked() {
    let folder = five();
    let maildir = open(&folder);
    for index in 1..=5 {
        let [old, new] = [format!("new/{index}.a.h"), format!("cur/{index}.a.h:2,S")];
        fs::rename(folder.path().join(old), folder.path().join(new)).unwrap();
    }
    let report = remove(maildir, &[1, 2, 4]);
    assert_eq!((report.is_complete(), report.removed(), report.gone()), (true, 3, 0));
    assert_eq!(contents(&mut open(&folder)), [b"3\n", b"5\n"]);
}

// 1939-6.11, 1939-6.12
#[test]
fn what_cannot_be_removed_is_told_and_the_rest_goes() {
    let folder = five();
    let maildir = open(&folder);
    let path = folder.path().join("new/2.a.h");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let report = remove(maildir, &[1, 2, 3]);
    assert!(!report.is_complete());
    assert_eq!(report.removed(), 2);
    assert_eq!(report.failures().len(), 1);
    assert_eq!(report.failures()[0].number.number(), 2);
    assert!(report.failures()[0].to_string().starts_with("message 2 was not removed: "));
    assert_eq!(contents(&mut open(&folder)), [b"4\n", b"5\n"]);
}

// 1939-6.12
#[test]
fn a_message_delivered_under_a_used_name_is_not_touched() {
    let folder = five();
    let maildir = open(&folder);
    fs::rename(folder.path().join("new/3.a.h"), folder.path().join("cur/3.a.h:2,S")).unwrap();
    put(&folder, "new/3.a.h", "not what was marked\n");
    let report = remove(maildir, &[3]);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(fs::read(folder.path().join("new/3.a.h")).unwrap(), b"not what was marked\n");
    assert!(names(&folder, "cur").is_empty());
}

#[test]
fn numbers_outside_the_snapshot_are_failures() {
    let folder = five();
    let report = remove(open(&folder), &[6, 1]);
    assert_eq!((report.removed(), report.failures().len()), (1, 1));
}

// 1939-6.11, 1939-6.12
#[test]
fn without_its_directories_nothing_is_removed_and_each_message_is_told() {
    let folder = five();
    let maildir = open(&folder);
    fs::remove_dir(folder.path().join("cur")).unwrap();
    put(&folder, "cur", "");
    let report = remove(maildir, &[1, 3]);
    let told: Vec<String> = report.failures().iter().map(ToString::to_string).collect();
    let expected = [1, 3].map(|n| format!("message {n} was not removed: Not a directory (os error 20)"));
    assert_eq!((report.is_complete(), report.removed(), told), (false, 0, expected.to_vec()));
    assert_eq!(names(&folder, "new").len(), 5);

    // Without directories there are no messages either.
    let folder = five();
    let maildir = open(&folder);
    for name in ["new", "cur"] {
        fs::remove_dir_all(folder.path().join(name)).unwrap();
    }
    let report = remove(maildir, &[1, 3]);
    assert_eq!((report.is_complete(), report.removed(), report.gone()), (true, 0, 2));
}
