//! Handshakes in memory: which certificates a client accepts, and why it refuses the others.

mod presented;

use std::fs;
use std::io;
use std::sync::Arc;

use pop3_trust::{Fingerprint, Reason, Refused, Whom, only};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, ServerConnection};
use tempfile::TempDir;

use presented::{presenting, version_1};

const HOST: &str = "mail.example";

/// A certificate for this host, with its key.
fn made(host: &str, change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair) {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().der().clone(), key)
}

/// An authority of this name.
fn authority() -> (Certificate, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "The authority");
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate, Issuer::new(params, key))
}

/// A certificate for the host that this authority has signed.
fn signed(issuer: &Issuer<'_, KeyPair>) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    (params.signed_by(&key, issuer).unwrap().der().clone(), key)
}

/// A client that trusts what is in a file.
fn trusting(certificates: &[&CertificateDer<'_>]) -> (TempDir, Arc<ClientConfig>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trusted.pem");
    fs::write(&path, certificates.iter().map(|der| pem(der)).collect::<String>()).unwrap();
    let config = Whom::new().with_ca_file(Some(path)).config().unwrap();
    (folder, config)
}

fn pem(der: &[u8]) -> String {
    let digits = |number: u8| {
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[usize::from(number)])
    };
    let mut text = "-----BEGIN CERTIFICATE-----".to_owned();
    for (index, group) in der.chunks(3).enumerate() {
        if index % 16 == 0 {
            text.push('\n');
        }
        let octet = |index: usize| group.get(index).copied().unwrap_or_default();
        let word = u32::from_be_bytes([0, octet(0), octet(1), octet(2)]);
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) as u8 & 0x3f;
            text.push(if place <= group.len() { digits(sextet) } else { '=' });
        }
    }
    text + "\n-----END CERTIFICATE-----\n"
}

