//! The whole system, simulated.

use pop3_proto::Quirk;
use pop3_simulation::runs::run_seeds;
use pop3_simulation::{Plan, run, run_with};

#[test]
fn no_message_is_lost_doubled_or_altered() {
    let report = run_seeds(0..100, |line| println!("{line}"));
    assert!(report.failed.is_empty(), "these seeds failed: {:?}", report.failed);
    let totals = report.totals;
    // Otherwise the simulation would show nothing.
    for (what, count) in [
        ("messages fetched", totals.fetched),
        ("messages removed", totals.removed),
        ("fetchers killed", totals.runs_killed),
        ("losses of power", totals.crashes),
        ("connections with a fault", totals.network_faults),
        ("connections with a man in the middle", totals.meddled),
        ("changes of flags", totals.flags),
    ] {
        assert!(count > 20, "{count} {what}");
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 1_000..1_020 {
        let (first, second) = (run(seed), run(seed));
        let differs = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!((first.digest, first.totals), (second.digest, second.totals), "seed {seed}");
    }
}

#[test]
fn each_quirk_is_played_and_costs_no_message() {
    for &quirk in Quirk::ALL {
        // Some need a message of a certain kind.
        let seen = (0..5).any(|seed| {
            let outcome = run_with(seed, |chance| Plan::with_quirk(chance, quirk));
            let trace = || outcome.trace.join("\n");
            assert!(outcome.failure.is_none(), "{quirk:?}, {seed}: {:?}\n{}", outcome.failure, trace());
            assert!(outcome.totals.fetched > 0, "{quirk:?}, {seed}: nothing was fetched\n{}", trace());
            outcome.quirks.contains(&quirk)
        });
        assert!(seen, "no client has seen {quirk:?}");
    }
}
