//! Unique-ids are unique, stable and well-formed, and reveal nothing (RFC 1939 section 7).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use pop3_maildir::Delivery;
use pop3_proto::UniqueId;
use tempfile::TempDir;

use crate::support::{maildir, open, put, remove, uids};

fn rename(folder: &TempDir, from: &str, to: &str) {
    fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
}

// 1939-7.53, 1939-7.60, MDR-02
#[test]
fn they_survive_flags_moves_and_other_mail() {
    let folder = maildir();
    put(&folder, "new/100.M1P2.host", "one\n");
    put(&folder, "new/101.M1P2.host", "two\n");
    put(&folder, "new/102.M1P2.host", "three\n");
    let first = uids(&open(&folder));

    rename(&folder, "new/100.M1P2.host", "cur/100.M1P2.host:2,");
    assert_eq!(uids(&open(&folder)), first, "moved to cur");
    rename(&folder, "cur/100.M1P2.host:2,", "cur/100.M1P2.host:2,FRS");
    assert_eq!(uids(&open(&folder)), first, "other flags");
    rename(&folder, "cur/100.M1P2.host:2,FRS", "cur/100.M1P2.host,S=4,W=5:2,FRS");
    assert_eq!(uids(&open(&folder)), first, "size fields");

    put(&folder, "new/99.M1P2.host", "before all\n");
    put(&folder, "new/103.M1P2.host", "after all\n");
    assert_eq!(uids(&open(&folder))[1..4], first, "other deliveries");
    assert!(remove(open(&folder), &[1, 3]).is_complete());
    let left = uids(&open(&folder));
    assert_eq!(left[..2], [first[0].clone(), first[2].clone()], "other removals");
    assert!(!left.contains(&first[1]));
}

// MDR-02
#[test]
fn they_survive_flags_behind_other_separators() {
    let folder = maildir();
    put(&folder, "new/100.M1P2.host", "one\n");
    put(&folder, "cur/101.M1P2.host;2,", "two\n");
    put(&folder, "cur/102.M1P2.host!2,F", "three\n");
    put(&folder, "cur/103.M1P2.host:2,S", "four\n");
    let first = uids(&open(&folder));
    assert_eq!(first.len(), 4);
    rename(&folder, "new/100.M1P2.host", "cur/100.M1P2.host!2,S");
    rename(&folder, "cur/101.M1P2.host;2,", "cur/101.M1P2.host,S=4;2,FS");
    rename(&folder, "cur/102.M1P2.host!2,F", "new/102.M1P2.host");
    rename(&folder, "cur/103.M1P2.host:2,S", "cur/103.M1P2.host;2,S:2,RS");
    assert_eq!(uids(&open(&folder)), first);
    // Two files with the same base are two messages, whatever is between the base and the flags.
    put(&folder, "cur/100.M1P2.host;2,S", "another\n");
    put(&folder, "cur/100.M1P2.host;2,S.h", "not flags\n");
    let all = uids(&open(&folder));
    assert_eq!(all.len(), 6);
    assert!(first.iter().all(|uid| all.contains(uid)));
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    assert_eq!(uids(&open(&folder)), all, "stable at the next login");
}

#[test]
fn they_are_made_of_the_name_alone() {
    let (a, b) = (maildir(), maildir());
    put(&a, "new/100.M1P2.host", "one\n");
    put(&b, "cur/100.M1P2.host:2,S", "something else\n");
    assert_eq!(uids(&open(&a)), uids(&open(&b)));
}

// 1939-7.55
#[test]
fn the_same_octets_twice_are_two_messages() {
    let folder = maildir();
    put(&folder, "new/100.M1P2.host", "same\n");
    put(&folder, "new/100.M2P2.host", "same\n");
    let uids = uids(&open(&folder));
    assert_ne!(uids[0], uids[1]);
}

// 1939-7.52, 1939-7.61, MDR-02
#[test]
fn odd_names_have_good_ones_that_tell_nothing() {
    let folder = maildir();
    let long = [&b"100."[..], &[b'x'; 240]].concat();
    let names: Vec<Vec<u8>> = vec![
        b"100.M1P2.secret-host.example".to_vec(),
        b"100.a b".to_vec(),
        b"100.\xff\xfe".to_vec(),
        b"100.\n1 forged\r\n.".to_vec(),
        b"100.\x7f\x01\x1b[2J".to_vec(),
        long.clone(),
        [&long[..240], b"y"].concat(),
        b" ".to_vec(),
        b":2,S".to_vec(),
        b"0123456789abcdef0123456789abcdef".to_vec(),
    ];
    for name in &names {
        fs::write(folder.path().join("cur").join(OsString::from_vec(name.clone())), "x\n").unwrap();
    }
    let mut maildir = open(&folder);
    let snapshot = maildir.take_snapshot();
    assert_eq!(snapshot.len(), names.len());
    assert_eq!(snapshot.same_unique_id(), None);
    for number in snapshot.numbers() {
        let uid = snapshot.unique_id(number).unwrap();
        assert!(UniqueId::parse(uid.as_bytes()).is_ok());
        assert!(uid.as_bytes().iter().all(u8::is_ascii_hexdigit), "{uid}");
        assert_eq!(uid.as_bytes().len(), 32);
        assert!(!names.iter().any(|name| name == uid.as_bytes()), "a name was shown");
        assert!(maildir.message(number).is_ok(), "{uid}");
    }
}

// 1939-7.54: even if all caches are lost.
#[test]
fn one_that_was_removed_does_not_come_again() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    let deliver = || delivery.begin().unwrap().finish().unwrap();
    deliver();
    deliver();
    let before = uids(&open(&folder));
    assert!(remove(open(&folder), &[1, 2]).is_complete());
    assert!(uids(&open(&folder)).is_empty());
    fs::remove_file(folder.path().join("pop3.sizes")).ok();
    for _ in 0..1000 {
        deliver();
    }
    let after = uids(&open(&folder));
    assert_eq!(after.len(), 1000);
    assert!(!after.iter().any(|uid| before.contains(uid)));
}
