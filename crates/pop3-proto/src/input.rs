//! Received octets: a cursor over the buffer of the caller.

/// A cursor over octets that the caller has received and that are not consumed yet.
///
/// The connection consumes octets from the front. After a call, remove [`consumed`](Self::consumed) octets from your
/// buffer. With the next call, pass the rest again, followed by newly received octets. It does not scan any
/// octet twice.
///
/// ```
/// use pop3_proto::Input;
///
/// let mut received = b"USER mrose\r\nPA".to_vec();
/// let input = Input::new(&received);
/// // Pass `&mut input` to `ServerConnection::poll` here.
/// let consumed = input.consumed();
/// received.drain(..consumed);
/// ```
#[derive(Debug)]
pub struct Input<'b> {
    rest: &'b [u8],
    consumed: usize,
    ended: bool,
}

impl<'b> Input<'b> {
    /// Creates an input that may be followed by more octets.
    #[must_use]
    pub const fn new(octets: &'b [u8]) -> Self {
        Self { rest: octets, consumed: 0, ended: false }
    }

    /// Creates the last input: the peer has closed its side, or the connection is lost.
    #[must_use]
    pub const fn last(octets: &'b [u8]) -> Self {
        Self { rest: octets, consumed: 0, ended: true }
    }

    /// Returns how many octets were consumed from the front.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// Returns the octets that are not consumed.
    #[must_use]
    pub const fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Returns whether no more octets will follow.
    pub(crate) const fn is_last(&self) -> bool {
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
