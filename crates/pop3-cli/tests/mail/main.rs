//! The program serves and fetches: through its binary, over real sockets, with real files.

mod announced;
mod attack_hash;
mod attack_log;
mod attacks;
mod auth;
mod conformance;
mod crash;
mod disks;
mod external;
mod listings;
mod logins;
mod mboxes;
mod memory;
mod odd_servers;
mod prepared;
mod proxies;
mod recognition;
mod round_trip;
mod serving;
mod signals;
mod step;
mod summary;
mod support;
mod talk;
mod targets;
mod tokens;
