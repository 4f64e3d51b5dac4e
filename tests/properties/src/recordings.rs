//! Recordings of sessions: transcripts and captures.

use std::io::{self, Read};

use arbitrary::{Arbitrary, Result, Unstructured};
use pop3_lint::{Form, LintError, LintOptions, LintSummary, Linter, Severity};

/// What a linter makes of a recording.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    text: String,
    error: Option<String>,
    summary: LintSummary,
}

/// Reads a few octets at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.length);
        self.rest.read(&mut buffer[..length])
    }
}

fn lint(recording: &[u8], form: Form, length: usize) -> Told {
    let mut text = String::new();
    let options = LintOptions::new().with_form(form).with_least(Severity::Practice);
    let mut linter = Linter::new(options, |piece| text.push_str(piece));
    let read = linter.read(Pieces { rest: recording, length });
    let summary = linter.finish();
    Told { text, error: read.err().map(|error: LintError| error.to_string()), summary }
}

/// Checks what holds for any recording, and returns what it says.
fn any(recording: &[u8]) -> Told {
    let told = lint(recording, Form::Dialogue, usize::MAX);
    let most = 6000 * (recording.len() + 1);
    let is_plain = |character: char| character == '\n' || !character.is_control();
    // All three would take twice as long. A fuzzer tries each length of an input.
    let (form, length) = match recording.len() % 3 {
        0 => (Form::Dialogue, 3),
        1 => (Form::Violations, usize::MAX),
        _ => (Form::Json, usize::MAX),
    };
    let other = lint(recording, form, length);
    assert_eq!((&other.summary, &other.error), (&told.summary, &told.error));
    assert!(other.text.len() <= most && other.text.chars().all(is_plain));
    if form == Form::Dialogue {
        assert_eq!(other, told);
    }
    if form == Form::Json {
        for line in other.text.lines() {
            serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
        }
    }
    assert!(told.text.len() <= most && told.text.chars().all(is_plain));
    assert_eq!(told.summary == LintSummary::default(), told.text.is_empty());
    let violations = |level| usize::try_from(told.summary.violations(level)).expect("few enough to count");
    let all = violations(Severity::Must) + violations(Severity::Should) + violations(Severity::Practice);
    assert_eq!(told.text.lines().filter(|line| line.starts_with("   ^ ")).count(), all, "{}", told.text);
    told
}

/// A transcript is read or refused. The findings are the same at every split and in every form, are safe to show, and
/// are bounded. A transcript that is read twice has everything twice.
///
/// # Panics
/// If that does not hold.
pub fn transcript(octets: &[u8]) {
    let told = any(octets);
    let is_capture = octets.starts_with(b"\n\r\r\n");
    if is_capture || told.error.is_some() || !octets.len().is_multiple_of(4) {
        return;
    }
    // A comment line ends whatever is open.
    let twice = lint(&[octets, b"\n# session again\n", octets].concat(), Form::Dialogue, usize::MAX);
    if twice.summary.incomplete == 0 {
        assert_eq!(twice.summary.sessions, 2 * told.summary.sessions);
        assert_eq!(twice.summary.commands, 2 * told.summary.commands);
        assert_eq!(twice.summary.violations(Severity::Must), 2 * told.summary.violations(Severity::Must));
    }
}

/// A connection, and how its octets are sent.
#[derive(Debug)]
struct Connection<'a> {
    v6: bool,
    /// From the server or not, and octets that it sends without waiting for the other side.
    turns: Vec<(bool, &'a [u8])>,
    /// How each turn is cut and shuffled.
    cuts: Vec<u8>,
    ends: bool,
}

impl<'a> Arbitrary<'a> for Connection<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [flags, turns] = u.arbitrary::<[u8; 2]>()?;
        let cuts = usize::from(u.arbitrary::<u8>()? % 32);
        let cuts = u.bytes(cuts.min(u.len()))?.to_vec();
        let mut made = Vec::new();
        for index in 0..=turns % 16 {
            let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
            made.push((index % 2 == 0, u.bytes(length)?));
        }
        Ok(Self { v6: flags & 1 != 0, turns: made, cuts, ends: flags & 2 != 0 })
    }
}

