//! Numbers of octets, as people write them.

/// Reads a number of octets with an optional unit, in letters of any case. `k`, `M`, `G` and `T` are powers of 1024, and
/// so are `KiB`, `MiB`, `GiB` and `TiB`. `kB`, `MB`, `GB` and `TB` are powers of 1000. Without a unit, or with `B`, the number
/// is octets.
///
/// # Errors
/// Returns what was expected if the text is something else, or more than 64 bits can hold.
///
/// ```
/// use pop3_connect::parse_octets;
///
/// assert_eq!(parse_octets("500"), Ok(500));
/// assert_eq!(parse_octets("10M"), Ok(10 * 1024 * 1024));
/// assert_eq!(parse_octets("10 MB"), Ok(10_000_000));
/// ```
pub fn parse_octets(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "expected a number of octets with or without a unit: 500, 10k, 10M or 10MiB (powers of \
        1024), 10MB (powers of 1000)";
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let (letter, base) = match unit.as_bytes() {
        [] | [b'b'] => return Ok(number),
        [letter] | [letter, b'i', b'b'] => (letter, 1024_u64),
        [letter, b'b'] => (letter, 1000),
        _ => return Err(EXPECTED),
    };
    let power = match letter {
        b'k' => 1,
        b'm' => 2,
        b'g' => 3,
        b't' => 4,
        _ => return Err(EXPECTED),
    };
    number.checked_mul(base.pow(power)).ok_or("more octets than 64 bits can count")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, octets) in [
            ("0", 0),
            ("500", 500),
            ("500B", 500),
            ("10k", 10 << 10),
            ("10K", 10 << 10),
            ("10KiB", 10 << 10),
            ("10kB", 10_000),
            ("10M", 10 << 20),
            ("10mib", 10 << 20),
            ("2GB", 2_000_000_000),
            ("1T", 1 << 40),
            ("18446744073709551615", u64::MAX),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(parse_octets(text), Ok(octets), "{text}");
        }
        for bad in [
            "",
            "k",
            "-1",
            "1.5M",
            "10X",
            "10MiBs",
            "10kk",
            "1e3",
            " 1",
            "16777216T",
            "18446744073709551616",
            "1\u{663}",
        ] {
            assert!(parse_octets(bad).is_err(), "{bad}");
        }
    }
}
