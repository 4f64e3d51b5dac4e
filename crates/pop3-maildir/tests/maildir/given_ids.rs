//! Unique-ids of Dovecot and Courier are kept, and new ones are recorded in their lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Disk, Faults, System};
use pop3_maildir::{Maildir, MaildirConfig, OpenError, SkipReason, UniqueIds};
use tempfile::TempDir;

use crate::support::{contents, eager, maildir, put, uids};

pub(crate) const DOVECOT: &str = "dovecot-uidlist";
pub(crate) const COURIER: &str = "courierpop3dsizelist";

pub(crate) fn dovecot(format: &str) -> MaildirConfig {
    eager().with_unique_ids(UniqueIds::Dovecot(format.parse().unwrap()))
}

pub(crate) fn courier() -> MaildirConfig {
    eager().with_unique_ids(UniqueIds::Courier)
}

fn open(folder: &TempDir, config: &MaildirConfig) -> Maildir {
    Maildir::open_on(&disk(), folder.path(), config).unwrap()
}

/// A disk on which a sync takes no time.
pub(crate) fn disk() -> Arc<dyn Disk> {
    Faults::over(System::shared()).shared()
}

pub(crate) fn list(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

/// The messages of a login: what they contain and their unique-ids.
pub(crate) fn seen(folder: &TempDir, config: &MaildirConfig) -> BTreeMap<Vec<u8>, String> {
    let mut maildir = open(folder, config);
    let uids = uids(&maildir);
    contents(&mut maildir).into_iter().zip(uids).collect()
}

// MDR-10
#[test]
fn dovecots_are_kept_and_new_ones_are_added_to_its_list() {
    let folder = maildir();
    put(&folder, "cur/100.a.h,S=4:2,S", "one\n");
    put(&folder, "new/101.a.h", "two\n");
    put(&folder, "cur/102.a.h:2,", "three\n");
    put(&folder, "cur/103.a.h:2,", "four\n");
    let before = "3 V1234 N9 G0123456789abcdef0123456789abcdef Xmore\n\
        2 W5 :100.a.h\n4 Gguid W5 Znew :101.a.h\n7 PmyId W7 :102.a.h\n8 P :103.a.h\n";
    put(&folder, DOVECOT, before);
    let config = dovecot("%08Xu%08Xv");
    let expected = ["00000002000004d2", "00000004000004d2", "myId", "103.a.h"];
    for _ in 0..2 {
        assert_eq!(uids(&open(&folder, &config)), expected);
        assert_eq!(list(&folder, DOVECOT), before, "nothing is new, so nothing is written");
    }
    assert_eq!(uids(&open(&folder, &dovecot("%g")))[..3], ["100.a.h", "guid", "myId"]);

    // The older one comes behind those that Dovecot knows.
    put(&folder, "new/99.a.h", "new\n");
    for _ in 0..2 {
        let all = uids(&open(&folder, &config));
        assert_eq!((&all[..4], &*all[4]), (&expected.map(str::to_owned)[..], "00000009000004d2"));
    }
    let after = before.replace("N9", "N10") + "9 P00000009000004d2 :99.a.h\n";
    assert_eq!(list(&folder, DOVECOT), after);
    let names = ["cur", "new", "tmp", DOVECOT, "pop3.lock", "pop3.sizes"];
    let left: BTreeSet<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, names.iter().map(Into::into).collect());

    // It is not used again for another message, whatever is removed.
    fs::remove_file(folder.path().join("new/99.a.h")).unwrap();
    put(&folder, "new/98.a.h", "newer\n");
    assert_eq!(uids(&open(&folder, &config)).last().unwrap(), "0000000a000004d2");
}

