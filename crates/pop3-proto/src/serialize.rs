//! Words for the formats of serde (the feature `serde`).
//!
//! Words that own their octets are read and written. Words that borrow are only written: many formats can't lend the
//! octets of a text that contains an escape. Secrets, and what may contain one, are neither: [`Command`](crate::Command),
//! [`Password`](crate::Password), [`Base64`](crate::Base64), [`Digest`](crate::apop::Digest).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use ::serde::de::{Error as _, SeqAccess, Visitor};
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::apop::Timestamp;
use crate::{
    Capabilities, Capability, LanguageRange, MechanismName, Name, Quirk, Quirks, ResponseCode, UniqueId,
};

/// Octets from the peer. A format for people has them as a text if they are UTF-8, and as numbers if not.
struct Octets<'a>(Cow<'a, [u8]>);

impl Octets<'_> {
    const fn of(octets: &[u8]) -> Octets<'_> {
        Octets(Cow::Borrowed(octets))
    }
}

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(&self.0) {
            Ok(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            _ => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Octets<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(OctetsVisitor)
        } else {
            deserializer.deserialize_byte_buf(OctetsVisitor)
        }
    }
}

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Octets<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or octets")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Octets(text.as_bytes().to_vec().into()))
    }

    fn visit_bytes<E>(self, octets: &[u8]) -> Result<Self::Value, E> {
        Ok(Octets(octets.to_vec().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = sequence.next_element()? {
            octets.push(octet);
        }
        Ok(Octets(octets.into()))
    }
}

/// The octets between the brackets.
impl Serialize for ResponseCode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Octets::of(self.as_bytes()).serialize(serializer)
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Octets::of(self.as_bytes()).serialize(serializer)
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
        let tagged = |tag: &[u8], text: &[u8]| Octets([tag, text].concat().into());
        match *self {
            Self::Sasl(mechanisms) => tagged(b"SASL ", mechanisms).serialize(serializer),
            Self::Implementation(text) => tagged(b"IMPLEMENTATION ", text).serialize(serializer),
            Self::Other(line) => Octets::of(line).serialize(serializer),
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
        serializer.collect_seq(self.lines().map(Octets::of))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = <Vec<Octets<'static>>>::deserialize(deserializer)?;
        if lines.iter().any(|line| line.0.contains(&b'\n')) {
            return Err(D::Error::custom("a capability contains a line end"));
        }
        Ok(lines.iter().map(|line| &*line.0).collect())
    }
}

/// For the fields of a derived implementation.
pub(crate) fn octets<S: Serializer>(octets: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    Octets::of(octets).serialize(serializer)
}
