//! A mail reader that changes flags continuously while sessions come and go.
//!
//! It renames each message at most twice in a session. If it were faster than the store can look, it could
//! hide a message forever, and the test would depend on the machine.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::fs;
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use crate::support::{contents, maildir, open, put, remove, uids};

const MESSAGES: u32 = 60;

/// Runs `sessions` beside a mail reader that renames all messages once on each request.
fn with_restless_reader(folder: &TempDir, sessions: impl FnOnce(&dyn Fn())) {
    /// Also stops the other thread if a test fails.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (stop, passes) = (AtomicBool::new(false), AtomicU32::new(0));
    let path = |place: &str, index: u32| -> PathBuf {
        let name =
            if place == "new" { format!("new/{index}.a.h") } else { format!("cur/{index}.a.h{place}") };
        folder.path().join(name)
    };
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for places in ["new", ":2,", ":2,S", ":2,RS", "new"].windows(2).cycle() {
                while passes.swap(0, Ordering::Relaxed) == 0 {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::yield_now();
                }
                for index in 0..MESSAGES {
                    // Fails for messages that were removed.
                    fs::rename(path(places[0], 100 + index), path(places[1], 100 + index)).ok();
                }
            }
        });
        sessions(&|| passes.store(1, Ordering::Relaxed));
    });
}

fn filled() -> (TempDir, Vec<Vec<u8>>) {
    let folder = maildir();
    let texts: Vec<Vec<u8>> = (0..MESSAGES).map(|index| format!("{index}\n").into_bytes()).collect();
    for (index, text) in texts.iter().enumerate() {
        put(&folder, &format!("new/{}.a.h", 100 + index), text);
    }
    (folder, texts)
}

#[test]
fn no_message_is_missed_or_met_twice() {
    let (folder, texts) = filled();
    let before = uids(&open(&folder));
    with_restless_reader(&folder, |rename_all| {
        for _ in 0..100 {
            rename_all();
            let mut maildir = open(&folder);
            assert_eq!((uids(&maildir), maildir.skipped().len()), (before.clone(), 0));
            assert_eq!(contents(&mut maildir), texts);
        }
    });
}

#[test]
fn removal_finds_what_is_renamed_and_tells_the_truth() {
    for _ in 0..30 {
        let (folder, texts) = filled();
        with_restless_reader(&folder, |rename_all| {
            let marked: Vec<u32> = (1..=MESSAGES).step_by(2).collect();
            let maildir = open(&folder);
            rename_all();
            let report = remove(maildir, &marked);
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(report.removed(), marked.len());
            let left = contents(&mut open(&folder));
            assert_eq!(left.len(), texts.len() - marked.len());
            for text in texts.iter().skip(1).step_by(2) {
                assert!(left.contains(text), "an unmarked message was touched");
            }
        });
    }
}
