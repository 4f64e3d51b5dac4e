//! EXTERNAL: the client's certificate identifies the user.

use std::fs;
use std::net::TcpStream;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest, Sha256};

use crate::support::{House, PASSWORD, RUNTIMES};
use crate::talk::Talk;

/// An authority for client certificates.
pub(crate) struct Authority(Issuer<'static, KeyPair>, pub(crate) String);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    /// The certificate and the key of a client, in PEM.
    pub(crate) fn client(&self, common_name: &str, address: Option<&str>) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names =
            address.into_iter().map(|address| SanType::Rfc822Name(address.try_into().unwrap())).collect();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

pub(crate) fn house(authority: &Authority) -> (House, String) {
    let house = House::new();
    let path = house.path("clients.pem");
    fs::write(&path, &authority.1).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (house, path)
}

fn external(name: Option<&str>) -> Credentials {
    name.map_or_else(Credentials::certificate, |name| Credentials::new(name).with_certificate())
}

// EXT-1.01, 8314-4.03
#[test]
fn a_good_certificate_logs_in() {
    let authority = Authority::new();
    let client = authority.client("alice", None);
    let client = Some((client.0.as_str(), client.1.as_str()));
    for runtime in RUNTIMES {
        let (house, path) = house(&authority);
        let server = house.serve(&["--runtime", runtime, "--tls-client-ca", &path]);
        for name in [None, Some("alice")] {
            let mut talk = Talk::tls(&house, server.tls, client);
            assert!(talk.mechanisms().contains(&Mechanism::External), "{runtime}");
            let login = talk.auth(Mechanism::External, &external(name));
            assert!(login.is_good(), "{runtime} {name:?}: {login:?}");
            assert_eq!(talk.say("STAT"), "+OK 0 0");
            assert!(talk.say("QUIT").starts_with("+OK"));
        }
        // Not as another user. After that, the session continues.
        let mut talk = Talk::tls(&house, server.tls, client);
        let refused = talk.auth(Mechanism::External, &external(Some("bob")));
        assert_eq!(refused.reply, "-ERR [AUTH] invalid name or password");
        assert!(talk.auth(Mechanism::External, &external(None)).is_good());
    }
}

// 8314-3.01, 8314-4.03: the certificate alone logs nobody in, and clients without one are served as usual.
#[test]
fn without_a_certificate_external_is_not_offered() {
    let authority = Authority::new();
    let (house, path) = house(&authority);
    let server = house.serve(&["--channel-binding", "--tls-client-ca", &path]);
    let mut talk = Talk::tls(&house, server.tls, None);
    assert!(!talk.mechanisms().contains(&Mechanism::External));
    assert!(talk.say("AUTH EXTERNAL =").starts_with("-ERR"));
    let password = Credentials::new("alice").with_password(PASSWORD);
    assert!(talk.auth(Mechanism::ScramSha256Plus, &password).is_good());
    talk.say("QUIT");
    let client = authority.client("alice", None);
    let mut talk = Talk::tls(&house, server.tls, Some((&client.0, &client.1)));
    assert!(talk.say("STAT").starts_with("-ERR"));
    // By default the server does not ask for one.
    let server = house.serve(&[]);
    let mut talk = Talk::tls(&house, server.tls, Some((&client.0, &client.1)));
    assert!(!talk.mechanisms().contains(&Mechanism::External));
}

#[test]
fn a_certificate_from_another_authority_fails_the_handshake() {
    let authority = Authority::new();
    let (house, path) = house(&authority);
    let mut server = house.serve(&["--tls-client-ca", &path]);
    let client = Authority::new().client("alice", None);
    let stream = TcpStream::connect(("127.0.0.1", server.tls)).unwrap();
    assert!(Talk::secure(stream, &house, Some((&client.0, &client.1))).is_err());
    server.signal("-TERM");
    server.child.wait().unwrap();
    assert!(house.log().contains("TLS handshake: "), "{}", house.log());
}

#[test]
fn the_users_file_may_name_certificates() {
    let authority = Authority::new();
    let (house, path) = house(&authority);
    let device = authority.client("a device", Some("somebody@example.org"));
    let alice = authority.client("alice", None);
    let der = CertificateDer::from_pem_slice(device.0.as_bytes()).unwrap();
    let fingerprint: Vec<_> = Sha256::digest(&der).iter().map(|octet| format!("{octet:02X}")).collect();
    let users = format!("alice:{{CERT}}{}\nbob:{{PLAIN}}x\n", fingerprint.join(":"));
    fs::write(house.path("users"), users).unwrap();
    let server = house.serve(&["--tls-client-ca", &path]);
    let mut talk = Talk::tls(&house, server.tls, Some((&device.0, &device.1)));
    assert!(talk.auth(Mechanism::External, &external(None)).is_good());
    talk.say("QUIT");
    // From now on the name in a certificate does not identify alice.
    let mut talk = Talk::tls(&house, server.tls, Some((&alice.0, &alice.1)));
    let refused = talk.auth(Mechanism::External, &external(None));
    assert!(refused.reply.starts_with("-ERR [AUTH]"), "{refused:?}");
}

// PRS-13, EXT-1.01: the client behind a proxy is not the user named in the proxy's certificate.
#[test]
fn the_certificate_of_a_proxy_does_not_identify_its_client() {
    let authority = Authority::new();
    let proxy = authority.client("alice", None);
    let (house, path) = house(&authority);
    let server = house.serve(&["--tls-client-ca", &path, "--xclient-from", "127.0.0.0/8"]);
    let mut talk = Talk::tls(&house, server.tls, Some((&proxy.0, &proxy.1)));
    assert!(talk.mechanisms().contains(&Mechanism::External));
    assert!(talk.say("XCLIENT ADDR=192.0.2.1").starts_with("+OK"));
    let offered = talk.mechanisms();
    assert!(offered.contains(&Mechanism::ScramSha256), "{offered:?}");
    assert!(!offered.iter().any(|mechanism| mechanism.needs_channel_binding()), "{offered:?}");
    assert!(!offered.contains(&Mechanism::External), "{offered:?}");
    assert!(talk.say("AUTH EXTERNAL =").starts_with("-ERR"));
    // Its client supports channel binding to the proxy, and says that it has not seen -PLUS offered.
    let alice = Credentials::new("alice").with_password(PASSWORD);
    assert!(talk.auth_unbound(Mechanism::ScramSha256, &alice).is_good());
}
