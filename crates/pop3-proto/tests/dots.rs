//! Dot-stuffing, compared with a model that works octet by octet, at every split.

use core::iter::repeat_n;

use bytes::BytesMut;
use pop3_proto::dots::{Decoded, Stuffer, TopCutter, Unstuffer, WireSize, wire_size};
use proptest::collection::vec;
use proptest::prelude::*;

/// The octets that matter for dot-stuffing, and one that does not.
const ALPHABET: [u8; 4] = [b'.', b'\r', b'\n', b'a'];

/// Octets that may look like the end, or hide it.
const SEQUENCES: [&[u8]; 7] = [b"\r\n.\r\n", b"\r\n", b"\n", b"\n.\n", b"\r\n.", b"\r\r\n", b"\n.\r\n"];

/// The model: slow and simple.
mod model {
    /// The stored form with CRLF at the end of every line, which the other side must receive.
    pub(super) fn normalise(stored: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        for &octet in stored {
            if octet == b'\n' && content.last() != Some(&b'\r') {
                content.push(b'\r');
            }
            content.push(octet);
        }
        if !content.is_empty() && content.last() != Some(&b'\n') {
            content.extend(b"\r\n");
        }
        content
    }

    /// The wire form of a normalised message, with the end.
    pub(super) fn stuff(content: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line_start = true;
        for &octet in content {
            if line_start && octet == b'.' {
                wire.push(b'.');
            }
            wire.push(octet);
            line_start = octet == b'\n';
        }
        wire.extend(b".\r\n");
        wire
    }

    /// The content at the front of `wire`, and the octets after the end if there is one.
    pub(super) fn unstuff(wire: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
        let (mut content, mut rest) = (Vec::new(), wire);
        loop {
            // `rest` is at the start of a line.
            if let Some(behind) = rest.strip_prefix(b".\r\n") {
                return (content, Some(behind));
            }
            // A dot and CR at the very end may still become the end.
            if rest.is_empty() || rest == b"." || rest == b".\r" {
                return (content, None);
            }
            rest = rest.strip_prefix(b".").unwrap_or(rest);
            let line = rest.windows(2).position(|two| two == b"\r\n").map_or(rest.len(), |at| at + 2);
            content.extend(&rest[..line]);
            rest = &rest[line..];
        }
    }

    /// The header, the blank line and this many lines, and whether the message has that many.
    pub(super) fn top(stored: &[u8], lines: usize) -> (Vec<u8>, bool) {
        let (mut top, mut left) = (Vec::new(), None);
        for line in stored.split_inclusive(|&octet| octet == b'\n') {
            if left == Some(0) {
                break;
            }
            top.extend(line);
            left = match left {
                Some(left) if line.ends_with(b"\n") => Some(left - 1),
                Some(left) => Some(left),
                None if line == b"\n" || line == b"\r\n" => Some(lines),
                None => None,
            };
        }
        (top, left == Some(0))
    }
}

fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stuffer, mut size, mut out) = (Stuffer::new(), WireSize::new(), BytesMut::new());
    for piece in pieces {
        let before = out.len();
        let mut copy = stuffer;
        stuffer.encode(piece, &mut out);
        size.update(piece);

        let slices: Vec<&[u8]> = copy.slices(piece).collect();
        assert!(slices.iter().all(|slice| !slice.is_empty()));
        assert_eq!(slices.concat(), out[before..], "slices are not what encode gives");
        assert_eq!(copy.total(), stuffer.total());
        assert_eq!(stuffer.total(), size.finish());
    }
    assert_eq!(stuffer.total(), wire_size(&pieces.concat()));
    stuffer.finish(&mut out);
    out.to_vec()
}

/// The content, and the octets after the end if there is one.
fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut unstuffer, mut content) = (Unstuffer::new(), Vec::new());
    let (mut into, mut out) = (Unstuffer::new(), BytesMut::new());
    let (mut ended, mut behind) = (false, Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let (consumed, decoded) = unstuffer.decode(rest);
            rest = &rest[consumed..];
            match decoded {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    content.extend_from_slice(data);
                }
                Decoded::More => {
                    assert!(rest.is_empty() && !ended);
                    break;
                }
                Decoded::End => {
                    ended = true;
                    break;
                }
            }
        }
        behind.extend_from_slice(rest);
        assert_eq!(into.decode_into(piece, &mut out), (piece.len() - rest.len(), ended));
    }
    assert_eq!(content, out, "decode_into is not what decode gives");
    assert_eq!(unstuffer.octets(), content.len() as u64);
    (content, ended.then_some(behind))
}

