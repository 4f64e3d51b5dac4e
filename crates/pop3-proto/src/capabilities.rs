//! The list of capabilities that a server sent.

use alloc::vec::Vec;
use core::fmt;

use crate::capability::{Capability, words};
use crate::escaped::Escaped;

/// The list of capabilities that a server sent in reply to CAPA.
///
/// ```
/// use pop3_proto::{Capabilities, Capability};
/// let list: Capabilities = [&b"TOP"[..], b"SASL PLAIN", b"SASL LOGIN"].into_iter().collect();
/// assert!(list.has(Capability::Top) && !list.has(Capability::Stls));
/// assert_eq!(list.mechanisms().collect::<Vec<_>>(), [&b"PLAIN"[..], b"LOGIN"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    lines: Vec<Line>,
    /// The capabilities without a value. They are determined when a line is added, so that [`has`](Self::has), which
    /// is called for each command, need not search the list.
    known: Known,
    /// The octets of all lines.
    octets: usize,
}

/// A line, and what it says.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    octets: Vec<u8>,
    meaning: Meaning,
}

/// A capability whose text, if it has one, is so many octets at the end of the line without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Value(Capability<'static>),
    Sasl(usize),
    Implementation(usize),
    Other(usize),
}

impl Line {
    fn new(octets: &[u8], capability: Capability<'_>) -> Self {
        let meaning = match capability {
            Capability::Sasl(text) => Meaning::Sasl(text.len()),
            Capability::Implementation(text) => Meaning::Implementation(text.len()),
            Capability::Other(text) => Meaning::Other(text.len()),
            Capability::LoginDelay(delay) => Meaning::Value(Capability::LoginDelay(delay)),
            Capability::Expire(expire) => Meaning::Value(Capability::Expire(expire)),
            Capability::Utf8 { user } => Meaning::Value(Capability::Utf8 { user }),
            Capability::Top => Meaning::Value(Capability::Top),
            Capability::User => Meaning::Value(Capability::User),
            Capability::RespCodes => Meaning::Value(Capability::RespCodes),
            Capability::Pipelining => Meaning::Value(Capability::Pipelining),
            Capability::Uidl => Meaning::Value(Capability::Uidl),
            Capability::Stls => Meaning::Value(Capability::Stls),
            Capability::AuthRespCode => Meaning::Value(Capability::AuthRespCode),
            Capability::Lang => Meaning::Value(Capability::Lang),
        };
        Self { octets: octets.to_vec(), meaning }
    }

    fn capability(&self) -> Capability<'_> {
        let line = self.octets.trim_ascii_end();
        let text = |octets| line.get(line.len().saturating_sub(octets)..).unwrap_or_default();
        match self.meaning {
            Meaning::Value(capability) => capability,
            Meaning::Sasl(octets) => Capability::Sasl(text(octets)),
            Meaning::Implementation(octets) => Capability::Implementation(text(octets)),
            Meaning::Other(octets) => Capability::Other(text(octets)),
        }
    }
}

/// Which of the capabilities without a value are in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known(u16);

impl Known {
    /// SASL with any mechanisms.
    const SASL: Self = Self(1 << 10);

    /// Returns the bit for this capability, or `None` if its value matters.
    const fn of(capability: Capability<'_>) -> Option<Self> {
        let bit = match capability {
            Capability::Top => 0,
            Capability::User => 1,
            Capability::RespCodes => 2,
            Capability::Pipelining => 3,
            Capability::Uidl => 4,
            Capability::Stls => 5,
            Capability::AuthRespCode => 6,
            Capability::Utf8 { user: false } => 7,
            Capability::Utf8 { user: true } => 8,
            Capability::Lang => 9,
            Capability::Sasl(_)
            | Capability::LoginDelay(_)
            | Capability::Expire(_)
            | Capability::Implementation(_)
            | Capability::Other(_) => return None,
        };
        Some(Self(1 << bit))
    }

    const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

impl Capabilities {
    /// Creates an empty list.
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new(), known: Known(0), octets: 0 }
    }

    /// Adds a line of the reply to CAPA, without its line end.
    pub(crate) fn push(&mut self, line: &[u8]) {
        self.push_read(line, Capability::parse(line));
    }

    /// Adds a line that was already parsed.
    pub(crate) fn push_read(&mut self, line: &[u8], capability: Capability<'_>) {
        let known =
            if matches!(capability, Capability::Sasl(_)) { Some(Known::SASL) } else { Known::of(capability) };
        self.known.0 |= known.unwrap_or_default().0;
        self.octets = self.octets.saturating_add(line.len());
        self.lines.push(Line::new(line, capability));
    }

    /// Returns the capabilities in the order in which the server sent them.
    pub fn iter(&self) -> impl Iterator<Item = Capability<'_>> {
        self.lines.iter().map(Line::capability)
    }

    /// Returns the lines as the server sent them, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|line| line.octets.as_slice())
    }

    /// Returns whether the list contains this capability with these arguments.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        match Known::of(capability) {
            Some(one) => self.known.has(one),
            None => self.iter().any(|listed| listed == capability),
        }
    }

    /// Returns whether the server announces SASL with any mechanisms.
    pub(crate) const fn has_sasl(&self) -> bool {
        self.known.has(Known::SASL)
    }

    /// Returns the mechanisms of all SASL lines, in the order in which the server sent them.
    pub fn mechanisms(&self) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter_map(|capability| if let Capability::Sasl(list) = capability { Some(list) } else { None })
            .flat_map(words)
    }

    /// Returns the number of octets of all lines, without line ends.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines().map(Escaped::new)).finish()
    }
}

