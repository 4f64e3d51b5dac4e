//! Delivery is complete and durable, or does nothing.

use core::time::Duration;
use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::SystemTime;

use pop3_maildir::{CrlfToLf, Delivery};
use proptest::prelude::*;

use crate::counted::Counted;
use crate::support::{contents, maildir, names, open, put};

#[test]
fn a_finished_message_is_in_new_and_nowhere_else() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    let mut message = delivery.begin().unwrap();
    assert_eq!(names(&folder, "tmp").len(), 1);
    message.write_all(b"A: b\r\n\r\nx").unwrap();
    assert!(names(&folder, "new").is_empty());
    let delivered = message.finish().unwrap();
    assert!(names(&folder, "tmp").is_empty());
    assert_eq!(fs::read(delivered.path()).unwrap(), b"A: b\r\n\r\nx");
    assert_eq!(fs::metadata(delivered.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(contents(&mut open(&folder)), [b"A: b\r\n\r\nx"]);
}

#[test]
fn an_unfinished_message_leaves_nothing() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap().with_lf(true);
    drop(delivery.begin().unwrap());
    let mut message = delivery.begin().unwrap();
    message.write_all(&[b'x'; 200_000]).unwrap();
    message.flush().unwrap();
    message.write_all(b"gathered\r").unwrap();
    drop(message);
    assert!(names(&folder, "tmp").is_empty() && names(&folder, "new").is_empty());
}

#[test]
fn it_does_not_wait_for_a_session() {
    let folder = maildir();
    let session = open(&folder);
    Delivery::open(folder.path(), false).unwrap().begin().unwrap().finish().unwrap();
    drop(session);
    assert_eq!(open(&folder).snapshot().len(), 1);
}

#[test]
fn a_maildir_is_made_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail");
    let error = Delivery::open(&path, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("mail"), "{error}");
    assert!(!path.exists());
    Delivery::open(&path, true).unwrap();
    for name in ["tmp", "new", "cur"] {
        assert_eq!(fs::metadata(path.join(name)).unwrap().mode() & 0o777, 0o700);
    }
    let deeper = folder.path().join("no/such/parent");
    assert_eq!(Delivery::open(&deeper, true).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_folder_that_vanished_is_an_error_with_its_path() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    let mut message = delivery.begin().unwrap();
    message.write_all(b"x").unwrap();
    fs::remove_dir(folder.path().join("new")).unwrap();
    let error = message.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("tmp"), "{error}");
    assert!(names(&folder, "tmp").is_empty());
}

#[test]
fn many_at_once_have_different_names() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let delivery = &delivery;
            scope.spawn(move || {
                for index in 0..25 {
                    let mut message = delivery.begin().unwrap();
                    writeln!(message, "{writer} {index}").unwrap();
                    message.finish().unwrap();
                }
            });
        }
    });
    let texts: HashSet<Vec<u8>> = contents(&mut open(&folder)).into_iter().collect();
    assert_eq!(texts.len(), 100);
}

#[test]
fn messages_of_one_fetch_keep_their_order() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    for index in 0..50_u8 {
        let mut message = delivery.begin().unwrap();
        message.write_all(&[index]).unwrap();
        message.finish().unwrap();
    }
    assert_eq!(contents(&mut open(&folder)).concat(), (0..50).collect::<Vec<u8>>());
}

// MDR-04
#[test]
fn only_what_is_abandoned_is_cleaned_from_tmp() {
    let folder = maildir();
    put(&folder, "tmp/1.left.h", "x");
    put(&folder, "tmp/.dot", "x");
    fs::create_dir(folder.path().join("tmp/directory")).unwrap();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    assert_eq!(delivery.clean_tmp(Delivery::ABANDONED).unwrap(), 0);
    assert_eq!(delivery.clean_tmp(Duration::ZERO).unwrap(), 1);
    assert_eq!(names(&folder, "tmp"), [".dot", "directory"]);
}

