//! The driver alone: a transport in memory with a clock of its own, and a store that can wait.

mod client;
mod faults;
mod proxy;
mod server;
mod stopping;
mod store;
mod wire;
mod writes;
