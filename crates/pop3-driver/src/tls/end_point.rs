//! The channel binding `tls-server-end-point`: the hash of the server's certificate (RFC 5929 section 4).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The hash of a certificate by the hash of its own signature; SHA-256 instead of MD5 and SHA-1.
///
/// `None` where the RFC defines none: the signature has no hash, as Ed25519, or one that is not known.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]` of RSASSA-PSS-params, which holds the hash (RFC 4055 section 3.1).
const PSS_HASH: u8 = 0xa0;

// Object identifiers without the last number, which distinguishes the members of a family.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];

/// The hash in the field signatureAlgorithm of a certificate (RFC 5280 section 4.1.1.2).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(certificate, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    if identifier == ECDSA_SHA1 {
        return Some(Hash::Sha256);
    }
    let (&member, family) = identifier.split_last()?;
    match (family, member) {
        // md5WithRSAEncryption and sha1WithRSAEncryption.
        (PKCS1, 4 | 5 | 11) | (ECDSA_SHA2, 2) => Some(Hash::Sha256),
        (PKCS1, 12) | (ECDSA_SHA2, 3) => Some(Hash::Sha384),
        (PKCS1, 13) | (ECDSA_SHA2, 4) => Some(Hash::Sha512),
        (PKCS1, 10) => pss_hash(parameters),
        _ => None,
    }
}

/// The hash of RSASSA-PSS, SHA-1 where none is named.
fn pss_hash(parameters: &[u8]) -> Option<Hash> {
    let (parameters, _) = element(parameters, SEQUENCE)?;
    let Some((named, _)) = element(parameters, PSS_HASH) else { return Some(Hash::Sha256) };
    let (algorithm, _) = element(named, SEQUENCE)?;
    let (identifier, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    if identifier == SHA1 {
        return Some(Hash::Sha256);
    }
    match identifier.strip_prefix(SHA2)? {
        [1] => Some(Hash::Sha256),
        [2] => Some(Hash::Sha384),
        [3] => Some(Hash::Sha512),
        _ => None,
    }
}

/// Takes an element with this tag off DER: its content, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Refuse certificates of more than 16 MiB.
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as it is looked at: any content, then the algorithm.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82][..], &length, content].concat()
        };
        wrap(SEQUENCE, &[wrap(SEQUENCE, &[1; 300]), wrap(SEQUENCE, algorithm), vec![3, 1, 0]].concat())
    }

    fn oid(family: &[u8], member: &[u8]) -> Vec<u8> {
        let length = u8::try_from(family.len() + member.len()).unwrap();
        [&[OBJECT_IDENTIFIER, length][..], family, member].concat()
    }

    // 5929-4.01
    #[test]
    fn the_hash_is_the_signatures_but_never_md5_or_sha1() {
        for (family, member, hash) in [
            (PKCS1, &[4][..], Some(Hash::Sha256)),
            (PKCS1, &[5], Some(Hash::Sha256)),
            (PKCS1, &[11], Some(Hash::Sha256)),
            (PKCS1, &[12], Some(Hash::Sha384)),
            (PKCS1, &[13], Some(Hash::Sha512)),
            (PKCS1, &[14], None),
            (ECDSA_SHA1, &[], Some(Hash::Sha256)),
            (ECDSA_SHA2, &[2], Some(Hash::Sha256)),
            (ECDSA_SHA2, &[3], Some(Hash::Sha384)),
            (ECDSA_SHA2, &[4], Some(Hash::Sha512)),
            // Ed25519
            (&[0x2b, 0x65], &[0x70], None),
        ] {
            assert_eq!(signature_hash(&certificate(&oid(family, member))), hash, "{family:x?} {member:x?}");
        }
        let pss = |hash: &[u8]| {
            let named = [&[SEQUENCE, u8::try_from(hash.len()).unwrap()][..], hash].concat();
            let named = [&[PSS_HASH, u8::try_from(named.len()).unwrap()][..], &named].concat();
            let parameters = [&[SEQUENCE, u8::try_from(named.len()).unwrap()][..], &named].concat();
            signature_hash(&certificate(&[oid(PKCS1, &[10]), parameters].concat()))
        };
        assert_eq!(pss(&oid(SHA2, &[1])), Some(Hash::Sha256));
        assert_eq!(pss(&oid(SHA2, &[2])), Some(Hash::Sha384));
        assert_eq!(pss(&oid(SHA2, &[3])), Some(Hash::Sha512));
        assert_eq!(pss(&oid(SHA1, &[])), Some(Hash::Sha256));
        let default = [oid(PKCS1, &[10]), vec![SEQUENCE, 0]].concat();
        assert_eq!(signature_hash(&certificate(&default)), Some(Hash::Sha256));
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = certificate(&oid(PKCS1, &[11]));
        for length in 0..whole.len() {
            assert_eq!(signature_hash(&whole[..length]), None);
        }
        for octets in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\0\0", b"\x31\0"] {
            assert_eq!(signature_hash(octets), None);
        }
    }
}
