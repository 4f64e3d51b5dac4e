//! `pop3 deliver`: whole messages or none, and codes that mail servers understand.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::{House, code, contents, errors, printed, program, run};

const MESSAGE: &[u8] = b"Subject: hello\n\nFrom here\n.\nbare \r and no end";

fn deliver(store: &str, more: &[&str], input: &[u8]) -> Output {
    run(&[&["deliver", "--store", store], more].concat(), input)
}

/// Whether it ended with this code, and a line that begins with this status and contains these words.
fn is_refused(output: &Output, expected: i32, status: &str, words: &str) {
    let said = errors(output);
    assert_eq!(code(output), expected, "{said}");
    assert!(said.starts_with(&format!("{status} pop3: ")) && said.contains(words), "{said}");
    assert!(said.ends_with('\n') && said.lines().count() == 1, "{said}");
}

#[test]
fn a_message_is_stored_as_it_is() {
    let house = House::new();
    house.maildir("mail/alice");
    let store = house.maildirs();
    let output = deliver(&store, &["alice"], MESSAGE);
    assert_eq!((code(&output), errors(&output), printed(&output)), (0, String::new(), String::new()));
    let new = house.path("mail/alice/new");
    assert_eq!(contents(&new), [MESSAGE]);
    // The line before a message that Exim adds, and the fields that Postfix would add with its own flags.
    let envelope = [b"From bob@x Sat Jan  6 10:00:00 2024\n", MESSAGE].concat();
    let fields = ["-f", "bob@x", "-a", "alice@x", "alice"];
    assert_eq!(code(&deliver(&store, &fields, &envelope)), 0);
    let expected = [b"Return-Path: <bob@x>\nDelivered-To: alice@x\n", MESSAGE].concat();
    assert_eq!(contents(&new), [expected.as_slice(), MESSAGE]);
    // Larger than what is read at once.
    house.maildir("mail/bob");
    let large = [&b"A: b\n\n"[..], &b"0123456789abcdef\n".repeat(100_000)].concat();
    let output =
        program().args(["deliver", "bob"]).env("POP3_STORE", &store).stdin(Stdio::piped()).spawn().unwrap();
    output.stdin.as_ref().unwrap().write_all(&large).unwrap();
    assert_eq!(code(&output.wait_with_output().unwrap()), 0);
    assert!(contents(&house.path("mail/bob/new")) == [large]);
    assert!(contents(&house.path("mail/bob/tmp")).is_empty());
}

#[test]
fn who_is_no_user_is_told_from_what_is_not_there_yet() {
    let house = House::new();
    house.maildir("mail/alice");
    let store = house.maildirs();
    is_refused(&deliver(&store, &["bob"], MESSAGE), 67, "5.1.1", "pop3: there is no user bob\n");
    is_refused(&deliver(&store, &["../alice"], MESSAGE), 67, "5.1.1", "there is no user ../alice\n");
    is_refused(&deliver(&store, &["a\nb"], MESSAGE), 67, "5.1.1", "there is no user a\\nb\n");
    // A disk that is not mounted looks like this.
    fs::create_dir_all(house.path("mail/carol")).unwrap();
    is_refused(&deliver(&store, &["carol"], MESSAGE), 75, "4.3.0", "is a disk not mounted");
    fs::create_dir(house.path("empty")).unwrap();
    for folder in ["empty", "none"] {
        let store = format!("maildir:{}", house.path(folder).display());
        is_refused(&deliver(&store, &["alice"], MESSAGE), 75, "4.3.0", "is a disk not mounted");
    }
    // With a users file, that says who is a user.
    let users = house.path("users");
    fs::write(&users, "alice:{PLAIN}a\nDave:{PLAIN}a\n").unwrap();
    let with = ["--users", users.to_str().unwrap(), "--fold-names"];
    let to = |user| deliver(&store, &[&with[..], &[user]].concat(), MESSAGE);
    is_refused(&to("bob"), 67, "5.1.1", "there is no user bob\n");
    is_refused(&to("dave"), 75, "4.3.5", "dave is a user, but there is no Maildir");
    assert_eq!(code(&to("ALICE")), 0);
    assert_eq!(contents(&house.path("mail/alice/new")), [MESSAGE]);
    // Nothing is created.
    assert!(!house.path("mail/bob").exists() && !house.path("mail/dave").exists());
}

