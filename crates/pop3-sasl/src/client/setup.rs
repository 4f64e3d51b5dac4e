//! What a client's side has to know of its connection.

use core::ops::RangeInclusive;

use crate::scram::{MAX_ITERATIONS, MIN_ITERATIONS};
use crate::{ChannelBindings, Nonce};

/// What one exchange has to know.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    pub(super) nonce: Nonce,
    pub(super) bindings: ChannelBindings,
    pub(super) plus_offered: bool,
    pub(super) iterations: RangeInclusive<u32>,
}

impl ClientSetup {
    /// The nonce must be new for each exchange.
    #[must_use]
    pub const fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            bindings: ChannelBindings::none(),
            plus_offered: false,
            iterations: MIN_ITERATIONS..=MAX_ITERATIONS,
        }
    }

    /// Sets the bindings of the connection. Default: none. Give them for mechanisms without -PLUS, too: they then
    /// tell the server that it could have been bound (RFC 5802 section 6).
    #[must_use]
    pub fn with_bindings(mut self, bindings: ChannelBindings) -> Self {
        self.bindings = bindings;
        self
    }

    /// Sets whether the server offers any -PLUS mechanism, see [`offers_plus`](super::offers_plus). Default: no.
    #[must_use]
    pub const fn with_plus_offered(mut self, offered: bool) -> Self {
        self.plus_offered = offered;
        self
    }

    /// Sets how many iterations a server may ask for. Default: [`MIN_ITERATIONS`] to [`MAX_ITERATIONS`]. Fewer make
    /// the password easy to find out for who has listened; more are work without end.
    #[must_use]
    pub const fn with_iterations(mut self, iterations: RangeInclusive<u32>) -> Self {
        self.iterations = iterations;
        self
    }
}
