//! The program serves and fetches: through its binary, over real sockets, with real files.

mod announced;
mod attacks;
mod auth;
mod bindings;
mod conformance;
mod crash;
mod external;
mod logins;
mod memory;
mod odd_servers;
mod prepared;
mod proxies;
mod round_trip;
mod serving;
mod support;
mod talk;
mod tokens;
