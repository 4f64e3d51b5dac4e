//! Two files whose names differ only in the flags, and one file with two names.

use core::time::Duration;
use std::fs::{self, File};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::support::{contents, maildir, names, open, put, remove, uids};

/// Creates a file that is some seconds newer than those written now.
fn put_younger(folder: &TempDir, name: &str, content: &str, seconds: u64) {
    let path = put(folder, name, content);
    let time = SystemTime::now() + Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

// 1939-7.55: a name without dots does not tell the time once it has a size field, but it is still the same name.
#[test]
fn names_without_dots_that_differ_in_sizes_have_different_unique_ids() {
    let folder = maildir();
    put(&folder, "new/1700000000", "elder\n");
    put_younger(&folder, "cur/1700000000,S=8:2,S", "younger\n", 10);
    let mut maildir = open(&folder);
    let first = uids(&maildir);
    assert_eq!(contents(&mut maildir).len(), 2);
    drop(maildir);
    assert_ne!(first[0], first[1]);
    assert_eq!(uids(&open(&folder)), first, "stable at the next login");
}

// 1939-7.55
#[test]
fn two_files_are_two_messages_and_the_elder_keeps_its_unique_id() {
    let folder = maildir();
    put(&folder, "cur/100.M1P2.host:2,S", "elder\n");
    let elder = uids(&open(&folder)).remove(0);
    put_younger(&folder, "cur/100.M1P2.host:2,", "younger\n", 10);
    put_younger(&folder, "new/100.M1P2.host", "youngest\n", 20);

    let mut maildir = open(&folder);
    let first = uids(&maildir);
    let texts = contents(&mut maildir);
    drop(maildir);
    assert_eq!(first.len(), 3);
    let place = texts.iter().position(|text| text == b"elder\n").unwrap();
    assert_eq!(first[place], elder);
    assert_eq!(uids(&open(&folder)), first, "stable at the next login");
    assert!(names(&folder, "cur").contains(&"100.M1P2.host:2,S".to_owned()));
    assert!(names(&folder, "cur").iter().all(|name| name.starts_with("100.M")), "same second");

    // Removing one does not change the unique-ids of the others.
    let number = u32::try_from(place).unwrap() + 1;
    assert!(remove(open(&folder), &[number]).is_complete());
    let left = uids(&open(&folder));
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&elder) && left.iter().all(|uid| first.contains(uid)));
}

#[test]
fn a_half_done_move_is_one_message_and_is_removed_whole() {
    let folder = maildir();
    put(&folder, "new/100.M1P2.host", "once\n");
    let before = uids(&open(&folder));
    fs::hard_link(folder.path().join("new/100.M1P2.host"), folder.path().join("cur/100.M1P2.host:2,S"))
        .unwrap();
    put(&folder, "new/101.M1P2.host", "other\n");
    let mut maildir = open(&folder);
    assert_eq!(contents(&mut maildir), [&b"once\n"[..], b"other\n"]);
    assert_eq!(uids(&maildir)[0], before[0]);
    let report = remove(maildir, &[1]);
    assert!(report.is_complete());
    assert_eq!(report.removed(), 1);
    assert_eq!(contents(&mut open(&folder)), [b"other\n"]);
}

#[test]
fn hard_links_under_other_names_are_messages_of_their_own() {
    let folder = maildir();
    put(&folder, "cur/100.M1P2.host:2,", "copied\n");
    fs::hard_link(folder.path().join("cur/100.M1P2.host:2,"), folder.path().join("cur/101.M1P2.host:2,"))
        .unwrap();
    assert_eq!(contents(&mut open(&folder)).len(), 2);
    assert!(remove(open(&folder), &[1]).is_complete());
    assert_eq!(names(&folder, "cur"), ["101.M1P2.host:2,"]);
}

#[test]
fn a_linked_duplicate_is_neither_lost_nor_doubled() {
    let folder = maildir();
    put(&folder, "cur/100.M1P2.host:2,", "elder\n");
    put_younger(&folder, "cur/100.M1P2.host:2,S", "younger\n", 10);
    fs::hard_link(folder.path().join("cur/100.M1P2.host:2,S"), folder.path().join("new/100.M1P2.host"))
        .unwrap();
    for _ in 0..3 {
        let mut texts = contents(&mut open(&folder));
        texts.sort();
        assert_eq!(texts, [&b"elder\n"[..], b"younger\n"]);
    }
}
