//! The mechanisms that AUTH offers, and the requests of a SASL exchange.

use crate::{Channel, MechanismName, Secret};

/// A SASL mechanism that AUTH offers (RFC 5034). This type holds only its name and requirements: the store implements
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OfferedMechanism {
    /// The name of the mechanism.
    pub name: MechanismName,
    /// What the channel must provide.
    pub needs: Needs,
}

/// What a mechanism needs from the channel. If the channel does not provide it, the mechanism is neither announced
/// nor accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table over all of them must not compile when there is a new one"
)]
pub enum Needs {
    /// Nothing: no secret is sent, and the mechanism does not use TLS.
    Nothing,
    /// Privacy, because a password or a token is sent. See [`Channel::carries_secrets`].
    Privacy,
    /// TLS, because the mechanism uses it: for channel binding or a client certificate.
    Tls,
}

/// A request to the code that implements a SASL mechanism. `Debug` does not show the contents.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 5034 has these three: begin, respond, cancel")]
pub enum SaslRequest {
    /// Begin an exchange.
    ///
    /// Answers: [`Challenge`](super::Answer::Challenge), [`Accept`](super::Answer::Accept),
    /// [`Reject`](super::Answer::Reject), [`Abandon`](super::Answer::Abandon).
    #[non_exhaustive]
    Begin {
        /// The mechanism, one of those offered.
        mechanism: MechanismName,
        /// The initial response, if the client sent one with the command. It may be empty. Without it, a mechanism in
        /// which the client speaks first begins with an empty challenge. With it, a mechanism in which the server
        /// speaks first must answer [`Abandon`](super::Answer::Abandon) (RFC 5034 section 4).
        initial: Option<Secret>,
    },
    /// The client's response to the challenge.
    ///
    /// Answers: as for [`Begin`](Self::Begin).
    Respond(Secret),
    /// The exchange is over: the client cancelled it, or sent a line that could not be parsed. The session chooses
    /// the text of the reply.
    ///
    /// Answer [`Abandon`](super::Answer::Abandon). If the credentials were already found to be wrong, as with a
    /// bearer token, answer [`Reject`](super::Answer::Reject).
    Cancel,
}

impl OfferedMechanism {
    /// Creates an offer of a mechanism with its requirements.
    #[must_use]
    pub const fn new(name: MechanismName, needs: Needs) -> Self {
        Self { name, needs }
    }

    /// Returns whether the mechanism may be used on this channel.
    pub(super) const fn works_on(&self, channel: Channel) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Privacy => channel.carries_secrets(),
            Needs::Tls => channel.is_tls(),
        }
    }
}
