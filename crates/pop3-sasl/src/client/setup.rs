//! What a client's side has to know of its connection.

use core::ops::RangeInclusive;

use crate::scram::{MAX_ITERATIONS, MIN_ITERATIONS};
use crate::{ChannelBindings, Nonce};

/// The settings of one client exchange.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    pub(super) nonce: Nonce,
    pub(super) bindings: ChannelBindings,
    pub(super) plus_offered: bool,
    pub(super) iterations: RangeInclusive<u32>,
}

impl ClientSetup {
    /// Creates the settings with a nonce. Use a new nonce for each exchange.
    #[must_use]
    pub const fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            bindings: ChannelBindings::none(),
            plus_offered: false,
            iterations: MIN_ITERATIONS..=MAX_ITERATIONS,
        }
    }

    /// Sets the bindings of the connection. Default: none. Set them for mechanisms without -PLUS, too: the client
    /// then tells the server that it supports channel binding (RFC 5802 section 6).
    #[must_use]
    pub fn with_bindings(mut self, bindings: ChannelBindings) -> Self {
        self.bindings = bindings;
        self
    }

    /// Sets whether the server offers a -PLUS mechanism; see [`offers_plus`](super::offers_plus). Default: no.
    #[must_use]
    pub const fn with_plus_offered(mut self, offered: bool) -> Self {
        self.plus_offered = offered;
        self
    }

    /// Sets the range of iterations that a server may request. Default: [`MIN_ITERATIONS`] to [`MAX_ITERATIONS`].
    /// With fewer iterations, an eavesdropper can guess the password more easily. With more, a server can keep the
    /// client busy.
    #[must_use]
    pub const fn with_iterations(mut self, iterations: RangeInclusive<u32>) -> Self {
        self.iterations = iterations;
        self
    }
}
