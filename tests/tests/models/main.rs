//! Models that are independent of the code, and random walks on which the code must agree with them.
//!
//! Each model is written from the RFCs and much simpler than the code. `PROPTEST_CASES=100000` makes the walks more.

mod client;
mod client_model;
mod client_orders;
mod client_sessions;
mod coverage;
mod driver;
mod fetch;
mod pipe;
mod server;
mod sessions;
mod sql;
mod two_clients;

use proptest::test_runner::Config;

/// This many cases, unless the environment wants another number.
fn cases(cases: u32) -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}
