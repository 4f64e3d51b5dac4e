//! An mbox is imported whole, once, with the unique-ids that clients have seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::{Disk, Faults, System};
use pop3_maildir::{ImportError, ImportReport, Maildir, MaildirConfig, MboxImport, UidlFormat, UniqueIds};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{contents, maildir, names, number, uids};

/// An mbox as Dovecot leaves it, with mail that arrived since.
const MBOX: &str = "From alice@example.org Sat Jan  6 10:00:00 2024
Delivered-To: bob@example.org
Received: from a by b
\tfor <bob>; Sat, 6 Jan 2024
Received: second
Date: Sat, 6 Jan 2024 10:00:00 +0000
Message-ID: <1@x>
X-UIDL: abc\"def
Status: RO
X-Status: AF
X-IMAPbase: 1796032829 0000000004
X-UID: 1

>From the start
From nowhere


body

From MAILER-DAEMON Sun Jan  7 10:00:00 2024
Date: Sun, 7 Jan 2024 10:00:00 +0000
message-id:<2@x>
X-UID: 2
Status: O

x
From bob@x Mon, 8 Jan 2024 10:00:00 +0100
Subject: new

same

From bob@x Mon, 8 Jan 2024 10:00:00 +0100
Subject: new

same
";

fn mbox(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("box");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn import(options: &MboxImport, from: &Path, to: &TempDir) -> Result<ImportReport, ImportError> {
    options.run(&disk(), from, &to.path().join("Maildir"))
}

/// A disk on which a sync takes no time.
fn disk() -> Arc<dyn Disk> {
    Faults::over(System::shared()).shared()
}

fn open(folder: &TempDir) -> Maildir {
    let config = MaildirConfig::new().with_unique_ids(UniqueIds::Dovecot(UidlFormat::default()));
    Maildir::open_on(&disk(), folder.path().join("Maildir"), &config).unwrap()
}

fn counts(report: ImportReport) -> (usize, usize) {
    (report.imported, report.known)
}

// MDR-11
#[test]
fn messages_flags_dates_and_unique_ids_are_taken_over() {
    let ((_spool, path), to) = (mbox(MBOX), tempfile::tempdir().unwrap());
    assert_eq!(counts(import(&MboxImport::default(), &path, &to).unwrap()), (4, 0));
    let mut maildir = open(&to);
    let ids = uids(&maildir);
    assert_eq!(ids[..2], ["000000016b0d493d", "000000026b0d493d"]);
    assert_ne!(ids[2], ids[3]);
    let texts: Vec<_> =
        contents(&mut maildir).into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
    assert!(texts[0].starts_with("Delivered-To: bob@example.org\n"));
    assert!(
        texts[0].ends_with("X-UIDL: abc\"def\n\n>From the start\nFrom nowhere\n\n\nbody\n"),
        "{}",
        texts[0]
    );
    assert_eq!(texts[1], "Date: Sun, 7 Jan 2024 10:00:00 +0000\nmessage-id:<2@x>\n\nx\n");
    assert_eq!(texts[2..], ["Subject: new\n\nsame\n"; 2]);
    drop(maildir);

    let cur = to.path().join("Maildir/cur");
    let files = fs::read_dir(&cur).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let flags: Vec<_> = files.map(|name| name.split_once(":2,").unwrap().1.to_owned()).collect();
    assert!(flags.len() == 2 && flags.contains(&"FRS".to_owned()) && flags.contains(&String::new()));
    for entry in fs::read_dir(to.path().join("Maildir/new")).unwrap() {
        let modified = entry.unwrap().metadata().unwrap().modified().unwrap();
        assert_eq!(modified.duration_since(UNIX_EPOCH).unwrap().as_secs(), 1_704_704_400);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), MBOX);

    // What is deleted stays deleted, and what is new is added.
    assert!(open(&to).remove([number(1), number(3)], []).is_complete());
    let more =
        MBOX.replace("Status: RO", "Status: O") + "\nFrom c Mon Jan  8 11:00:00 2024\nSubject: third\n\n";
    fs::write(&path, more).unwrap();
    assert_eq!(counts(import(&MboxImport::default(), &path, &to).unwrap()), (1, 4));
    let after = uids(&open(&to));
    assert_eq!(after[..2], [ids[1].clone(), ids[3].clone()]);
    assert_eq!(after.len(), 3);
}

// MDR-11. The expected values are those of Dovecot 2.3.19.
#[test]
fn other_formats_and_x_uidl() {
    let mut options = MboxImport::default();
    options.format = UidlFormat::for_mbox("%m").unwrap();
    let ((_spool, path), to) = (mbox(MBOX), tempfile::tempdir().unwrap());
    import(&options, &path, &to).unwrap();
    let ids = uids(&open(&to));
    assert_eq!(ids[..2], ["e812572dab4ae1a9a62d5ab59266c5ac", "89b6ee33d50182435bce637dcbe4e262"]);
    assert_eq!(ids[2], "d41d8cd98f00b204e9800998ecf8427e");
    assert!(ids[3].starts_with("d41d8cd98f00b204e9800998ecf8427e-"));

    (options.x_uidl, options.remove) = (true, true);
    let to = tempfile::tempdir().unwrap();
    import(&options, &path, &to).unwrap();
    assert_eq!(uids(&open(&to))[0], "abc\"def");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(counts(import(&options, &path, &to).unwrap()), (0, 0));
}

