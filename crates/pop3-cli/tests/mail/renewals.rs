//! Several certificates, by name, and what happens when their files change or they expire.

use core::time::Duration;
use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_driver::tls::client_config;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, RootCertStore, StreamOwned};

use crate::changes::until;
use crate::support::{House, code, errors};

/// Writes a certificate for this name, which is valid for so many more days, and its key. Returns it.
fn write(house: &House, file: &str, name: &str, days: u64) -> CertificateDer<'static> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // An hour more, as the test takes a while.
    params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 86_400 + 3_600);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(house.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    fs::write(house.path(&format!("{file}.pem")), certificate.pem()).unwrap();
    certificate.der().clone()
}

/// Whether the server shows one of these certificates to a client that asks for this name.
fn shows(port: u16, name: &str, certificates: &[CertificateDer<'static>]) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let name = name.to_owned().try_into().unwrap();
    let client = ClientConnection::new(client_config(roots).unwrap(), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(("127.0.0.1", port)).unwrap());
    stream.read_exact(&mut [0; 3]).is_ok()
}

#[test]
fn each_name_has_its_certificate_and_files_that_change_are_read_again() {
    let house = House::new();
    let first = write(&house, "first", "a.example", 90);
    let second = write(&house, "second", "*.b.example", 20);
    let path = |name: &str| house.path(name).display().to_string();
    let mut command = house.server(&[]);
    // Those of the house are the default.
    command.args(["--tls-cert", &path("first.pem"), "--tls-key", &path("first.key")]);
    command.args(["--tls-cert", &path("second.pem"), "--tls-key", &path("second.key")]);
    let server = house.start(&mut command);
    let both = [first, second];
    assert!(shows(server.tls, "a.example", &both[..1]));
    assert!(shows(server.tls, "MAIL.b.example", &both[1..]));
    assert!(!shows(server.tls, "b.example", &both));
    let log = house.log();
    let warning = format!(
        "a certificate expires soon; renew it file=\"{}\" names=\"*.b.example\" days=20",
        path("second.pem")
    );
    assert!(log.contains(&warning) && log.matches("expires").count() == 1, "{log}");
    let renewed = write(&house, "second", "*.b.example", 90);
    until(&house, "the new certificate is shown", || {
        shows(server.tls, "mail.b.example", core::slice::from_ref(&renewed))
    });
    assert!(shows(server.tls, "a.example", &both[..1]));
    until(&house, "it is told", || {
        house.log().contains("reloaded the certificate, because its files have changed")
    });
}

#[test]
fn each_certificate_needs_its_key() {
    let house = House::new();
    write(&house, "first", "a.example", 90);
    let other = house.path("first.pem");
    let output =
        house.server(&["--tls-cert", other.to_str().unwrap()]).stderr(std::process::Stdio::piped()).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 2);
    assert!(
        errors(&output).contains("--tls-cert is given 2 times and --tls-key 1 times"),
        "{}",
        errors(&output)
    );
    let (cert, key) = (house.path("first.pem"), house.path("key.pem"));
    let options = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let output = house.server(&options).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("first.pem and the key"), "{}", errors(&output));
}
