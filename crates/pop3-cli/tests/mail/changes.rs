//! Waiting for what programs do to files.

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

/// Waits until it is so: it is looked at whenever a file in the folder of the house, as the log is, appears or
/// is written to.
pub(crate) fn until(house: &House, what: &str, mut is_so: impl FnMut() -> bool) {
    // From before the first look, so that nothing is missed.
    let changes = changes(&house.path(""));
    let begun = Instant::now();
    while !is_so() {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        assert!(changes.recv_timeout(left).is_ok(), "not so after {PATIENCE:?}: {what}");
    }
}

/// A word for each change of a folder from now on.
fn changes(folder: &Path) -> Receiver<()> {
    let inotify = init(CreateFlags::CLOEXEC).unwrap();
    add_watch(&inotify, folder, WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVED_TO).unwrap();
    let (seen, changes) = channel();
    // It ends with the next change behind that, at the latest when the folder is removed.
    thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(inotify, &mut buffer);
        while events.next().is_ok() && seen.send(()).is_ok() {}
    });
    changes
}