// MDR-10
#[test]
fn a_missing_list_is_made_and_an_old_one_is_brought_to_the_new_form() {
    let folder = maildir();
    put(&folder, "new/100.a.h", "one\n");
    let config = dovecot("%u");
    assert_eq!(uids(&open(&folder, &config)), ["1"]);
    put(&folder, "new/101.a.h", "two\n");
    assert_eq!(uids(&open(&folder, &config)), ["1", "2"]);
    assert!(list(&folder, DOVECOT).ends_with(" N3\n1 P1 :100.a.h\n2 P2 :101.a.h\n"));

    put(&folder, DOVECOT, "1 1234 7\n3 100.a.h\n5 gone :x\n");
    assert_eq!(uids(&open(&folder, &dovecot("%v.%u"))), ["1234.3", "1234.7"]);
    assert_eq!(list(&folder, DOVECOT), "3 V1234 N8\n3 :100.a.h\n5 :gone :x\n7 P1234.7 :101.a.h\n");
}

// MDR-10, 1939-7.55
#[test]
fn no_two_messages_have_one_and_none_has_one_that_is_not_permitted() {
    let folder = maildir();
    let long = "x".repeat(71);
    let mut text = "3 V1234 N20\n".to_owned();
    let ids = ["dup", "dup", "dup", "dup-3", &long, "tab\there", "\u{e9}", "0", "10"];
    for (index, id) in ids.iter().enumerate() {
        let uid = index + 1;
        put(&folder, &format!("new/10{uid}.a.h"), format!("{uid}\n"));
        text += &format!("{uid} O{} P{id} W3 :10{uid}.a.h\n", 10 - uid);
    }
    put(&folder, "new/110.a.h", "20\n");
    put(&folder, DOVECOT, &text);
    let config = dovecot("%u");
    let first = seen(&folder, &config);
    assert_eq!(first[&b"1\n"[..]], "dup");
    assert_eq!(first[&b"2\n"[..]], "dup-2");
    assert_eq!(first[&b"3\n"[..]], "dup-3-3");
    assert_eq!(first[&b"4\n"[..]], "dup-3");
    assert_eq!(first[&b"20\n"[..]], "20");
    assert!(["5", "6", "7"].iter().all(|text| first[format!("{text}\n").as_bytes()].len() == 32));
    assert_eq!(first.values().collect::<BTreeSet<_>>().len(), 10);
    // In the order that the list says; those of which it says nothing are the last.
    let order: Vec<_> = contents(&mut open(&folder, &config)).concat();
    assert_eq!(order, b"9\n8\n7\n6\n5\n4\n3\n2\n1\n20\n");
    assert!(list(&folder, DOVECOT).contains("\n2 Pdup-2 O8 W3 :102.a.h\n"));

    // They stay when the one that had it is removed.
    fs::remove_file(folder.path().join("new/101.a.h")).unwrap();
    let mut left = first;
    left.remove(&b"1\n"[..]);
    assert_eq!(seen(&folder, &config), left);
}

// MDR-10
#[test]
fn a_broken_list_gives_no_other_unique_ids() {
    let long = format!("3 V1 N9\n1 P{} :100.a.h\n", "x".repeat(5000));
    for (name, config, broken) in [
        (DOVECOT, dovecot("%u"), ""),
        (DOVECOT, dovecot("%u"), "\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9"),
        (DOVECOT, dovecot("%u"), "2 V1 N9\n"),
        (DOVECOT, dovecot("%u"), "3 V0 N9\n"),
        (DOVECOT, dovecot("%u"), "3 V1\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N99999999999999999999\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n1\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n1 P1\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n1 :\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n1 :a/b\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n2 :a\n2 :b\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n4294967295 :a\n"),
        (DOVECOT, dovecot("%u"), "3 V1 N9\n1 :a\0\n"),
        (DOVECOT, dovecot("%u"), &long),
        (DOVECOT, dovecot("%u"), "3 V1 N4294967295\n"),
        (COURIER, courier(), "/4 1 1\n"),
        (COURIER, courier(), "/3 1 0\n"),
        (COURIER, courier(), "/3 x 1\n"),
        (COURIER, courier(), "/3 1 1\na 1\n"),
        (COURIER, courier(), "/3 1 1\na 1 1\n"),
        (COURIER, courier(), "/3 1 1\na 1 1:99999999999999999999:0\n"),
        (COURIER, courier(), "/3 1 1\na 1 1:1:0"),
        (COURIER, courier(), "/3 18446744073709551615 1\n"),
    ] {
        let folder = maildir();
        put(&folder, "new/100.a.h", "one\n");
        put(&folder, name, broken);
        let error = Maildir::open_with(folder.path(), &config).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }), "{broken:?}: {error:?}");
        assert_eq!(list(&folder, name), broken);
        assert!(!folder.path().join("dovecot-uidlist.lock").exists());
    }
}

