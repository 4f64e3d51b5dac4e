//! The client's side of SCRAM (RFC 5802 section 3).

use alloc::format;
use alloc::string::String;

use super::{ClientSetup, Credentials, Denial, ExchangeError, Unusable};
use crate::scram::message::{self, ServerFinal, ServerFirst};
use crate::scram::{Hash, client_and_server_key};
use crate::{Mechanism, Secret, text};

/// The first message is made; the salt is to come.
#[derive(Debug)]
pub(super) struct Started {
    hash: Hash,
    password: Secret,
    nonce: String,
    client_first_bare: String,
    /// What `c=` is, encoded.
    binding: Secret,
    iterations: core::ops::RangeInclusive<u32>,
}

/// The proof is made; the server's is to come.
#[derive(Debug)]
pub(super) struct Proved {
    signature: Secret,
}

impl Started {
    pub(super) fn new(
        mechanism: Mechanism,
        hash: Hash,
        credentials: &Credentials,
        setup: &ClientSetup,
    ) -> Result<(Self, Secret), Unusable> {
        let kind = setup.bindings.preferred();
        let (flag, octets) = match (mechanism.needs_channel_binding(), kind) {
            (true, Some(kind)) => (format!("p={}", kind.name()), setup.bindings.octets(kind)),
            (true, None) => return Err(Unusable::NoBinding),
            (false, Some(_)) if !setup.plus_offered => ("y".into(), None),
            (false, _) => ("n".into(), None),
        };
        let authorization = credentials.typed_authorization()?;
        let authorization = authorization.map_or(String::new(), |name| format!("a={}", text::escape(name)));
        let header = format!("{flag},{authorization},");
        let name = text::escape(&credentials.prepared_name()?);
        let nonce: String = setup.nonce.as_str().into();
        let client_first_bare = format!("n={name},r={nonce}");
        let first = Secret::from(format!("{header}{client_first_bare}"));
        let binding = message::binding_input(&header, octets);
        let started = Self {
            hash,
            password: credentials.prepared_password()?,
            nonce,
            client_first_bare,
            binding: Secret::from(text::encode(binding.expose())),
            iterations: setup.iterations.clone(),
        };
        Ok((started, first))
    }

    pub(super) fn prove(self, challenge: &[u8]) -> Result<(Proved, Secret), ExchangeError> {
        let server_first =
            core::str::from_utf8(challenge).map_err(|_| ExchangeError::Malformed("it is not UTF-8"))?;
        if let Some(error) = server_first.strip_prefix("e=") {
            return Err(denied(error));
        }
        let first = ServerFirst::parse(server_first).map_err(ExchangeError::Malformed)?;
        let added = first.nonce.strip_prefix(self.nonce.as_str()).ok_or(ExchangeError::Nonce)?;
        if !text::is_nonce(added) {
            return Err(ExchangeError::Nonce);
        }
        let iterations = first.iterations.filter(|count| self.iterations.contains(count));
        let iterations = iterations.ok_or(ExchangeError::Iterations)?;
        let (client_key, server_key) =
            client_and_server_key(self.hash, self.password.expose(), first.salt.expose(), iterations);
        let head = [b"c=", self.binding.expose().as_slice(), b",r=", first.nonce.as_bytes()];
        let unproved = Secret::join(&head);
        let signed = [self.client_first_bare.as_bytes(), b",", challenge, b",", unproved.expose()];
        let signed = Secret::join(&signed);
        let proof = message::proof(self.hash, &client_key, &signed);
        let proof = Secret::from(text::encode(proof.expose()));
        let message = Secret::join(&[unproved.expose(), b",p=", proof.expose()]);
        let signature = self.hash.hmac(server_key.expose(), &[signed.expose()]);
        Ok((Proved { signature }, message))
    }
}

impl Proved {
    /// Whether the server has proved that it knows the keys.
    pub(super) fn verify(&self, challenge: &[u8]) -> Result<(), ExchangeError> {
        let message =
            core::str::from_utf8(challenge).map_err(|_| ExchangeError::Malformed("it is not UTF-8"))?;
        match ServerFinal::parse(message).map_err(ExchangeError::Malformed)? {
            ServerFinal::Error(error) => Err(denied(error)),
            ServerFinal::Signature(signature) if self.signature.same_octets(signature.expose()) => Ok(()),
            ServerFinal::Signature(_) => Err(ExchangeError::WrongSignature),
        }
    }
}

fn denied(error: &str) -> ExchangeError {
    ExchangeError::Denied(Denial::parse(error.split(',').next().unwrap_or_default()))
}