/// A client that trusts the certificate with this fingerprint.
fn pinning(certificate: &CertificateDer<'_>) -> Arc<ClientConfig> {
    Whom::new().with_fingerprints(vec![Fingerprint::of(certificate)]).config().unwrap()
}

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A handshake with a server that shows this certificate and has this key. Returns the error of the client.
fn shake(
    client: &Arc<ClientConfig>,
    host: &str,
    (certificate, key): (&CertificateDer<'static>, &KeyPair),
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), Error> {
    let host = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), host).unwrap();
    let mut server = ServerConnection::new(presenting(certificate, key, version)).unwrap();
    while client.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut octets.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        octets.clear();
        server.write_tls(&mut octets).unwrap();
        client.read_tls(&mut octets.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

/// Why the client refuses, with each version of TLS.
#[track_caller]
fn refused(
    client: &Arc<ClientConfig>,
    host: &str,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Reason {
    let [old, new] = VERSIONS.map(|version| {
        let error = shake(client, host, (certificate, key), version).unwrap_err();
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        let refused = Refused::find(&error).unwrap_or_else(|| panic!("another error: {error}"));
        assert_eq!(refused.certificate(), certificate);
        assert_eq!(refused.fingerprint(), Fingerprint::of(certificate));
        refused.reason().clone()
    });
    assert_eq!(old, new);
    new
}

#[track_caller]
fn accepts(client: &Arc<ClientConfig>, host: &str, certificate: &CertificateDer<'static>, key: &KeyPair) {
    for version in VERSIONS {
        assert_eq!(shake(client, host, (certificate, key), version), Ok(()), "{version:?}");
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_is_good_for_its_own_names_and_time() {
    let (certificate, key) = made(HOST, |_| {});
    let (_folder, client) = trusting(&[&certificate]);
    accepts(&client, HOST, &certificate, &key);
    assert_eq!(refused(&client, "other.example", &certificate, &key), Reason::OtherNames);
    let (other, other_key) =
        made(HOST, |params| params.distinguished_name.push(DnType::CommonName, "Somebody else"));
    assert_eq!(refused(&client, HOST, &other, &other_key), Reason::UnknownIssuer);
    for (years, reason) in [((2020, 2021), Reason::Expired), ((2090, 2091), Reason::NotYetValid)] {
        let (certificate, key) = made(HOST, |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        });
        let (_folder, client) = trusting(&[&certificate]);
        assert_eq!(refused(&client, HOST, &certificate, &key), reason);
    }
}

/// As `openssl req -x509` marks them.
#[test]
fn a_certificate_that_is_marked_as_an_authority_is_good_only_if_it_is_trusted_itself() {
    let mark = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (certificate, key) = made(HOST, mark);
    let (_folder, client) = trusting(&[&certificate]);
    accepts(&client, HOST, &certificate, &key);
    assert_eq!(refused(&client, "other.example", &certificate, &key), Reason::OtherNames);
    let (other, other_key) = made(HOST, mark);
    assert_eq!(refused(&client, HOST, &other, &other_key), Reason::Authority);
}

#[test]
fn an_authority_speaks_for_what_it_has_signed_and_no_other_of_its_name_does() {
    let ((root, issuer), (_, impostor)) = (authority(), authority());
    let (_folder, client) = trusting(&[root.der()]);
    let ((certificate, key), (forged, forged_key)) = (signed(&issuer), signed(&impostor));
    accepts(&client, HOST, &certificate, &key);
    assert_eq!(refused(&client, "other.example", &certificate, &key), Reason::OtherNames);
    assert_eq!(refused(&client, HOST, &forged, &forged_key), Reason::OtherIssuer);
    // Only these, and the error is that of rustls.
    let client = only(vec![root.der().clone()]).unwrap();
    accepts(&client, HOST, &certificate, &key);
    for version in VERSIONS {
        let error = shake(&client, HOST, (&forged, &forged_key), version).unwrap_err();
        assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
    }
}

/// Names, time and issuer do not matter then; and nobody but the one who was named is good.
#[test]
fn a_fingerprint_is_enough_and_nothing_else_is() {
    let (certificate, key) = made("elsewhere.example", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    accepts(&pinning(&certificate), HOST, &certificate, &key);
    let (root, issuer) = authority();
    let (good, good_key) = signed(&issuer);
    assert_eq!(refused(&pinning(&certificate), HOST, &good, &good_key), Reason::Fingerprint);
    // Not even with its authority.
    let (folder, _) = trusting(&[root.der(), &good]);
    let both = Whom::new()
        .with_ca_file(Some(folder.path().join("trusted.pem")))
        .with_fingerprints(vec![Fingerprint::of(&certificate)])
        .config()
        .unwrap();
    assert_eq!(refused(&both, HOST, &good, &good_key), Reason::Fingerprint);
    accepts(&both, HOST, &certificate, &key);
}

/// Anybody can show a certificate that he has seen.
#[test]
fn no_certificate_is_good_without_its_key() {
    let (certificate, key) = made(HOST, |_| {});
    let old = CertificateDer::from(version_1(&certificate));
    let (_folder, client) = trusting(&[&certificate]);
    let stolen = KeyPair::generate().unwrap();
    for (client, certificate) in
        [(client, &certificate), (pinning(&certificate), &certificate), (pinning(&old), &old)]
    {
        for version in VERSIONS {
            assert_eq!(shake(&client, HOST, (certificate, &key), version), Ok(()));
            let error = shake(&client, HOST, (certificate, &stolen), version).unwrap_err();
            let bad = Error::InvalidCertificate(rustls::CertificateError::BadSignature);
            assert_eq!(error, bad, "{version:?}");
        }
    }
}

/// Old devices have certificates of version 1, which have no names.
#[test]
fn a_certificate_of_version_1_is_good_by_its_fingerprint_only() {
    let (certificate, key) = made(HOST, |_| {});
    let old = CertificateDer::from(version_1(&certificate));
    accepts(&pinning(&old), HOST, &old, &key);
    let (_folder, client) = trusting(&[&certificate]);
    assert!(matches!(refused(&client, HOST, &old, &key), Reason::Other(_)));
    assert_eq!(refused(&pinning(&certificate), HOST, &old, &key), Reason::Fingerprint);
}
