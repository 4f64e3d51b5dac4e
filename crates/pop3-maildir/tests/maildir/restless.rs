//! A mail reader that changes flags all the time while sessions come and go.

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs;
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use crate::support::{contents, maildir, open, put, remove, uids};

const MESSAGES: u32 = 60;

/// Renames all messages again and again, until told to stop, while `sessions` runs.
fn with_restless_reader(folder: &TempDir, sessions: impl FnOnce()) {
    /// Stops the other thread also when a test fails.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    let path = |place: &str, index: u32| -> PathBuf {
        let name =
            if place == "new" { format!("new/{index}.a.h") } else { format!("cur/{index}.a.h{place}") };
        folder.path().join(name)
    };
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for places in ["new", ":2,", ":2,S", ":2,RS", "new"].windows(2).cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                for index in 0..MESSAGES {
                    // Fails for those that were removed.
                    fs::rename(path(places[0], 100 + index), path(places[1], 100 + index)).ok();
                }
            }
        });
        sessions();
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
    with_restless_reader(&folder, || {
        for _ in 0..60 {
            let mut maildir = open(&folder);
            assert_eq!((uids(&maildir), maildir.skipped().len()), (before.clone(), 0));
            assert_eq!(contents(&mut maildir), texts);
        }
    });
}

#[test]
fn removal_finds_what_is_renamed_and_tells_the_truth() {
    for _ in 0..10 {
        let (folder, texts) = filled();
        with_restless_reader(&folder, || {
            let marked: Vec<u32> = (1..=MESSAGES).step_by(2).collect();
            let report = remove(open(&folder), &marked);
            let left = contents(&mut open(&folder));
            assert_eq!(report.removed() + report.failures().len(), marked.len(), "{report:?}");
            assert_eq!(left.len(), texts.len() - report.removed(), "{report:?}");
            for text in texts.iter().skip(1).step_by(2) {
                assert!(left.contains(text), "an unmarked message was touched");
            }
        });
    }
}
