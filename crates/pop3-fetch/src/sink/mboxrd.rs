//! The form of a message in an mbox: LF for CRLF, and `>` before lines that look like the first.

use std::time::SystemTime;

/// Brings a message into the form `mboxrd`, piece by piece: CRLF becomes LF, and a line that begins
/// with `From `, or with `>` signs and that, gets one `>` more, so that a reader can undo it. Other
/// octets stay, bare CR and LF included.
#[derive(Debug)]
pub(super) struct Mboxrd {
    /// Nothing but `>` was seen since the line began.
    at_start: bool,
    /// How much of `From ` was seen after that, and is held back.
    held: usize,
    /// A CR is held back.
    cr: bool,
    last: u8,
}

const FROM: &[u8] = b"From ";

impl Mboxrd {
    pub(super) const fn new() -> Self {
        Self { at_start: true, held: 0, cr: false, last: b'\n' }
    }

    /// The line before the message; the address is one that nobody has.
    pub(super) fn begin(now: SystemTime, out: &mut Vec<u8>) {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        out.extend_from_slice(format!("From MAILER-DAEMON {}\n", asctime(seconds)).as_bytes());
    }

    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some((&octet, next)) = rest.split_first() {
            if !self.at_start && !self.cr && !matches!(octet, b'\r' | b'\n') {
                // The inside of a line is copied in one piece.
                let end = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(rest.len());
                let (inside, behind) = rest.split_at(end);
                self.emit(inside, out);
                rest = behind;
                continue;
            }
            self.octet(octet, out);
            rest = next;
        }
    }

    /// What follows the last octet: a line end if there is none, and an empty line.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.release(out);
        if self.cr {
            self.emit(b"\r", out);
        }
        out.extend_from_slice(if self.last == b'\n' { b"\n" } else { b"\n\n" });
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.cr) && octet != b'\n' {
            self.emit(b"\r", out);
            self.at_start = false;
        }
        if self.at_start && FROM.get(self.held) == Some(&octet) {
            self.held += 1;
            if self.held == FROM.len() {
                self.emit(b">", out);
                self.release(out);
                self.at_start = false;
            }
            return;
        }
        let began = self.held > 0;
        self.release(out);
        match octet {
            b'\r' => {
                self.cr = true;
                self.at_start &= !began;
            }
            b'\n' => {
                self.emit(b"\n", out);
                self.at_start = true;
            }
            _ => {
                self.emit(&[octet], out);
                self.at_start &= octet == b'>' && !began;
            }
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        let held = core::mem::take(&mut self.held);
        self.emit(&FROM[..held], out);
    }

    fn emit(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(octets);
        self.last = octets.last().copied().unwrap_or(self.last);
    }
}

/// A time in the form of asctime(3), UTC.
fn asctime(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or_default()];
    let month = MONTHS[month.min(11)];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday} {month} {:2} {hour:02}:{minute:02}:{second:02} {year}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(message: &[u8]) -> Vec<u8> {
        let (mut form, mut out) = (Mboxrd::new(), Vec::new());
        form.push(message, &mut out);
        form.end(&mut out);
        for size in [1, 2, 3, 7] {
            let (mut form, mut pieces) = (Mboxrd::new(), Vec::new());
            message.chunks(size).for_each(|piece| form.push(piece, &mut pieces));
            form.end(&mut pieces);
            assert_eq!(pieces, out, "in pieces of {size}");
        }
        out
    }

    #[test]
    fn quoting_and_line_ends() {
        for (message, expected) in [
            (&b"a: b\r\n\r\nFrom x\r\n"[..], &b"a: b\n\n>From x\n\n"[..]),
            (b"From \r\n", b">From \n\n"),
            (b">From x\r\n>>>From y\r\n", b">>From x\n>>>>From y\n\n"),
            (b"From\r\nFro", b"From\nFro\n\n"),
            (b"F>From x\r\nFF\r\n>F>From ", b"F>From x\nFF\n>F>From \n\n"),
            (b" From x\r\nfrom y\r\n", b" From x\nfrom y\n\n"),
            (b"\rFrom x\r\n\r\r\nFrom y", b"\rFrom x\n\r\n>From y\n\n"),
            (b"a\nFrom b\n\xff\0", b"a\n>From b\n\xff\0\n\n"),
            (b"", b"\n"),
            (b"a\r", b"a\r\n\n"),
        ] {
            assert_eq!(stored(message).escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }

    #[test]
    fn dates() {
        assert_eq!(asctime(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(asctime(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(asctime(1_700_000_000), "Tue Nov 14 22:13:20 2023");
        assert_eq!(asctime(4_107_542_399), "Sun Feb 28 23:59:59 2100");
        assert_eq!(asctime(4_107_542_400), "Mon Mar  1 00:00:00 2100");
    }
}
