//! Dot-stuffing.

use core::hint::black_box;

use bytes::BytesMut;
use pop3_proto::dots::{Decoded, Stuffer, TopCutter, Unstuffer, wire_size};

use crate::{Aligned, Scenario, mail, mail_on_the_wire};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("dots/encode LF", 50, |times| encode(times, &mail())),
    Scenario::new("dots/encode CRLF", 50, |times| encode(times, &with_crlf())),
    Scenario::new("dots/encode dots only", 5, |times| encode(times, &b".\n".repeat(2048))),
    Scenario::new("dots/decode", 50, decode),
    Scenario::new("dots/decode slices", 50, decode_slices),
    Scenario::new("dots/size", 50, size),
    Scenario::new("dots/top", 50, top),
];

fn with_crlf() -> Vec<u8> {
    mail()
        .split_inclusive(|&octet| octet == b'\n')
        .flat_map(|line| [&line[..line.len() - 1], b"\r\n"].concat())
        .collect()
}

fn encode(times: u32, mail: &[u8]) {
    let mail = Aligned::new(mail);
    let mut out = BytesMut::with_capacity(16 << 10);
    for _ in 0..times {
        out.clear();
        let mut stuffer = Stuffer::new();
        stuffer.encode(black_box(&mail), &mut out);
        stuffer.finish(&mut out);
        black_box(&out);
    }
}

fn decode(times: u32) {
    let wire = Aligned::new(&mail_on_the_wire());
    let mut out = BytesMut::with_capacity(16 << 10);
    for _ in 0..times {
        out.clear();
        black_box(Unstuffer::new().decode_into(black_box(&wire), &mut out));
    }
}

fn decode_slices(times: u32) {
    let wire = Aligned::new(&mail_on_the_wire());
    for _ in 0..times {
        let (mut unstuffer, mut rest) = (Unstuffer::new(), black_box(&wire[..]));
        loop {
            let (consumed, decoded) = unstuffer.decode(rest);
            rest = &rest[consumed..];
            match decoded {
                Decoded::Data(data) => _ = black_box(data),
                Decoded::More | Decoded::End => break,
            }
        }
    }
}

fn size(times: u32) {
    let mail = Aligned::new(&mail());
    for _ in 0..times {
        black_box(wire_size(black_box(&mail)));
    }
}

/// All lines are requested, because the last one is: the longest path.
fn top(times: u32) {
    let mail = Aligned::new(&mail());
    for _ in 0..times {
        black_box(TopCutter::new(black_box(u64::MAX)).cut(black_box(&mail)));
    }
}
