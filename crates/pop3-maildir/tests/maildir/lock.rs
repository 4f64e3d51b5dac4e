//! One session at a time, and no lock outlives its session (RFC 1939 section 4).

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use pop3_maildir::{Maildir, OpenError};

use crate::support::{Said, child, fifo, maildir, open, path_of_child, put, remove, say};

fn is_locked(folder: &tempfile::TempDir) -> bool {
    matches!(Maildir::open(folder.path()), Err(OpenError::Locked { .. }))
}

// 1939-4.04
#[test]
fn a_second_session_is_refused_until_the_first_ends() {
    let folder = maildir();
    let first = open(&folder);
    assert!(is_locked(&folder));
    assert!(is_locked(&folder), "a refusal must not free the lock");
    drop(first);
    assert!(!is_locked(&folder));
}

// 1939-4.05, 1939-6.10
#[test]
fn a_commit_frees_the_lock_before_it_returns() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "x\n");
    let first = open(&folder);
    let report = remove(first, &[1]);
    assert!(!is_locked(&folder));
    assert!(report.is_complete());
}

// 1939-4.05
#[test]
fn a_killed_process_leaves_no_lock() {
    let folder = maildir();
    let mut holder = child("lock::holds_the_lock", folder.path(), "", false);
    assert_eq!(Said::by(&mut holder).next(), "locked");
    assert!(is_locked(&folder));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(!is_locked(&folder));
}

#[test]
fn holds_the_lock() {
    let Some(path) = path_of_child() else { return };
    let _maildir = Maildir::open(path).unwrap();
    say("locked");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn processes_that_are_started_meanwhile_do_not_hold_it() {
    let folder = maildir();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // A hook in the child causes a fork, which copies the open files.
                let mut command = Command::new("/bin/true");
                command.process_group(0).gid(fs::metadata(folder.path()).unwrap().gid());
                command.status().ok();
            }
        });
        for _ in 0..300 {
            if let Err(error) = Maildir::open(folder.path()) {
                stop.store(true, Ordering::Relaxed);
                panic!("{error}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn the_lock_file_is_private_and_stays() {
    let folder = maildir();
    drop(open(&folder));
    let lock = fs::metadata(folder.path().join("pop3.lock")).unwrap();
    assert_eq!(lock.mode() & 0o777, 0o600);
    drop(open(&folder));
    assert_eq!(fs::metadata(folder.path().join("pop3.lock")).unwrap().ino(), lock.ino());
}

#[test]
fn a_lock_that_is_no_file_is_an_error_and_never_waits() {
    for kind in ["fifo", "link", "directory"] {
        let folder = maildir();
        let elsewhere = tempfile::tempdir().unwrap();
        let lock = folder.path().join("pop3.lock");
        match kind {
            "fifo" => fifo(&lock),
            "link" => symlink(elsewhere.path().join("victim"), &lock).unwrap(),
            _ => fs::create_dir(&lock).unwrap(),
        }
        let error = Maildir::open(folder.path()).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }), "{kind}: {error:?}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "a link was followed");
    }
}
