//! Words for the formats of serde (the feature `serde`).
//!
//! Words that own their octets are read and written. Words that borrow are only written: many formats can't lend the
//! octets of a text that contains an escape. Secrets, and what may contain one, are neither: [`Command`](crate::Command),
//! [`Password`](crate::Password), [`Base64`](crate::Base64), [`Digest`](crate::apop::Digest).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use ::serde::de::Error as _;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::apop::Timestamp;
use crate::peer_octets::PeerOctets;
use crate::{
    Capabilities, Capability, LanguageRange, MechanismName, Name, Quirk, Quirks, ResponseCode, UniqueId,
};

/// The octets between the brackets.
impl Serialize for ResponseCode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PeerOctets::of(self.as_bytes()).serialize(serializer)
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PeerOctets::of(self.as_bytes()).serialize(serializer)
    }
}

impl Serialize for UniqueId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for LanguageRange<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for MechanismName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MechanismName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| D::Error::custom("invalid name of a SASL mechanism"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| D::Error::custom("this is no timestamp of APOP"))
    }
}

impl Serialize for Quirks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let quirks: Vec<Quirk> = self.iter().collect();
        quirks.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quirks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Vec<Quirk>>::deserialize(deserializer).map(|quirks| quirks.into_iter().collect())
    }
}

/// The line of the reply to CAPA.
impl Serialize for Capability<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tagged = |tag: &[u8], text: &[u8]| PeerOctets([tag, text].concat().into());
        match *self {
            Self::Sasl(mechanisms) => tagged(b"SASL ", mechanisms).serialize(serializer),
            Self::Implementation(text) => tagged(b"IMPLEMENTATION ", text).serialize(serializer),
            Self::Other(line) => PeerOctets::of(line).serialize(serializer),
            // These consist of ASCII.
            Self::Top
            | Self::User
            | Self::RespCodes
            | Self::LoginDelay(_)
            | Self::Pipelining
            | Self::Expire(_)
            | Self::Uidl
            | Self::Stls
            | Self::AuthRespCode
            | Self::Utf8 { .. }
            | Self::Lang => {
                tagged(b"", alloc::string::ToString::to_string(self).as_bytes()).serialize(serializer)
            }
        }
    }
}

/// The lines as the server sent them.
impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.lines().map(PeerOctets::of))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = <Vec<PeerOctets<'static>>>::deserialize(deserializer)?;
        if lines.iter().any(|line| line.0.contains(&b'\n')) {
            return Err(D::Error::custom("a capability contains a line end"));
        }
        Ok(lines.iter().map(|line| &*line.0).collect())
    }
}
