//! Sizes are counted once. The file that stores them can do no harm.

use core::time::Duration;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use pop3_maildir::{CommitError, Maildir, MaildirConfig, MessageError};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::counted::Counted;
use crate::support::{contents, eager, fifo, maildir, number, open, put, remove, sizes, stir, uids};

fn measured(folder: &TempDir) -> usize {
    let maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
    assert!(maildir.cache_error().is_none());
    maildir.summary().measured
}

fn filled() -> TempDir {
    let folder = maildir();
    for index in 0..20 {
        put(&folder, &format!("cur/{}.a.h:2,", 100 + index), "a line\n".repeat(index));
    }
    folder
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let folder = filled();
    assert_eq!(measured(&folder), 20);
    assert_eq!(measured(&folder), 0);
    put(&folder, "new/200.a.h", "new\n");
    assert_eq!(measured(&folder), 1);
    assert_eq!(measured(&folder), 0);
    let before = sizes(&open(&folder));
    assert_eq!(remove(open(&folder), &[1, 2]).removed(), 2);
    assert_eq!(measured(&folder), 0);
    assert_eq!(sizes(&open(&folder)), before[2..]);
}

#[test]
fn another_file_under_a_name_that_is_remembered_is_counted() {
    let folder = filled();
    measured(&folder);
    let before = sizes(&open(&folder));
    let other = put(&folder, "tmp/other", "another message\n");
    fs::rename(other, folder.path().join("cur/105.a.h:2,")).unwrap();
    stir(&folder);
    let mut maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
    assert_eq!(maildir.summary().measured, 1);
    let expected = [&before[..5], &[17], &before[6..]].concat();
    assert_eq!((sizes(&maildir), &*contents(&mut maildir)[5]), (expected, &b"another message\n"[..]));
}

#[test]
fn it_is_written_only_when_something_changed() {
    let folder = filled();
    let cache = folder.path().join("pop3.sizes");
    measured(&folder);
    let written = fs::metadata(&cache).unwrap();
    measured(&folder);
    remove(open(&folder), &[3]);
    measured(&folder);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(&cache).unwrap().ino(), written.ino());
    // It does not grow forever: lines of removed messages are eventually dropped.
    for index in 0..200 {
        put(&folder, &format!("cur/{}.a.h:2,", 1000 + index), "x\n");
    }
    measured(&folder);
    let large = fs::metadata(&cache).unwrap().len();
    let all: Vec<u32> = (20..=219).collect();
    assert!(remove(open(&folder), &all).is_complete());
    measured(&folder);
    assert!(fs::metadata(&cache).unwrap().len() < large / 5);
    assert!(!folder.path().join("pop3.sizes.tmp").exists());
}

#[test]
fn a_file_changed_in_place_is_never_sent_with_its_old_size_not_even_with_its_old_time() {
    for is_restored in [false, true] {
        let folder = filled();
        let path = put(&folder, "cur/300.a.h:2,", "aaaa");
        measured(&folder);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        // Another wire size, and the same length if the time is to tell nothing either.
        fs::write(&path, if is_restored { "a\n\na" } else { "aaaaa" }).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        if is_restored {
            file.set_times(FileTimes::new().set_modified(before)).unwrap();
        }
        // Nobody looked at the file at this login. The old size may be listed, but nothing is sent for it.
        let mut maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
        assert_eq!(sizes(&maildir).last(), Some(&6), "an unchanged name is not looked at");
        let error = maildir.message(number(21)).unwrap_err();
        assert!(matches!(error, MessageError::Changed { .. }), "{error:?}");
        drop(maildir);
        // The next session has the new one.
        let mut maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
        assert_eq!(maildir.summary().measured, 1);
        assert_eq!(sizes(&maildir).last(), Some(&(if is_restored { 8 } else { 7 })));
        assert_eq!(contents(&mut maildir).len(), 21);
    }
}

#[test]
fn a_file_changed_in_place_is_not_removed_and_counted_at_the_next_login() {
    let folder = filled();
    let path = put(&folder, "cur/300.a.h:2,", "aaaa");
    measured(&folder);
    fs::write(&path, "longer\n").unwrap();
    let report = remove(Maildir::open_with(folder.path(), &eager()).unwrap(), &[21]);
    assert!(matches!(report.failures()[0].reason, CommitError::Changed));
    assert_eq!(measured(&folder), 1);
    assert!(remove(open(&folder), &[21]).is_complete());
}

#[test]
fn other_flags_and_another_folder_change_no_size() {
    let folder = filled();
    put(&folder, "new/300.a.h", "a\nb\n");
    measured(&folder);
    for (from, to) in [("cur/105.a.h:2,", "cur/105.a.h:2,S"), ("new/300.a.h", "cur/300.a.h:2,RS")] {
        fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(measured(&folder), 0);
        assert_eq!(contents(&mut open(&folder)).len(), 21);
    }
}

