//! Runs the programs as their users do, against each other and against servers of the library.

mod bare_core;
mod client;
mod errors;
mod fetch_new;
mod first;
mod killed;
mod oauth_proxy;
mod observer;
mod relay;
mod server;
mod sqlite_server;
mod support;
mod ticket_poller;
