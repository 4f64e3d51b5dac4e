//! A full disk under the target or the state file: nothing is lost, nothing counts as stored that is not, and
//! the error names the file.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{House, PASSWORD, RUNTIMES, Scripted, code, contents, errors, program, script};

/// This many messages of this many lines of 64 octets, all of them different.
#[derive(Clone, Copy, Debug)]
struct Mail(usize, usize);

/// A disk of a few KiB has no room for them.
const LARGE: Mail = Mail(12, 130);

/// Their notes do not fit in one page.
const MANY: Mail = Mail(60, 1);

impl Mail {
    fn messages(self) -> Vec<Vec<u8>> {
        let body = b"01234567890123456789012345678901234567890123456789012345678901\r\n".repeat(self.1);
        (0..self.0).map(|index| [format!("Subject: {index}.\r\n\r\n").as_bytes(), &body].concat()).collect()
    }
}

/// How a disk gets full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// A file system of this many KiB. Only root can mount one.
    Disk(usize),
    /// No file may grow beyond this many KiB.
    File(usize),
}

/// Whether this process may mount a small disk. The checks run as root, so they may.
fn may_mount() -> bool {
    let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    assert!(may || env::var_os("CI").is_none(), "unshare -m is refused; the checks are to run as root");
    if !may {
        eprintln!("NOT TESTED: only root may mount the small disks of this test");
    }
    may
}

/// Runs a fetch with little space, and finally copies the contents of the directory `small` to `copy`.
fn fetch(house: &House, url: &str, full: Option<Full>, options: &[&str]) -> Output {
    let small = house.path("small");
    let copy = house.path("copy");
    fs::create_dir_all(&small).unwrap();
    fs::create_dir_all(&copy).unwrap();
    // What an earlier run left is first copied to the small disk.
    let (prepare, prefix) = match full {
        Some(Full::Disk(room)) => (
            format!("mount -t tmpfs -o size={room}k small \"$SMALL\" && cp -a \"$COPY/.\" \"$SMALL\" && "),
            &["unshare", "-m"][..],
        ),
        Some(Full::File(room)) => {
            (format!("cp -a \"$COPY/.\" \"$SMALL\" && ulimit -f {} && ", room * 2), &[][..])
        }
        None => ("cp -a \"$COPY/.\" \"$SMALL\" && ".to_owned(), &[][..]),
    };
    let text = format!(
        "{{ {prepare} : ; }} || exit 99; \"$@\"; code=$?; rm -rf \"$COPY\"; \
         (ulimit -f unlimited; cp -a \"$SMALL/.\" \"$COPY\"; rm -rf \"$SMALL\"/*) 2>/dev/null; exit $code"
    );
    let words = [prefix, &["sh", "-c", &text, "sh"]].concat();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(program().get_program())
        .args(["fetch", url, "--timeout", "20"])
        .args(options)
        .env("SMALL", small)
        .env("COPY", copy)
        .env("POP3_PASSWORD", PASSWORD);
    command.output().unwrap()
}

/// How many of the messages are in the target, each complete. Panics if there is anything else.
fn stored(mail: Mail, kind: &str, out: &Path) -> usize {
    let end = if kind == "dir" { "\r\n" } else { "\n" };
    let expected = mail.messages().into_iter();
    let mut expected: Vec<String> =
        expected.map(|message| String::from_utf8(message).unwrap().replace("\r\n", end)).collect();
    let found: Vec<String> = match kind {
        "mbox" => {
            let text = fs::read_to_string(out).unwrap_or_default();
            let messages = text.split("From MAILER-DAEMON ").skip(1);
            messages
                .map(|message| message.split_once('\n').unwrap().1.strip_suffix('\n').unwrap().to_owned())
                .collect()
        }
        _ => {
            let folder = if kind == "maildir" { out.join("new") } else { out.to_owned() };
            contents(&folder).into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
        }
    };
    for message in &found {
        let index = expected.iter().position(|other| other == message);
        expected.remove(index.unwrap_or_else(|| panic!("{kind}: twice, or not whole: {message:.40}")));
    }
    found.len()
}

