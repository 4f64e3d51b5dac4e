//! Running a test with many seeds.

use core::cell::RefCell;
use core::ops::Range;
use core::panic::AssertUnwindSafe;
use std::env;
use std::panic::{catch_unwind, resume_unwind};

use crate::chance::Chance;
use crate::disk::SimDisk;

/// One run of a test with a seed.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The decisions of this run.
    pub chance: Chance,
    disks: RefCell<Vec<SimDisk>>,
}

impl Run {
    /// Prints the last calls on this disk if the run fails. Removes its hook when the run is over.
    pub fn watch(&self, disk: &SimDisk) {
        self.disks.borrow_mut().push(disk.clone());
    }
}

/// Runs a test with each of these seeds, or with the one in the environment variable `SEED`. If it panics, prints how to
/// run it again, and what was done on the disks that are [watched](Run::watch).
pub fn each_seed(seeds: Range<u64>, test: impl Fn(&Run)) {
    let only = env::var("SEED").ok().map(|seed| seed.parse().expect("SEED must be a number"));
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let run = Run { seed, chance: Chance::new(seed), disks: RefCell::default() };
        let result = catch_unwind(AssertUnwindSafe(|| test(&run)));
        for disk in run.disks.take() {
            disk.set_hook(None);
            if result.is_err() {
                eprintln!("{:?}\n{}", disk.nature(), disk.trace());
            }
        }
        if let Err(panic) = result {
            eprintln!("Run the test again with SEED={seed}.");
            resume_unwind(panic);
        }
    }
}
