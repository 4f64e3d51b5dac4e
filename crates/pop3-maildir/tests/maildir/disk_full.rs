//! A full disk, simulated by the limit on the file size of a process. Nobody needs permissions for that, and
//! a write beyond the limit fails in the same way.

use std::fs::File;
use std::io::Write;

use pop3_maildir::{Delivery, Maildir};

use crate::support::{Said, child, contents, eager, maildir, names, path_of_child, put, say};

/// At most 8 or 16 kB per file, depending on the shell, and an error instead of a fatal signal.
const FULL: &str = "trap '' XFSZ; ulimit -f 16";

#[test]
fn a_message_that_does_not_fit_leaves_nothing() {
    let folder = maildir();
    let mut other = child("disk_full::delivers_too_much", folder.path(), FULL, false);
    let mut said = Said::by(&mut other);
    assert_eq!(said.next(), "written: false, finished: false, at finish: false");
    assert!(other.wait().unwrap().success());
    assert!(names(&folder, "tmp").is_empty() && names(&folder, "new").is_empty());
}

#[test]
fn delivers_too_much() {
    let Some(path) = path_of_child() else { return };
    let delivery = Delivery::open(path, false).unwrap();
    // Larger than the buffer: the write fails, and nothing can complete it afterwards.
    let mut message = delivery.begin().unwrap();
    let error = message.write_all(&[b'x'; 200_000]).unwrap_err();
    assert!(error.to_string().contains("tmp"), "{error}");
    let written = message.write_all(b"more").is_ok();
    let finished = message.finish().is_ok();
    // Smaller than the buffer: the failure appears at the end.
    let mut message = delivery.begin().unwrap();
    message.write_all(&[b'x'; 40_000]).unwrap();
    let error = message.finish().unwrap_err();
    assert!(error.to_string().contains("tmp"), "{error}");
    let at_finish = names_of(error.path());
    say(&format!("written: {written}, finished: {finished}, at finish: {at_finish}"));
}

fn names_of(path: &std::path::Path) -> bool {
    path.exists()
}

#[test]
fn sizes_that_cannot_be_remembered_are_no_trouble() {
    let folder = maildir();
    for index in 0..400 {
        put(&folder, &format!("cur/{index}.a.h:2,"), "x\n");
    }
    let mut other = child("disk_full::cannot_remember", folder.path(), FULL, false);
    let mut said = Said::by(&mut other);
    assert_eq!(said.next(), "400 messages");
    assert!(other.wait().unwrap().success());
    assert!(!folder.path().join("pop3.sizes").exists());
    assert!(!folder.path().join("pop3.sizes.tmp").exists());
}

#[test]
fn cannot_remember() {
    let Some(path) = path_of_child() else { return };
    assert!(File::create(path.join("probe")).unwrap().write_all(&[0; 40_000]).is_err());
    let mut maildir = Maildir::open_with(path, &eager()).unwrap();
    assert!(maildir.cache_error().is_some());
    say(&format!("{} messages", contents(&mut maildir).len()));
}
