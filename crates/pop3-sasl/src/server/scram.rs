//! The server's side of SCRAM (RFC 5802 section 3).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{Failure, Identity, setup::ServerSetup};
use crate::scram::message::{self, ClientFinal, ClientFirst, Flag, Gs2};
use crate::scram::{Hash, Keys};
use crate::{BindingKind, Mechanism, Secret, text};

/// The client has named itself; keys are needed.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) hash: Hash,
    pub(super) identity: Identity,
    client_first_bare: String,
    nonce: String,
    /// What `c=` has to be.
    binding: Secret,
}

/// The challenge is out; the proof is to come.
#[derive(Debug)]
pub(super) struct Challenged {
    named: Named,
    keys: Keys,
    server_first: String,
}

impl Named {
    pub(super) fn read(
        octets: &[u8],
        mechanism: Mechanism,
        hash: Hash,
        setup: &ServerSetup,
    ) -> Result<Self, Failure> {
        let message = core::str::from_utf8(octets).map_err(|_| Failure::Malformed("it is not UTF-8"))?;
        let head = Gs2::parse(message).map_err(Failure::Malformed)?;
        let binding = match (head.flag, mechanism.needs_channel_binding()) {
            (Flag::Bound(kind), true) => {
                let octets = BindingKind::parse(kind.as_bytes()).and_then(|kind| setup.bindings.octets(kind));
                Some(octets.ok_or(Failure::Binding("the binding type is unknown"))?)
            }
            (Flag::Bound(_), false) => return Err(Failure::Binding("the mechanism does not end in -PLUS")),
            (_, true) => {
                return Err(Failure::Binding("the client chose a -PLUS mechanism without a binding"));
            }
            (Flag::NotOffered, false) if setup.plus_offered => {
                return Err(Failure::Binding("the client did not see that -PLUS mechanisms are offered"));
            }
            (Flag::NotOffered | Flag::Unable, false) => None,
        };
        let binding = message::binding_input(head.header, binding);
        let first = ClientFirst::parse(head.rest).map_err(Failure::Malformed)?;
        let name = |name: String| text::name(name.as_bytes()).ok_or(Failure::Malformed("invalid name"));
        let authorization = head.authorization.map(name).transpose()?;
        Ok(Self {
            hash,
            identity: Identity::new(mechanism, Some(name(first.name)?), authorization),
            client_first_bare: head.rest.to_owned(),
            nonce: format!("{}{}", first.nonce, setup.nonce.as_str()),
            binding: Secret::from(text::encode(binding.expose())),
        })
    }

    /// Goes on with the user's keys, or made-up ones.
    pub(super) fn challenge(self, keys: Option<Keys>, setup: &ServerSetup) -> (Challenged, Secret) {
        let keys = keys.unwrap_or_else(|| {
            let name = self.identity.name.as_deref().unwrap_or_default();
            Keys::decoy(self.hash, setup.decoy_key.expose(), name, setup.decoy_iterations)
        });
        let salt = text::encode(keys.salt());
        let server_first = format!("r={},s={salt},i={}", self.nonce, keys.iterations());
        let challenge = Secret::from(server_first.as_str());
        (Challenged { named: self, keys, server_first }, challenge)
    }
}

impl Challenged {
    /// Verifies the client's proof and makes our own. Binding and nonce are looked at first, so that a
    /// message that belongs elsewhere tells nothing about the password.
    pub(super) fn verify(self, octets: &[u8]) -> Result<(Identity, Secret), Failure> {
        let message = core::str::from_utf8(octets).map_err(|_| Failure::Malformed("it is not UTF-8"))?;
        let last = ClientFinal::parse(message).map_err(Failure::Malformed)?;
        if !self.named.binding.same_octets(last.binding.as_bytes()) {
            return Err(Failure::Binding("the channel or the GS2 header is different"));
        }
        if last.nonce != self.named.nonce {
            return Err(Failure::Malformed("the nonce is different"));
        }
        if last.proof.len() != self.named.hash.octets() {
            return Err(Failure::Malformed("the proof has the wrong length"));
        }
        let signed = message::signed_text(&self.named.client_first_bare, &self.server_first, last.unproved);
        if !self.keys.verify_proof(signed.expose(), last.proof.expose()) {
            return Err(Failure::Refused);
        }
        let signature = text::encode(self.keys.server_signature(signed.expose()).expose());
        Ok((self.named.identity, Secret::from(format!("v={signature}"))))
    }
}