// MDR-04
#[test]
fn what_is_left_for_36_hours_is_abandoned() {
    let folder = maildir();
    put(&folder, "tmp/1.left.h", "x");
    for (hours, cleaned) in [(35, 0), (37, 1)] {
        let time = SystemTime::now() + Duration::from_secs(hours * 3_600);
        let disk = Counted::new().stopped_at(time).shared();
        let delivery = Delivery::open_on(disk, folder.path(), false).unwrap();
        assert_eq!(delivery.clean_tmp(Delivery::ABANDONED).unwrap(), cleaned, "{hours} hours");
    }
}

#[test]
fn files_that_others_write_in_tmp_are_published_under_fresh_names() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    let fresh = [(); 2].map(|()| String::from_utf8(delivery.fresh_name()).unwrap());
    assert_ne!(fresh[0], fresh[1]);
    for name in &fresh {
        put(&folder, &format!("tmp/{name}"), "x\n");
        delivery.publish(name.as_bytes()).unwrap();
    }
    assert_eq!((names(&folder, "tmp").len(), contents(&mut open(&folder)).len()), (0, 2));
    // Nothing is replaced, and what is not there can't be published.
    put(&folder, &format!("tmp/{}", fresh[0]), "y\n");
    assert_eq!(delivery.publish(fresh[0].as_bytes()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(delivery.publish(b"1.none.h").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(contents(&mut open(&folder)), [b"x\n", b"x\n"]);
}

#[test]
fn what_a_labelled_delivery_left_is_cleaned_and_nothing_else() {
    let folder = maildir();
    let delivery = |label| Delivery::open(folder.path(), false).unwrap().with_label(label);
    let (ours, theirs) = (delivery(0xab), delivery(0xabc));
    ours.begin().unwrap().leave();
    ours.begin().unwrap().leave();
    theirs.begin().unwrap().leave();
    Delivery::open(folder.path(), false).unwrap().begin().unwrap().leave();
    put(&folder, "tmp/1.M2P3Q4R5.h", "of another program");
    assert_eq!(names(&folder, "tmp").len(), 5);
    assert_eq!(ours.clean_labelled(0xab).unwrap(), 2);
    assert_eq!(ours.clean_labelled(0xab).unwrap(), 0);
    assert_eq!(names(&folder, "tmp").len(), 3);
    assert_eq!(names(&folder, "new").len(), 0);
}

#[test]
fn a_delivery_that_failed_stays_until_it_is_dropped_or_left() {
    let folder = maildir();
    let delivery = Delivery::open(folder.path(), false).unwrap();
    for left in [false, true] {
        let mut message = delivery.begin().unwrap();
        message.write_all(b"x").unwrap();
        let name = message.path().file_name().unwrap().to_owned();
        // It never replaces another message.
        put(&folder, &format!("new/{}", name.to_str().unwrap()), "other");
        assert_eq!(message.deliver().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(&folder, "tmp").len(), 1);
        if left {
            message.leave()
        } else {
            drop(message)
        }
        assert_eq!(names(&folder, "tmp").len(), usize::from(left));
        fs::remove_file(folder.path().join("new").join(name)).unwrap();
    }
}

proptest! {
    #[test]
    fn crlf_becomes_lf_at_any_cut(
        text in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x'), any::<u8>()], 0..60
        ),
        cuts in proptest::collection::vec(1..5_usize, 60),
    ) {
        let mut expected = Vec::new();
        for (index, &octet) in text.iter().enumerate() {
            if octet != b'\r' || text.get(index + 1) != Some(&b'\n') {
                expected.push(octet);
            }
        }
        let mut writer = CrlfToLf::new(Vec::new());
        let mut rest = &text[..];
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            writer.write_all(piece).unwrap();
            rest = behind;
        }
        writer.write_all(rest).unwrap();
        prop_assert_eq!(writer.finish().unwrap(), expected);
    }
}