// MDR-10
#[test]
fn a_line_that_was_torn_off_counts_for_its_uid_only() {
    let folder = maildir();
    put(&folder, "new/100.a.h", "one\n");
    put(&folder, DOVECOT, "3 V1 N2\n1 :99.a.h\n17 :100.a");
    assert_eq!(uids(&open(&folder, &dovecot("%u"))), ["18"]);
    assert_eq!(list(&folder, DOVECOT), "3 V1 N19\n1 :99.a.h\n18 P18 :100.a.h\n");
}

#[test]
fn a_lock_of_another_server_is_waited_for_and_a_stale_one_is_not() {
    let folder = maildir();
    put(&folder, "new/100.a.h", "one\n");
    let lock = folder.path().join("dovecot-uidlist.lock");
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    fs::write(&lock, format!("{}\n", ended.id())).unwrap();
    assert_eq!(uids(&open(&folder, &dovecot("%u"))), ["1"]);
    assert!(!lock.exists());

    // Nothing is new, so the lock is not needed.
    fs::write(&lock, format!("{}\n", std::os::unix::process::parent_id())).unwrap();
    assert_eq!(uids(&open(&folder, &dovecot("%u"))), ["1"]);
    put(&folder, "new/101.a.h", "two\n");
    let error = Maildir::open_on(&Hasty::shared(), folder.path(), &dovecot("%u")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }) && lock.exists());
}

// MDR-10: whatever fails or is cut short, each message keeps the unique-id that a session has seen.
#[test]
fn nothing_that_fails_changes_one_that_was_given() {
    for (name, config, text) in [
        (DOVECOT, dovecot("%v.%u"), "3 V1 N9\n3 Pdup :100.a.h\n4 Pdup :101.a.h\n"),
        (COURIER, courier(), "/2 9 77\n100.a.h:2, 4 3:77\n101.a.h:2, 4 3:77\n"),
    ] {
        for (change, ends) in (1..).flat_map(|change| [(change, true), (change, false)]) {
            let folder = maildir();
            for file in 100..103 {
                put(&folder, &format!("cur/{file}.a.h:2,"), format!("{file}\n"));
            }
            put(&folder, name, text);
            let faults = Faults::over(System::shared());
            if ends {
                faults.end_at(change);
            } else {
                faults.fail_at(change, std::io::ErrorKind::StorageFull);
            }
            let opened = Maildir::open_on(&faults.shared(), folder.path(), &config);
            let has_failed = faults.has_failed();
            let mut given = BTreeMap::new();
            if let Ok(mut maildir) = opened {
                let uids = uids(&maildir);
                given = contents(&mut maildir).into_iter().zip(uids).collect();
                let hidden =
                    maildir.skipped().iter().filter(|one| one.reason == SkipReason::Unrecorded).count();
                assert_eq!(given.len() + hidden, 3);
                assert_eq!(hidden > 0, maildir.unrecorded().is_some());
                assert!(!given.is_empty(), "what has one is shown, so that it can be removed");
            }
            let later = seen(&folder, &config);
            assert_eq!(later.len(), 3);
            assert_eq!(later.values().collect::<BTreeSet<_>>().len(), 3);
            for (message, uid) in given {
                assert_eq!(later[&message], uid, "{name} {change}");
            }
            assert!(!folder.path().join(format!("{name}.tmp")).exists());
            if !has_failed {
                assert!(change > 5);
                break;
            }
        }
    }
}

