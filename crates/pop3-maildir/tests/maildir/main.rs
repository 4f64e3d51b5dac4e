//! The Maildir store and the delivery side, seen from outside. Each file tests one behaviour.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests look at the files themselves"
)]

mod cache;
mod changes;
mod commit;
mod costs;
mod counted;
mod crash;
mod delivery;
mod disk_full;
mod driver;
mod duplicates;
mod eight_bit;
mod faults;
mod given_ids;
mod hostile_lists;
mod import;
mod lock;
mod model;
mod moves;
mod odd_files;
mod on_the_spot;
mod open;
mod opened_on_the_spot;
mod order;
mod overtaken;
mod restless;
mod rights;
mod seen;
mod sizes;
mod support;
mod torn;
mod unique_ids;
