//! The octets of a record: numbers that take little room, and names that share octets.

pub(super) const IN_CUR: u8 = 1;
pub(super) const EIGHT_BIT: u8 = 2;

/// The own octets of a name are two in one.
pub(super) const PACKED: u8 = 4;

/// All octets of a name are its own.
pub(super) const WHOLE: u8 = 8;

/// A record, read up to the octets of its name.
pub(super) struct Record<'o> {
    pub(super) flags: u8,
    pub(super) own: usize,
    /// Of the first message of a block, the numbers themselves. Of the others, how much they differ from these.
    pub(super) inode: u64,
    pub(super) modified: u64,
    pub(super) len: u64,
    /// How much later it was changed than modified.
    pub(super) changed: u64,
    pub(super) more: Option<u64>,
    pub(super) shared: Shared,
    pub(super) rest: &'o [u8],
}

impl<'o> Record<'o> {
    pub(super) fn read(octets: &'o [u8]) -> Option<Self> {
        let (&flags, mut rest) = octets.split_first()?;
        let mut number = || take(&mut rest);
        let own = usize::try_from(number()?).ok()?;
        let [inode, len, modified, changed, more] = [number()?, number()?, number()?, number()?, number()?];
        let mut shared = Shared::default();
        if flags & WHOLE == 0 {
            let (&[start, middle, end, before], names) = rest.split_first_chunk()?;
            shared = Shared { start, middle, end, before };
            rest = names;
        }
        let (inode, modified, changed) = (unfolded(inode), unfolded(modified), unfolded(changed));
        Some(Self { flags, own, inode, modified, len, changed, more: more.checked_sub(1), shared, rest })
    }
}

/// Appends a number, with 7 bits in an octet.
pub(super) fn put(octets: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

/// Takes such a number from the front.
fn take(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A difference as a number that is small for small differences of either sign.
pub(super) const fn folded(difference: u64) -> u64 {
    (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned()
}

const fn unfolded(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// What a name has in common with another.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Octets at the start.
    pub(super) start: u8,
    /// Octets from the second dot on, where the name of the host is.
    pub(super) middle: u8,
    /// Octets at the end, behind these.
    pub(super) end: u8,
    /// Octets of the name between the start and its second dot.
    pub(super) before: u8,
}

impl Shared {
    pub(super) fn of(head: &[u8], name: &[u8]) -> Self {
        let (head_middle, middle) = (middle_of(head), middle_of(name));
        let start = alike(head[..head_middle].iter(), name[..middle].iter());
        let Ok(before) = u8::try_from(middle - usize::from(start)) else { return Self::default() };
        let (head_rest, rest) = (&head[head_middle..], &name[middle..]);
        let shared = alike(head_rest.iter(), rest.iter());
        let rests = (&head_rest[shared.into()..], &rest[shared.into()..]);
        let end = alike(rests.0.iter().rev(), rests.1.iter().rev());
        Self { start, middle: shared, end, before }
    }
}

/// How many octets both begin with, 255 at most.
fn alike<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> u8 {
    let count = a.zip(b).take(255).take_while(|(a, b)| a == b).count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// The place of the second dot of a name, or its end.
pub(super) fn middle_of(name: &[u8]) -> usize {
    memchr::memchr_iter(b'.', name).nth(1).unwrap_or(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_out_again() {
        let extremes = [0, 1, 0x7f, 0x80, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX];
        let mut octets = Vec::new();
        extremes.iter().for_each(|&number| put(&mut octets, number));
        let mut rest = &octets[..];
        assert_eq!(extremes.map(|_| take(&mut rest).unwrap()), extremes);
        assert_eq!((take(&mut rest), take(&mut &[0xff; 11][..])), (None, None));
        assert!(extremes.iter().all(|&number| unfolded(folded(number)) == number));
        assert_eq!([folded(0), folded(u64::MAX), folded(1)], [0, 1, 2]);
    }
}