fn fetched(output: &Output) -> usize {
    let text = String::from_utf8_lossy(&output.stdout);
    let word = text.split(' ').next().unwrap_or_default();
    if word.is_empty() { 0 } else { word.parse().unwrap_or_else(|_| panic!("{text}")) }
}

/// A run with a full disk, and one without.
fn survives(mail: Mail, full: Full, kind: &str, runtime: &str, is_target_small: bool, is_state_small: bool) {
    let what = format!("{full:?} {kind} target {is_target_small} state {is_state_small}");
    let house = House::new();
    fs::create_dir(house.path("large")).unwrap();
    let folder = |small| if small { "small" } else { "large" };
    let to = format!("{kind}:{}", house.path(folder(is_target_small)).join("out").display());
    let state = house.path(folder(is_state_small)).join("state").display().to_string();
    let copied = if is_target_small { house.path("copy/out") } else { house.path("large/out") };
    // Nothing is deleted without a request. Then the server has the messages that were not deleted.
    let server = Scripted::start(
        b"+OK\r\n",
        vec![script(mail.messages(), |_| None), script(mail.messages(), |_| None)],
    );
    let options = ["--to", &to, "--state", &state, "--runtime", runtime];
    let output = fetch(&house, &server.url(), Some(full), &[&options[..], &["--delete"]].concat());
    let text = errors(&output);
    assert_eq!(code(&output), 1, "{what}: {text}");
    let before = stored(mail, kind, &copied);
    assert!(before < mail.0, "{what}: the disk was not full");
    // A failure of the state file may come after messages have appeared. None of them is forgotten.
    assert_eq!(fetched(&output), before, "{what}: {text}");
    let blames = |name: &str| text.contains(name);
    assert!(blames("os error 28") || blames("os error 27"), "{what}: {text}");
    if !is_state_small {
        assert!(blames(&to) && !blames(&state), "{what}: {text}");
    }
    if !is_target_small {
        assert!(blames(&state) && !blames(&to), "{what}: {text}");
    }
    // The next run fetches what is missing, and nothing else.
    let output = fetch(&house, &server.url(), None, &options);
    assert_eq!(code(&output), 0, "{what}: {}", errors(&output));
    assert_eq!(fetched(&output), mail.0 - before, "{what}");
    assert_eq!(stored(mail, kind, &copied), mail.0, "{what}");
    let said = server.said();
    let quits = said.iter().filter(|line| *line == "QUIT").count();
    let deleted = said.iter().filter(|line| line.starts_with("DELE ")).count();
    assert!(quits == 1 || deleted <= before, "{what}: {said:?}");
    // Nothing remains except the messages.
    let left = match kind {
        "mbox" => fs::read_dir(copied.parent().unwrap())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("out."))
            .count(),
        _ => fs::read_dir(copied.join("tmp")).unwrap().count(),
    };
    assert_eq!(left, 0, "{what}");
}

#[test]
fn a_full_disk_under_the_target() {
    for (kind, runtime) in ["dir", "maildir", "mbox", "mbox"].into_iter().zip(RUNTIMES) {
        if may_mount() {
            survives(LARGE, Full::Disk(60), kind, runtime, true, false);
        }
    }
}

#[test]
fn a_full_disk_under_target_and_state() {
    for (kind, runtime) in ["dir", "maildir", "mbox"].into_iter().zip(RUNTIMES) {
        if may_mount() {
            survives(LARGE, Full::Disk(80), kind, runtime, true, true);
        }
    }
}

#[test]
fn a_full_disk_under_the_state_file() {
    for (kind, runtime) in ["dir", "maildir", "mbox"].into_iter().zip(RUNTIMES) {
        if may_mount() {
            // One page: the first note fits, and the rest does not.
            survives(MANY, Full::Disk(4), kind, runtime, false, true);
        }
    }
}

/// This works without permission to mount, too: a file that may not grow.
#[test]
fn a_file_that_may_not_grow() {
    for runtime in RUNTIMES {
        survives(LARGE, Full::File(40), "mbox", runtime, true, false);
    }
    for (kind, runtime) in ["dir", "maildir"].into_iter().zip(RUNTIMES) {
        survives(LARGE, Full::File(6), kind, runtime, true, false);
        survives(MANY, Full::File(4), kind, runtime, false, true);
    }
}