fn top(pieces: &[&[u8]], lines: usize) -> (Vec<u8>, bool) {
    let (mut cutter, mut cut, mut done) = (TopCutter::new(lines as u64), Vec::new(), false);
    for piece in pieces {
        let (wanted, now_done) = cutter.cut(piece);
        assert!(piece.starts_with(wanted));
        assert!(!done || (wanted.is_empty() && now_done), "something came behind the end");
        assert!(now_done || wanted == *piece, "something was left out before the end");
        cut.extend_from_slice(wanted);
        done = now_done;
    }
    (cut, done)
}

/// Checks everything that must hold for these pieces of a stored message.
fn check_stored(pieces: &[&[u8]]) {
    let stored = pieces.concat();
    let content = model::normalise(&stored);
    let wire = model::stuff(&content);
    assert_eq!(encode(pieces), wire, "{pieces:?}");
    assert_eq!(wire_size(&stored), content.len() as u64);
    for lines in 0..4 {
        assert_eq!(top(pieces, lines), model::top(&stored, lines), "{pieces:?} {lines}");
    }
}

/// Checks everything that must hold for these received pieces, whatever they are.
fn check_wire(pieces: &[&[u8]]) {
    let wire = pieces.concat();
    let (content, behind) = model::unstuff(&wire);
    assert_eq!(decode(pieces), (content, behind.map(<[u8]>::to_vec)), "{pieces:?}");
}

/// Calls `check` with every message over the alphabet up to this length.
fn every_message(length: usize, mut check: impl FnMut(&[u8])) {
    for length in 0..=length {
        let mut message = vec![ALPHABET[0]; length];
        for number in 0..ALPHABET.len().pow(length as u32) {
            let mut number = number;
            for octet in &mut message {
                *octet = ALPHABET[number % ALPHABET.len()];
                number /= ALPHABET.len();
            }
            check(&message);
        }
    }
}

/// Calls `check` with every way to split a message, including an empty piece.
fn every_split(message: &[u8], mut check: impl FnMut(&[&[u8]])) {
    for cuts in 0..1_usize << message.len().saturating_sub(1) {
        let (mut pieces, mut start) = (vec![&message[..0]], 0);
        for at in 1..message.len() {
            if cuts >> (at - 1) & 1 == 1 {
                pieces.push(&message[start..at]);
                start = at;
            }
        }
        pieces.push(&message[start..]);
        check(&pieces);
    }
}

/// Splits a message at these lengths, repeated.
fn cut<'m>(message: &'m [u8], lengths: &[usize]) -> Vec<&'m [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), message);
    for &length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

// 1939-3.21, 1939-3.22, 1939-3.23, 1939-3.30, 1939-3.32, 1939-3.33, 1939-3.34, 1939-3.36, 1939-7.01:
// any short message, split anywhere.
#[test]
fn short_messages_at_every_split() {
    every_message(6, |message| every_split(message, check_stored));
}

// 1939-3.24, 1939-3.25, 1939-3.30, 1939-3.31, 1939-3.35: any short received octets.
#[test]
fn short_replies_at_every_split() {
    every_message(6, |wire| every_split(wire, check_wire));
}

// 1939-3.22, 1939-3.35: content inside a message that looks like the end.
#[test]
fn short_messages_between_lines() {
    every_message(5, |middle| {
        let stored = [b"one\r\n", middle, b"two\r\n"].concat();
        let (content, behind) = decode(&[&encode(&[&stored]), b"+OK"]);
        assert_eq!((content, behind), (model::normalise(&stored), Some(b"+OK".to_vec())));
    });
}

// 1939-3.30: the end in five pieces.
#[test]
fn the_end_in_five_pieces() {
    let pieces: [&[u8]; 6] = [b"x", b"\r", b"\n", b".", b"\r", b"\n"];
    assert_eq!(decode(&pieces), (b"x\r\n".to_vec(), Some(Vec::new())));
}

