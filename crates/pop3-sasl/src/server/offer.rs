//! Which mechanisms a connection allows.

use alloc::vec::Vec;

use super::ServerSetup;
use crate::{ChannelBindings, Mechanism};

/// The mechanisms that a server may offer on a connection, and those it has offered.
///
/// ```
/// use pop3_sasl::server::Offer;
/// use pop3_sasl::{ChannelBindings, Mechanism};
///
/// let can = [Mechanism::ScramSha256Plus, Mechanism::External, Mechanism::Plain];
/// let mut offer = Offer::new();
/// assert_eq!(offer.select(can), [Mechanism::Plain]);
/// offer.carried_by(ChannelBindings::none().with_exporter([7; 32]), false);
/// assert_eq!(offer.select(can), [Mechanism::ScramSha256Plus, Mechanism::Plain]);
/// ```
#[derive(Clone, Debug)]
pub struct Offer {
    bindings: ChannelBindings,
    certified: bool,
    plus_offered: bool,
    /// Whether an exchange with channel binding has failed: the exporter's octets serve only once
    /// (RFC 9266 section 4.1).
    spent: bool,
}

impl Offer {
    /// Creates the state for a connection without TLS.
    #[must_use]
    pub const fn new() -> Self {
        Self { bindings: ChannelBindings::none(), certified: false, plus_offered: false, spent: false }
    }

    /// Records the TLS connection: its bindings, and whether the client presented a certificate. This resets the list
    /// of offered mechanisms. If a proxy terminates TLS, the bindings and the certificate belong to the proxy: pass
    /// none.
    pub fn carried_by(&mut self, bindings: ChannelBindings, certified: bool) {
        self.bindings = bindings;
        self.certified = certified;
        self.plus_offered = false;
    }

    /// Returns those of the given mechanisms that the connection allows, in the same order, and records them as
    /// offered. EXTERNAL needs a certificate. -PLUS needs bindings that no failed exchange has used. A mechanism that
    /// is not [available](Mechanism::is_available) is never offered.
    ///
    /// This does not check whether the connection may carry a secret.
    #[must_use]
    pub fn select(&mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Vec<Mechanism> {
        let bound = !self.spent && !self.bindings.is_empty();
        let mut allowed: Vec<_> = mechanisms.into_iter().collect();
        allowed.retain(|mechanism| {
            mechanism.is_available()
                && (self.certified || *mechanism != Mechanism::External)
                && (bound || !mechanism.needs_channel_binding())
        });
        self.plus_offered |= allowed.iter().any(|mechanism| mechanism.needs_channel_binding());
        allowed
    }

    /// Adds the state of the connection to the settings of an exchange.
    #[must_use]
    pub fn complete(&self, setup: ServerSetup) -> ServerSetup {
        setup.with_plus_offered(self.plus_offered).with_bindings(self.bindings.clone())
    }

    /// Records that an exchange of this mechanism ended without a login. Returns whether [`select`](Self::select) now
    /// returns fewer mechanisms than before.
    pub const fn failed(&mut self, mechanism: Mechanism) -> bool {
        let first = mechanism.needs_channel_binding() && !self.spent;
        self.spent |= first;
        first
    }
}

impl Default for Offer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> ChannelBindings {
        ChannelBindings::none().with_exporter([7; 32])
    }

    #[test]
    fn what_the_connection_lacks_is_not_offered() {
        for certified in [false, true] {
            for bindings in [ChannelBindings::none(), bound()] {
                let has = !bindings.is_empty();
                let mut offer = Offer::new();
                offer.carried_by(bindings, certified);
                let offered = offer.select(Mechanism::ALL.iter().copied());
                for &mechanism in Mechanism::ALL {
                    let lacking = (mechanism == Mechanism::CramMd5 && cfg!(not(feature = "md5")))
                        || (mechanism == Mechanism::External && !certified)
                        || (mechanism.needs_channel_binding() && !has);
                    assert_eq!(offered.contains(&mechanism), !lacking, "{mechanism} {certified} {has}");
                }
            }
        }
    }

    #[test]
    fn a_binding_serves_until_an_exchange_with_it_has_failed() {
        let mut offer = Offer::new();
        offer.carried_by(bound(), false);
        let plus = [Mechanism::ScramSha256Plus];
        assert_eq!(offer.select(plus), plus);
        assert!(!offer.failed(Mechanism::ScramSha256) && offer.select(plus) == plus);
        assert!(offer.failed(Mechanism::ScramSha256Plus));
        assert!(offer.select(plus).is_empty() && !offer.failed(Mechanism::ScramSha256Plus));
        // The mechanism was offered. A client that did not see it was shown a different list.
        assert!(offer.plus_offered);
        // The same connection, after a proxy named another client.
        offer.carried_by(bound(), false);
        assert!(offer.select(plus).is_empty() && !offer.plus_offered);
    }
}
