//! Fetches a POP3 maildrop into files: each message once, whatever interrupts a run.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.
#![cfg(unix)]

mod error;
mod fetch;
mod fuse;
mod journal;
mod notice;
mod options;
mod report;
mod sink;
mod target;

pub use error::Error;
pub use fetch::{Fetch, ListingError, account, default_state};
pub use journal::RecognisedBy;
pub use notice::{Event, Notice};
pub use options::Options;
pub use report::Report;
pub use target::Target;
