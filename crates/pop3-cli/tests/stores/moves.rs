//! `pop3 store import` and `pop3 store export`: every message once, with its unique-id.

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use pop3_maildir::{Maildir, UniqueIds};

use crate::support::{House, code, dovecot, errors, printed, program, run, shown};

/// Puts a message into a Maildir, with the time of its name.
fn put(maildir: &Path, name: &str, content: &str) {
    let path = maildir.join(name);
    fs::write(&path, content).unwrap();
    let seconds = name[4..].split('.').next().unwrap().parse().unwrap();
    let file = fs::File::open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

fn some_mail(maildir: &Path) {
    put(maildir, "new/1700000001.a.h", "Subject: 1\n\none\n");
    put(maildir, "cur/1700000002.b.h:2,FS", "Subject: 2\r\n\r\n.two\r\n");
    put(maildir, "cur/1700000003.c.h,S=5:2,", "three");
}

/// Runs `pop3 store`, which must end with this code, and returns what it prints.
fn store(arguments: &[&str], expected: i32) -> String {
    let output = run(&[&["store"], arguments].concat(), b"");
    assert_eq!(code(&output), expected, "{arguments:?} {} {}", printed(&output), errors(&output));
    if expected == 0 { printed(&output) } else { errors(&output) }
}

// MDR-11
#[test]
fn maildirs_are_exported_with_their_unique_ids() {
    let house = House::new();
    for user in ["alice", "bob@example.org"] {
        house.maildir(&format!("mail/{user}"));
    }
    some_mail(&house.path("mail/alice"));
    let before = shown(&house.path("mail/alice"), UniqueIds::Maildir);
    let (from, out) = (house.maildirs(), house.path("out"));
    let to = out.to_str().unwrap();
    let export = ["export", "--store", &from, "--to", to];
    assert_eq!(
        store(&export, 0),
        "alice: 3 messages exported, 0 were exported before\n\
         bob@example.org: 0 messages exported, 0 were exported before\n"
    );
    assert_eq!(shown(&out.join("alice"), dovecot()), before);
    assert!(shown(&out.join("bob@example.org"), dovecot()).is_empty());
    // Again, with one more, while one was deleted in the copy.
    put(&house.path("mail/alice"), "new/1700000004.d.h", "four");
    let config = pop3_maildir::MaildirConfig::new().with_unique_ids(dovecot());
    let copy = Maildir::open_with(out.join("alice"), &config).unwrap();
    assert!(copy.remove([pop3_proto::MessageNumber::FIRST], []).is_complete());
    let alice = [&export[..], &["alice"]].concat();
    assert_eq!(store(&alice, 0), "alice: 1 messages exported, 3 were exported before\n");
    let after = shown(&house.path("mail/alice"), UniqueIds::Maildir);
    assert_eq!(shown(&out.join("alice"), dovecot()), after[1..]);
    assert_eq!(store(&alice, 0), "alice: 0 messages exported, 4 were exported before\n");
    // And back into another store, which is served in the same way.
    fs::create_dir(house.path("other")).unwrap();
    let other = format!("maildir:{}", house.path("other").display());
    let import = ["import", "--from", to, "--store", &other, "--unique-ids", "dovecot"];
    assert!(store(&import, 0).starts_with("alice: 3 messages imported, 0 were"));
    assert_eq!(shown(&house.path("other/alice"), dovecot()), after[1..]);
    assert!(store(&import, 0).starts_with("alice: 0 messages imported, 3 were"));
    // One Maildir into another one, of any names.
    let (one, two) = (format!("maildir:{to}/alice"), format!("maildir:{}", house.path("two").display()));
    let import = ["import", "--from", &one, "--to", &two, "--unique-ids", "dovecot"];
    assert_eq!(store(&import, 0), "3 messages imported, 0 were imported before\n");
    assert_eq!(shown(&house.path("two"), dovecot()), after[1..]);
    let import = ["import", "--from", &one, "--store", &other, "--unique-ids", "dovecot", "carol"];
    assert_eq!(store(&import, 0), "carol: 3 messages imported, 0 were imported before\n");
    assert_eq!(shown(&house.path("other/carol"), dovecot()), after[1..]);
}

#[test]
fn what_can_not_be_moved_is_said_and_the_rest_is_moved() {
    let house = House::new();
    let (from, out) = (house.maildirs(), house.path("out"));
    let to = out.to_str().unwrap();
    let export =
        |more: &[&str], code| store(&[&["export", "--store", &from, "--to", to], more].concat(), code);
    assert!(export(&[], 2).contains("mail can't be read"));
    fs::create_dir_all(house.path("mail/.hidden/new")).unwrap();
    assert!(export(&[], 2).contains("no user has this name"));
    for user in ["alice", "bob"] {
        house.maildir(&format!("mail/{user}"));
        some_mail(&house.path(&format!("mail/{user}")));
    }
    assert!(export(&["../x"], 2).contains("../x is not a valid user name"));
    assert!(export(&["carol"], 2).contains("carol: there is no Maildir"));
    assert!(export(&["--maildrop-path", "{user}/Maildir"], 2).contains("name the users"));
    // A maildrop that is in use.
    let session = Maildir::open(house.path("mail/alice")).unwrap();
    assert!(export(&["alice"], 6).contains("alice: the Maildir"));
    assert!(export(&["alice", "bob"], 1).contains("in use"));
    drop(session);
    assert_eq!(shown(&out.join("bob"), dovecot()).len(), 3);
    // What is no file is no message, and is told.
    fs::create_dir(house.path("mail/alice/new/1700000009.x.h")).unwrap();
    let told = export(&["alice"], 1);
    assert!(told.contains("1700000009.x.h is left out"), "{told}");
    assert_eq!(shown(&out.join("alice"), dovecot()).len(), 3);
    // Mail in the target whose unique-ids would change.
    house.maildir("out/dave");
    some_mail(&out.join("dave"));
    house.maildir("mail/dave");
    assert!(export(&["dave"], 2).contains("choose a new Maildir"));

    for (arguments, words) in [
        (&["import", "--from", "mbox:x"][..], "give --to maildir:DIR"),
        (&["import", "--from", "x", "--to", "maildir:y"], "write --from maildir:DIR"),
        (&["import", "--from", "maildir:x", "--store", "maildir:y"], "exactly one USER"),
        (&["import", "--from", "x", "--store", "maildir:y", "--remove"], "for an mbox only"),
        (
            &["import", "--from", "maildir:x", "--to", "maildir:y", "--unique-ids", "z"],
            "--unique-ids: expected",
        ),
        (&["import", "--from", "x"], "there is no store"),
        (&["init", "--store", "maildir:x"], "needs no tables"),
        (&["check", "--store", "maildir:x"], "is no database"),
    ] {
        let told = store(arguments, 2);
        assert!(told.contains(words), "{arguments:?} {told}");
    }
}

// MDR-11: an export that is killed can be repeated, and then each message is there once.
#[test]
fn an_export_that_is_killed_is_taken_up() {
    let house = House::new();
    house.maildir("mail/alice");
    // A batch has 1000 messages. The kill comes after the first one, or later.
    for message in 0..1200 {
        let name = format!("mail/alice/new/{}.m.h", 1_700_000_000 + message);
        fs::write(house.path(&name), format!("Subject: {message}\n\n")).unwrap();
    }
    let (from, out) = (house.maildirs(), house.path("out"));
    let export = ["store", "export", "--store", &from, "--to", out.to_str().unwrap(), "alice"];
    let mut child = program().args(export).spawn().unwrap();
    let new = out.join("alice/new");
    while fs::read_dir(&new).map_or(true, |mut entries| entries.next().is_none()) {
        assert!(child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let output = run(&export, b"");
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let before = shown(&house.path("mail/alice"), UniqueIds::Maildir);
    assert_eq!(before.len(), 1200);
    assert!(shown(&out.join("alice"), dovecot()) == before);
    let left = fs::read_dir(out.join("alice")).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("moving"));
    assert_eq!(left.count(), 0);
}
