//! Messages that are opened and read without waiting for the disk.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::symlink;
use std::sync::Arc;

use pop3_disk::{Disk, Faults, System};
use pop3_maildir::{EightBitHeaders, Maildir, MaildirConfig};
use tempfile::TempDir;

use crate::support::{fifo, maildir, number, put, read};

/// A Maildir on a disk that has all in its memory.
fn warm(folder: &TempDir) -> (Maildir, Faults) {
    let faults = Faults::over(System::shared());
    faults.warm_for(u64::MAX);
    let disk: Arc<dyn Disk> = faults.shared();
    (Maildir::open_on(&disk, folder.path(), &MaildirConfig::default()).unwrap(), faults)
}

/// What is read on the spot of the first message: its octets, and why that ended.
fn tried(maildir: &mut Maildir) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
    let Some(mut message) = maildir.try_message(number(1)) else {
        return (all, Some(ErrorKind::WouldBlock));
    };
    loop {
        match message.try_read(&mut buffer) {
            Ok(0) => return (all, None),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) => return (all, Some(error.kind())),
        }
    }
}

#[test]
fn a_message_in_memory_is_read_with_two_calls() {
    let folder = maildir();
    put(&folder, "cur/1.a.h:2,S", "hello\n");
    let (mut maildir, faults) = warm(&folder);
    assert_eq!(tried(&mut maildir), (b"hello\n".to_vec(), None));
    assert_eq!(faults.tries(), 2, "to open it, and to read all of it");
    assert!(maildir.try_message(number(2)).is_none());
}

/// On the disk of this machine, whatever it can do.
#[test]
fn the_system_gives_the_message_or_nothing() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "hello\n");
    let mut maildir = Maildir::open(folder.path()).unwrap();
    let (octets, error) = tried(&mut maildir);
    match error {
        None => assert_eq!(octets, b"hello\n"),
        Some(error) => assert_eq!(error, ErrorKind::WouldBlock),
    }
}

#[test]
fn an_empty_message_is_read_as_well() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "");
    assert_eq!(tried(&mut warm(&folder).0), (Vec::new(), None));
}

#[test]
fn where_the_memory_ends_the_message_goes_on() {
    let folder = maildir();
    let content: Vec<u8> = (0..9_000_u32).flat_map(u32::to_le_bytes).collect();
    put(&folder, "new/1.a.h", &content);
    let (mut maildir, faults) = warm(&folder);
    for calls in 1..40 {
        faults.warm_for(calls);
        let mut message = maildir.try_message(number(1)).expect("it is opened on the spot");
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            let count = match message.try_read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => message.read(&mut buffer),
                result => result,
            };
            match count.unwrap() {
                0 => break,
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(all, content, "{calls}");
    }
    faults.warm_for(0);
    assert!(maildir.try_message(number(1)).is_none());
}

#[test]
fn what_the_system_can_not_do_is_not_tried_again() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "hello\n");
    let (mut maildir, faults) = warm(&folder);
    faults.without_tries();
    assert!(maildir.try_message(number(1)).is_none());
    faults.warm_for(u64::MAX);
    assert!(maildir.try_message(number(1)).is_none(), "it is remembered");
    assert_eq!(read(&mut maildir, 1).unwrap(), b"hello\n");
    drop(maildir);
    // Reading may be what it can't do.
    let (mut maildir, faults) = warm(&folder);
    let mut message = maildir.try_message(number(1)).unwrap();
    faults.without_tries();
    assert_eq!(message.try_read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    faults.warm_for(u64::MAX);
    assert!(maildir.try_message(number(1)).is_none(), "it is remembered");
    let mut rest = String::new();
    message.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "hello\n");
}

/// Nothing but the message of the snapshot is ever returned, whatever bears its name.
#[test]
fn what_changed_since_the_snapshot_is_not_returned() {
    let change = |how: &dyn Fn(&TempDir)| {
        let folder = maildir();
        let path = put(&folder, "new/1.a.h", "hello\n");
        put(&folder, "tmp/other", "HELLO\n");
        let mut maildir = warm(&folder).0;
        fs::remove_file(path).unwrap();
        how(&folder);
        let (octets, error) = tried(&mut maildir);
        assert_eq!(octets, b"");
        assert!(error.is_some());
        maildir.message(number(1)).unwrap_err();
    };
    change(&|_| {});
    change(&|folder| drop(put(folder, "new/1.a.h", "hello, longer\n")));
    change(&|folder| drop(put(folder, "new/1.a.h", "")));
    change(&|folder| {
        fs::rename(folder.path().join("tmp/other"), folder.path().join("new/1.a.h")).unwrap();
    });
    change(&|folder| symlink("../tmp/other", folder.path().join("new/1.a.h")).unwrap());
    change(&|folder| fs::create_dir(folder.path().join("new/1.a.h")).unwrap());
    change(&|folder| fifo(&folder.path().join("new/1.a.h")));
    change(&|folder| {
        fs::remove_dir(folder.path().join("new")).unwrap();
        symlink("tmp", folder.path().join("new")).unwrap();
    });
}

#[test]
fn a_message_that_changes_while_it_is_read_never_ends_well() {
    for length in [2_999, 3_001] {
        let folder = maildir();
        let path = put(&folder, "new/1.a.h", vec![b'x'; 3_000]);
        let mut maildir = warm(&folder).0;
        let mut message = maildir.try_message(number(1)).unwrap();
        let mut buffer = [0; 1_000];
        assert_eq!(message.try_read(&mut buffer).unwrap(), 1_000);
        fs::File::options().append(true).open(path).unwrap().set_len(length).unwrap();
        let mut more = 0;
        let error = loop {
            match message.try_read(&mut buffer) {
                Ok(0) => panic!("it has ended"),
                Ok(count) => more += count,
                Err(error) => break error,
            }
        };
        assert!(more < 2_000, "{length}: {more}");
        // Where the file is too short, the system may only have failed to find the rest in its memory.
        let short = length < 3_000;
        assert_eq!(error.kind(), if short { ErrorKind::WouldBlock } else { ErrorKind::InvalidData });
        assert_eq!(message.read(&mut buffer).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(message.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}

#[test]
fn a_renamed_message_is_left_to_the_search() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "hello\n");
    let (mut maildir, _) = warm(&folder);
    fs::rename(folder.path().join("new/1.a.h"), folder.path().join("cur/1.a.h:2,S")).unwrap();
    assert!(maildir.try_message(number(1)).is_none());
    assert_eq!(read(&mut maildir, 1).unwrap(), b"hello\n");
    assert_eq!(tried(&mut maildir), (b"hello\n".to_vec(), None), "the new name is known");
}

#[test]
fn a_message_that_needs_another_header_is_left_to_the_pool() {
    for headers in [EightBitHeaders::Refuse, EightBitHeaders::Convert(<[u8]>::to_vec)] {
        let folder = maildir();
        put(&folder, "new/1.a.h", "Subject: \u{e9}\n\n");
        put(&folder, "new/2.a.h", "Subject: e\n\n");
        let faults = Faults::over(System::shared());
        faults.warm_for(u64::MAX);
        let config = MaildirConfig::new().with_eight_bit_headers(headers);
        let mut maildir = Maildir::open_on(&faults.shared(), folder.path(), &config).unwrap();
        assert!(maildir.try_message(number(1)).is_none());
        assert!(maildir.try_message(number(2)).is_some());
    }
}
