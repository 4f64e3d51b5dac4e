//! Fetching into targets on a simulated disk: runs that are interrupted by faults, kills and losses of power. The server
//! is a function in the same thread, without a network. One seed is one run.
#![cfg(unix)]

mod runs;
mod server;
mod stored;
mod world;
