//! Which server certificates are trusted, and how errors explain the others.

#[path = "../../../pop3-trust/tests/presented/mod.rs"]
mod presented;

use std::fs;
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

use self::presented::{presenting, version_1};
use crate::support::{House, PASSWORD, RUNTIMES, Server, code, errors, program};

/// A house whose server has a certificate made in this way. Also returns its fingerprint.
fn house(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (House, String) {
    let house = House::new();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Mail of M\u{fc}ller\x1b[1m");
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(house.path("cert.pem"), certificate.pem()).unwrap();
    fs::write(house.path("key.pem"), key.serialize_pem()).unwrap();
    house.deliver(&[b"Subject: a\n\nx\n".to_vec()]);
    let digits = Sha256::digest(certificate.der()).into_iter().map(|octet| format!("{octet:02x}"));
    (house, digits.collect())
}

/// Like the output of `openssl req -x509`.
fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 2, 3);
}

/// Each way to use TLS.
fn ways(server: &Server) -> [(String, &'static [&'static str]); 2] {
    [(server.url("pop3s"), &[]), (server.url("pop3"), &["--tls", "starttls"])]
}

/// Runs on each runtime and with each way to use TLS.
fn everywhere(house: &House, server: &Server, options: &[&str], judge: impl Fn(&Output, &str)) {
    for runtime in RUNTIMES {
        for (url, way) in ways(server) {
            let mut command = program();
            command.args(["check", &url, "--runtime", runtime]).args(way).args(options);
            command.current_dir(house.path("")).env("POP3_PASSWORD", PASSWORD);
            judge(&command.output().unwrap(), &format!("{runtime} {url}"));
        }
    }
}

fn succeeds(output: &Output, what: &str) {
    assert_eq!(code(output), 0, "{what}: {}", errors(output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 messages"), "{what}");
}

#[test]
fn a_certificate_that_is_named_is_believed_for_its_own_names() {
    let (house, _) = house(&["127.0.0.1"], authority);
    let server = house.serve(&[]);
    everywhere(&house, &server, &["--ca-file", "cert.pem"], succeeds);
    // Not with another name.
    let url = server.url("pop3s").replace("127.0.0.1", "localhost");
    let output = house.fetch(&url, &["--to", "-"]).output().unwrap();
    let text = errors(&output);
    assert_eq!(code(&output), 3, "{text}");
    assert!(text.contains("the certificate is for 127.0.0.1, not for localhost"), "{text}");
}

#[test]
fn a_certificate_that_is_refused_is_shown_and_gets_no_name() {
    type Change = fn(&mut CertificateParams);
    let nothing: Change = |_| {};
    let early: Change = |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 2, 3);
    };
    let nameless: &[&str] = &[];
    for (names, change, named, what) in [
        (
            &["127.0.0.1"][..],
            nothing,
            false,
            "issued by an unknown authority: CN=Mail of M\u{fc}ller\\x1b[1m",
        ),
        (
            &["127.0.0.1"],
            authority,
            false,
            "for an authority (CN=Mail of M\u{fc}ller\\x1b[1m), not for a server",
        ),
        (&["127.0.0.1"], expired, true, "expired on 2021-02-03 00:00:00 UTC (the local time is 20"),
        (&["127.0.0.1"], early, true, "not valid before 2090-01-01 00:00:00 UTC (the local time is 20"),
        (
            &["mail.example", "xn--bcher-kva.example", "192.0.2.1"],
            nothing,
            true,
            "is for mail.example, b\u{fc}cher.example, 192.0.2.1, not for 127.0.0.1",
        ),
        (nameless, nothing, true, "not valid for 127.0.0.1: it names no host, only the subject CN=Mail"),
    ] {
        let (house, digits) = house(names, change);
        let mut server = house.serve(&[]);
        // The option makes no difference to what does not depend on it.
        let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(house.path("other.pem"), other.cert.pem()).unwrap();
        let ca_file = if named { "cert.pem" } else { "other.pem" };
        everywhere(&house, &server, &["--ca-file", ca_file], |output, place| {
            let (text, page) = (errors(output), String::from_utf8(output.stdout.clone()).unwrap());
            assert_eq!((code(output), text.lines().count()), (3, 1), "{place}: {text}");
            assert!(text.contains(what), "{place}: {what}: {text}");
            // The error contains only advice that can help.
            assert_eq!(text.contains("--ca-file"), !named, "{place}: {text}");
            assert!(text.contains(&format!("--tls-fingerprint sha256:{digits}")), "{place}: {text}");
            assert!(page.contains(&format!("fingerprint sha256:{digits}\n")), "{place}: {page}");
            assert!(page.contains("valid from ") && !(page + &text).contains('\x1b'), "{place}");
        });
        server.signal("-TERM");
        server.child.wait().unwrap();
        assert!(!house.log().contains("alice"), "{}", house.log());
    }
}

