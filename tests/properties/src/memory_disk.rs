//! A disk in memory, which is the same in each run: that of the simulation, on which nothing fails.

use core::time::Duration;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Disk, Folder, Open};
use pop3_simulation::disk::{Nature, SimProcess};
use pop3_simulation::{Chance, SimClock, SimDisk};

/// A disk in memory.
#[derive(Debug)]
pub(crate) struct MemoryDisk {
    disk: SimDisk,
    process: SimProcess,
}

impl MemoryDisk {
    pub(crate) fn new() -> Self {
        let disk = SimDisk::with_nature(Chance::new(0), SimClock::default(), Nature::default());
        Self { process: disk.actor(), disk }
    }

    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        self.process.disk()
    }

    /// Creates a directory under the root, if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Arc<dyn Folder> {
        self.shared().make_folders(&Path::new("/").join(name), 0o700).expect("a directory")
    }

    /// Creates a file, or replaces what it contains.
    pub(crate) fn put(&self, folder: &dyn Folder, name: &[u8], octets: &[u8]) {
        let mut file = folder.open(name, Open::writing().make(0o600).emptied()).expect("a file");
        file.write_all(octets).expect("room");
    }

    /// Lets time pass.
    pub(crate) fn pause(&self, time: Duration) {
        self.disk.wait(time);
    }
}
