//! A store that the program keeps a handle of.

use std::sync::Arc;

use pop3_proto::Rejection;
use pop3_proto::server::Accepted;
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use super::Store;
use crate::backend::{Context, LoginAttempt};
use crate::server::Peer;

/// The store behind the pointer, for a program that uses the store beside the server.
impl<S: Store> Store for Arc<S> {
    type Maildrop = S::Maildrop;

    fn mechanisms(&self) -> Vec<Mechanism> {
        S::mechanisms(self)
    }

    fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        S::scram_keys(self, name, hash, peer, context)
    }

    fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        S::scram_refused(self, name, peer)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        S::may_act_for(self, user, other)
    }

    fn open(
        &self,
        attempt: &LoginAttempt,
        peer: &Peer,
        context: &Context,
    ) -> Result<(Accepted, Self::Maildrop), Rejection> {
        S::open(self, attempt, peer, context)
    }
}
