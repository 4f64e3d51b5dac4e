//! Properties of dot-stuffing that hold for any message.

use bytes::BytesMut;
use pop3_proto::dots::{Decoded, Stuffer, TopCutter, Unstuffer, WireSize, wire_size};

use crate::split::{OCTETS, WHOLE, pieces};
use crate::store::{content, top, wire};

/// The first two octets are the lengths of pieces, the third a number of lines for TOP. The rest is a message; see
/// [`dots`].
///
/// # Panics
/// If that does not hold.
pub fn dots_at(octets: &[u8]) {
    let Some((&[split, other, lines], message)) = octets.split_first_chunk() else { return };
    // Of the octets one by one there are more in tests.
    check(message, &[WHOLE, &[usize::from(split), usize::from(other)]], (lines % 8).into());
}

/// Unstuffing reverses stuffing, sizes are correct, and TOP cuts at the right place, each the same at every
/// split.
///
/// # Panics
/// If that does not hold.
pub fn dots(octets: &[u8], lengths: &[usize], lines: u64) {
    check(octets, &[WHOLE, OCTETS, lengths], lines);
}

fn check(octets: &[u8], splits: &[&[usize]], lines: u64) {
    let content = content(octets);
    let wanted = wire(&content);
    for lengths in splits {
        let (mut stuffer, mut slicer) = (Stuffer::new(), Stuffer::new());
        let (mut size, mut cutter) = (WireSize::new(), TopCutter::new(lines));
        let (mut encoded, mut sliced) = (BytesMut::new(), BytesMut::new());
        let mut cut = Vec::new();
        for piece in pieces(octets, lengths) {
            stuffer.encode(piece, &mut encoded);
            for slice in slicer.slices(piece) {
                assert!(!slice.is_empty());
                sliced.extend_from_slice(slice);
            }
            size.update(piece);
            cut.extend_from_slice(cutter.cut(piece).0);
        }
        assert_eq!(size.finish(), content.len() as u64);
        assert_eq!((stuffer.total(), wire_size(octets)), (size.finish(), size.finish()));
        stuffer.finish(&mut encoded);
        slicer.finish(&mut sliced);
        assert_eq!(encoded, &wanted[..]);
        assert_eq!(sliced, &wanted[..]);
        assert_eq!(crate::store::content(&cut), top(&content, lines));
        // Octets after the end are not touched.
        let followed = [&wanted[..], b"+OK"].concat();
        assert_eq!(unstuff(&followed, lengths), (content.clone(), Some(wanted.len())));
    }
    // The same octets as if they came over the network.
    let whole = unstuff(octets, WHOLE);
    let mut out = BytesMut::new();
    let (consumed, is_end) = Unstuffer::default().decode_into(octets, &mut out);
    assert_eq!((&out[..], is_end.then_some(consumed)), (&whole.0[..], whole.1));
    assert_eq!(whole, unstuff_simply(octets));
    for lengths in splits {
        assert_eq!(unstuff(octets, lengths), whole);
    }
}

/// The content, and the position of its end if there is one.
fn unstuff(wire: &[u8], lengths: &[usize]) -> (Vec<u8>, Option<usize>) {
    let (mut unstuffer, mut content, mut end) = (Unstuffer::new(), Vec::new(), 0);
    for mut piece in pieces(wire, lengths) {
        loop {
            let (consumed, decoded) = unstuffer.decode(piece);
            piece = &piece[consumed..];
            end += consumed;
            match decoded {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    content.extend_from_slice(data);
                }
                Decoded::End => return (content, Some(end)),
                Decoded::More => break,
            }
        }
        assert!(piece.is_empty());
    }
    (content, None)
}

/// The same, line by line. Octets that could still be the end are held back.
fn unstuff_simply(wire: &[u8]) -> (Vec<u8>, Option<usize>) {
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let rest = &wire[at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").map(|end| end + 2);
        let line = &rest[..end.unwrap_or(rest.len())];
        match (end, line) {
            (Some(3), b".\r\n") => return (content, Some(at + 3)),
            (None, b"." | b".\r") => return (content, None),
            _ => content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line)),
        }
        match end {
            Some(end) => at += end,
            None => return (content, None),
        }
    }
}
