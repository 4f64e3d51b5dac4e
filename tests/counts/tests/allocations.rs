//! How often each scenario allocates.

use std::collections::BTreeSet;

use allocation_counter::measure;
use pop3_counts::{Scenario, can_read_on_the_spot, scenarios};

/// How often a scenario allocates in so many times, on this thread. All of them run on one.
fn allocations(scenario: &Scenario, times: u32) -> u64 {
    measure(|| (scenario.run)(times)).count_total
}

#[test]
fn no_scenario_allocates_more_than_it_may() {
    const TIMES: u32 = 5;
    let (on_the_spot, mut faults) = (can_read_on_the_spot(), Vec::new());
    for scenario in scenarios() {
        let extra = allocations(&scenario, 2 * TIMES).saturating_sub(allocations(&scenario, TIMES));
        let each = extra.div_ceil(u64::from(TIMES));
        // cargo test -p pop3-counts -- --nocapture
        let most = scenario.allocations_on_the_spot.filter(|_| on_the_spot).unwrap_or(scenario.allocations);
        println!("{}: {each} allocations each time, of {most}", scenario.name);
        if each > most {
            faults.push(format!("{}: {each} instead of {most}", scenario.name));
        }
    }
    assert!(faults.is_empty(), "allocations each time:\n{}", faults.join("\n"));
}

/// Otherwise all bounds would hold.
#[test]
fn allocations_are_counted() {
    let allocating = |times: u32| (0..times).for_each(|_| drop(core::hint::black_box(vec![0_u8; 100])));
    assert_eq!(measure(|| allocating(7)).count_total, 7);
}

#[test]
fn each_scenario_has_a_name_of_its_own() {
    let names: BTreeSet<_> = scenarios().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios().count());
}