// 1939-3.30: lines of about the length of every internal buffer, each followed by a dot.
#[test]
fn dots_around_powers_of_two() {
    for power in [32_usize, 64, 256, 8160, 8192, 16384, 32768] {
        for length in power - 4..power + 4 {
            for line_end in ["\n", "\r\n"] {
                let stored: Vec<u8> = repeat_n(b'x', length)
                    .chain(format!("{line_end}.{line_end}..{line_end}end{line_end}").bytes())
                    .collect();
                check_stored(&[&stored]);
                check_wire(&[&encode(&[&stored]), b"+OK\r\n.\r\n"]);
            }
        }
    }
}

// 1939-3.37: without the end, nothing reports an end.
#[test]
fn a_cut_reply_is_not_finished() {
    let wire = encode(&[b"a\r\n.\r\n\r\n..b\r\n"]);
    for length in 0..wire.len() {
        let (content, behind) = decode(&[&wire[..length]]);
        assert_eq!(behind, None);
        assert!(b"a\r\n.\r\n\r\n..b\r\n".starts_with(&content));
    }
}

// 1939-3.38: a line of 1 MiB passes completely, and without a copy as one slice.
#[test]
fn a_long_line_stays_whole() {
    let stored = [vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat();
    assert_eq!(Stuffer::new().slices(&stored).collect::<Vec<_>>(), [&stored[..]]);
    let wire = encode(&[&stored]);
    assert_eq!(Unstuffer::new().decode(&wire), (stored.len(), Decoded::Data(&stored)));
    assert_eq!(decode(&[&wire]), (stored, Some(Vec::new())));
}

// 1939-3.39: every octet is preserved.
#[test]
fn every_octet_comes_back() {
    let stored: Vec<u8> = (0..=255_u8).chain((0..=255).rev()).filter(|&octet| octet != b'\n').collect();
    let (content, behind) = decode(&[&encode(&[&stored])]);
    assert_eq!((content, behind), ([&stored[..], b"\r\n"].concat(), Some(Vec::new())));
}

/// Mostly the octets that matter.
fn octet() -> impl Strategy<Value = u8> {
    prop_oneof![8 => prop::sample::select(&ALPHABET[..]), 1 => any::<u8>()]
}

/// Pieces that form lines of any kind, some of them long.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(octet(), 0..12),
        2 => prop::sample::select(&SEQUENCES[..])
            .prop_map(<[u8]>::to_vec),
        1 => (1_usize..200, octet()).prop_map(|(length, octet)| vec![octet; length]),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        vec(1_usize..4, 1..6),
        vec(1_usize..100, 1..6),
        // A piece may be empty, but there must be progress.
        vec(0_usize..9, 0..6).prop_map(|mut lengths| {
            lengths.push(5);
            lengths
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn stored_messages_at_any_split(stored in message(), lengths in lengths()) {
        check_stored(&[&stored]);
        check_stored(&cut(&stored, &lengths));
    }

    #[test]
    fn octets_off_the_wire_at_any_split(wire in message(), lengths in lengths()) {
        check_wire(&[&wire]);
        check_wire(&cut(&wire, &lengths));
    }

    // Octets after the end belong to the next reply.
    #[test]
    fn a_message_comes_back(stored in message(), behind in message(), there in lengths(), back in lengths()) {
        let wire = [encode(&cut(&stored, &there)), behind.clone()].concat();
        prop_assert_eq!(decode(&cut(&wire, &back)), (model::normalise(&stored), Some(behind)));
    }

    // 1939-3.36
    #[test]
    fn the_end_is_never_inside(stored in message(), lengths in lengths()) {
        let wire = encode(&cut(&stored, &lengths));
        let framed = [b"\r\n", &wire[..]].concat();
        let ends = framed.windows(5).filter(|five| five == b"\r\n.\r\n").count();
        prop_assert_eq!(ends, 1);
        // Nor does it look like the end to a client that accepts a bare LF, because there is none.
        prop_assert!(framed.windows(2).all(|two| two[1] != b'\n' || two[0] == b'\r'));
    }

    // 1939-7.03:
    // TOP sends the beginning of what RETR sends.
    #[test]
    fn top_is_a_beginning(stored in message(), lines in 0_usize..20, lengths in lengths()) {
        let (beginning, done) = top(&cut(&stored, &lengths), lines);
        prop_assert_eq!((beginning.clone(), done), model::top(&stored, lines));
        prop_assert!(stored.starts_with(&beginning));
        prop_assert!(done || beginning == stored);
    }
}
