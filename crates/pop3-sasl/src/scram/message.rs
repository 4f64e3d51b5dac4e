//! The messages of SCRAM (RFC 5802 section 7).

use alloc::string::String;

use super::hash::Hash;
use super::limits::MAX_SALT;
use crate::Secret;
use crate::text::{decode, is_nonce, number, unescape};

/// The most octets of a message of SCRAM, and of any message but a token's. The longest that keeps to
/// the limits of names and nonces has less than half of it.
pub(crate) const MAX_MESSAGE: usize = 4096;

/// The most extension attributes of a message.
const MAX_EXTENSIONS: usize = 16;

/// What makes a message unreadable.
pub(crate) type Flaw = &'static str;

/// Whether the client binds the exchange to the channel (RFC 5802 section 7, gs2-cbind-flag).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag<'a> {
    /// `n`: it can't.
    Unable,
    /// `y`: it could, but believes that the server can't.
    NotOffered,
    /// `p=`: it does, by this type.
    Bound(&'a str),
}

/// The head of a message of the GS2 family, `flag,[a=authzid],`; and what follows it.
pub(crate) struct Gs2<'a> {
    pub(crate) flag: Flag<'a>,
    /// The header itself, both commas included.
    pub(crate) header: &'a str,
    pub(crate) authorization: Option<String>,
    pub(crate) rest: &'a str,
}

impl<'a> Gs2<'a> {
    pub(crate) fn parse(message: &'a str) -> Result<Self, Flaw> {
        const FLAW: Flaw = "invalid GS2 header";
        let (flag, after) = message.split_once(',').ok_or(FLAW)?;
        let (authorization, rest) = after.split_once(',').ok_or(FLAW)?;
        let flag = match flag {
            "n" => Flag::Unable,
            "y" => Flag::NotOffered,
            _ => Flag::Bound(flag.strip_prefix("p=").filter(|name| !name.is_empty()).ok_or(FLAW)?),
        };
        let authorization = match authorization {
            "" => None,
            _ => Some(authorization.strip_prefix("a=").and_then(unescape).ok_or(FLAW)?),
        };
        let header = message.strip_suffix(rest).ok_or(FLAW)?;
        Ok(Self { flag, header, authorization, rest })
    }
}

/// `n=name,r=nonce`.
pub(crate) struct ClientFirst<'a> {
    pub(crate) name: String,
    pub(crate) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    /// Reads the message without its GS2 header.
    pub(crate) fn parse(bare: &'a str) -> Result<Self, Flaw> {
        let mut attributes = bare.split(',');
        let name = next(&mut attributes, "n=")?;
        let nonce = next(&mut attributes, "r=")?;
        extensions(attributes)?;
        if !is_nonce(nonce) {
            return Err("invalid nonce");
        }
        Ok(Self { name: unescape(name).ok_or("invalid escape in the name")?, nonce })
    }
}

/// `r=nonce,s=salt,i=iterations`.
pub(crate) struct ServerFirst<'a> {
    pub(crate) nonce: &'a str,
    pub(crate) salt: Secret,
    pub(crate) iterations: Option<u32>,
}

impl<'a> ServerFirst<'a> {
    pub(crate) fn parse(message: &'a str) -> Result<Self, Flaw> {
        let mut attributes = message.split(',');
        let nonce = next(&mut attributes, "r=")?;
        let salt = decode(next(&mut attributes, "s=")?).ok_or("the salt is not base64")?;
        let iterations = next(&mut attributes, "i=")?;
        extensions(attributes)?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err("the salt is empty or too long");
        }
        if iterations.is_empty() || !iterations.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err("the iteration count is not a number");
        }
        Ok(Self { nonce, salt, iterations: number(iterations) })
    }
}

/// `c=binding,r=nonce,p=proof`.
pub(crate) struct ClientFinal<'a> {
    pub(crate) binding: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) proof: Secret,
    /// The message without its proof.
    pub(crate) unproved: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(crate) fn parse(message: &'a str) -> Result<Self, Flaw> {
        let (unproved, proof) = message.rsplit_once(",p=").ok_or("the proof is missing")?;
        let mut attributes = unproved.split(',');
        let binding = next(&mut attributes, "c=")?;
        let nonce = next(&mut attributes, "r=")?;
        extensions(attributes)?;
        let proof = decode(proof).ok_or("the proof is not base64")?;
        Ok(Self { binding, nonce, proof, unproved })
    }
}

/// `v=signature` or `e=error`.
pub(crate) enum ServerFinal<'a> {
    Signature(Secret),
    Error(&'a str),
}

impl<'a> ServerFinal<'a> {
    pub(crate) fn parse(message: &'a str) -> Result<Self, Flaw> {
        let mut attributes = message.split(',');
        let first = attributes.next().unwrap_or_default();
        extensions(attributes)?;
        if let Some(error) = first.strip_prefix("e=") {
            return Ok(Self::Error(error));
        }
        let signature = first.strip_prefix("v=").ok_or("it contains neither a signature nor an error")?;
        decode(signature).map(Self::Signature).ok_or("the signature is not base64")
    }
}

/// What `c=` must hold: the GS2 header, and the octets of the binding that it names.
pub(crate) fn binding_input(header: &str, binding: Option<&Secret>) -> Secret {
    Secret::join(&[header.as_bytes(), binding.map_or(b"", |binding| binding.expose().as_slice())])
}

/// What is signed: the three messages, by commas (RFC 5802 section 3, AuthMessage).
pub(crate) fn signed_text(client_first_bare: &str, server_first: &str, client_final: &str) -> Secret {
    let parts = [client_first_bare, ",", server_first, ",", client_final].map(str::as_bytes);
    Secret::join(&parts)
}

/// The proof of a client: its key, hidden under a signature that only who has the stored key can
/// compute.
pub(crate) fn proof(hash: Hash, client_key: &Secret, text: &Secret) -> Secret {
    let stored = hash.digest(client_key.expose());
    let mut proof = hash.hmac(stored.expose(), &[text.expose()]);
    proof.expose_mut().iter_mut().zip(client_key.expose()).for_each(|(octet, key)| *octet ^= key);
    proof
}

/// The value of the attribute that must come next.
fn next<'a>(attributes: &mut core::str::Split<'a, char>, name: &str) -> Result<&'a str, Flaw> {
    let attribute = attributes.next().ok_or("an attribute is missing")?;
    if attribute.starts_with("m=") {
        return Err("unsupported mandatory extension");
    }
    attribute.strip_prefix(name).ok_or("an attribute is missing")
}

/// The rest are extensions. We know none: mandatory ones fail, others are ignored
/// (RFC 5802 section 5.1).
fn extensions(attributes: core::str::Split<'_, char>) -> Result<(), Flaw> {
    for (count, attribute) in attributes.enumerate() {
        let mut characters = attribute.chars();
        let name = characters.next().is_some_and(|letter| letter.is_ascii_alphabetic());
        let equals = characters.next() == Some('=');
        if !name || !equals || characters.next().is_none() || attribute.contains('\0') {
            return Err("invalid extension");
        }
        if attribute.starts_with("m=") {
            return Err("unsupported mandatory extension");
        }
        if count >= MAX_EXTENSIONS {
            return Err("too many extensions");
        }
    }
    Ok(())
}
