//! What a run leaves in memory and on the disk for the next one of the same [`Fetch`].

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::thread;

use pop3_driver::client::{ClientOptions, Security};
use sha2::{Digest as _, Sha256};

use super::*;

/// What is the matter with a server.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// The connection is closed in the middle of the last message.
    Cuts,
    NoUniqueIds,
}

/// Answers each connection, until the tests end.
fn server(mail: Vec<String>, flaw: Flaw) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|stream| drop(answer(&stream.unwrap(), &mail, flaw))));
    port
}

fn answer(stream: &TcpStream, mail: &[String], flaw: Flaw) -> io::Result<()> {
    let mut out = stream;
    out.write_all(b"+OK\r\n")?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let list = |entry: &dyn Fn(usize) -> String| {
            let lines = (1..=mail.len()).map(|number| format!("{number} {}\r\n", entry(number)));
            format!("+OK\r\n{}.\r\n", lines.collect::<String>())
        };
        let reply = match line.split_once(' ') {
            Some(("RETR", number)) => {
                let number = number.parse::<usize>().unwrap();
                let text = &mail[number - 1];
                if flaw == Flaw::Cuts && number == mail.len() {
                    return write!(out, "+OK\r\n{}", &text[..text.len() / 2]);
                }
                format!("+OK\r\n{text}.\r\n")
            }
            None if flaw == Flaw::NoUniqueIds && ["CAPA", "UIDL"].contains(&&*line) => "-ERR\r\n".to_owned(),
            None if line == "CAPA" => "+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n".to_owned(),
            None if line == "LIST" => list(&|number| mail[number - 1].len().to_string()),
            None if line == "UIDL" => list(&|number| format!("uid{number}")),
            None if line == "STAT" => format!("+OK {} 1\r\n", mail.len()),
            _ => "+OK\r\n".to_owned(),
        };
        out.write_all(reply.as_bytes())?;
    }
    Ok(())
}

fn run(fetch: &mut Fetch, port: u16) -> Result<FetchReport, FetchError> {
    let options = ClientOptions::new();
    let mut client = pop3_std::connect("127.0.0.1", port, Security::TrustedPlaintext, options)?;
    pop3_std::wait(async {
        client.login(b"u", b"p").await?;
        fetch.run(client).await
    })
}

fn open(folder: &Path) -> Fetch {
    let target = Target::Dir(folder.join("mail"));
    Fetch::open(&target, &folder.join("state"), "u@h", FetchOptions::new()).unwrap()
}

fn mail(sizes: &[usize]) -> Vec<String> {
    sizes
        .iter()
        .map(|&size| format!("Subject: x\r\n\r\n{}", format!("{}\r\n", "x".repeat(62)).repeat(size / 64)))
        .collect()
}

#[test]
fn between_runs_no_memory_is_kept_for_messages() {
    for (flaw, stored) in [(Flaw::None, 5), (Flaw::Cuts, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let port = server(mail(&[4096, 100_000, 640, 2 << 20, 500_000]), flaw);
        let mut fetch = open(folder.path());
        assert_eq!(run(&mut fetch, port).is_ok(), flaw == Flaw::None);
        assert_eq!(fetch.inbox.get().stored().0, stored);
        assert_eq!(fetch.inbox.get().reception().taken(), (0, 0));
    }
}

#[test]
fn the_next_run_removes_what_was_unfinished_when_an_event_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let port = server(mail(&[4 << 20]), Flaw::None);
    let (panics, mut came) = (Arc::new(AtomicBool::new(true)), 0);
    let panicking = Arc::clone(&panics);
    let mut fetch = open(folder.path()).on_event(move |event| {
        if let FetchEvent::Octets(octets) = event {
            came += octets;
            if came > 2 << 20 && panicking.load(Ordering::Relaxed) {
                // Without a message.
                resume_unwind(Box::new(()));
            }
        }
    });
    let files = || fs::read_dir(folder.path().join("mail/tmp")).unwrap().count();
    let before = files();
    catch_unwind(AssertUnwindSafe(|| run(&mut fetch, port))).unwrap_err();
    assert_eq!(files(), before + 1, "a panic leaves what a killed process would");
    panics.store(false, Ordering::Relaxed);
    assert_eq!(run(&mut fetch, port).unwrap().fetched, 1);
    assert_eq!(files(), before);
}

