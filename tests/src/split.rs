//! Splits octets into pieces.

/// Splits `octets` into pieces with these `lengths`, repeated as needed. A length of 0 counts as 1. Without
/// lengths there is one piece.
pub fn pieces<'o>(octets: &'o [u8], lengths: &[usize]) -> Vec<&'o [u8]> {
    if lengths.is_empty() {
        return vec![octets];
    }
    let mut pieces = Vec::new();
    let mut rest = octets;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).clamp(1, rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// One octet per piece.
pub const OCTETS: &[usize] = &[1];

/// All in one piece.
pub const WHOLE: &[usize] = &[];

/// How an input is split for the second time, as one of its octets chooses. Every split would take several times as
/// long, and a fuzzer tries both on similar inputs.
#[must_use]
pub fn chosen(split: u8) -> Vec<usize> {
    if split.is_multiple_of(2) { OCTETS.to_vec() } else { vec![usize::from(split), 3, 1] }
}
