//! Transcripts: one line for each line that was sent, `C:` by the client, `S:` by the server.
//!
//! `\xHH` is an octet. `C~` and `S~` are octets without a line end. `# session NAME` begins a session,
//! and so does a line behind the end of one; `# probe NAME` is a remark, and other lines with `#` are
//! comments. `<EOF>` and `<RESET>` say that the server closed, `<GONE>` that the client did,
//! `<TLS ...>` that what follows is within TLS. `@login` says that a login went before.

use std::io::{BufRead, Read};

use pop3_observer::Side;

use crate::error::LintError;
use crate::report::{Page, Report};

/// The longest line of a transcript.
const MAX_LINE: usize = 1 << 20;

/// What went before a dialogue that begins behind the login.
const LOGIN: [(Side, &[u8]); 5] = [
    (Side::Server, b"+OK ready\r\n"),
    (Side::Client, b"USER name\r\n"),
    (Side::Server, b"+OK next\r\n"),
    (Side::Client, b"PASS password\r\n"),
    (Side::Server, b"+OK welcome\r\n"),
];

/// Reads all sessions.
///
/// # Errors
/// The reason, when it can't be read or a line means nothing.
pub(super) fn read(mut input: impl BufRead, report: &mut Report<'_>) -> Result<(), LintError> {
    let mut reader = Reader { report, page: None, begun: false, over: false };
    let mut result = Ok(());
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        match (&mut input).take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                result = Err(LintError::Io(error));
                break;
            }
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if line.len() == MAX_LINE || !reader.line(text) {
            result = Err(LintError::Unreadable(format!("line {number} is not a line of a transcript")));
            break;
        }
    }
    reader.close();
    result
}

struct Reader<'r, 'o> {
    report: &'r mut Report<'o>,
    page: Option<Page>,
    /// There was a turn in this session.
    begun: bool,
    /// The session has ended.
    over: bool,
}

impl Reader<'_, '_> {
    /// Takes a line; `false` when it means nothing.
    fn line(&mut self, line: &[u8]) -> bool {
        if let Some(name) = line.strip_prefix(b"# session ") {
            self.close();
            self.page = Some(self.report.page(&String::from_utf8_lossy(name)));
            return true;
        }
        if let Some(probe) = line.strip_prefix(b"# probe ") {
            if let Some(page) = &mut self.page {
                page.note(&String::from_utf8_lossy(probe));
            }
            return true;
        }
        match line {
            [] | [b'#', ..] => true,
            [b'@', setup @ ..] => {
                self.setup(setup);
                true
            }
            [b'C', b':', rest @ ..] => self.turn(Side::Client, rest, b"\r\n"),
            [b'C', b'~', rest @ ..] => self.turn(Side::Client, rest, b""),
            [b'S', b':' | b'!', rest @ ..] => self.turn(Side::Server, rest, b"\r\n"),
            [b'S', b'~', rest @ ..] => self.turn(Side::Server, rest, b""),
            [b'<', mark @ .., b'>'] => {
                self.mark(mark);
                true
            }
            _ => false,
        }
    }

    fn turn(&mut self, side: Side, rest: &[u8], end: &[u8]) -> bool {
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let page = self.begin();
        // `...<100000 octets in all>`: what was sent was not kept.
        if end.is_empty() && rest.contains(&b'<') {
            page.lose("what was sent is not in the transcript");
            return true;
        }
        let Some(mut octets) = unescape(rest) else { return false };
        octets.extend_from_slice(end);
        page.sent(side, &octets);
        true
    }

    fn setup(&mut self, setup: &[u8]) {
        let number = setup.strip_prefix(b"deleted ");
        if setup != b"login" && number.is_none() {
            return;
        }
        let page = self.begin();
        match number {
            None => LOGIN.iter().for_each(|&(side, line)| page.sent_before(side, line)),
            Some(number) => {
                page.sent_before(Side::Client, &[b"DELE ", number, b"\r\n"].concat());
                page.sent_before(Side::Server, b"+OK deleted\r\n");
            }
        }
    }

    fn mark(&mut self, mark: &[u8]) {
        let Some(page) = &mut self.page else { return };
        let ended = match mark {
            b"EOF" | b"RESET" => Some(Side::Server),
            b"GONE" => Some(Side::Client),
            _ => None,
        };
        if let Some(side) = ended {
            page.ended(side);
            self.over = true;
        } else if mark.starts_with(b"TLS failed") {
            page.note(&String::from_utf8_lossy(mark));
        } else if mark.starts_with(b"TLS") {
            page.encrypted();
        } else {
            page.note(&String::from_utf8_lossy(mark));
        }
    }

    /// The session that a line belongs to.
    fn begin(&mut self) -> &mut Page {
        if self.over {
            self.close();
        }
        self.begun = true;
        self.page.get_or_insert_with(|| self.report.page(""))
    }

    fn close(&mut self) {
        if let Some(page) = self.page.take()
            && self.begun
        {
            self.report.print(page);
        }
        (self.begun, self.over) = (false, false);
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text);
    loop {
        match rest {
            [] => return Some(octets),
            [b'\\', b'x', high, low, behind @ ..] => {
                let digit = |octet: u8| char::from(octet).to_digit(16);
                octets.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = behind;
            }
            [octet, behind @ ..] => {
                octets.push(*octet);
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_octets() {
        assert_eq!(unescape(b"a\\x0db\\x00").as_deref(), Some(&b"a\rb\0"[..]));
        assert_eq!(unescape(b"a\\b\\x4").as_deref(), Some(&b"a\\b\\x4"[..]));
        assert_eq!(unescape(b"\\xzz"), None);
    }
}
