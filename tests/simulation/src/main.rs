//! Runs seeds.
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (from, to): (u64, u64) = (args[1].parse().unwrap(), args[2].parse().unwrap());
    for seed in from..to {
        let outcome = pop3_simulation::run(seed);
        println!("{seed} {:?} {:x}", outcome.totals, outcome.digest);
        if let Some(failure) = &outcome.failure {
            println!("{}", outcome.trace.join("\n"));
            println!("seed {seed}: {failure:?}");
            return;
        }
    }
}
