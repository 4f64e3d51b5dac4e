//! What counts as a Maildir.

use std::fs;
use std::os::unix::fs::symlink;

use pop3_maildir::{Maildir, MaildirConfig, OpenError};

use crate::support::{contents, maildir, names, open, put};

#[test]
fn nothing_there_is_missing_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nobody");
    let error = Maildir::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("nobody"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_directory_without_new_cur_and_tmp_is_missing_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // An empty directory may be where a disk is not mounted.
    assert!(matches!(Maildir::open(folder.path()), Err(OpenError::Missing { .. })));
    assert!(names(&folder, ".").is_empty());
    fs::write(folder.path().join("letter"), "x").unwrap();
    fs::write(folder.path().join("tmp"), "x").unwrap();
    assert!(matches!(Maildir::open(folder.path()), Err(OpenError::Missing { .. })));
    assert_eq!(names(&folder, "."), ["letter", "tmp"]);
}

#[test]
fn it_is_made_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("somebody");
    let maildir = Maildir::open_with(&path, &MaildirConfig::new().with_create(true)).unwrap();
    assert!(maildir.snapshot().is_empty());
    assert!(path.join("new").is_dir() && path.join("cur").is_dir());
}

#[test]
fn half_a_maildir_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("new")).unwrap();
    put(&folder, "new/1.a.h", "x\n");
    assert_eq!(contents(&mut open(&folder)), [b"x\n"]);
    assert!(folder.path().join("cur").is_dir() && folder.path().join("tmp").is_dir());

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    assert!(open(&folder).snapshot().is_empty());
    assert!(folder.path().join("new").is_dir() && folder.path().join("cur").is_dir());
}

#[test]
fn a_maildir_in_which_tmp_can_not_be_made_is_served() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["new", "cur"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    symlink("nowhere", folder.path().join("tmp")).unwrap();
    assert!(open(&folder).snapshot().is_empty());
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_file_or_a_linked_folder_is_no_maildir() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    assert!(matches!(Maildir::open(folder.path().join("file")), Err(OpenError::Io { .. })));

    let (mine, other) = (maildir(), maildir());
    put(&other, "cur/1.a.h:2,", "secret\n");
    fs::remove_dir(mine.path().join("cur")).unwrap();
    symlink(other.path().join("cur"), mine.path().join("cur")).unwrap();
    assert!(matches!(Maildir::open(mine.path()), Err(OpenError::Io { .. })));
}

#[test]
fn the_maildir_itself_may_be_a_link() {
    let (folder, links) = (maildir(), tempfile::tempdir().unwrap());
    put(&folder, "cur/1.a.h:2,", "x\n");
    let link = links.path().join("user");
    symlink(folder.path(), &link).unwrap();
    assert_eq!(Maildir::open(&link).unwrap().snapshot().len(), 1);
}

// MDR-01
#[test]
fn tmp_and_names_with_a_dot_are_not_read() {
    let folder = maildir();
    put(&folder, "tmp/1.a.h", "unfinished\n");
    put(&folder, "new/.hidden", "x\n");
    put(&folder, "cur/.nfs0001", "x\n");
    put(&folder, "new/2.a.h", "mail\n");
    let mut maildir = open(&folder);
    assert_eq!(contents(&mut maildir), [b"mail\n"]);
    assert_eq!(maildir.summary().skipped, 0);
}
