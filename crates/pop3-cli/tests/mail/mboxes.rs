//! The locks of an mbox, together with the programs that use them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::support::{House, RUNTIMES, Scripted, code, errors, program, script};

const MAIL: &[u8] = b"Subject: a\r\n\r\nA\r\n";

/// What a program in Python does with the mbox `path` under its lock, and how it locks.
const WAYS: [(&str, &str); 4] = [
    ("mailbox", "import mailbox; box = mailbox.mbox(path); box.lock()"),
    ("fcntl", "import fcntl; file = open(path, 'a'); fcntl.lockf(file, fcntl.LOCK_EX)"),
    ("flock", "import fcntl; file = open(path, 'a'); fcntl.flock(file, fcntl.LOCK_EX)"),
    ("the lock file", "import os; os.close(os.open(path + '.lock', os.O_CREAT | os.O_EXCL))"),
];

/// A program in Python that holds the lock until its standard input ends, and then checks that nobody
/// wrote to the mbox in the meantime.
fn holder(path: &Path, way: &str) -> Child {
    let code = format!(
        "import os, sys\npath = sys.argv[1]\n{way}\nsize = os.path.getsize(path)\nprint('locked', flush=True)\n\
         sys.stdin.read()\nassert os.path.getsize(path) == size\n\
         if 'box' in globals(): box.unlock()\nelif 'file' not in globals(): os.unlink(path + '.lock')\n"
    );
    let mut child = Command::new("python3")
        .args(["-c", &code])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n");
    child
}

fn release(mut holder: Child) {
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success(), "somebody wrote to the mbox under another's lock");
}

#[test]
fn a_lock_of_another_program_is_waited_for() {
    for ((name, way), runtime) in WAYS.into_iter().zip(RUNTIMES) {
        let house = House::new();
        let path = house.path("out");
        fs::write(&path, "From a\n\nold\n\n").unwrap();
        let holder = holder(&path, way);
        let server = Scripted::start(b"+OK\r\n", vec![script(vec![MAIL.to_vec()], |_| None)]);
        let mut child =
            house.fetch(&server.url(), &["--to", &house.to("mbox"), "--runtime", runtime]).spawn().unwrap();
        // It has the mbox open and waits.
        let descriptors = format!("/proc/{}/fd", child.id());
        let waits = || {
            let links = fs::read_dir(&descriptors)
                .unwrap()
                .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            links.into_iter().any(|link| link == fs::canonicalize(&path).unwrap())
        };
        while !waits() {
            assert!(child.try_wait().unwrap().is_none(), "{name}: it did not wait");
        }
        release(holder);
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{name}: {}", errors(&output));
        server.said();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("From a\n\nold\n\nFrom MAILER-DAEMON ") && text.ends_with("\n\nA\n\n"),
            "{text}"
        );
        assert_eq!(beside(&house), ["out"], "{name}");
    }
}

/// The files beside the mbox that belong to it.
fn beside(house: &House) -> Vec<String> {
    let names =
        fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("out")).collect()
}

#[test]
fn a_lock_that_stays_ends_the_run_with_a_word_on_what_to_do() {
    let threads = WAYS.map(|(name, way)| {
        thread::spawn(move || {
            let house = House::new();
            let path = house.path("out");
            fs::write(&path, "").unwrap();
            let holder = holder(&path, way);
            let output =
                house.fetch("pop3://alice@127.0.0.1:1", &["--to", &house.to("mbox")]).output().unwrap();
            let text = errors(&output);
            assert_eq!(code(&output), 2, "{name}: {text}");
            assert!(text.contains(&house.to("mbox")) && text.contains("try again"), "{name}: {text}");
            let named = text.contains(&format!("{}.lock", path.display()));
            assert_eq!(named, name == "the lock file", "{name}: {text}");
            assert_eq!(fs::read(&path).unwrap(), b"");
            release(holder);
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// While another program has the mbox, an import is to be tried later.
#[test]
fn a_lock_that_stays_ends_an_import() {
    let house = House::new();
    let (spool, lock) = (house.path("spool"), house.path("spool.lock"));
    fs::write(&spool, "From a Sat Jan  6 10:00:00 2024\n\ny\n").unwrap();
    fs::write(&lock, format!("{}\n", std::process::id())).unwrap();
    let import = || {
        let (from, to) =
            (format!("mbox:{}", spool.display()), format!("maildir:{}", house.path("mail").display()));
        program().args(["store", "import", "--from", &from, "--to", &to, "--remove"]).output().unwrap()
    };
    let output = import();
    assert_eq!(code(&output), 6, "{}", errors(&output));
    fs::remove_file(&lock).unwrap();
    assert_eq!(code(&import()), 0);
    assert_eq!(fs::read(&spool).unwrap(), b"");
}

#[test]
fn a_lock_file_of_a_killed_run_is_taken_over() {
    let house = House::new();
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    fs::write(house.path("out.lock"), format!("{}:{}", gone.id(), host.trim())).unwrap();
    let server = Scripted::start(b"+OK\r\n", vec![script(vec![MAIL.to_vec()], |_| None)]);
    let output = house.fetch(&server.url(), &["--to", &house.to("mbox")]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    server.said();
    assert_eq!(beside(&house), ["out"]);
}

/// Where files cannot be created, as in /var/mail without the group mail.
#[test]
fn a_folder_without_room_for_a_lock_file_is_told_with_what_to_do() {
    let house = House::new();
    let folder = house.path("spool");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("alice"), "").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may do everything until it drops that capability.
    let user = String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap();
    let mut command = if user.trim() == "0" {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", env!("CARGO_BIN_EXE_pop3")]);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_pop3"))
    };
    let output = command
        .args(["fetch", "pop3://alice@127.0.0.1:1", "--to"])
        .arg(format!("mbox:{}/alice", folder.display()))
        .arg("--state")
        .arg(house.path("state"))
        .env("POP3_PASSWORD", "x")
        .output()
        .unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let text = errors(&output);
    assert_eq!(code(&output), 2, "{text}");
    for part in ["spool/alice.lock", "group mail", "Permission denied"] {
        assert!(text.contains(part), "{text}");
    }
}

/// Other programs write to the mbox while messages are fetched into it, and no message is damaged.
#[test]
fn two_programs_write_to_one_mbox() {
    const EACH: usize = 30;
    let house = House::new();
    let path = house.path("out");
    fs::write(&path, "").unwrap();
    let code_text = format!(
        "import mailbox, sys\nbox = mailbox.mbox(sys.argv[1])\nprint('ready', flush=True)\nleft = {EACH}\n\
         while left:\n  try: box.lock()\n  except mailbox.ExternalClashError: continue\n  \
         box.add(b'Subject: theirs\\n\\n' + b'theirs\\n' * 500)\n  box.flush()\n  box.unlock()\n  box.close()\n  \
         box = mailbox.mbox(sys.argv[1])\n  left -= 1\n"
    );
    let mut other =
        Command::new("python3").args(["-c", &code_text]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(other.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    let mail = [b"Subject: ours\r\n\r\n".as_slice(), &b"ours\r\n".repeat(500)].concat();
    let server = Scripted::start(b"+OK\r\n", vec![script(vec![mail; EACH], |_| None)]);
    let output = house.fetch(&server.url(), &["--to", &house.to("mbox")]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    server.said();
    assert!(other.wait().unwrap().success());
    let text = fs::read_to_string(&path).unwrap();
    for who in ["ours", "theirs"] {
        let whole = format!("Subject: {who}\n\n{}\n", format!("{who}\n").repeat(500));
        assert_eq!(text.matches(&whole).count(), EACH, "{who}");
    }
}
