//! LFs without a CR before them, counted many octets at a time.

use super::{CR, LF};

/// The number of octets compared in one step. The compiler uses vector instructions for this fixed length.
const LANES: usize = 64;

/// How often a lane can count one before its octet overflows.
const ROUNDS: usize = u8::MAX as usize;

/// Returns how many LFs in `chunk` have no CR before them. `before` is the octet before the first.
///
/// Lines are short, so a search that stops at each LF is several times slower than this function, which compares
/// every octet with its neighbour without a branch.
pub(super) fn count(before: u8, chunk: &[u8]) -> usize {
    let Some((&first, octets)) = chunk.split_first() else { return 0 };
    let mut count = usize::from(is_bare(before, first));

    // `chunk` and its tail side by side: each octet below the one before it.
    let (octets, octets_left) = octets.as_chunks::<LANES>();
    let (befores, befores_left) = chunk.as_chunks::<LANES>();
    for (befores, octets) in befores.chunks(ROUNDS).zip(octets.chunks(ROUNDS)) {
        let mut lanes = [0_u8; LANES];
        for (befores, octets) in befores.iter().zip(octets) {
            compare(&mut lanes, befores, octets);
        }
        count = count.wrapping_add(sum(&lanes));
    }

    // When LANES divides the length of `chunk`, the octets left have their partners in its last
    // LANES octets, which are a whole array.
    let befores_left = match befores.last() {
        Some(last) if befores.len() > octets.len() => last,
        _ => befores_left,
    };
    let mut lanes = [0_u8; LANES];
    compare(&mut lanes, &padded(befores_left), &padded(octets_left));
    count.wrapping_add(sum(&lanes))
}

/// Returns whether this is an LF without a CR before it.
const fn is_bare(before: u8, octet: u8) -> bool {
    // No short circuit, so that all lanes are compared at once.
    (octet == LF) & (before != CR)
}

/// Adds one to each lane with a bare LF.
#[inline]
fn compare(lanes: &mut [u8; LANES], befores: &[u8; LANES], octets: &[u8; LANES]) {
    for ((lane, &before), &octet) in lanes.iter_mut().zip(befores).zip(octets) {
        *lane = lane.wrapping_add(u8::from(is_bare(before, octet)));
    }
}

/// The sum of all lanes, eight at a time: neighbours become one number of sixteen bits, and the
/// multiplication adds the four of a word up in its highest sixteen bits.
#[inline]
fn sum(lanes: &[u8; LANES]) -> usize {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    const ONES: u64 = 0x0001_0001_0001_0001;
    let (words, _) = lanes.as_chunks::<8>();
    words.iter().fold(0, |sum: usize, &word| {
        let word = u64::from_ne_bytes(word);
        let neighbours = (word & EVEN).wrapping_add((word >> 8) & EVEN);
        sum.wrapping_add((neighbours.wrapping_mul(ONES) >> 48) as usize)
    })
}

/// Fewer than LANES octets, and NULs behind them, which are no LFs.
#[inline]
fn padded(octets: &[u8]) -> [u8; LANES] {
    let mut padded = [0; LANES];
    for (padded, &octet) in padded.iter_mut().zip(octets) {
        *padded = octet;
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_length_around_the_lanes_counts_right() {
        for length in 0..LANES * 3 {
            assert_eq!(count(b'x', &vec![LF; length]), length);
            assert_eq!(count(CR, &vec![LF; length]), length.saturating_sub(1));
            for at in 0..length {
                let mut one = vec![b'x'; length];
                one[at] = LF;
                assert_eq!(count(b'x', &one), 1, "{at} of {length}");
                if let Some(before) = at.checked_sub(1) {
                    one[before] = CR;
                    assert_eq!(count(b'x', &one), 0, "{at} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_octet_before_the_first_counts() {
        assert_eq!(count(LF, b"\n"), 1);
        assert_eq!(count(CR, b"\n"), 0);
        assert_eq!(count(LF, b""), 0);
    }

    #[test]
    fn lanes_do_not_overflow() {
        let all = vec![LF; LANES * ROUNDS * 2 + 77];
        assert_eq!(count(LF, &all), all.len());
    }
}
