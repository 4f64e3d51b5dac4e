//! The list of capabilities that a server gave.

use alloc::vec::Vec;

use super::line::{Capability, Expire, LoginDelay, words};

/// The list that a server gave in reply to CAPA.
///
/// ```
/// use pop3_proto::{Capabilities, Capability};
/// let list: Capabilities = [&b"TOP"[..], b"SASL PLAIN", b"SASL LOGIN"].into_iter().collect();
/// assert!(list.has(Capability::Top) && !list.has(Capability::Stls));
/// assert_eq!(list.mechanisms().collect::<Vec<_>>(), [&b"PLAIN"[..], b"LOGIN"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    lines: Vec<Vec<u8>>,
    /// What [`has`](Self::has) is asked about with each command that is sent: found when a line comes in,
    /// so that no later question reads the list again.
    known: Known,
    /// The octets of all lines.
    octets: usize,
}

/// Which of the capabilities without a value are in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known(u16);

impl Known {
    /// SASL, with whatever mechanisms.
    const SASL: Self = Self(1 << 10);

    /// What stands for this capability. `None` where its value matters.
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
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), known: Known(0), octets: 0 }
    }

    /// Adds a line of CAPA, without its line end.
    pub fn push(&mut self, line: &[u8]) {
        let capability = Capability::parse(line);
        let known =
            if matches!(capability, Capability::Sasl(_)) { Some(Known::SASL) } else { Known::of(capability) };
        self.known.0 |= known.unwrap_or_default().0;
        self.octets = self.octets.saturating_add(line.len());
        self.lines.push(line.to_vec());
    }

    /// The capabilities in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = Capability<'_>> {
        self.lines.iter().map(|line| Capability::parse(line))
    }

    /// The lines as they came, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(Vec::as_slice)
    }

    /// Whether this capability, with these arguments, is in the list.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        match Known::of(capability) {
            Some(one) => self.known.has(one),
            None => self.iter().any(|listed| listed == capability),
        }
    }

    /// Whether the server announces SASL, with whatever mechanisms.
    #[must_use]
    pub const fn has_sasl(&self) -> bool {
        self.known.has(Known::SASL)
    }

    /// The mechanisms of all SASL lines, in the server's order.
    pub fn mechanisms(&self) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter_map(|capability| if let Capability::Sasl(list) = capability { Some(list) } else { None })
            .flat_map(words)
    }

    /// The LOGIN-DELAY, if the server told one.
    #[must_use]
    pub fn login_delay(&self) -> Option<LoginDelay> {
        self.iter().find_map(
            |capability| if let Capability::LoginDelay(delay) = capability { Some(delay) } else { None },
        )
    }

    /// The EXPIRE, if the server told one.
    #[must_use]
    pub fn expire(&self) -> Option<Expire> {
        self.iter().find_map(
            |capability| if let Capability::Expire(expire) = capability { Some(expire) } else { None },
        )
    }

    /// How many octets all lines have, without line ends.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
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

    use super::super::line::PARSED;
    use super::*;

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
}
