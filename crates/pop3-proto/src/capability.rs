//! Capabilities: the lines of CAPA (RFC 2449), and the list of them.

mod line;
mod list;

pub use line::{Capability, Expire, LoginDelay};
pub use list::Capabilities;
