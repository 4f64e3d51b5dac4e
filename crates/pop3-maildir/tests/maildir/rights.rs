//! What the process is not permitted to do. Root may do everything, so a child process of another user tries.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pop3_maildir::{Maildir, OpenError, SkipReason};
use tempfile::TempDir;

use crate::support::{Said, child, contents, maildir, open, path_of_child, put, remove, say};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A Maildir that another user can use.
fn shared() -> TempDir {
    let folder = maildir();
    for name in ["", "new", "cur"] {
        chmod(&folder.path().join(name), 0o777);
    }
    put(&folder, "new/1.a.h", "one\n");
    put(&folder, "cur/2.a.h:2,", "two\n");
    put(&folder, "cur/3.a.h:2,", "three\n");
    folder
}

// MDR-09
#[test]
fn an_unreadable_message_is_left_out() {
    let folder = shared();
    chmod(&folder.path().join("cur/2.a.h:2,"), 0o000);
    let mut other = child("rights::lists_what_it_may_read", folder.path(), "", true);
    let mut said = Said::by(&mut other);
    assert_eq!(said.next(), "2 messages, [Unreadable]");
    assert!(other.wait().unwrap().success());
}

#[test]
fn lists_what_it_may_read() {
    let Some(path) = path_of_child() else { return };
    let mut maildir = Maildir::open(path).unwrap();
    assert_eq!(contents(&mut maildir), [&b"one\n"[..], b"three\n"]);
    let skipped: Vec<SkipReason> = maildir.skipped().iter().map(|file| file.reason).collect();
    say(&format!("{} messages, {skipped:?}", maildir.snapshot().len()));
}

#[test]
fn a_removal_that_is_refused_is_told_and_the_rest_goes() {
    let folder = shared();
    chmod(&folder.path().join("cur"), 0o555);
    let mut other = child("rights::removes_what_it_may", folder.path(), "", true);
    let mut said = Said::by(&mut other);
    assert_eq!(said.next(), "removed 1, failed 2 3");
    assert!(other.wait().unwrap().success());
    chmod(&folder.path().join("cur"), 0o755);
    // The lock now belongs to the other user. Root can still use it, others could not.
    fs::remove_file(folder.path().join("pop3.lock")).unwrap();
    assert_eq!(contents(&mut open(&folder)), [&b"two\n"[..], b"three\n"]);
}

#[test]
fn removes_what_it_may() {
    let Some(path) = path_of_child() else { return };
    let report = remove(Maildir::open(path).unwrap(), &[1, 2, 3]);
    let failed: Vec<String> = report.failures().iter().map(|failure| failure.number.to_string()).collect();
    assert!(!report.is_complete());
    say(&format!("removed {}, failed {}", report.removed(), failed.join(" ")));
}

#[test]
fn a_closed_maildir_is_denied() {
    let folder = shared();
    chmod(&folder.path().join("new"), 0o000);
    let mut other = child("rights::is_denied", folder.path(), "", true);
    let mut said = Said::by(&mut other);
    assert_eq!(said.next(), "denied");
    assert!(other.wait().unwrap().success());
    chmod(&folder.path().join("new"), 0o777);
}

#[test]
fn is_denied() {
    let Some(path) = path_of_child() else { return };
    let error = Maildir::open(path).unwrap_err();
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
    say("denied");
}
