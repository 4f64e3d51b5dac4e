//! Files that change during a session.

use std::fs::{self, File};
use std::io::{Read, Write};

use pop3_maildir::MessageError;
use tempfile::TempDir;

use crate::support::{contents, maildir, number, open, put, read, remove};

fn three() -> TempDir {
    let folder = maildir();
    put(&folder, "new/1.a.h", "one\n");
    put(&folder, "new/2.a.h", "two\n");
    put(&folder, "cur/3.a.h:2,", "three\n");
    folder
}

#[test]
fn a_renamed_message_is_found_and_so_are_all_others() {
    let folder = three();
    let mut maildir = open(&folder);
    for name in ["1.a.h", "2.a.h"] {
        let (from, to) = (folder.path().join("new").join(name), folder.path().join("cur").join(name));
        fs::rename(from, format!("{}:2,S", to.display())).unwrap();
    }
    fs::rename(folder.path().join("cur/3.a.h:2,"), folder.path().join("cur/3.a.h:2,T")).unwrap();
    assert_eq!(contents(&mut maildir), [&b"one\n"[..], b"two\n", b"three\n"]);
}

// 1939-5.42
#[test]
fn a_vanished_message_is_an_error_and_the_rest_stays() {
    let folder = three();
    let mut maildir = open(&folder);
    fs::remove_file(folder.path().join("new/2.a.h")).unwrap();
    let error = maildir.message(number(2)).unwrap_err();
    assert!(matches!(error, MessageError::Vanished { .. }), "{error:?}");
    assert!(error.to_string().contains("2.a.h"), "{error}");
    assert_eq!(read(&mut maildir, 3).unwrap(), b"three\n");
    let error = maildir.message(number(4)).unwrap_err();
    assert!(matches!(error, MessageError::NoSuchMessage(_)), "{error:?}");
}

#[test]
fn another_file_or_other_content_is_an_error() {
    let folder = three();
    let mut maildir = open(&folder);
    // Shorter, longer, and a different file of the same length under the same name.
    fs::write(folder.path().join("new/1.a.h"), "on").unwrap();
    fs::write(folder.path().join("new/2.a.h"), "two\nand more\n").unwrap();
    put(&folder, "tmp/x", "THREE\n");
    fs::rename(folder.path().join("tmp/x"), folder.path().join("cur/3.a.h:2,")).unwrap();
    for message in 1..=3 {
        let error = maildir.message(number(message)).unwrap_err();
        assert!(matches!(error, MessageError::Changed { .. }), "{message}: {error:?}");
    }
    // The client marked a different message from the one that is there now.
    let report = remove(maildir, &[1, 2, 3]);
    assert_eq!(report.failures().len(), 3);
    assert_eq!(contents(&mut open(&folder)).len(), 3);
}

// 1939-5.42
#[test]
fn a_message_that_changes_while_it_is_read_never_ends_well() {
    let large = vec![b'x'; 300_000];
    let change = |how: fn(&File)| {
        let folder = maildir();
        let path = put(&folder, "new/1.a.h", &large);
        let mut maildir = open(&folder);
        let mut message = maildir.message(number(1)).unwrap();
        assert_eq!(message.stored_len(), 300_000);
        let mut buffer = [0; 1000];
        message.read_exact(&mut buffer).unwrap();
        how(&File::options().append(true).open(path).unwrap());
        let mut rest = Vec::new();
        let error = message.read_to_end(&mut rest).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert!(rest.len() <= 299_000, "never more than was promised");
        assert!(message.read(&mut buffer).is_err(), "and it stays an error");
    };
    change(|file| file.set_len(200_000).unwrap());
    change(|file| file.set_len(0).unwrap());
    change(|mut file| file.write_all(b"more").unwrap());
    change(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap());
}

#[test]
fn a_message_removed_while_it_is_read_is_read_to_its_end() {
    let folder = maildir();
    let path = put(&folder, "new/1.a.h", vec![b'x'; 300_000]);
    let mut maildir = open(&folder);
    let mut message = maildir.message(number(1)).unwrap();
    message.read_exact(&mut [0; 1000]).unwrap();
    fs::remove_file(path).unwrap();
    let mut rest = Vec::new();
    message.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), 299_000);
}

// 1939-4.09
#[test]
fn mail_that_arrives_meanwhile_is_for_the_next_session() {
    let folder = three();
    let mut maildir = open(&folder);
    put(&folder, "new/0.a.h", "zero\n");
    assert_eq!(contents(&mut maildir), [&b"one\n"[..], b"two\n", b"three\n"]);
    assert!(remove(maildir, &[1, 2, 3]).is_complete());
    assert_eq!(contents(&mut open(&folder)), [b"zero\n"]);
}
