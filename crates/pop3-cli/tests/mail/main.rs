//! The program serves and fetches: through its binary, over real sockets, with real files.

mod auth;
mod crash;
mod memory;
mod odd_servers;
mod round_trip;
mod serving;
mod support;
mod talk;
