//! Runs seeds and prints what has happened.

use core::ops::Range;
use std::env;
use std::process::ExitCode;

use pop3_proto::Quirk;
use pop3_simulation::runs::{Report, replay, run_seeds};

const USAGE: &str = "usage: pop3-simulation [--seeds FROM..TO] [--seed N [--full]]";

enum Task {
    Seeds(Range<u64>),
    One { seed: u64, full: bool },
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Task> {
    let (mut seeds, mut one, mut full) = (0..2_000, None, false);
    while let Some(arg) = args.next() {
        match &*arg {
            "--seeds" => {
                let range = args.next()?;
                let (from, to) = range.split_once("..")?;
                seeds = from.parse().ok()?..to.parse().ok()?;
            }
            "--seed" => one = Some(args.next()?.parse().ok()?),
            "--full" => full = true,
            _ => return None,
        }
    }
    Some(one.map_or(Task::Seeds(seeds), |seed| Task::One { seed, full }))
}

fn main() -> ExitCode {
    let Some(task) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let well = match task {
        Task::Seeds(seeds) => {
            let Report { totals, quirks, failed, .. } = run_seeds(seeds, |line| println!("{line}"));
            println!(
                "{totals}{:>12} of {} quirks of servers seen by clients",
                quirks.len(),
                Quirk::ALL.len()
            );
            failed.is_empty()
        }
        Task::One { seed, full } => replay(seed, full),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