#[test]
fn a_fingerprint_is_enough_and_nothing_else_is() {
    // For a different host, expired, and marked as an authority.
    let (house, digits) = house(&["mail.example"], |params| {
        authority(params);
        expired(params);
    });
    let server = house.serve(&[]);
    let colons: Vec<String> =
        digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    everywhere(&house, &server, &["--tls-fingerprint", &format!("sha256:{digits}")], succeeds);
    let other = format!("{:064x}", 1);
    everywhere(&house, &server, &["--tls-fingerprint", &other], |output, place| {
        let text = errors(output);
        assert_eq!((code(output), text.lines().count()), (3, 1), "{place}: {text}");
        assert!(
            text.contains(&format!("does not have the given fingerprint, but sha256:{digits}")),
            "{text}"
        );
        assert!(!String::from_utf8_lossy(&output.stdout).contains("logged in"), "{place}");
    });
    // One of several. Nothing is sent in plain text: TLS is required for a server on this machine, too.
    let pin = colons.join(":");
    let options = ["--tls-fingerprint", &other, "--tls-fingerprint", &pin, "--to", "-", "--json"];
    let output = house.fetch(&server.url("pop3"), &options).output().unwrap();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(house.log().contains("TLSv1_3"), "{}", house.log());
    for options in
        [["--tls", "off", "--tls-fingerprint", &pin], ["--tls", "implicit", "--tls-fingerprint", "sha256:12"]]
    {
        let output = house.fetch(&server.url("pop3"), &options).args(["--to", "-"]).output().unwrap();
        assert_eq!(code(&output), 2, "{}", errors(&output));
        assert!(errors(&output).contains("--tls-fingerprint"), "{}", errors(&output));
    }
    // The conformance runner accepts it with the same option.
    let output = program()
        .args(["conformance", &server.url("pop3s"), "--only", "1939-5.28", "--tls-fingerprint", &digits])
        .env("POP3_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{} {}", errors(&output), String::from_utf8_lossy(&output.stdout));
    // A certificate from a trusted issuer is not enough if a different one is pinned.
    let good = House::new();
    let server = good.serve(&[]);
    let output =
        good.fetch(&server.url("pop3s"), &["--tls-fingerprint", &digits, "--to", "-"]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", errors(&output));
}

/// Anybody can present a certificate that he has seen, but not without its key.
#[test]
fn a_certificate_without_its_key_is_not_believed() {
    let (house, digits) = house(&["127.0.0.1"], authority);
    let chain = CertificateDer::from_pem_file(house.path("cert.pem")).unwrap();
    let foreign = KeyPair::generate().unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for trust in [&["--ca-file", "cert.pem"][..], &["--tls-fingerprint", &digits]] {
            let (port, server) = handshake_only(&chain, &foreign, version);
            let text = shaken(&house, port, trust);
            assert!(text.contains("TLS failed"), "{version:?} {text}");
            assert!(server.join().unwrap().is_err(), "{version:?}");
        }
    }
}

/// Old devices have certificates of version 1, which have neither names nor extensions.
#[test]
fn a_fingerprint_is_enough_for_a_certificate_of_version_1() {
    let house = House::new();
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["old.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let old = CertificateDer::from(version_1(made.der()));
    let digits: String = Sha256::digest(&old).into_iter().map(|octet| format!("{octet:02x}")).collect();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (key, good) in [(&key, true), (&KeyPair::generate().unwrap(), false)] {
            let (port, server) = handshake_only(&old, key, version);
            let text = shaken(&house, port, &["--tls-fingerprint", &digits]);
            assert_eq!(server.join().unwrap().is_ok(), good, "{version:?} {text}");
            // There is no greeting.
            assert!(text.contains(if good { "connection was closed" } else { "TLS failed" }), "{text}");
        }
    }
    let (port, server) = handshake_only(&old, &key, &rustls::version::TLS13);
    let text = shaken(&house, port, &["--ca-file", "cert.pem"]);
    assert!(text.contains("certificate is not valid") && server.join().unwrap().is_err(), "{text}");
}

/// The explanation for a server that sends nothing.
fn shaken(house: &House, port: u16, trust: &[&str]) -> String {
    let mut command = program();
    command.args(["check", &format!("pop3s://alice@127.0.0.1:{port}")]).args(trust);
    let output = command.current_dir(house.path("")).env("POP3_PASSWORD", PASSWORD).output().unwrap();
    assert_eq!(code(&output), 3, "{}", errors(&output));
    errors(&output)
}

/// A server that presents this certificate, has this key, and does only a handshake.
fn handshake_only(
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    version: &'static rustls::SupportedProtocolVersion,
) -> (u16, thread::JoinHandle<std::io::Result<()>>) {
    let config = presenting(certificate, key, version);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut tcp = listener.accept().unwrap().0;
        let mut tls = ServerConnection::new(config).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        tls.send_close_notify();
        tls.complete_io(&mut tcp).map(drop)
    });
    (port, server)
}
