//! What is accepted of iterations and salts.

/// The fewest iterations that a client or we accept: RFC 5802 section 5.1 and RFC 7677 section 4 set
/// this as the floor.
pub const MIN_ITERATIONS: u32 = 4096;

/// The most iterations that a client or we accept by default: three times the highest number that
/// is recommended (1,300,000 for SHA-1 by OWASP), some seconds of work. Without a ceiling a
/// false server could keep a client busy for an hour.
pub const MAX_ITERATIONS: u32 = 4_000_000;

/// How many octets a salt should have. Users who do not exist get salts of this length, so that
/// keys with others would stand out.
pub const SALT_OCTETS: usize = 16;

/// The most octets of a salt.
pub(crate) const MAX_SALT: usize = 128;