#[test]
fn whatever_has_to_be_corrected_lets_the_message_wait() {
    let house = House::new();
    house.maildir("mail/alice");
    let store = house.maildirs();
    is_refused(&run(&["deliver", "alice"], MESSAGE), 75, "4.3.5", "--store");
    is_refused(&deliver("imap:x", &["alice"], MESSAGE), 75, "4.3.5", "expected maildir:PATH");
    is_refused(&deliver(&store, &["alice", "--retrun-path", "x"], MESSAGE), 75, "4.3.5", "did you mean");
    is_refused(&deliver(&store, &["alice", "--users", "none"], MESSAGE), 75, "4.3.5", "none");
    is_refused(
        &deliver(&store, &["alice", "--id", "x"], MESSAGE),
        75,
        "4.3.5",
        "--id does not work with Maildirs",
    );
    is_refused(&deliver(&store, &["alice"], b""), 75, "4.3.0", "there is no message on standard input");
    // A directory can't be read as a file.
    let folder = fs::File::open(house.path("mail")).unwrap();
    let output = program().args(["deliver", "--store", &store, "alice"]).stdin(folder).output().unwrap();
    is_refused(&output, 75, "4.3.0", "can't be read from standard input");
    let help = run(&["deliver", "--help"], b"");
    assert_eq!(code(&help), 0);
    assert!(printed(&help).contains("EX_TEMPFAIL"));
    assert!(contents(&house.path("mail/alice/new")).is_empty());
    assert!(contents(&house.path("mail/alice/tmp")).is_empty());
}

#[test]
fn a_full_disk_and_a_foreign_maildir_let_the_message_wait() {
    let house = House::new();
    house.maildir("mail/alice");
    let store = house.maildirs();
    // The limit of the size of a file stands for a full disk: SIGXFSZ is ignored, as in most programs.
    let script = "ulimit -f 8; trap '' XFSZ; exec \"$@\"";
    let mut child = std::process::Command::new("/bin/sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_pop3"), "deliver", "--store", &store, "alice"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(&b"x".repeat(100_000));
    is_refused(&child.wait_with_output().unwrap(), 75, "4.3.0", "can't write");
    assert!(contents(&house.path("mail/alice/new")).is_empty());
    assert!(contents(&house.path("mail/alice/tmp")).is_empty());

    if rustix::process::geteuid().is_root() {
        return;
    }
    fs::set_permissions(house.path("mail/alice/tmp"), fs::Permissions::from_mode(0o500)).unwrap();
    let refused = deliver(&store, &["alice"], MESSAGE);
    is_refused(&refused, 75, "4.3.5", "run this as the user to whom the maildrops belong");
}

#[test]
fn a_message_that_does_not_end_is_given_up_in_time() {
    let house = House::new();
    house.maildir("mail/alice");
    let mut child = program()
        .args(["deliver", "--store", &house.maildirs(), "--timeout", "1", "alice"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(MESSAGE).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    is_refused(&output, 75, "4.3.0", "was not delivered within 1 s");
    assert!(contents(&house.path("mail/alice/new")).is_empty());
}

/// Waits until there is a file in the directory.
fn wait_for_file(folder: &Path) {
    while fs::read_dir(folder).unwrap().next().is_none() {
        std::thread::yield_now();
    }
}

// A killed delivery leaves nothing that is seen, and its repetition delivers one whole message.
#[test]
fn a_delivery_that_is_killed_leaves_nothing() {
    let house = House::new();
    house.maildir("mail/alice");
    let mut child = program()
        .args(["deliver", "--store", &house.maildirs(), "alice"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&b"x".repeat(1_000_000)).unwrap();
    wait_for_file(&house.path("mail/alice/tmp"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(contents(&house.path("mail/alice/new")).is_empty());
    assert_eq!(code(&deliver(&house.maildirs(), &["alice"], MESSAGE)), 0);
    assert_eq!(contents(&house.path("mail/alice/new")), [MESSAGE]);
}