/// A line of a state file, with its checksum.
fn line(text: &str) -> String {
    let sum = Sha256::digest(text).iter().take(4).map(|octet| format!("{octet:02x}")).collect::<String>();
    format!("{sum} {text}\n")
}

/// The unique-ids in a state file of the version before are hashed as they are now; the contents are not.
#[test]
fn with_a_state_file_of_the_version_before_nothing_is_fetched_again() {
    /// The keys of the first four unique-ids of the [`server`].
    const KEYS: [&str; 4] = [
        "115b19f57703142dfc0a96dcb1b72619",
        "cddf0ddb4f3136dffbd468e758f4b102",
        "d52cceb3a134c0148a35d3a58fda6646",
        "f711d31a6043c0121681c0a4a3aeef1b",
    ];
    let folder = tempfile::tempdir().unwrap();
    let mail = mail(&[640, 1280, 6400, 64]);
    let stored = |place: usize, token: &str| {
        let (key, size) = (KEYS[place], mail[place].len());
        line(&format!("s {key} 0 1 {size} 1790000000 {token} 1f2e3d4c5b6a7988 -"))
    };
    let target = folder.path().join("mail");
    let mut file = line(&format!("pop3-state-2 0123456789abcdef u@h dir:{}", target.display()));
    file += &line("a unique-ids estimates-sizes");
    file += &(stored(0, "%") + &stored(1, "%") + &line("p"));
    // By the last run, of which the last line is torn.
    file += &(stored(2, "1790000000.000000.000001.0123456789abcdef") + &line("p"));
    let torn = stored(3, "1790000000.000000.000002.0123456789abcdef");
    file += &torn[..torn.len() - 5];
    let state = folder.path().join("state");
    fs::write(&state, file).unwrap();
    let port = server(mail, Flaw::None);
    for (fetched, known) in [(1, 3), (0, 4)] {
        let mut fetch = open(folder.path());
        let report = run(&mut fetch, port).unwrap();
        assert_eq!((report.fetched, report.known), (fetched, known));
        assert!(fetch.inbox.get().traits().estimates_sizes);
        drop(fetch);
        let text = fs::read_to_string(&state).unwrap();
        assert!(text.contains(" pop3-state-3 0123456789abcdef u@h "), "{text}");
        // What the old hash says is forgotten.
        assert!(KEYS.iter().all(|key| text.contains(key)) && !text.contains("1f2e3d4c5b6a7988"), "{text}");
    }
}

/// What the version before knew of messages without unique-ids was a hash of another kind.
#[test]
fn with_a_state_file_of_the_version_before_messages_without_unique_ids_are_fetched_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let mail = mail(&[640, 1280]);
    let target = folder.path().join("mail");
    let mut file = line(&format!("pop3-state-2 0123456789abcdef u@h dir:{}", target.display()));
    file += &line("a contents");
    for text in &mail {
        let hash = Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let (key, digest) = (&hash[..32], &hash[16..32]);
        file += &line(&format!("s {key} 0 1 {} 1790000000 % {digest} -", text.len()));
    }
    file += &line("p");
    fs::write(folder.path().join("state"), file).unwrap();
    let port = server(mail, Flaw::NoUniqueIds);
    for (fetched, known) in [(2, 0), (0, 2)] {
        let mut fetch = open(folder.path());
        let report = run(&mut fetch, port).unwrap();
        assert_eq!((report.fetched, report.known), (fetched, known));
    }
}
