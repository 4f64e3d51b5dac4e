//! `pop3-counts` lists the scenarios, and how many times are enough. `pop3-counts LAYER` runs those of one layer, for
//! `.ci/instructions`: each once to warm up, then as many times as are enough, and twice as many times.

use std::process::ExitCode;

use pop3_counts::{Scenario, measured, scenarios};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layer] = &arguments[..] else {
        for scenario in counted() {
            println!("{} {}", scenario.name, scenario.times);
        }
        return ExitCode::from(if arguments.is_empty() { 0 } else { 2 });
    };
    for scenario in counted().filter(|scenario| scenario.layer() == layer) {
        measured(scenario.run, 1);
        measured(scenario.run, scenario.times);
        measured(scenario.run, 2 * scenario.times);
    }
    ExitCode::SUCCESS
}

/// The scenarios whose instructions can be counted.
fn counted() -> impl Iterator<Item = Scenario> {
    scenarios().filter(|scenario| scenario.times > 0)
}
