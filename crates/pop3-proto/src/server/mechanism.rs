//! What AUTH offers, and what of an exchange is not the core's.

use crate::{Channel, MechanismName, Secret};

/// A mechanism that AUTH offers (RFC 5034), by its name only: what is said in it is the embedder's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OfferedMechanism {
    /// The name.
    pub name: MechanismName,
    /// Where it may be used.
    pub needs: Needs,
}

/// What a mechanism needs of the channel. Where the channel has it not, the mechanism is neither
/// announced nor taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table over all of them must not compile when there is a new one"
)]
pub enum Needs {
    /// Nothing: no secret travels, and nothing of TLS is used.
    Nothing,
    /// A password or a token travels: [`Channel::carries_secrets`].
    Privacy,
    /// TLS itself is a part of it: channel binding, a client's certificate.
    Tls,
}

/// What a session asks of who leads the exchange of a mechanism. Nothing of it is shown by `Debug`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 5034 has these three: begin, respond, cancel")]
pub enum SaslRequest {
    /// Begin an exchange.
    ///
    /// Answers: [`Challenge`](super::Answer::Challenge), [`Accept`](super::Answer::Accept),
    /// [`Reject`](super::Answer::Reject), [`Abandon`](super::Answer::Abandon).
    #[non_exhaustive]
    Begin {
        /// The mechanism, one of those that are offered.
        mechanism: MechanismName,
        /// The first response, if it came with the command; it may be empty. Without it, a mechanism in
        /// which the client speaks first begins with an empty challenge; with it, a mechanism in which
        /// the server speaks first is abandoned (RFC 5034 section 4).
        initial: Option<Secret>,
    },
    /// The response to the challenge.
    ///
    /// Answers: as for [`Begin`](Self::Begin).
    Respond(Secret),
    /// The exchange is over: the client has cancelled it, or its line could not be read. The core knows
    /// what to say.
    ///
    /// Answers: [`Abandon`](super::Answer::Abandon); or [`Reject`](super::Answer::Reject), where the
    /// credentials were found to be wrong before, as with a bearer token.
    Cancel,
}

impl OfferedMechanism {
    /// A mechanism and what it needs.
    #[must_use]
    pub const fn new(name: MechanismName, needs: Needs) -> Self {
        Self { name, needs }
    }

    /// Whether it may be used on this channel.
    #[must_use]
    pub const fn works_on(&self, channel: Channel) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Privacy => channel.carries_secrets(),
            Needs::Tls => channel.is_tls(),
        }
    }
}