// MDR-10
#[test]
fn couriers_are_kept_and_new_ones_are_added_to_its_list() {
    for (text, expected, after) in [
        ("100.a'h:2, 4\n101.a.h:2, 5\n", ["100.a+27h", "101.a.h"], None),
        ("/1 7\n100.a'h:2, 4 3\n101.a.h:2, 5 4\n", ["UID3", "UID4"], None),
        (
            "/2 7 99\n100.a'h:2,S 4 0:0\n101.a.h:2, 5 4:98\n",
            ["100.a+27h", "UID4-98"],
            Some("/2 8 99\n100.a'h:2,S 4 0:0\n101.a.h:2, 5 4:98\n102.a.h:2, 9 7:99\n"),
        ),
        (
            "/3 7 99\n100.a'h:2, 4 9:99:1\n101.a.h:2, 5 4:0:0\n",
            ["UID9-99", "UID4"],
            Some("/3 11 99\n100.a'h:2, 4 9:99:1\n101.a.h:2, 5 4:0:0\n102.a.h:2, 9 10:99:1\n"),
        ),
    ] {
        let folder = maildir();
        put(&folder, "cur/100.a'h:2,RS", "one\n");
        put(&folder, "new/101.a.h", "two\n");
        put(&folder, COURIER, text);
        for _ in 0..2 {
            assert_eq!(uids(&open(&folder, &courier())), expected);
            assert_eq!(list(&folder, COURIER), text, "nothing is new, so nothing is written");
        }
        put(&folder, "new/102.a.h", "S: \u{e9}\n\n");
        let first = uids(&open(&folder, &courier()));
        assert_eq!(first[..2], expected);
        assert!(first[2].starts_with("UID"));
        assert_eq!(uids(&open(&folder, &courier())), first);
        let written = list(&folder, COURIER);
        assert!(after.is_none_or(|after| after == written), "{written}");
    }
}

#[test]
fn odd_names_get_unique_ids_without_harm_to_the_list() {
    for (name, config) in [(DOVECOT, dovecot("%f")), (COURIER, courier())] {
        let folder = maildir();
        let files = [
            "100.a\n7 :101.a.h",
            ":2,S",
            "102 b c",
            " :103",
            "104.\u{e9};2,S",
            "105.a!2,",
            "\r",
            "106.a:\nb",
        ];
        for file in files {
            put(&folder, &format!("cur/{file}"), format!("{file}\n"));
        }
        put(&folder, "new/101.a.h", "101\n");
        let first = seen(&folder, &config);
        assert_eq!(first.values().collect::<BTreeSet<_>>().len(), 9);
        assert_eq!(seen(&folder, &config), first);
        assert_eq!(list(&folder, name).lines().count(), 8);
    }
}

/// A disk whose pauses take no time.
#[derive(Debug)]
struct Hasty(Arc<dyn Disk>);

impl Hasty {
    fn shared() -> Arc<dyn Disk> {
        Arc::new(Self(System::shared()))
    }
}

impl Disk for Hasty {
    fn open_folder(&self, path: &Path) -> std::io::Result<Arc<dyn pop3_disk::Folder>> {
        self.0.open_folder(path)
    }

    fn canonical(&self, path: &Path) -> std::io::Result<std::path::PathBuf> {
        self.0.canonical(path)
    }

    fn read_link(&self, path: &Path) -> std::io::Result<std::path::PathBuf> {
        self.0.read_link(path)
    }

    fn temporary(&self) -> std::io::Result<Box<dyn pop3_disk::File>> {
        self.0.temporary()
    }

    fn now(&self) -> std::time::SystemTime {
        self.0.now()
    }

    fn pause(&self, _: core::time::Duration) {}
}
