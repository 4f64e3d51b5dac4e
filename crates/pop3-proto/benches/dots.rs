//! Dot-stuffing, compared with its lower bounds: one search, one copy.
//!
//! `cargo bench -p pop3-proto --bench dots`. Only ratios within one run are meaningful: compare
//! `decode_slices` with `memmem`, and `encode` with `memmem` (CRLF), `line_by_line` (LF) and
//! `octet_loop`. The argument is the length of the pieces; a mail is 1 MiB.

use bytes::BytesMut;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use memchr::{memchr, memmem};
use pop3_proto::dots::{Decoded, Stuffer, TopCutter, Unstuffer, wire_size};

const MAIL: usize = 1 << 20;
const PIECES: [usize; 3] = [1 << 12, 1 << 14, MAIL];

fn main() {
    divan::main();
}

/// Lines of about 70 octets. Every two-hundredth begins with a dot.
fn mail(line_end: &str) -> Vec<u8> {
    let mut mail = Vec::with_capacity(MAIL + 128);
    let mut number = 0_usize;
    while mail.len() < MAIL {
        number += 1;
        if number % 200 == 100 {
            mail.push(b'.');
        }
        let length = 40 + number * 37 % 61;
        mail.extend((0..length).map(|at| b"Lorem ipsum dolor sit amet, consectetur. "[(at + number) % 41]));
        mail.extend_from_slice(line_end.as_bytes());
    }
    mail
}

fn wire() -> Vec<u8> {
    let (mut stuffer, mut wire) = (Stuffer::new(), BytesMut::new());
    stuffer.encode(&mail("\r\n"), &mut wire);
    stuffer.finish(&mut wire);
    wire.to_vec()
}

/// Runs `work` over the pieces of `mail`, with a buffer that is empty at the start and has room for
/// everything.
fn bench(bencher: Bencher<'_, '_>, mail: &[u8], piece: usize, work: impl Fn(&[u8], &mut BytesMut) + Sync) {
    let mut out = BytesMut::with_capacity(3 * MAIL);
    bencher.counter(BytesCount::of_slice(mail)).bench_local(|| {
        for piece in black_box(mail).chunks(piece) {
            // As in a connection: the piece is sent, and its buffer is used again.
            out.clear();
            work(piece, &mut out);
            black_box(&out);
        }
    });
}

fn memmem(piece: &[u8], finder: &memmem::Finder<'_>) {
    black_box(finder.find_iter(piece).count());
}

fn line_by_line(mut piece: &[u8], out: &mut BytesMut) {
    while let Some(at) = memchr(b'\n', piece) {
        if piece[0] == b'.' {
            out.extend_from_slice(b".");
        }
        let line = &piece[..at];
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
        piece = &piece[at + 1..];
    }
    out.extend_from_slice(piece);
}

fn octet_loop(piece: &[u8], out: &mut BytesMut) {
    let mut previous = b'\n';
    for &octet in piece {
        if octet == b'\n' && previous != b'\r' {
            out.extend_from_slice(b"\r");
        }
        if octet == b'.' && previous == b'\n' {
            out.extend_from_slice(b".");
        }
        out.extend_from_slice(&[octet]);
        previous = octet;
    }
}

mod decode {
    use super::*;

    #[divan::bench(args = PIECES)]
    fn a_memmem(bencher: Bencher<'_, '_>, piece: usize) {
        let finder = memmem::Finder::new(b"\r\n.");
        bench(bencher, &wire(), piece, |piece, _| memmem(piece, &finder));
    }

