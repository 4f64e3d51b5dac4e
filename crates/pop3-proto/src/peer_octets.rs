//! Octets from the peer, for the formats of serde.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use ::serde::de::{SeqAccess, Visitor};
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Octets from the peer. A format for people has them as a text if they are UTF-8, and as numbers if not.
pub(crate) struct PeerOctets<'a>(pub(crate) Cow<'a, [u8]>);

impl PeerOctets<'_> {
    pub(crate) const fn of(octets: &[u8]) -> PeerOctets<'_> {
        PeerOctets(Cow::Borrowed(octets))
    }
}

impl Serialize for PeerOctets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(&self.0) {
            Ok(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            _ => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for PeerOctets<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(PeerOctetsVisitor)
        } else {
            deserializer.deserialize_byte_buf(PeerOctetsVisitor)
        }
    }
}

struct PeerOctetsVisitor;

impl<'de> Visitor<'de> for PeerOctetsVisitor {
    type Value = PeerOctets<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or octets")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(PeerOctets(text.as_bytes().to_vec().into()))
    }

    fn visit_bytes<E>(self, octets: &[u8]) -> Result<Self::Value, E> {
        Ok(PeerOctets(octets.to_vec().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = sequence.next_element()? {
            octets.push(octet);
        }
        Ok(PeerOctets(octets.into()))
    }
}

/// For the fields of a derived implementation.
pub(crate) fn serialize<S: Serializer>(octets: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    PeerOctets::of(octets).serialize(serializer)
}
