//! Proxies that speak for their clients, and what the server trusts.

use std::io::Write as _;
use std::net::TcpStream;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::external::{Authority, house};
use crate::support::{PASSWORD, RUNTIMES};
use crate::talk::Talk;

fn alice() -> Credentials {
    Credentials::new("alice").with_password(PASSWORD)
}

// PRS-13, EXT-1.01, 2595-4.16: after the handshake, neither the proxy's certificate nor the address from before is
// used again.
#[test]
fn nothing_from_a_proxy_survives_stls() {
    let authority = Authority::new();
    let proxy = authority.client("alice", None);
    for runtime in RUNTIMES {
        let (house, path) = house(&authority);
        let mut server =
            house.serve(&["--runtime", runtime, "--tls-client-ca", &path, "--xclient-from", "127.0.0.0/8"]);
        let certificate = Some((proxy.0.as_str(), proxy.1.as_str()));
        let xclient = ["XCLIENT ADDR=192.0.2.9 PORT=4711"];
        let mut talk = Talk::starttls_behind(&house, server.plain, &xclient, certificate);
        let offered = talk.mechanisms();
        assert!(!offered.contains(&Mechanism::External), "{runtime}: {offered:?}");
        assert!(!offered.iter().any(|mechanism| mechanism.needs_channel_binding()), "{runtime}: {offered:?}");
        assert!(talk.say("AUTH EXTERNAL =").starts_with("-ERR"), "{runtime}");
        assert!(talk.say("XCLIENT ADDR=192.0.2.10").starts_with("-ERR"), "{runtime}");
        assert!(talk.auth(Mechanism::Plain, &alice()).is_good(), "{runtime}");
        assert!(talk.say("QUIT").starts_with("+OK"));
        server.signal("-TERM");
        server.child.wait().unwrap();
        let log = house.log();
        let session =
            log.lines().find(|line| line.contains("retr_octets")).unwrap_or_else(|| panic!("{log}"));
        assert!(session.contains("peer=127.0.0.1:") && !log.contains("192.0.2."), "{runtime}: {log}");
    }
}

// EXT-1.01: if the header says that the client's TLS ends at the proxy, this TLS belongs to the proxy.
#[test]
fn the_certificate_of_a_proxy_that_ends_tls_does_not_identify_its_client() {
    let authority = Authority::new();
    let proxy = authority.client("alice", None);
    for (tls, own) in [(1, false), (0, true)] {
        let (house, path) = house(&authority);
        let server = house.serve(&["--tls-client-ca", &path, "--proxy-from", "127.0.0.0/8"]);
        let mut stream = TcpStream::connect(("127.0.0.1", server.tls)).unwrap();
        let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14".to_vec();
        header.extend([192, 0, 2, 7, 127, 0, 0, 1, 1, 1, 3, 227]);
        header.extend([0x20, 0, 5, tls, 0, 0, 0, 0]);
        stream.write_all(&header).unwrap();
        let mut talk = Talk::secure(stream, &house, Some((&proxy.0, &proxy.1))).unwrap();
        assert_eq!(talk.mechanisms().contains(&Mechanism::External), own);
        assert_eq!(talk.say("AUTH EXTERNAL =").starts_with("+OK"), own);
    }
}
