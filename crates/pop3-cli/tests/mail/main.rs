//! The program serves and fetches: through its binary, over real sockets, with real files.

mod announced;
mod answers;
mod attacks;
mod auth;
mod certificates;
mod checks;
mod conformance;
mod crash;
mod drips;
mod external;
mod logins;
mod memory;
mod names;
mod odd_servers;
mod round_trip;
mod serving;
mod support;
mod talk;
mod tokens;
