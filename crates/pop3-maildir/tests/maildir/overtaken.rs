//! A mail reader renames a message at the worst moment of a commit or a delivery. The result is true all the same.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use pop3_disk::Faults;
use pop3_maildir::{CommitReport, Delivery, Maildir};
use tempfile::TempDir;

use crate::counted::Counted;
use crate::support::{contents, eager, maildir, number, open, put};

/// Two messages, the first of which is marked, and the paths that it may have.
struct Maildrop {
    folder: TempDir,
    paths: [PathBuf; 3],
}

impl Maildrop {
    fn new() -> Self {
        let folder = maildir();
        put(&folder, "new/1.a.h", "one\n");
        put(&folder, "new/2.a.h", "two\n");
        let paths = ["new/1.a.h", "cur/1.a.h:2,S", "cur/1.a.h:2,RS"].map(|name| folder.path().join(name));
        Self { folder, paths }
    }

    /// Renames the message.
    fn moves(&self, from: usize, to: usize) -> impl Fn() + Send + 'static {
        let [from, to] = [from, to].map(|index| self.paths[index].clone());
        move || fs::rename(&from, &to).unwrap()
    }

    /// The message was removed once, and no other.
    fn check(&self, report: &CommitReport) {
        assert!(report.is_complete(), "{report:?}");
        assert_eq!((report.removed(), report.gone()), (1, 0));
        assert_eq!(contents(&mut open(&self.folder)), [b"two\n"]);
    }
}

#[test]
fn a_message_that_is_renamed_before_it_is_unlinked_is_found_again() {
    let maildrop = Maildrop::new();
    let disk = Counted::new();
    let session = Maildir::open_on(&disk.shared(), maildrop.folder.path(), &eager()).unwrap();
    let mut renames = vec![maildrop.moves(0, 1)];
    disk.meanwhile(move |call| {
        if call == "unlink"
            && let Some(rename) = renames.pop()
        {
            rename();
        }
    });
    maildrop.check(&session.remove([number(1)], []));
}

#[test]
fn a_message_that_is_renamed_behind_its_listing_is_not_called_gone() {
    let maildrop = Maildrop::new();
    // A day from now, so that directories count as left alone.
    let disk = Counted::new();
    let session = Maildir::open_on(&disk.shared(), maildrop.folder.path(), &eager()).unwrap();
    maildrop.moves(0, 1)();
    let mut renames = vec![maildrop.moves(1, 2)];
    let mut last = "";
    disk.meanwhile(move |call| {
        // The first look at a name behind a look at the directories.
        if (last, call) == ("stat of an open folder", "stat")
            && let Some(rename) = renames.pop()
        {
            rename();
        }
        last = call;
    });
    maildrop.check(&session.remove([number(1)], []));
}

#[test]
fn a_message_that_is_always_in_the_other_directory_is_not_called_gone() {
    let maildrop = Maildrop::new();
    let disk = Counted::new().on_time();
    let session = Maildir::open_on(&disk.shared(), maildrop.folder.path(), &eager()).unwrap();
    maildrop.moves(0, 1)();
    // The directory `new` is listed before `cur`. Each is read three times before the store gives up for a while.
    let [back, forth] = [maildrop.moves(1, 0), maildrop.moves(0, 1)];
    let mut listed = 0;
    disk.meanwhile(move |call| {
        if call == "list" && listed < 6 {
            match listed % 2 {
                0 if listed > 0 => forth(),
                0 => {}
                _ => back(),
            }
            listed += 1;
        }
    });
    maildrop.check(&session.remove([number(1)], []));
}

#[test]
fn a_message_that_a_reader_has_before_it_is_taken_back_is_not_called_missing() {
    let folder = maildir();
    let [new, cur] = ["new", "cur"].map(|name| folder.path().join(name));
    let disk = Counted::new();
    let faults = Faults::over(disk.shared());
    let mut message = Delivery::open_on(faults.shared(), folder.path(), false).unwrap().begin().unwrap();
    message.write_all(b"x\n").unwrap();
    let mut renames = 0;
    disk.meanwhile(move |call| {
        renames += usize::from(call == "rename");
        if (call, renames) == ("rename", 2) {
            let delivered = fs::read_dir(&new).unwrap().next().unwrap().unwrap().path();
            fs::rename(delivered, cur.join("1.a.h:2,S")).unwrap();
        }
    });
    // The message is written, synced and moved. The sync of `new` fails.
    faults.fail_at(4, ErrorKind::StorageFull);
    let error = message.finish().unwrap_err();
    assert_eq!((error.kind(), error.may_be_delivered()), (ErrorKind::StorageFull, true));
    assert!(error.to_string().ends_with("look for it before you deliver it again"), "{error}");
    assert_eq!(contents(&mut open(&folder)), [b"x\n"]);
}

/// Without moves that replace nothing, a message has two names for a moment. If the old one goes by itself, the new one is
/// the only one.
#[test]
fn a_message_whose_old_name_goes_while_it_is_moved_keeps_the_new_one() {
    let folder = maildir();
    put(&folder, "tmp/1.a.h", "x\n");
    let disk = Counted::new();
    let faults = Faults::over(disk.shared());
    faults.without_rename_new();
    let mut old = Some(folder.path().join("tmp/1.a.h"));
    disk.meanwhile(move |call| {
        if call == "unlink"
            && let Some(old) = old.take()
        {
            fs::remove_file(old).unwrap();
        }
    });
    Delivery::open_on(faults.shared(), folder.path(), false).unwrap().publish(b"1.a.h").unwrap();
    assert_eq!(contents(&mut open(&folder)), [b"x\n"]);
}
