//! What a server presents in a handshake. The tests of the program use it, too.

use std::sync::Arc;

use pop3_driver::tls::{harden_server, provider};
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion};

/// A server that presents this certificate and has this key, whether or not they belong together.
pub(crate) fn presenting(
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![certificate.clone()], key));
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    harden_server(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)))
}

/// The certificate without its extensions and as one of version 1. Its signature is then wrong.
pub(crate) fn version_1(der: &[u8]) -> Vec<u8> {
    let (certificate, _) = element(der);
    let (content, behind) = element(certificate);
    let mut kept = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let (_, next) = element(rest);
        let whole = &rest[..rest.len() - next.len()];
        // [0] is the version, [3] are the extensions.
        if !matches!(whole[0], 0xa0 | 0xa3) {
            kept.extend_from_slice(whole);
        }
        rest = next;
    }
    sequence(&[sequence(&kept), behind.to_vec()].concat())
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, 0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

/// The content of the first element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, head) = match der[1] {
        length @ 0..=0x7f => (usize::from(length), 2),
        0x81 => (usize::from(der[2]), 3),
        _ => (usize::from(u16::from_be_bytes([der[2], der[3]])), 4),
    };
    der[head..].split_at(length)
}
