//! The client's role from outside: what it sends and what it reports. Each file tests one behaviour.
//!
//! The identifiers in comments are those of `docs/conformance.md`.

mod auth;
mod deadlines;
mod draining;
mod endings;
mod excerpts;
mod injection;
mod leniency;
mod limits;
mod listings;
mod login;
mod once;
mod out_of_step;
mod pipelining;
mod random;
mod replies;
mod rules;
mod shown;
mod split;
mod support;
mod unsolicited;
mod utf8;
