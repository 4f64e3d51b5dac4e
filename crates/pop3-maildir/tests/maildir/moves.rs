//! Messages of another store are imported whole, once, with their unique-ids.

use core::error::Error as _;
use core::time::Duration;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Disk, Faults, System};
use pop3_maildir::{
    ImportError, ImportedMessage, Maildir, MaildirConfig, MaildirImport, UidlFormat, UniqueIds,
};
use pop3_proto::UniqueId;
use tempfile::TempDir;

use crate::support::{contents, maildir, names, number, put, uids};

/// Unique-ids, flags and contents, in the order of delivery.
const MESSAGES: [(&str, Option<&str>, &str); 4] = [
    ("0123456789abcdef", None, "Subject: one\n\none\n"),
    ("~!%weird\"id", Some("S"), "Subject: two\r\n\r\n.two\r\n"),
    ("UID7-1704704400", Some(""), ""),
    ("four", Some("FRS"), "Subject: one\n\none\n"),
];

/// A disk on which a sync takes no time.
fn disk() -> Arc<dyn Disk> {
    Faults::over(System::shared()).shared()
}

fn time(seconds: usize) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds as u64)
}

/// Imports the messages from this one on, and lets them be seen after every so many.
fn import(disk: &Arc<dyn Disk>, to: &Path, from: usize, batch: usize) -> Result<usize, ImportError> {
    let mut import = MaildirImport::open(disk, to)?;
    let mut imported = 0;
    for (place, (id, flags, content)) in MESSAGES.iter().enumerate().skip(from) {
        let id = UniqueId::parse(id.as_bytes()).unwrap();
        let message =
            ImportedMessage::new(id, time(place)).with_flags(flags.as_ref().map(|flags| flags.as_bytes()));
        import.add(&message, &mut content.as_bytes())?;
        if place % batch == batch - 1 {
            imported += import.publish()?;
        }
    }
    Ok(imported + import.publish()?)
}

fn open(path: &Path) -> Maildir {
    let config = MaildirConfig::new().with_unique_ids(UniqueIds::Dovecot(UidlFormat::default()));
    Maildir::open_on(&disk(), path, &config).unwrap()
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Maildir");
    (folder, path)
}

fn why(error: &ImportError) -> String {
    error.source().unwrap().to_string()
}

/// Whether the Maildir has all messages once, in their order, with all that belongs to them.
fn is_whole(path: &Path) {
    let mut maildir = open(path);
    assert_eq!(uids(&maildir), MESSAGES.map(|(id, ..)| id));
    for (place, (_, flags, _)) in MESSAGES.iter().enumerate() {
        let attributes = maildir.attributes(number(u32::try_from(place).unwrap() + 1)).unwrap();
        assert_eq!(attributes.received, time(place));
        assert_eq!(attributes.flags.as_deref(), flags.as_ref().map(|flags| flags.as_bytes()));
    }
    assert_eq!(maildir.attributes(number(5)), None);
    assert_eq!(contents(&mut maildir), MESSAGES.map(|(.., content)| content.as_bytes()));
}

// MDR-11
#[test]
fn messages_keep_unique_ids_flags_and_dates() {
    let (_folder, path) = place();
    assert_eq!(import(&disk(), &path, 2, 9).unwrap(), 2);
    assert_eq!(uids(&open(&path)), ["UID7-1704704400", "four"]);
    // What is deleted stays deleted, and what comes later is added behind.
    assert!(open(&path).remove([number(1)], []).is_complete());
    assert_eq!(import(&disk(), &path, 0, 1).unwrap(), 2);
    assert_eq!(uids(&open(&path)), ["four", MESSAGES[0].0, MESSAGES[1].0]);
    assert_eq!(import(&disk(), &path, 0, 1).unwrap(), 0);
}

// MDR-11: whatever fails or is cut short, the next import has each message once, with its unique-id.
#[test]
fn nothing_is_lost_or_doubled_by_a_failure() {
    for batch in [1, 2, 9] {
        for (change, ends) in (1..).flat_map(|change| [(change, true), (change, false)]) {
            let (folder, path) = place();
            let faults = Faults::over(System::shared());
            if ends {
                faults.end_at(change);
            } else {
                faults.fail_at(change, ErrorKind::StorageFull);
            }
            let imported = import(&faults.shared(), &path, 0, batch);
            let has_failed = faults.has_failed();
            // The lock of the list in a process that was killed. This test is that process, and runs on.
            fs::remove_file(path.join("dovecot-uidlist.lock")).ok();
            // A session may come in between, and shows what is complete with its unique-id.
            if path.join("new").exists() {
                let mut maildir = open(&path);
                for (id, content) in uids(&maildir).iter().zip(contents(&mut maildir)) {
                    let message = MESSAGES.iter().find(|(known, ..)| known == id).unwrap();
                    assert_eq!(content, message.2.as_bytes());
                }
            }
            if let Ok(count) = imported {
                assert_eq!(count, 4);
                is_whole(&path);
            }
            import(&disk(), &path, 0, batch).unwrap();
            is_whole(&path);
            assert!(names(&folder, "Maildir").iter().all(|name| !name.starts_with("pop3-moving-")));
            if !has_failed {
                assert!(change > 20);
                break;
            }
        }
    }
}

/// A message that can't be read to its end.
struct Torn(&'static [u8]);

impl Read for Torn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the source is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_message_that_can_not_be_read_is_not_imported() {
    let (folder, path) = place();
    let mut import = MaildirImport::open(&disk(), &path).unwrap();
    let id = UniqueId::parse(b"one").unwrap();
    let message = ImportedMessage::new(id, time(0));
    let error = import.add(&message, &mut Torn(b"Subject: x\n\n")).unwrap_err();
    assert!(why(&error).contains("the source is gone"));
    assert!(!import.knows(id));
    assert_eq!(import.publish().unwrap(), 0);
    assert!(names(&folder, "Maildir").iter().all(|name| !name.starts_with("pop3-moving-")));
    import.add(&message, &mut &b"Subject: x\n\nwhole"[..]).unwrap();
    assert!(import.knows(id));
    assert_eq!(import.publish().unwrap(), 1);
    drop(import);
    assert_eq!(contents(&mut open(&path)), [b"Subject: x\n\nwhole"]);
}

#[test]
fn maildirs_that_are_in_use_or_would_change_are_refused() {
    let busy = maildir();
    let session = Maildir::open(busy.path()).unwrap();
    let error = MaildirImport::open(&disk(), busy.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(session);
    // Mail that no list knows would get other unique-ids by a list.
    put(&busy, "new/1.a.b", "Subject: x\n\n");
    let error = MaildirImport::open(&disk(), busy.path()).unwrap_err();
    assert!(why(&error).contains("choose a new Maildir"));
    assert!(!busy.path().join("dovecot-uidlist").exists());
    assert_eq!(open(busy.path()).snapshot().len(), 1);
    assert_eq!(import(&disk(), busy.path(), 0, 1).unwrap(), 4);
}
