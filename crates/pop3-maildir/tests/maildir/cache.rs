//! Sizes are counted once. The file that stores them can do no harm.

use core::time::Duration;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use pop3_maildir::{Maildir, MaildirConfig};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{contents, eager, fifo, maildir, open, put, remove, sizes, uids};

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
fn a_file_changed_in_place_is_counted_again_even_with_its_old_time() {
    let folder = filled();
    let path = put(&folder, "cur/300.a.h:2,", "aaaa");
    measured(&folder);
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "a\n\na").unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_times(FileTimes::new().set_modified(before))
        .unwrap();
    let maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
    assert_eq!(maildir.summary().measured, 1);
    assert_eq!(sizes(&maildir).last(), Some(&8));
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
    let cache = File::create(folder.path().join("pop3.sizes")).unwrap();
    cache.set_len(1 << 40).unwrap();
    assert_eq!(measured(&folder), 20);
    let line = "7 ".repeat(7) + &"f".repeat(32) + "\n";
    fs::write(folder.path().join("pop3.sizes"), format!("pop3-sizes 2\n{}", line.repeat(200_000))).unwrap();
    assert_eq!(measured(&folder), 20);
    assert_eq!(measured(&folder), 0);
}

#[test]
fn lines_that_cannot_be_true_are_ignored() {
    let folder = maildir();
    put(&folder, "cur/1.a.h:2,", "12\n");
    let truth = sizes(&open(&folder));
    measured(&folder);
    let path = folder.path().join("pop3.sizes");
    let good = fs::read_to_string(&path).unwrap();
    let (first, line) = good.split_once('\n').unwrap();
    let fields: Vec<&str> = line.trim_end().split(' ').collect();
    assert_eq!(fields.len(), 8);
    for (place, lie) in [
        (0, "2"),                    // fewer octets than the file has
        (0, "9"),                    // more than any form of it
        (0, "18446744073709551616"), // more than there is
        (1, "9"),                    // neither with UTF-8 nor without
        (0, "-4"),
        (2, "4"),
        (3, "1"),
        (4, "1"),
        (5, "1"),
        (6, "1"),
        (7, "00000000000000000000000000000000"),
        (7, "short"),
    ] {
        let mut lying = fields.clone();
        lying[place] = lie;
        fs::write(&path, format!("{first}\n{}\n", lying.join(" "))).unwrap();
        let maildir = Maildir::open_with(folder.path(), &eager()).unwrap();
        assert_eq!((maildir.summary().measured, sizes(&maildir)), (1, truth.clone()), "{lying:?}");
    }
    // Truncated by a crash: a line without its end is ignored, and so is another version.
    for cut in [&good[..good.len() - 1], &good.replace("sizes 2", "sizes 1"), ""] {
        fs::write(&path, cut).unwrap();
        assert_eq!(measured(&folder), 1, "{cut:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_cache_harms_a_session(
        head in prop_oneof![Just(b"pop3-sizes 2\n".to_vec()), Just(Vec::new())],
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
