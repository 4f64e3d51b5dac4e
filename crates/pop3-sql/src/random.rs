//! Random numbers.

use crate::error::SqlError;

/// Fills an array with random octets.
pub(crate) fn octets<const N: usize>() -> Result<[u8; N], SqlError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|error| SqlError::unusable(format!("the system provides no random octets: {error}")))?;
    Ok(octets)
}

/// A number that nobody has had before.
pub(crate) fn number() -> Result<i64, SqlError> {
    octets().map(i64::from_ne_bytes)
}

/// A number from 0 to 1. Without random octets, it is 1.
pub(crate) fn fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
