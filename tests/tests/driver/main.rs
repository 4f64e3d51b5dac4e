//! The driver alone: a transport in memory with a virtual clock, and a store that can wait.

mod auth;
mod client;
mod client_auth;
mod client_deceived;
mod client_secrets;
mod client_utf8;
mod dropped;
mod evicted;
mod faults;
mod halting;
mod handed_on;
mod hashing;
mod hostile_login;
mod late;
mod logins;
mod logins_once;
mod proxy;
mod reporting;
mod sasl_server;
mod send;
mod server;
mod stopping;
mod store;
mod taken_over;
mod wire;
mod writes;
