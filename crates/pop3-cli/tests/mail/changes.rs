//! Waits for what programs do to files.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

use crate::support::House;

/// How long anything may take that should take no time at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds. It is checked whenever a file in the directory of the house, such as the log, appears
/// or is written to.
pub(crate) fn until(house: &House, what: &str, mut is_so: impl FnMut() -> bool) {
    // From before the first check, so that nothing is missed.
    let changes = changes(&house.path(""));
    let begun = Instant::now();
    while !is_so() {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        assert!(changes.recv_timeout(left).is_ok(), "not so after {PATIENCE:?}: {what}");
    }
}

/// A message for each change of a directory from now on.
fn changes(folder: &Path) -> Receiver<()> {
    let inotify = init(CreateFlags::CLOEXEC).unwrap();
    add_watch(&inotify, folder, WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVED_TO).unwrap();
    let (seen, changes) = channel();
    // It ends with the next change after that, at the latest when the directory is removed.
    thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(inotify, &mut buffer);
        while events.next().is_ok() && seen.send(()).is_ok() {}
    });
    changes
}
