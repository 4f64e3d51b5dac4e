//! Octets received: the caller's buffer, read through a cursor.

/// A cursor over octets that the caller has received and not yet given away.
///
/// The core takes octets from the front. After a call, the caller removes
/// [`consumed`](Self::consumed) octets from its buffer, and passes the rest again with the next
/// call, more octets behind it. No octet is looked at twice for that.
#[derive(Debug)]
pub struct Input<'b> {
    rest: &'b [u8],
    consumed: usize,
    ended: bool,
}

impl<'b> Input<'b> {
    /// Octets after which more may come.
    #[must_use]
    pub const fn new(octets: &'b [u8]) -> Self {
        Self { rest: octets, consumed: 0, ended: false }
    }

    /// The last octets: the peer has closed its side, or the connection is lost.
    #[must_use]
    pub const fn last(octets: &'b [u8]) -> Self {
        Self { rest: octets, consumed: 0, ended: true }
    }

    /// How many octets were taken from the front.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// The octets not taken.
    #[must_use]
    pub const fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Whether no more octets will come behind these.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.ended
    }

    /// Takes this many octets, or all if there are fewer.
    pub(crate) fn take(&mut self, octets: usize) -> &'b [u8] {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.consumed = self.consumed.saturating_add(taken.len());
        taken
    }

    /// Takes all octets.
    pub(crate) fn take_all(&mut self) -> &'b [u8] {
        self.take(usize::MAX)
    }
}
