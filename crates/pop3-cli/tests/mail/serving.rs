//! The server's process: signals, limits, locks and logs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::pki_types::pem::PemObject as _;

use crate::support::{House, PASSWORD, RUNTIMES};

#[test]
fn a_signal_ends_it_while_sessions_are_open() {
    for runtime in RUNTIMES {
        let house = House::new();
        house.deliver(&[b"a\n".to_vec()]);
        let mut server = house.serve(&["--runtime", runtime]);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        session.say("DELE 1");
        server.signal("-TERM");
        let status = server.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{runtime}");
        let mut rest = String::new();
        // Whether the end comes as an end or as a reset does not matter.
        let _ = session.reader.read_to_string(&mut rest);
        assert_eq!((rest.as_str(), house.stored().len()), ("", 1), "{runtime}");
    }
}

#[test]
fn users_are_read_again() {
    let house = House::new();
    let server = house.serve(&[]);
    assert!(server.connect().log_in().starts_with("+OK"));
    fs::write(house.path("users"), "alice:{PLAIN}other\n").unwrap();
    server.signal("-HUP");
    // The signal is on its way; each try is a new session, until the new password counts.
    loop {
        let mut session = server.connect();
        session.say("USER alice");
        if session.say("PASS other").starts_with("+OK") {
            break;
        }
    }
    let mut session = server.connect();
    assert!(session.log_in().starts_with("-ERR [AUTH]"));
}

#[test]
fn one_session_has_the_maildrop() {
    let house = House::new();
    house.deliver(&[b"a\n".to_vec()]);
    for runtime in RUNTIMES {
        let server = house.serve(&["--runtime", runtime]);
        let mut first = server.connect();
        assert!(first.log_in().starts_with("+OK"));
        let mut second = server.connect();
        assert!(second.log_in().starts_with("-ERR [IN-USE]"));
        assert!(first.say("QUIT").starts_with("+OK"));
        assert!(second.log_in().starts_with("+OK"), "{runtime}");
    }
}

#[test]
fn a_lost_connection_frees_the_maildrop() {
    let house = House::new();
    house.deliver(&[b"a\n".to_vec()]);
    for runtime in RUNTIMES {
        let server = house.serve(&["--runtime", runtime]);
        let mut first = server.connect();
        assert!(first.log_in().starts_with("+OK"));
        first.say("DELE 1");
        drop(first);
        // It takes the server a moment to see the end.
        let mut second = server.connect();
        while second.log_in().starts_with("-ERR [IN-USE]") {}
        assert_eq!(second.say("STAT"), "+OK 1 3\r\n", "{runtime}");
    }
}

#[test]
fn connections_beyond_the_limit_are_turned_away() {
    let house = House::new();
    for runtime in RUNTIMES {
        let server = house.serve(&["--runtime", runtime, "--max-connections", "1"]);
        let mut first = server.connect();
        let mut second = TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
        let mut text = String::new();
        second.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("-ERR [SYS/TEMP] "), "{runtime}: {text}");
        assert!(first.log_in().starts_with("+OK"));
    }
}

#[test]
fn a_session_is_one_line_of_the_log_and_no_secret_is_in_it() {
    for (format, user) in [("text", "user=\"alice\""), ("json", "\"user\":\"alice\"")] {
        let house = House::new();
        house.deliver(&[b"a\n".to_vec(), b"b\n".to_vec()]);
        let mut server = house.serve(&["--log", "trace", "--log-format", format]);
        let mut session = server.connect();
        session.say("USER alice");
        session.say("PASS a-wrong-secret");
        assert!(session.log_in().starts_with("+OK"));
        session.say("DELE 2");
        session.say("QUIT");
        server.signal("-TERM");
        server.child.wait().unwrap();
        let log = house.log();
        let line = log
            .lines()
            .find(|line| line.contains("retr_octets") && line.contains(user))
            .unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains("dele") && line.contains("quit"), "{line}");
        assert!(!log.contains(PASSWORD.trim()) && !log.contains("a-wrong-secret"), "{log}");
    }
}

#[test]
fn apop_is_offered_if_asked_for() {
    let house = House::new();
    house.deliver(&[b"a\n".to_vec()]);
    for (options, offered) in [(&["--apop"][..], true), (&[], false)] {
        let server = house.serve(options);
        let fetch =
            house.fetch(&server.url("pop3"), &["--all", "--auth", "apop", "--to", &house.to("dir")]).output();
        assert_eq!(fetch.unwrap().status.success(), offered);
    }
}

// 8314-3.02: an end that nobody has cut.
#[test]
fn tls_ends_with_close_notify() {
    let house = House::new();
    let mut roots = rustls::RootCertStore::empty();
    let pem = fs::read(house.path("cert.pem")).unwrap();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let config = pop3_driver::tls::client_config(roots).unwrap();
    for runtime in RUNTIMES {
        let server = house.serve(&["--runtime", runtime]);
        let tls = rustls::ClientConnection::new(config.clone(), "127.0.0.1".try_into().unwrap()).unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", server.tls)).unwrap();
        let mut stream = rustls::StreamOwned::new(tls, tcp);
        stream.write_all(b"QUIT\r\n").unwrap();
        let mut replies = String::new();
        // Without close_notify this is an error.
        stream.read_to_string(&mut replies).unwrap_or_else(|error| panic!("{runtime}: {error}"));
        assert!(replies.ends_with("+OK bye\r\n"), "{runtime}: {replies}");
    }
}

#[test]
fn a_proxy_tells_whom_it_speaks_for() {
    for runtime in RUNTIMES {
        let house = House::new();
        let mut server = house.serve(&["--runtime", runtime, "--proxy-from", "127.0.0.0/8"]);
        let port = server.plain;
        let begin = |header: &[u8]| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(header).unwrap();
            let mut said = String::new();
            // What is closed with octets unread ends in a reset.
            let _ = stream.read_to_string(&mut said);
            said
        };
        // From elsewhere no password is taken without TLS, whatever the proxy's address.
        let far = begin(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 110\r\nUSER alice\r\nQUIT\r\n");
        assert!(far.contains("\r\n-ERR this needs TLS\r\n"), "{far}");
        // A proxy that has taken the TLS off says so in version 2.
        let tls = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x08\xc6\x33\x64\x01\x12\x67\0\x6e\x20\0\x05\x01\0\0\0\0";
        let safe = begin(&[&tls[..], b"USER alice\r\nQUIT\r\n"].concat());
        assert!(safe.contains("\r\n+OK now the password\r\n"), "{safe}");
        assert_eq!(begin(b"USER alice\r\nPASS x\r\nQUIT\r\n"), "");
        server.signal("-TERM");
        server.child.wait().unwrap();
        let log = house.log();
        for known in ["peer=192.0.2.7:4711", "peer=192.0.2.8:4711", "PROXY header: ", "proxy=\"127.0.0.1:"] {
            assert!(log.contains(known), "{known} is not in {log}");
        }
    }
}
