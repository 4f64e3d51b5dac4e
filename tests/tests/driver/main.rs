//! The driver alone: a transport in memory with a clock of its own, and a store that can wait.

mod auth;
mod client;
mod client_auth;
mod client_utf8;
mod dropped;
mod evicted;
mod faults;
mod hostile_login;
mod logins_once;
mod proxy;
mod reporting;
mod sasl_server;
mod server;
mod stopping;
mod store;
mod wire;
mod writes;
