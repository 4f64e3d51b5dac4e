//! Which certificates a client trusts: RFC 9525 with the name that was dialled.

use pop3_driver::tls::{Connector, client_config, server_config};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{ClientConnection, RootCertStore, ServerConnection};

/// Whether a client that dialled `dialled` trusts a certificate with these alternative names and this common
/// name. Also returns the server name that the client sent.
fn handshake(dialled: &str, names: Vec<SanType>, common_name: Option<&str>) -> (bool, Option<String>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().der().clone();
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];

    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let connector = Connector::new(client_config(roots).unwrap(), dialled).unwrap();
    let mut client = ClientConnection::new(connector.config(), connector.name()).unwrap();
    let mut server = ServerConnection::new(server_config(chain, key.into()).unwrap()).unwrap();
    let believed = pump(&mut client, &mut server);
    (believed, server.server_name().map(str::to_owned))
}

/// Carries octets in both directions until the handshake completes or the client refuses it.
fn pump(client: &mut ClientConnection, server: &mut ServerConnection) -> bool {
    while client.is_handshaking() {
        let mut octets = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut octets).unwrap();
        }
        let mut octets = octets.as_slice();
        while !octets.is_empty() {
            server.read_tls(&mut octets).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut octets = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut octets).unwrap();
        }
        let mut octets = octets.as_slice();
        while !octets.is_empty() {
            client.read_tls(&mut octets).unwrap();
            if let Err(error) = client.process_new_packets() {
                assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
                return false;
            }
        }
    }
    true
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

// 7817-3.01, 7817-3.02
#[test]
fn any_of_the_alternative_names_counts_without_regard_to_case() {
    for names in [vec!["MAIL.Example.NET"], vec!["other.example", "mail.example.net"]] {
        let names = names.into_iter().map(dns).collect();
        assert!(handshake("mail.example.net", names, None).0);
    }
    // The name of the mail domain, or of the target of an alias, is not the name that was dialled.
    for other in ["example.net", "mx.example.net", "mail.example.org", "mail.example.net.evil.example"] {
        assert!(!handshake("mail.example.net", vec![dns(other)], None).0, "{other}");
    }
}

// 7817-3.03
#[test]
fn a_wildcard_is_the_whole_first_label_and_one_label_deep() {
    for (dialled, name, believed) in [
        ("a.example.com", "*.example.com", true),
        ("example.com", "*.example.com", false),
        ("a.b.example.com", "*.example.com", false),
        ("foo.example.com", "f*o.example.com", false),
        ("foo.example.com", "*oo.example.com", false),
        ("a.b.example.com", "a.*.example.com", false),
    ] {
        assert_eq!(handshake(dialled, vec![dns(name)], None).0, believed, "{dialled} {name}");
    }
}

// 7817-3.04
#[test]
fn a_common_name_is_no_name() {
    assert!(!handshake("mail.example.net", vec![], Some("mail.example.net")).0);
    assert!(!handshake("mail.example.net", vec![dns("x.example.net")], Some("mail.example.net")).0);
    let uri = SanType::URI("pop://mail.example.net".try_into().unwrap());
    assert!(!handshake("mail.example.net", vec![uri], None).0);
}

// 7817-3.06
#[test]
fn the_name_dialled_is_sent_and_an_address_is_not() {
    let (believed, sent) = handshake("mail.example.net", vec![dns("mail.example.net")], None);
    assert_eq!((believed, sent.as_deref()), (true, Some("mail.example.net")));
    let address = SanType::IpAddress([127, 0, 0, 1].into());
    assert_eq!(handshake("127.0.0.1", vec![address], None), (true, None));
    assert_eq!(handshake("127.0.0.1", vec![dns("localhost")], Some("127.0.0.1")), (false, None));
}

// 8314-5.02
#[test]
fn a_client_shows_no_certificate_unasked() {
    let config = client_config(RootCertStore::empty()).unwrap();
    assert!(!config.client_auth_cert_resolver.has_certs());
}