impl<'a> FromIterator<&'a [u8]> for Capabilities {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(lines: T) -> Self {
        let mut list = Self::new();
        lines.into_iter().for_each(|line| list.push(line));
        list
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use bytes::BytesMut;

    use super::*;
    use crate::capability::{Expire, tests::PARSED};
    use crate::channel::Channel;
    use crate::client::{ClientConfig, ClientConnection};
    use crate::command::Command;
    use crate::input::Input;
    use crate::instant::Instant;

    #[test]
    fn a_list_is_read_once() {
        let names: [(&[u8], Capability<'_>); 10] = [
            (b"TOP", Capability::Top),
            (b"USER", Capability::User),
            (b"RESP-CODES", Capability::RespCodes),
            (b"PIPELINING", Capability::Pipelining),
            (b"UIDL", Capability::Uidl),
            (b"STLS", Capability::Stls),
            (b"AUTH-RESP-CODE", Capability::AuthRespCode),
            (b"UTF8", Capability::Utf8 { user: false }),
            (b"UTF8 USER", Capability::Utf8 { user: true }),
            (b"LANG", Capability::Lang),
        ];
        for (line, listed) in names {
            let long = [b'x'; 8000];
            let list: Capabilities = core::iter::repeat_n(&long[..], 100).chain([line]).collect();
            let before = PARSED.with(Cell::get);
            for (_, other) in names {
                assert_eq!(list.has(other), other == listed, "{listed} {other}");
            }
            assert!(!list.has_sasl());
            assert_eq!(PARSED.with(Cell::get), before, "{listed}");
        }
        let list: Capabilities = [&b"sasl PLAIN"[..], b"EXPIRE 3"].into_iter().collect();
        assert!(list.has_sasl() && list.has(Capability::Sasl(b"PLAIN")) && !list.has(Capability::Sasl(b"X")));
        assert!(list.has(Capability::Expire(Expire::new(Some(3)))));
        assert!(!list.has(Capability::Expire(Expire::new(None))));
    }

    #[test]
    fn what_a_list_says_is_what_its_lines_say() {
        let lines: [&[u8]; 20] = [
            b"TOP",
            b" user ",
            b"SASL PLAIN  LOGIN\t",
            b"\tsasl",
            b"RESP-CODES x",
            b"LOGIN-DELAY 900 USER",
            b"LOGIN-DELAY x",
            b"PIPELINING",
            b"EXPIRE NEVER",
            b"EXPIRENEVER",
            b"EXPIRE x",
            b"UIDL",
            b"IMPLEMENTATION  a server of\xff its own ",
            b"STLS",
            b"AUTH-RESP-CODE",
            b"UTF8",
            b"UTF8 USER",
            b"LANG",
            b" X-OTHER one  two ",
            b"",
        ];
        let list: Capabilities = lines.into_iter().collect();
        let before = PARSED.with(Cell::get);
        let listed: Vec<_> = list.iter().collect();
        assert_eq!(list.mechanisms().collect::<Vec<_>>(), [&b"PLAIN"[..], b"LOGIN"]);
        assert!(list.has(Capability::Other(b"X-OTHER one  two")));
        assert_eq!(PARSED.with(Cell::get), before, "no line is read again");
        assert_eq!(listed, lines.map(Capability::parse));
        assert!(list.lines().eq(lines));
    }

    // Whatever the list is asked then, each line of it is read once: when it comes.
    #[test]
    fn a_client_reads_each_line_of_the_list_once() {
        let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, Instant::EPOCH);
        let mut out = BytesMut::new();
        let before = PARSED.with(Cell::get);
        let mut entries = 0;
        for octets in [&b"+OK\r\n"[..], b"+OK\r\nSTLS\n SASL PLAIN\r\n\r\nEXPIRENEVER\r\nX\r\nUIDL\r\n.\r\n"]
        {
            let mut input = Input::new(octets);
            while !input.rest().is_empty() {
                entries += usize::from(client.poll(Instant::EPOCH, &mut input).unwrap().entry().is_some());
            }
            let _ = client.send(&Command::Capa, Instant::EPOCH, &mut out);
        }
        assert_eq!((entries, client.capabilities().unwrap().lines().count()), (5, 5));
        assert_eq!(PARSED.with(Cell::get) - before, 5);
    }
}
