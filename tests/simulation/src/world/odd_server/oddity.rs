//! How servers depart from the protocol.

use pop3_proto::Quirk;

use crate::Chance;

/// How a server departs from the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// At QUIT, it also removes what it has begun to send. Some servers announce that as `EXPIRE 0`.
    RemovesRetrieved,
    /// Some sessions find an empty maildrop.
    SometimesEmpty,
    /// It refuses UIDL in some sessions.
    SometimesWithoutUidl,
    /// The unique-ids are others in each session.
    ChangingUids,
    /// All messages have the same unique-id.
    RepeatedUids,
    /// It sends a reply that nobody has asked for, once in a session.
    SurplusReplies,
    /// It closes the connection in the middle of a reply.
    CutReplies,
    /// It refuses some messages.
    RefusesMessages,
    /// It sends some messages twice.
    DoubledReplies,
    /// It sends only the beginning of some messages, and then the terminator.
    ShortMessages,
    /// It refuses QUIT, or does not answer it.
    BadQuit,
    /// It refuses DELE.
    RefusesDele,
    /// It falls silent.
    Silence,
    /// What clients tolerate, see `docs/quirks.md`.
    Quirk(Quirk),
}

impl Oddity {
    /// All of them but the quirks, which [`Quirk::ALL`] lists.
    pub const OWN: &[Self] = &[
        Self::RemovesRetrieved,
        Self::SometimesEmpty,
        Self::SometimesWithoutUidl,
        Self::ChangingUids,
        Self::RepeatedUids,
        Self::SurplusReplies,
        Self::CutReplies,
        Self::RefusesMessages,
        Self::DoubledReplies,
        Self::ShortMessages,
        Self::BadQuit,
        Self::RefusesDele,
        Self::Silence,
    ];

    /// Some of them, at least one.
    pub(crate) fn some(chance: &Chance) -> Vec<Self> {
        let mut some = Vec::new();
        let mut add = |oddity| {
            if !some.contains(&oddity) {
                some.push(oddity);
            }
        };
        if chance.per_mille(200) {
            add(Self::RemovesRetrieved);
        }
        for _ in 0..chance.below(4) {
            add(*chance.pick(Self::OWN));
        }
        for _ in 0..1 + chance.below(3) {
            add(Self::Quirk(*chance.pick(Quirk::ALL)));
        }
        some
    }

    /// Whether a message may be fetched more than once, as nothing tells that it is the same.
    pub(crate) const fn may_double(self) -> bool {
        matches!(
            self,
            Self::ChangingUids
                | Self::RepeatedUids
                | Self::ShortMessages
                | Self::Quirk(Quirk::UnstuffedDot | Quirk::EmptyUniqueId)
        )
    }

    /// Whether a message may not be what was delivered, and nobody could tell.
    pub(crate) const fn may_alter(self) -> bool {
        matches!(self, Self::ShortMessages | Self::Quirk(Quirk::UnstuffedDot | Quirk::DoubledCarriageReturn))
    }

    /// Whether it stays when all is calm, as what is in all sessions and keeps no client from its messages.
    pub(crate) const fn stays(self) -> bool {
        match self {
            Self::RemovesRetrieved | Self::RepeatedUids => true,
            // A message that was missing and comes back with other octets is another one to a client.
            Self::Quirk(Quirk::DoubledCarriageReturn) => true,
            Self::Quirk(quirk) => {
                !matches!(quirk, Quirk::EmptyUniqueId | Quirk::SkippedNumber | Quirk::UnstuffedDot)
            }
            Self::SometimesEmpty
            | Self::SometimesWithoutUidl
            | Self::ChangingUids
            | Self::SurplusReplies
            | Self::CutReplies
            | Self::RefusesMessages
            | Self::DoubledReplies
            | Self::ShortMessages
            | Self::BadQuit
            | Self::RefusesDele
            | Self::Silence => false,
        }
    }

    /// Whether it can be seen in TLS only.
    pub(crate) const fn needs_tls(self) -> bool {
        matches!(self, Self::Quirk(Quirk::StlsWithinTls | Quirk::UnknownBinding))
    }
}
