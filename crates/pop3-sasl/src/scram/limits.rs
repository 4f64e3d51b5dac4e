//! What is accepted of iterations and salts.

/// The minimum number of iterations that clients and servers accept. RFC 5802 section 5.1 and RFC 7677 section 4 set
/// it.
pub const MIN_ITERATIONS: u32 = 4096;

/// The maximum number of iterations that clients and servers accept by default. It is three times the highest number
/// that OWASP recommends (1,300,000 for SHA-1) and takes some seconds. Without a maximum, a false server could keep a
/// client busy for an hour.
pub const MAX_ITERATIONS: u32 = 4_000_000;

/// The recommended length of a salt in octets. Decoy keys get salts of this length. Keys with other lengths would
/// reveal which users exist.
pub const SALT_OCTETS: usize = 16;

/// The most octets of a salt.
pub(crate) const MAX_SALT: usize = 128;
