//! The keys that a server stores for SCRAM instead of a password (RFC 5802, RFC 7677).

mod hash;
mod keys;
mod limits;
pub(crate) mod message;

pub use hash::Hash;
pub(crate) use keys::client_and_server_key;
pub use keys::{Keys, KeysError};
pub use limits::{MAX_ITERATIONS, MIN_ITERATIONS, SALT_OCTETS};