const SYN: u8 = 2;
const FIN: u8 = 1;
const ACK: u8 = 16;

impl Connection<'_> {
    /// A capture of this connection in the format pcap.
    fn capture(&self, is_shuffled: bool) -> Vec<u8> {
        let mut octets = Vec::from(0xa1b2_c3d4_u32.to_le_bytes());
        octets.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0]);
        octets.extend(1_u32.to_le_bytes());
        // The second one wraps around soon.
        let mut next = [1000, u32::MAX - 20];
        self.segment(false, next[0], SYN, b"", &mut octets);
        self.segment(true, next[1], SYN | ACK, b"", &mut octets);
        next = next.map(|number: u32| number.wrapping_add(1));
        let mut cuts = self.cuts.iter().copied().cycle();
        for &(is_server, sent) in &self.turns {
            let number = &mut next[usize::from(is_server)];
            let mut segments = Vec::new();
            let mut rest = sent;
            while !rest.is_empty() {
                let cut =
                    if is_shuffled { usize::from(cuts.next().unwrap_or(200) % 64) + 1 } else { rest.len() };
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                segments.push((*number, piece));
                *number = number.wrapping_add(u32::try_from(piece.len()).expect("short"));
                rest = behind;
            }
            if is_shuffled {
                for place in 0..segments.len() {
                    let other = usize::from(cuts.next().unwrap_or(0)) % segments.len();
                    segments.swap(place, other);
                    if cuts.next().is_some_and(|cut| cut & 1 == 1) {
                        segments.push(segments[other]);
                    }
                }
            }
            for (number, piece) in segments {
                self.segment(is_server, number, ACK, piece, &mut octets);
            }
        }
        if self.ends {
            self.segment(true, next[1], FIN | ACK, b"", &mut octets);
            self.segment(false, next[0], FIN | ACK, b"", &mut octets);
        }
        octets
    }

    fn segment(&self, is_server: bool, number: u32, flags: u8, sent: &[u8], out: &mut Vec<u8>) {
        let (mut from, mut to) = (([192, 0, 2, 1], 40_000_u16), ([192, 0, 2, 2], 110_u16));
        if is_server {
            core::mem::swap(&mut from, &mut to);
        }
        let mut tcp = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        tcp.extend(number.to_be_bytes());
        tcp.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(sent);
        let length = u16::try_from(tcp.len()).expect("short");
        let mut packet = vec![0; 12];
        if self.v6 {
            packet.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            packet.extend(length.to_be_bytes());
            packet.extend([6, 64]);
            for address in [from.0, to.0] {
                packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
                packet.extend(address);
            }
        } else {
            packet.extend([8, 0, 0x45, 0]);
            packet.extend((length + 20).to_be_bytes());
            packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
            packet.extend([from.0, to.0].concat());
        }
        packet.extend(tcp);
        let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
        out.extend([0; 8]);
        out.extend([length, length].concat());
        out.extend(packet);
    }
}

/// The first octet decides whether the rest is a capture, or makes a connection whose segments are cut, shuffled and
/// repeated.
///
/// A capture is read or refused, with findings that are the same at every split and in every form. A connection is the
/// same however its segments come.
///
/// # Panics
/// If that does not hold.
pub fn capture(octets: &[u8]) {
    let Some((&kind, rest)) = octets.split_first() else { return };
    if kind & 1 == 0 {
        any(rest);
        return;
    }
    let Ok(connection) = Connection::arbitrary(&mut Unstructured::new(rest)) else { return };
    let plain = any(&connection.capture(false));
    let shuffled = lint(&connection.capture(true), Form::Dialogue, usize::MAX);
    assert_eq!(shuffled, plain, "{connection:?}");
    // The server has answered, with what opens a connection.
    assert_eq!(plain.error, None);
}
