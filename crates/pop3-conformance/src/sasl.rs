//! The messages of SASL mechanisms, written by hand: the runner does not trust the code that it checks.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::connect::Connect;

/// What stands for the user's secret on the wire, so that it can be masked.
pub(crate) fn secrets(connect: &Connect) -> Vec<&[u8]> {
    vec![connect.password.as_slice()]
}

pub(crate) fn base64(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// A PLAIN message (RFC 4616 section 2), in base64.
pub(crate) fn plain(authorize: &[u8], user: &[u8], password: &[u8]) -> String {
    base64(&[authorize, b"\0", user, b"\0", password].concat())
}

/// The digest of APOP (RFC 1939 section 7).
pub(crate) fn apop(timestamp: &str, password: &[u8]) -> String {
    hex(&Md5::new().chain_update(timestamp).chain_update(password).finalize())
}

/// The response of CRAM-MD5 (RFC 2195 section 2), in base64.
pub(crate) fn cram_md5(user: &[u8], password: &[u8], challenge: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Md5>::new_from_slice(password).ok()?;
    mac.update(challenge);
    let digest = hex(&mac.finalize().into_bytes());
    Some(base64(&[user, b" ", digest.as_bytes()].concat()))
}

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The hash of the mechanism with this name.
    pub(crate) fn of(mechanism: &str) -> Option<Self> {
        match mechanism.strip_suffix("-PLUS").unwrap_or(mechanism) {
            "SCRAM-SHA-1" => Some(Self::Sha1),
            "SCRAM-SHA-256" => Some(Self::Sha256),
            "SCRAM-SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
            let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, text),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, text),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    fn hash(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha512 => Sha512::digest(text).to_vec(),
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
        let mut out = vec![0; self.hash(b"").len()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut out),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut out),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut out),
        }
        out
    }
}

/// A client's side of SCRAM (RFC 5802 section 5), which can be told to do wrong.
#[derive(Clone, Debug)]
pub(crate) struct Scram {
    hash: Hash,
    /// The header of GSS-API, as `n,,`.
    header: String,
    /// The octets that the channel binding gives.
    binding: Vec<u8>,
    bare: String,
    nonce: String,
}

/// What a server's first message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) nonce: String,
    pub(crate) salt: Vec<u8>,
    pub(crate) rounds: u32,
    text: String,
}

impl Scram {
    pub(crate) fn new(hash: Hash, header: &str, binding: &[u8], user: &str) -> Self {
        let nonce = base64(&unique());
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        Self { hash, header: header.to_owned(), binding: binding.to_vec(), bare, nonce }
    }

    /// The same with another name, as it is written.
    pub(crate) fn with_bare(mut self, before: &str, name: &str) -> Self {
        self.bare = format!("{before}n={name},r={}", self.nonce);
        self
    }

    /// The first message, in base64.
    pub(crate) fn first(&self) -> String {
        base64(format!("{}{}", self.header, self.bare).as_bytes())
    }

    /// Reads the server's first message.
    pub(crate) fn read(&self, challenge: &str) -> Option<First> {
        let text = String::from_utf8(decoded(challenge)?).ok()?;
        let (mut nonce, mut salt, mut rounds) = (None, None, None);
        for part in text.split(',') {
            match part.split_once('=')? {
                ("r", value) => nonce = Some(value.to_owned()),
                ("s", value) => salt = decoded(value),
                ("i", value) => rounds = value.parse().ok(),
                _ => {}
            }
        }
        Some(First { nonce: nonce?, salt: salt?, rounds: rounds?, text: text.clone() })
    }

    /// Whether the server's nonce begins with ours and has something behind it.
    pub(crate) fn extends(&self, first: &First) -> bool {
        first.nonce.len() > self.nonce.len() && first.nonce.starts_with(&self.nonce)
    }

    /// The final message, in base64, with this nonce; and the signature that the server must send.
    pub(crate) fn last(&self, first: &First, password: &[u8], nonce: &str) -> (String, Vec<u8>) {
        let salted = self.hash.salted(password, &first.salt, first.rounds.min(1_000_000));
        let bound = base64(&[self.header.as_bytes(), &self.binding].concat());
        let without_proof = format!("c={bound},r={nonce}");
        let text = format!("{},{},{without_proof}", self.bare, first.text);
        let client_key = self.hash.mac(&salted, b"Client Key");
        let signature = self.hash.mac(&self.hash.hash(&client_key), text.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        let server_key = self.hash.mac(&salted, b"Server Key");
        let message = format!("{without_proof},p={}", base64(&proof));
        (base64(message.as_bytes()), self.hash.mac(&server_key, text.as_bytes()))
    }
}

/// Octets that are different at each call. They need not be secret.
pub(crate) fn unique() -> [u8; 16] {
    use core::hash::BuildHasher;
    use std::hash::RandomState;
    let mut octets = [0; 16];
    for half in octets.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(std::time::Instant::now()).to_be_bytes());
    }
    octets
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfcs() {
        // RFC 1939 section 7, RFC 4616 section 4, RFC 2195 section 2.
        assert_eq!(
            apop("<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf"),
            "c4c9334bac560ecc979e58001b3e22fb"
        );
        assert_eq!(plain(b"", b"tim", b"tanstaaftanstaaf"), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let response = "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw";
        assert_eq!(cram_md5(b"tim", b"tanstaaftanstaaf", challenge).unwrap(), response);
    }

    #[test]
    fn scram_by_rfc_7677() {
        let scram = Scram {
            hash: Hash::Sha256,
            header: "n,,".to_owned(),
            binding: Vec::new(),
            bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned(),
            nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        };
        let first = scram
            .read("cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=")
            .unwrap();
        assert!(scram.extends(&first) && first.rounds == 4096);
        let (last, signature) = scram.last(&first, b"pencil", &first.nonce);
        assert!(
            String::from_utf8(decoded(&last).unwrap())
                .unwrap()
                .ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        );
        assert_eq!(base64(&signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