#[test]
fn what_changed_just_now_is_not_remembered() {
    let folder = filled();
    for _ in 0..2 {
        let config = MaildirConfig::new().with_settle_time(Duration::from_secs(3600));
        let maildir = Maildir::open_with(folder.path(), &config).unwrap();
        assert_eq!(maildir.summary().measured, 20);
    }
    assert!(!folder.path().join("pop3.sizes").exists());
    // An old modification time is not enough, because the name or the permissions changed just now.
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    for entry in fs::read_dir(folder.path().join("cur")).unwrap() {
        File::options().write(true).open(entry.unwrap().path()).unwrap().set_times(long_ago).unwrap();
    }
    for _ in 0..2 {
        let config = MaildirConfig::new().with_settle_time(Duration::from_secs(3600));
        assert_eq!(Maildir::open_with(folder.path(), &config).unwrap().summary().measured, 20);
    }
}

#[test]
fn it_can_be_switched_off() {
    let folder = filled();
    let config = eager().with_size_cache(false);
    for _ in 0..2 {
        assert_eq!(Maildir::open_with(folder.path(), &config).unwrap().summary().measured, 20);
    }
    assert!(!folder.path().join("pop3.sizes").exists());
}

#[test]
fn a_cache_that_is_no_file_is_no_trouble() {
    for kind in ["fifo", "link", "directory"] {
        let folder = filled();
        let elsewhere = tempfile::tempdir().unwrap();
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        for name in ["pop3.sizes", "pop3.sizes.tmp"] {
            let path = folder.path().join(name);
            match kind {
                "fifo" => fifo(&path),
                "link" => symlink(&victim, &path).unwrap(),
                _ => fs::create_dir(&path).unwrap(),
            }
        }
        let mut maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
        assert_eq!(contents(&mut maildir).len(), 20);
        assert_eq!(maildir.summary().measured, 20);
        assert_eq!(maildir.cache_error().is_some(), kind == "directory", "{kind}");
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    }
}

#[test]
fn a_link_to_a_good_cache_is_not_followed() {
    let (folder, outside) = (filled(), tempfile::tempdir().unwrap());
    assert_eq!(measured(&folder), 20);
    let cache = folder.path().join("pop3.sizes");
    fs::copy(&cache, outside.path().join("good")).unwrap();
    fs::remove_file(&cache).unwrap();
    symlink(outside.path().join("good"), &cache).unwrap();
    assert_eq!(measured(&folder), 20);
    assert!(fs::symlink_metadata(&cache).unwrap().is_file(), "replaced, not written through");
}

#[test]
fn a_huge_cache_costs_neither_time_nor_memory() {
    let folder = filled();
    let path = folder.path().join("pop3.sizes");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(measured(&folder), 20);
    // It is not read either if it is a good one with a lot behind it.
    let good = fs::read(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(measured(&folder), 20);
    fs::write(&path, [&good[..], &vec![b'7'; 10_000_000]].concat()).unwrap();
    assert_eq!(measured(&folder), 20);
    assert_eq!(measured(&folder), 0);
}

#[test]
fn a_cache_with_any_octet_changed_or_missing_is_counted_again_from_there() {
    let folder = maildir();
    for index in 1..=3 {
        put(&folder, &format!("cur/{index}.a.h:2,"), "12\n".repeat(index));
    }
    let disk = Counted::new().shared();
    let login = || Maildir::open_on(&disk, folder.path(), &MaildirConfig::new()).unwrap();
    let truth = sizes(&login());
    let path = folder.path().join("pop3.sizes");
    let good = fs::read(&path).unwrap();
    let is_counted_again = |octets: &[u8]| {
        fs::write(&path, octets).unwrap();
        let maildir = login();
        assert_eq!(sizes(&maildir), truth);
        let measured = maildir.summary().measured;
        drop(maildir);
        assert_eq!(fs::read(&path).unwrap().len(), good.len(), "it is whole again");
        measured
    };
    for place in 0..good.len() {
        let mut lying = good.clone();
        lying[place] ^= 1 << (place % 8);
        // The last record is the seal, which has no message.
        let is_seal = place >= good.len() - 60;
        assert_eq!(is_counted_again(&lying) > 0, !is_seal, "octet {place}");
        assert_eq!(is_counted_again(&good[..place]) > 0, !is_seal, "cut at {place}");
    }
    assert_eq!(is_counted_again(&good), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_cache_harms_a_session(
        head in prop_oneof![Just(b"pop3-sizes 3\n\0\0\0\0\0\0\0\0".to_vec()), Just(Vec::new())],
        junk in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b' '), Just(b'\n'), b'0'..=b'9'], 0..2000
        ),
        at in any::<proptest::sample::Index>(),
    ) {
        let folder = filled();
        let honest = { let maildir = open(&folder); (sizes(&maildir), uids(&maildir)) };
        measured(&folder);
        // Only junk, and junk in the middle of a valid file.
        let path = folder.path().join("pop3.sizes");
        let mut mixed = fs::read(&path).unwrap();
        let place = at.index(mixed.len());
        mixed.splice(place..place, junk.iter().copied());
        for bytes in [[&head[..], &junk].concat(), mixed] {
            fs::write(&path, bytes).unwrap();
            let mut maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
            prop_assert_eq!(&uids(&maildir), &honest.1);
            prop_assert_eq!(contents(&mut maildir).len(), 20);
            for (size, true_size) in sizes(&maildir).into_iter().zip(&honest.0) {
                prop_assert!(size <= true_size * 2 + 2);
            }
        }
    }
}