#[test]
fn odd_mboxes() {
    let internal = "From MAILER-DAEMON Sat Jan  6 10:00:00 2024\nSubject: DON'T DELETE THIS MESSAGE\nX-IMAP: 77 9\n\ntext\n\n\
        From a Sat Jan  6 10:00:00 2024\nX-UID: 3\n\nbody\n";
    let crlf = "From a Sat Jan  6 10:00:00 2024\r\nSubject: x\r\nStatus: R\r\n\r\nbody\r\n\r\n\
        From b Sat Jan  6 10:00:00 2024\r\n\r\n";
    let long = format!(
        "From a Sat Jan  6 10:00:00 2024\nA: {}\nStatus: {}\n\n{}",
        "a".repeat(70_000),
        "R".repeat(70_000),
        "b".repeat(200_000)
    );
    let whole = format!("A: {}\n\n{}", "a".repeat(70_000), "b".repeat(200_000));
    for (text, expected) in [
        ("", vec![]),
        ("\n\n", vec![]),
        (internal, vec!["\nbody\n"]),
        (crlf, vec!["Subject: x\r\n\r\nbody\r\n", ""]),
        (&long, vec![&*whole]),
    ] {
        let ((_spool, path), to) = (mbox(text), tempfile::tempdir().unwrap());
        import(&MboxImport::default(), &path, &to).unwrap();
        let mut found: Vec<_> = contents(&mut open(&to));
        found.sort();
        let mut expected: Vec<_> = expected.iter().map(|text| text.as_bytes()).collect();
        expected.sort_unstable();
        assert!(found == expected, "{text:.200}");
        assert!(names(&to, "Maildir").iter().all(|name| !name.starts_with("pop3-import-")));
    }
    let ((_spool, path), to) = (mbox("no mbox\n"), tempfile::tempdir().unwrap());
    assert!(import(&MboxImport::default(), &path, &to).is_err());
    assert!(import(&MboxImport::default(), &path.with_file_name("none"), &to).is_err());
    let (spool, busy) = (mbox(MBOX), maildir());
    let _session = Maildir::open(busy.path()).unwrap();
    let error = MboxImport::default().run(&disk(), &spool.1, busy.path()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

// MDR-11: whatever fails or is cut short, the next import has each message once, with its unique-id.
#[test]
fn nothing_is_lost_or_doubled_by_a_failure() {
    let mut options = MboxImport::default();
    options.remove = true;
    let seen = |to: &TempDir| -> Vec<_> {
        let mut maildir = open(to);
        let uids = uids(&maildir);
        contents(&mut maildir).into_iter().zip(uids).collect()
    };
    for (change, ends) in (1..).flat_map(|change| [(change, true), (change, false)]) {
        let ((_spool, path), to) = (mbox(MBOX), tempfile::tempdir().unwrap());
        let faults = Faults::over(System::shared());
        if ends {
            faults.end_at(change);
        } else {
            faults.fail_at(change, std::io::ErrorKind::StorageFull);
        }
        let imported = options.run(&faults.shared(), &path, &to.path().join("Maildir"));
        let has_failed = faults.has_failed();
        drop(imported);
        // The lock file of a process that was killed stays. This test is that process, and runs on.
        fs::remove_file(path.with_file_name("box.lock")).ok();
        // A session may come in between.
        let between: BTreeMap<_, _> = match to.path().join("Maildir/new").exists() {
            true => seen(&to).into_iter().filter(|(text, _)| !text.ends_with(b"same\n")).collect(),
            false => BTreeMap::new(),
        };
        options.run(&disk(), &path, &to.path().join("Maildir")).unwrap();
        let after = seen(&to);
        assert_eq!(after.len(), 4, "{change} {ends}");
        assert!(fs::read(&path).unwrap().is_empty());
        assert_eq!(after[0].1, "000000016b0d493d");
        assert!(
            between.iter().all(|(text, uid)| after.iter().any(|after| (&after.0, &after.1) == (text, uid)))
        );
        if !has_failed {
            assert!(change > 20);
            break;
        }
    }
}

/// Octets as in an mbox, and any others.
fn hostile() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "From [a-c@]{0,3} (Sat |)Jan  [1-9] 1[0-9]:00:00 (|[+-]0100 )20[0-9]{2}",
        "(X-UID|X-IMAPbase|X-IMAP|Status|X-Status|X-UIDL|Date|Received): [ -~]{0,12}",
        "(X-UID|x-uidl): [1-3]",
        "X-IMAPbase: 7 9",
        "[ \t][a-z]{0,3}",
        "",
        ".{0,9}",
    ];
    prop::collection::vec(line, 0..12)
        .prop_map(|lines| format!("From a Jan 1 10:00 2000\n{}", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    // MDR-11
    #[test]
    fn whatever_is_in_an_mbox_each_message_is_imported_once_under_its_own_unique_id(text in hostile()) {
        let ((_spool, path), to) = (mbox(&text), tempfile::tempdir().unwrap());
        let mut options = MboxImport::default();
        options.x_uidl = true;
        let first = import(&options, &path, &to).unwrap();
        let ids = uids(&open(&to));
        prop_assert_eq!((first.imported, first.known), (ids.len(), 0));
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        prop_assert_eq!(counts(import(&options, &path, &to).unwrap()), (0, ids.len()));
        prop_assert_eq!(uids(&open(&to)), ids);
    }
}
