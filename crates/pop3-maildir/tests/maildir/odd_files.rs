//! Entries of a Maildir that are not messages. They are skipped and reported, and never opened or waited for.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use pop3_maildir::SkipReason;

use crate::support::{contents, fifo, maildir, open, put, remove, uids};

// MDR-09
#[test]
fn the_rest_of_the_maildrop_works() {
    let folder = maildir();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret\n").unwrap();
    let path = |name: &str| folder.path().join(name);
    put(&folder, "cur/1.a.h:2,", "one\n");
    fifo(&path("cur/2.a.h:2,"));
    let _socket = UnixListener::bind(path("new/3.a.h")).unwrap();
    symlink(outside.path().join("secret"), path("new/4.a.h")).unwrap();
    symlink(outside.path().join("nothing"), path("new/5.a.h")).unwrap();
    fs::create_dir(path("cur/6.a.h:2,")).unwrap();
    symlink("/dev/zero", path("cur/7.a.h:2,")).unwrap();
    put(&folder, "new/8.a.h", "two\n");

    let mut maildir = open(&folder);
    assert_eq!(contents(&mut maildir), [b"one\n", b"two\n"]);
    assert_eq!(maildir.summary().skipped, 6);
    let mut skipped: Vec<_> = maildir
        .skipped()
        .iter()
        .map(|file| (file.name.to_str().unwrap().as_bytes()[0], file.reason))
        .collect();
    skipped.sort_by_key(|&(digit, _)| digit);
    assert_eq!(
        skipped,
        [
            (b'2', SkipReason::NotAFile),
            (b'3', SkipReason::NotAFile),
            (b'4', SkipReason::Link),
            (b'5', SkipReason::Link),
            (b'6', SkipReason::NotAFile),
            (b'7', SkipReason::Link),
        ]
    );
    assert!(remove(maildir, &[1, 2]).is_complete());
    assert!(path("cur/2.a.h:2,").exists() && path("cur/6.a.h:2,").is_dir());
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret\n");
}

#[test]
fn a_name_is_escaped_when_it_is_told() {
    let folder = maildir();
    symlink("x", folder.path().join("cur/1.\n\u{1b}[2Jforged log line")).unwrap();
    let maildir = open(&folder);
    let text = maildir.skipped()[0].to_string();
    assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
    assert!(text.starts_with("cur/") && text.ends_with(": a symbolic link"), "{text:?}");
}

#[test]
fn many_of_them_are_counted_but_not_kept() {
    let folder = maildir();
    for index in 0..300 {
        symlink("x", folder.path().join(format!("cur/{index}.a.h"))).unwrap();
    }
    let maildir = open(&folder);
    assert_eq!(maildir.summary().skipped, 300);
    assert_eq!(maildir.skipped().len(), 100);
}

#[test]
fn a_message_replaced_by_a_fifo_or_a_link_is_an_error_and_never_waits() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "1234").unwrap();
    for kind in ["fifo", "link", "directory"] {
        let folder = maildir();
        let path = put(&folder, "cur/1.a.h:2,", "1234");
        let mut maildir = open(&folder);
        fs::remove_file(&path).unwrap();
        match kind {
            "fifo" => fifo(&path),
            "link" => symlink(outside.path().join("secret"), &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        assert!(maildir.message(crate::support::number(1)).is_err(), "{kind}");
        let report = remove(maildir, &[1]);
        assert_eq!(report.failures().len(), 1, "{kind}: it is not what the client marked");
        assert!(path.symlink_metadata().is_ok(), "{kind}");
        assert!(uids(&open(&folder)).is_empty());
    }
}
