//! The commands on databases: SQLite, and PostgreSQL if it is installed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

use pop3_maildir::UniqueIds;
use pop3_test_postgres::Postgres;

use crate::support::{House, add, code, databases, done, dovecot, errors, printed, program, run, shown};

const MESSAGE: &[u8] = b"Subject: hello\n\nFrom here\n.\nbare \r and no end";

/// The contents of the maildrop of a user, in its order.
fn stored(house: &House, url: &str, user: &str) -> Vec<Vec<u8>> {
    let out = house.path("stored");
    fs::remove_dir_all(&out).ok();
    done(&["store", "export", "--store", url, "--to", out.to_str().unwrap(), user], b"");
    shown(&out.join(user), dovecot()).into_iter().map(|(_, content, ..)| content).collect()
}

fn deliver(url: &str, more: &[&str], input: &[u8]) -> std::process::Output {
    run(&[&["deliver", "--store", url], more].concat(), input)
}

/// Kills a program when its threads have waited so often for a disk, a database or each other, or when it has ended. This
/// is a place in its work, whatever the speed of the machine.
fn kill_after_waits(mut child: Child, waits: u64) {
    while child.try_wait().unwrap().is_none() && waits_of(child.id()) < waits {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How often the threads of this process have waited.
fn waits_of(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    // A thread that has ended meanwhile has no status.
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    statuses.filter_map(of_thread).sum()
}

#[test]
fn tables_are_made_once() {
    let house = House::new();
    for url in databases(&house) {
        let again = done(&["store", "init", "--store", &url], b"");
        assert!(again.contains("already") && !again.contains("secret"), "{again}");
        assert!(done(&["store", "check", "--store", &url], b"").contains("0 messages, nothing is wrong"));
    }
    // A database without tables lets mail wait.
    let Some(postgres) = Postgres::shared() else { return };
    let url = postgres.url(&postgres.create_database());
    let refused = deliver(&url, &["alice"], MESSAGE);
    assert_eq!(code(&refused), 75);
    let told = errors(&refused);
    assert!(told.starts_with("4.3.5 pop3: ") && told.contains("pop3 store init"), "{told}");
}

#[test]
fn users_come_change_and_go() {
    let house = House::new();
    for url in databases(&house) {
        add(&url, "alice");
        add(&url, "bob");
        let user = |line: &str, input: &[u8], expected: i32| {
            let words: Vec<_> = line.split_whitespace().chain(["--store", &url]).collect();
            let output = run(&[&["user"], &words[..]].concat(), input);
            assert_eq!(code(&output), expected, "{line} {}", errors(&output));
            printed(&output) + &errors(&output)
        };
        assert_eq!(user("list", b"", 0), "alice\tSCRAM-SHA-256\nbob\tSCRAM-SHA-256\n");
        assert!(user("add alice --form argon2id", b"x\n", 2).contains("alice"));
        assert!(user("passwd carol", b"", 2).contains("does not contain carol; pop3 user add"));
        user("passwd alice --form argon2id", b"other\n", 0);
        assert_eq!(user("list", b"", 0), "alice\thash\nbob\tSCRAM-SHA-256\n");
        assert!(user("add carol --home /x", b"x\n", 2).contains("--home"));
        assert_eq!(user("quota alice", b"", 0), "messages\t0\tno limit\noctets\t0\tno limit\n");
        user("quota alice --max-messages 1 --max-octets 10k", b"", 0);

        // The limits hold, and the mail server is told what they mean.
        assert_eq!(code(&deliver(&url, &["alice"], MESSAGE)), 0);
        let full = deliver(&url, &["alice"], MESSAGE);
        assert_eq!(code(&full), 77, "{}", errors(&full));
        assert!(errors(&full).starts_with("5.2.2 pop3: "), "{}", errors(&full));
        user("quota alice --max-messages none", b"", 0);
        assert_eq!(code(&deliver(&url, &["alice"], &b"x".repeat(20_000))), 77);
        let quota = user("quota alice --max-octets none", b"", 0);
        assert!(quota.starts_with("messages\t1\tno limit\noctets\t"), "{quota}");

        // Mail does not go with its user, unless that is said.
        let told = user("del alice", b"", 0);
        assert!(told.contains("stays with 1 messages") && told.contains("--delete-mail"), "{told}");
        assert_eq!(user("list", b"", 0), "bob\tSCRAM-SHA-256\n");
        assert_eq!(stored(&house, &url, "alice"), [MESSAGE]);
        assert!(user("del alice --delete-mail", b"", 0).contains("1 messages of alice were removed"));
        assert_eq!(code(&deliver(&url, &["alice"], MESSAGE)), 67);
        assert!(user("del alice --delete-mail", b"", 2).contains("alice"));
        assert_eq!(user("del bob", b"", 0), "");
        assert_eq!(code(&deliver(&url, &["bob"], MESSAGE)), 67);
        assert_eq!(user("list", b"", 0), "");
    }
    let nowhere = run(&["user", "list"], b"");
    assert!(errors(&nowhere).contains("give --users FILE, or --store URL"), "{}", errors(&nowhere));
    let maildirs = run(&["user", "list", "--store", "maildir:x"], b"");
    assert!(errors(&maildirs).contains("give --users FILE"));
}

#[test]
fn a_message_is_stored_once_for_each_id() {
    let house = House::new();
    for url in databases(&house) {
        add(&url, "alice");
        let large = [&b"A: b\n\n"[..], &b"0123456789abcdef\n".repeat(100_000)].concat();
        assert_eq!(code(&deliver(&url, &["alice"], &large)), 0);
        let with_id = |message: &[u8]| deliver(&url, &["alice", "--id", "4XyZ", "--verbose"], message);
        let first = with_id(MESSAGE);
        assert_eq!((code(&first), errors(&first)), (0, String::new()));
        // The mail server tries again, perhaps with another date in the header.
        let again = with_id(&[b"Delivery-date: now\n", MESSAGE].concat());
        assert_eq!(code(&again), 0);
        assert!(errors(&again).contains("an earlier attempt"), "{}", errors(&again));
        // One that was cut short before, and another message with an id that is used again.
        assert_eq!(code(&with_id(&MESSAGE[..30])), 0);
        assert_eq!(code(&with_id(b"Subject: hello\n\nother")), 0);
        let expected = [&large, MESSAGE, &MESSAGE[..30], b"Subject: hello\n\nother"];
        assert!(stored(&house, &url, "alice") == expected);
        let nobody = deliver(&url, &["nobody"], MESSAGE);
        assert_eq!(code(&nobody), 67);
        assert!(errors(&nobody).starts_with("5.1.1 pop3: "), "{}", errors(&nobody));
        assert!(done(&["store", "check", "--store", &url], b"").contains("4 messages, nothing is wrong"));
    }
}

// A kill at any time leaves a whole message or none, and the attempts after it make one of it.
#[test]
fn a_delivery_that_is_killed_is_repeated_with_its_id() {
    let house = House::new();
    let message = [&b"Subject: x\n\n"[..], &b"0123456789abcdef\n".repeat(60_000)].concat();
    for url in databases(&house) {
        add(&url, "alice");
        // Before the message is complete.
        let arguments = ["deliver", "--store", &url, "--id", "7", "alice"];
        let mut child = program().args(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.as_ref().unwrap().write_all(&message[..500_000]).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(stored(&house, &url, "alice").is_empty());
        // While it is stored, sooner or later.
        for attempt in 0..12 {
            let mut child = program().args(arguments).stdin(Stdio::piped()).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&message).unwrap();
            drop(stdin);
            kill_after_waits(child, attempt * 2);
        }
        assert_eq!(code(&run(&arguments, &message)), 0);
        assert!(stored(&house, &url, "alice") == [&message[..]]);
        let checked = run(&["store", "check", "--store", &url], b"");
        assert_eq!(code(&checked), 0, "{}", printed(&checked));
    }
}

#[test]
fn a_database_that_is_away_lets_mail_wait() {
    // Nobody listens on a port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://pop3:hidden@127.0.0.1:{port}/mail");
    let refused = deliver(&url, &["alice"], MESSAGE);
    let told = errors(&refused);
    assert_eq!(code(&refused), 75, "{told}");
    assert!(told.starts_with("4.3.0 pop3: ") && !told.contains("hidden"), "{told}");
    let refused = run(&["user", "list", "--store", &url], b"");
    assert_eq!(code(&refused), 3, "{}", errors(&refused));
    assert!(!errors(&refused).contains("hidden"));
}

fn some_mail(maildir: &Path, messages: u64) {
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    for message in 0..messages {
        let folder = if message % 3 == 0 { "cur" } else { "new" };
        let info = if message % 3 == 0 { ":2,S" } else { "" };
        let path = maildir.join(folder).join(format!("{}.M{message}.h{info}", 1_700_000_000 + message));
        fs::write(&path, format!("Subject: {message}\r\n\n.{}\n", "x".repeat(message as usize % 97)))
            .unwrap();
        let time = std::time::UNIX_EPOCH + core::time::Duration::from_secs(1_600_000_000 + message);
        fs::File::open(path).unwrap().set_modified(time).unwrap();
    }
}

// MDR-11
#[test]
fn maildirs_move_into_a_database_and_out_again() {
    let house = House::new();
    some_mail(&house.path("mail/alice"), 120);
    some_mail(&house.path("mail/bob"), 3);
    let mail = house.path("mail");
    let before = |user: &str| shown(&mail.join(user), UniqueIds::Maildir);
    for url in databases(&house) {
        let import = ["store", "import", "--from", mail.to_str().unwrap(), "--store", &url];
        let refused = run(&import, b"");
        assert_eq!(code(&refused), 1, "{}", errors(&refused));
        assert!(errors(&refused).contains("alice: ") && errors(&refused).contains("bob: "));
        add(&url, "alice");
        add(&url, "bob");
        let imported = done(&import, b"");
        let expected = "alice: 120 messages imported, 0 were imported before\nbob: 3 messages imported, 0 were \
            imported before\n";
        assert_eq!(imported, expected);
        assert!(done(&import, b"").starts_with("alice: 0 messages imported, 120 were"));
        let out = house.path("out");
        fs::remove_dir_all(&out).ok();
        let export = ["store", "export", "--store", &url, "--to", out.to_str().unwrap()];
        let exported = done(&export, b"");
        assert_eq!(exported, expected.replace("imported", "exported"));
        for user in ["alice", "bob"] {
            assert!(shown(&out.join(user), dovecot()) == before(user), "{user}");
        }
        assert!(done(&export, b"").starts_with("alice: 0 messages exported, 120 were"));
        assert!(done(&["store", "check", "--store", &url], b"").contains("123 messages, nothing is wrong"));
    }
}

// MDR-11: an import that is killed can be repeated, and then each message is there once.
#[test]
fn an_import_that_is_killed_is_taken_up() {
    let house = House::new();
    some_mail(&house.path("mail/alice"), 400);
    let mail = house.path("mail");
    let before = shown(&mail.join("alice"), UniqueIds::Maildir);
    for url in databases(&house) {
        add(&url, "alice");
        let import = ["store", "import", "--from", mail.to_str().unwrap(), "--store", &url, "alice"];
        for waits in [4, 40, 120] {
            kill_after_waits(program().args(import).stdout(Stdio::null()).spawn().unwrap(), waits);
        }
        done(&import, b"");
        let out = house.path("out");
        fs::remove_dir_all(&out).ok();
        done(&["store", "export", "--store", &url, "--to", out.to_str().unwrap(), "alice"], b"");
        assert!(shown(&out.join("alice"), dovecot()) == before);
        assert_eq!(code(&run(&["store", "check", "--store", &url], b"")), 0);
    }
}