    #[divan::bench(args = PIECES)]
    fn b_memcpy(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &wire(), piece, |piece, out| out.extend_from_slice(piece));
    }

    #[divan::bench(args = PIECES)]
    fn c_slices(bencher: Bencher<'_, '_>, piece: usize) {
        bench_decoder(bencher, piece, |unstuffer, mut piece, _| {
            loop {
                let (consumed, decoded) = unstuffer.decode(piece);
                piece = &piece[consumed..];
                match decoded {
                    Decoded::Data(data) => _ = black_box(data),
                    Decoded::More | Decoded::End => break,
                }
            }
        });
    }

    #[divan::bench(args = PIECES)]
    fn d_into(bencher: Bencher<'_, '_>, piece: usize) {
        bench_decoder(bencher, piece, |unstuffer, piece, out| {
            black_box(unstuffer.decode_into(piece, out));
        });
    }

    fn bench_decoder(
        bencher: Bencher<'_, '_>,
        piece: usize,
        work: impl Fn(&mut Unstuffer, &[u8], &mut BytesMut),
    ) {
        let wire = wire();
        let mut out = BytesMut::with_capacity(3 * MAIL);
        bencher.counter(BytesCount::of_slice(&wire)).bench_local(|| {
            let mut unstuffer = Unstuffer::new();
            for piece in black_box(&wire).chunks(piece) {
                out.clear();
                work(&mut unstuffer, piece, &mut out);
                black_box(&out);
            }
            assert_eq!(unstuffer.decode(b"").1, Decoded::End);
        });
    }
}

mod encode_crlf {
    use super::*;

    #[divan::bench(args = PIECES)]
    fn a_memmem(bencher: Bencher<'_, '_>, piece: usize) {
        let finder = memmem::Finder::new(b"\r\n.");
        bench(bencher, &mail("\r\n"), piece, |piece, _| memmem(piece, &finder));
    }

    #[divan::bench(args = PIECES)]
    fn b_octet_loop(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\r\n"), piece, octet_loop);
    }

    #[divan::bench(args = PIECES)]
    fn c_slices(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\r\n"), piece, |piece, _| {
            Stuffer::new().slices(piece).for_each(|s| _ = black_box(s))
        });
    }

    #[divan::bench(args = PIECES)]
    fn d_encode(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\r\n"), piece, |piece, out| Stuffer::new().encode(piece, out));
    }
}

mod encode_lf {
    use super::*;

    #[divan::bench(args = PIECES)]
    fn a_line_by_line(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\n"), piece, line_by_line);
    }

    #[divan::bench(args = PIECES)]
    fn b_octet_loop(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\n"), piece, octet_loop);
    }

    #[divan::bench(args = PIECES)]
    fn c_slices(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\n"), piece, |piece, _| {
            Stuffer::new().slices(piece).for_each(|s| _ = black_box(s))
        });
    }

    #[divan::bench(args = PIECES)]
    fn d_encode(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\n"), piece, |piece, out| Stuffer::new().encode(piece, out));
    }

    /// The reference: one stop per line, without a copy.
    #[divan::bench(args = PIECES)]
    fn e_memchr(bencher: Bencher<'_, '_>, piece: usize) {
        bench(bencher, &mail("\n"), piece, |mut piece, _| {
            while let Some(at) = memchr(b'\n', piece) {
                piece = &piece[black_box(at) + 1..];
            }
        });
    }
}

/// The worst case: each line is only a dot, so each search ends where it began.
mod dense {
    use super::*;

    #[divan::bench(args = ["LF", "CRLF"])]
    fn a_encode(bencher: Bencher<'_, '_>, line_end: &str) {
        let mail = if line_end == "LF" { ".\n" } else { ".\r\n" }.repeat(MAIL / 3);
        bench(bencher, mail.as_bytes(), PIECES[1], |piece, out| Stuffer::new().encode(piece, out));
    }

    #[divan::bench]
    fn b_decode(bencher: Bencher<'_, '_>) {
        let wire = "..\r\n".repeat(MAIL / 4);
        bench(bencher, wire.as_bytes(), PIECES[1], |piece, out| {
            black_box(Unstuffer::new().decode_into(piece, out));
        });
    }
}

/// One pass over every message of a maildrop.
#[divan::bench]
fn size(bencher: Bencher<'_, '_>) {
    let mail = mail("\n");
    bencher.counter(BytesCount::of_slice(&mail)).bench(|| wire_size(black_box(&mail)));
}

/// All lines are requested, because the last one is: the longest path.
#[divan::bench]
fn top(bencher: Bencher<'_, '_>) {
    let mail = mail("\n");
    bencher.counter(BytesCount::of_slice(&mail)).bench(|| {
        let mut top = TopCutter::new(black_box(u64::MAX));
        black_box(top.cut(black_box(&mail)));
    });
}
