//! A deterministic simulation of the whole system: the server's loop, the fetcher and the Maildir store run on a simulated
//! network, disk and clock. One seed is one run.

pub mod actors;
pub mod chance;
pub mod clock;
pub mod disk;
pub mod executor;
mod job;
pub mod mail;
pub mod network;
pub mod process;
pub mod runs;
pub mod seeds;
pub mod sim;
pub mod trace;
pub mod world;

pub use chance::Chance;
pub use clock::SimClock;
pub use disk::SimDisk;
pub use executor::{Executor, Failure};
pub use sim::{Group, Sim};
pub use trace::Trace;
pub use world::{Outcome, Plan, Totals, run, run_with};
