//! The replies that the model says are right, and the comparison with what a server sent.

/// What the model says about a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A positive line with any text.
    Positive,
    /// A negative line with any text.
    Negative,
    /// A negative line with this response code.
    Refused(&'static str),
    /// A positive line whose text begins with this word.
    Named(&'static str),
    /// A line with a challenge of AUTH.
    Challenge,
    /// Exactly this line, CRLF included.
    Line(Vec<u8>),
    /// A positive line with any text, followed by exactly these octets, including the end.
    Multi(Vec<u8>),
    /// A positive line with any text, followed by these lines in any order, and the end.
    Lines(Vec<String>),
}

/// Which octets the text of a reply may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 1939 knows the first, RFC 6856 the second")]
pub enum Texts {
    /// Printable ASCII.
    Ascii,
    /// UTF-8, because the client has selected a language.
    Utf8,
}

impl Expected {
    /// Removes the reply from the front of what a server sent, and returns the rest.
    ///
    /// # Errors
    /// Returns what is there instead.
    pub fn take<'o>(&self, sent: &'o [u8], texts: Texts) -> Result<&'o [u8], String> {
        let end = sent.windows(2).position(|pair| pair == b"\r\n").map_or(sent.len(), |at| at + 2);
        let (line, behind) = sent.split_at(end);
        let rest = if *self == Self::Challenge {
            let text = line.strip_prefix(b"+ ").and_then(|text| text.strip_suffix(b"\r\n"));
            text.is_some_and(super::said::is_base64).then_some(behind)
        } else {
            check(line, texts)?;
            self.find(line, behind)
        };
        rest.ok_or_else(|| format!("expected {self:?}, got {}", sent[..sent.len().min(300)].escape_ascii()))
    }

    /// What is behind the reply, if it begins with this line.
    fn find<'o>(&self, line: &[u8], behind: &'o [u8]) -> Option<&'o [u8]> {
        let positive = line.starts_with(b"+OK ");
        match self {
            Self::Positive => positive.then_some(behind),
            Self::Negative => line.starts_with(b"-ERR ").then_some(behind),
            Self::Refused(code) => line.starts_with(format!("-ERR [{code}] ").as_bytes()).then_some(behind),
            Self::Named(word) => line.starts_with(format!("+OK {word} ").as_bytes()).then_some(behind),
            Self::Line(exact) => (line == exact).then_some(behind),
            Self::Multi(exact) => behind.strip_prefix(&exact[..]).filter(|_| positive),
            Self::Lines(lines) => {
                let octets: usize = lines.iter().map(|line| line.len() + 2).sum();
                let (text, behind) = behind.split_at_checked(octets).filter(|_| positive)?;
                let mut there: Vec<&[u8]> = text.split_inclusive(|&octet| octet == b'\n').collect();
                let mut wanted: Vec<Vec<u8>> =
                    lines.iter().map(|line| format!("{line}\r\n").into_bytes()).collect();
                there.sort_unstable();
                wanted.sort_unstable();
                behind.strip_prefix(b".\r\n").filter(|_| there == wanted)
            }
            Self::Challenge => None,
        }
    }
}

/// Whether octets are a valid first line of a reply from a server: a status in upper case, a space,
/// printable ASCII text and CRLF, at most 512 octets.
///
/// # Errors
/// Returns what is there instead.
pub fn check_line(line: &[u8]) -> Result<(), String> {
    check(line, Texts::Ascii)
}

fn check(line: &[u8], texts: Texts) -> Result<(), String> {
    let text = line.strip_suffix(b"\r\n");
    let text = text.and_then(|text| text.strip_prefix(b"+OK ").or_else(|| text.strip_prefix(b"-ERR ")));
    match text {
        Some([first, ..]) if *first != b' ' && line.len() <= 512 => {}
        _ => return Err(format!("no reply: {}", line[..line.len().min(300)].escape_ascii())),
    }
    let ascii = |octet: &u8| (b' '..=b'~').contains(octet);
    let printable = match texts {
        Texts::Ascii => line[..line.len() - 2].iter().all(ascii),
        Texts::Utf8 => core::str::from_utf8(line)
            .is_ok_and(|_| line[..line.len() - 2].iter().all(|octet| ascii(octet) || !octet.is_ascii())),
    };
    if printable { Ok(()) } else { Err(format!("not printable: {}", line.escape_ascii())) }
}
