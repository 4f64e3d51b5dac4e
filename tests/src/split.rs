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
