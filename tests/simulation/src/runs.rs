//! Many runs, on all processors.

use core::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use pop3_proto::Quirk;

use crate::world::{Outcome, Totals, run};

/// How many lines of a trace are printed.
const PRINTED: usize = 300;

/// What many runs have come to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What has happened in all of them.
    pub totals: Totals,
    /// The quirks of servers that clients have seen.
    pub quirks: Vec<Quirk>,
    /// The seeds that have failed.
    pub failed: Vec<u64>,
}

/// Runs these seeds. Each failure is told with its trace and with how to run it again; after some, the rest is left.
pub fn run_seeds(seeds: Range<u64>, tell: impl Fn(&str) + Sync) -> Report {
    const MOST_FAILURES: usize = 3;
    let (next, report) = (Mutex::new(seeds), Mutex::new(Report::default()));
    let work = || {
        loop {
            if report.lock().unwrap_or_else(PoisonError::into_inner).failed.len() >= MOST_FAILURES {
                return;
            }
            let Some(seed) = next.lock().unwrap_or_else(PoisonError::into_inner).next() else { return };
            let outcome = run(seed);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.totals.add(&outcome.totals);
            for quirk in &outcome.quirks {
                if !report.quirks.contains(quirk) {
                    report.quirks.push(*quirk);
                }
            }
            if outcome.failure.is_some() {
                report.failed.push(seed);
                tell(&told(seed, &outcome, PRINTED));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one seed and prints its trace. Returns whether it went well.
#[must_use]
pub fn replay(seed: u64, full: bool) -> bool {
    let outcome = run(seed);
    if full && let Some([server, client]) = &outcome.disks {
        println!("The disk of the server:\n{server}\nThe disk of the client:\n{client}");
    }
    println!("{}", told(seed, &outcome, if full { usize::MAX } else { PRINTED }));
    println!("{}", outcome.totals);
    outcome.failure.is_none()
}

fn told(seed: u64, outcome: &Outcome, most: usize) -> String {
    let lines = &outcome.trace;
    let mut text = String::new();
    if let Some(first) = lines.first() {
        text += &format!("{first}\n");
    }
    let left_out = lines.len().saturating_sub(most).max(1);
    if left_out > 1 {
        text += &format!("({} lines are left out; --full prints them)\n", left_out - 1);
    }
    for line in lines.iter().skip(left_out) {
        text += &format!("{line}\n");
    }
    if let Some(failure) = &outcome.failure {
        text += &format!(
            "seed {seed} failed: {}\nrun it again: cargo run -p pop3-simulation -- --seed {seed}",
            failure.0
        );
    }
    text
}
