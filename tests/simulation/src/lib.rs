//! A deterministic simulation of the whole system: the server's loop, the fetcher and the Maildir store run on a simulated
//! network, disk and clock. One seed is one run.

pub mod actors;
pub mod chance;
pub mod clock;
pub mod disk;
pub mod seeds;

pub use chance::Chance;
pub use clock::SimClock;
pub use disk::SimDisk;
