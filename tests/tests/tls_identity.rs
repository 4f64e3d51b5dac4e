//! Whom a client believes: names in certificates, as the configuration of the driver has them judged.

use std::sync::Arc;

use pop3_driver::tls::{Connector, client_config, server_config};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType, string,
};
use rustls::{ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// A server whose certificate has these names, and an authority that the client knows.
fn server(
    names: &[&str],
    common_name: Option<&str>,
    uri: Option<&str>,
) -> (Arc<ServerConfig>, RootCertStore) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
    let issuer = Issuer::new(params, key);

    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    if let Some(uri) = uri {
        params.subject_alt_names.push(SanType::URI(string::Ia5String::try_from(uri).unwrap()));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
    (server_config(vec![certificate], key.into()).unwrap(), roots)
}

/// A handshake in memory with the server of this name. Returns the name in the ClientHello.
fn handshake(
    server: &(Arc<ServerConfig>, RootCertStore),
    name: &str,
) -> Result<Option<String>, rustls::Error> {
    let connector = Connector::new(client_config(server.1.clone()).unwrap(), name).unwrap();
    let mut client = ClientConnection::new(connector.config(), connector.name()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(&server.0)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        server.read_tls(&mut &flight[..]).unwrap();
        server.process_new_packets()?;
        let mut flight = Vec::new();
        server.write_tls(&mut flight).unwrap();
        client.read_tls(&mut &flight[..]).unwrap();
        client.process_new_packets()?;
    }
    Ok(server.server_name().map(str::to_owned))
}

fn believed(server: &(Arc<ServerConfig>, RootCertStore), name: &str) -> bool {
    match handshake(server, name) {
        Ok(_) => true,
        Err(rustls::Error::InvalidCertificate(_)) => false,
        Err(other) => panic!("{name}: {other}"),
    }
}

// 7817-3.01, 7817-3.02
#[test]
fn any_name_of_the_certificate_will_do_in_any_case() {
    let server = server(&["imap.example.com", "MAIL.Example.NET"], None, None);
    for (name, expected) in [
        ("mail.example.net", true),
        ("Mail.EXAMPLE.net", true),
        ("imap.example.com", true),
        ("example.net", false),
        ("mail.example.net.evil.example", false),
        ("xmail.example.net", false),
        ("192.0.2.1", false),
    ] {
        assert_eq!(believed(&server, name), expected, "{name}");
    }
}

// 7817-3.03
#[test]
fn a_wildcard_is_one_whole_label_on_the_left() {
    let wildcard = server(&["*.example.com"], None, None);
    for (name, expected) in
        [("a.example.com", true), ("A.Example.Com", true), ("example.com", false), ("a.b.example.com", false)]
    {
        assert_eq!(believed(&wildcard, name), expected, "{name}");
    }
    for (pattern, name) in [("f*o.example.com", "foo.example.com"), ("*oo.example.com", "foo.example.com")] {
        assert!(!believed(&server(&[pattern], None, None), name), "{pattern}");
    }
    assert!(!believed(&server(&["a.*.example.com"], None, None), "a.b.example.com"));
}

// 7817-3.04
#[test]
fn neither_the_common_name_nor_a_uri_is_looked_at() {
    let name = "mail.example.net";
    assert!(!believed(&server(&[], Some(name), None), name));
    assert!(!believed(&server(&["other.example"], Some(name), None), name));
    assert!(!believed(&server(&["other.example"], None, Some("pop://mail.example.net")), name));
}

// 7817-3.06
#[test]
fn the_name_is_in_the_client_hello_and_no_address() {
    let server = server(&["mail.example.net", "127.0.0.1"], None, None);
    assert_eq!(handshake(&server, "mail.example.net"), Ok(Some("mail.example.net".to_owned())));
    assert_eq!(handshake(&server, "127.0.0.1"), Ok(None));
}
