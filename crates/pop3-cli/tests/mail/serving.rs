//! The server process: signals, limits, locks and logs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::pki_types::pem::PemObject as _;

use crate::support::{House, PASSWORD, RUNTIMES};

// PRS-14, 1939-6.01
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
        // It ends by itself, and not because its grace period is over.
        let log = house.log();
        assert!(!log.contains("grace period"), "{runtime}: {log}");
        let mut rest = String::new();
        // It does not matter whether the connection is closed or reset.
        let _ = session.reader.read_to_string(&mut rest);
        assert_eq!((rest.as_str(), house.stored().len()), ("", 1), "{runtime}");
    }
}

// PRS-14: a client that never reads what it requested does not delay the shutdown.
#[test]
fn a_signal_ends_it_while_a_client_does_not_read() {
    for runtime in RUNTIMES {
        let house = House::new();
        house.deliver(&[vec![b'x'; 40_000_000], b"a\n".to_vec()]);
        let mut server = house.serve(&["--runtime", runtime]);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        assert!(session.say("DELE 2").starts_with("+OK"));
        assert!(session.say("RETR 1").starts_with("+OK"));
        server.signal("-TERM");
        let status = server.child.wait().unwrap();
        assert_eq!((status.code(), house.stored().len()), (Some(0), 2), "{runtime}");
        // It is logged like any other.
        let log = house.log();
        assert!(log.contains("still busy when the grace period"), "{runtime}: {log}");
        // What was sent is not a complete message.
        let mut rest = Vec::new();
        let _ = session.reader.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"\r\n.\r\n"), "{runtime}");
    }
}

#[test]
fn users_are_read_again() {
    let house = House::new();
    let server = house.serve(&[]);
    assert!(server.connect().log_in().starts_with("+OK"));
    fs::write(house.path("users"), "alice:{PLAIN}other\n").unwrap();
    server.signal("-HUP");
    // The signal has been sent. Each attempt is a new session, until the new password is accepted.
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

// 1939-4.04, PRS-12
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

// 1939-4.05
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
        // The server needs a moment to notice the end.
        let mut second = server.connect();
        while second.log_in().starts_with("-ERR [IN-USE]") {}
        assert_eq!(second.say("STAT"), "+OK 1 3\r\n", "{runtime}");
    }
}

// 1939-4.05, 1939-6.01: a connection that is closed with unread octets ends with a reset.
#[test]
fn a_reset_connection_frees_the_maildrop() {
    let house = House::new();
    house.deliver(&[b"a\n".to_vec()]);
    for runtime in RUNTIMES {
        let mut server = house.serve(&["--runtime", runtime]);
        let mut first = server.connect();
        assert!(first.log_in().starts_with("+OK"));
        assert!(first.say("DELE 1").starts_with("+OK"));
        first.stream.write_all(b"CAPA\r\n").unwrap();
        // The reply has arrived and stays unread.
        assert_eq!(first.stream.peek(&mut [0]).unwrap(), 1);
        drop(first);
        let mut second = server.connect();
        while second.log_in().starts_with("-ERR [IN-USE]") {}
        assert_eq!(second.say("STAT"), "+OK 1 3\r\n", "{runtime}");
        drop(second);
        server.signal("-TERM");
        server.child.wait().unwrap();
        assert!(house.log().contains("reset"), "{runtime}: {}", house.log());
    }
}

// 1939-5.42: a file that becomes shorter while it is being sent.
#[test]
fn a_message_that_is_cut_while_it_is_sent_has_no_end() {
    for runtime in RUNTIMES {
        let house = House::new();
        house.deliver(&[[&[b'x'; 99][..], b"\n"].concat().repeat(200_000)]);
        let server = house.serve(&["--runtime", runtime]);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        assert!(session.say("RETR 1").starts_with("+OK 20200000 "));
        // The client has read one line, and all buffers are full: most of the file is still unread.
        let file = fs::File::options().write(true).open(house.path("mail/alice/new/1000.test.host")).unwrap();
        file.set_len(19_000_000).unwrap();
        let mut rest = Vec::new();
        let _ = session.reader.read_to_end(&mut rest);
        assert!(rest.len() < 20_200_000, "{runtime}: {}", rest.len());
        assert!(!rest.ends_with(b"\r\n.\r\n"), "{runtime}");
        // The maildrop is unlocked, and the message has its new size.
        let mut session = server.connect();
        while session.log_in().starts_with("-ERR [IN-USE]") {}
        assert_eq!(session.say("STAT"), "+OK 1 19190000\r\n", "{runtime}");
    }
}

// MDR-09
#[test]
fn what_is_not_served_is_told_in_the_log() {
    let house = House::new();
    house.deliver(&[b"a\n".to_vec()]);
    std::os::unix::fs::symlink("/dev/zero", house.path("mail/alice/new/1.link.host")).unwrap();
    fs::create_dir(house.path("mail/alice/cur/2.folder.host")).unwrap();
    let mut server = house.serve(&[]);
    let mut session = server.connect();
    assert!(session.log_in().starts_with("+OK"));
    assert_eq!(session.say("STAT"), "+OK 1 3\r\n");
    server.signal("-TERM");
    server.child.wait().unwrap();
    let log = house.log();
    for name in ["1.link.host", "2.folder.host"] {
        assert!(
            log.lines().any(|line| line.contains("skipped a file") && line.contains(name)),
            "{name}: {log}"
        );
    }
}

// 1939-3.41
#[test]
fn a_short_idle_timeout_is_worth_a_warning() {
    for (seconds, warned) in [("599", true), ("600", false)] {
        let house = House::new();
        assert!(house.serve(&["--idle-timeout", seconds]).ends_well());
        assert_eq!(house.log().contains("600 seconds"), warned, "{}", house.log());
    }
}

// SEC-03
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

fn tls_session(house: &House, port: u16) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = fs::read(house.path("cert.pem")).unwrap();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let config = pop3_driver::tls::client_config(roots).unwrap();
    let tls = rustls::ClientConnection::new(config, "127.0.0.1".try_into().unwrap()).unwrap();
    rustls::StreamOwned::new(tls, TcpStream::connect(("127.0.0.1", port)).unwrap())
}

// 8314-4.02
#[test]
fn the_log_tells_how_a_session_was_encrypted() {
    let house = House::new();
    for runtime in RUNTIMES {
        let mut server = house.serve(&["--runtime", runtime]);
        let mut session = tls_session(&house, server.tls);
        for command in ["USER alice", &format!("PASS {PASSWORD}"), "QUIT"] {
            session.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        }
        let mut replies = String::new();
        session.read_to_string(&mut replies).unwrap();
        assert_eq!(replies.matches("+OK").count(), 4, "{replies}");
        let version = session.conn.protocol_version().unwrap();
        let suite = session.conn.negotiated_cipher_suite().unwrap().suite();
        let mut plain = server.connect();
        assert!(plain.log_in().starts_with("+OK"));
        plain.say("QUIT");
        server.signal("-TERM");
        server.child.wait().unwrap();
        let log = house.log();
        // Which of the two is logged first is not certain.
        let sessions = log.lines().filter(|line| line.contains("retr_octets") && line.contains("alice"));
        let (encrypted, plain): (Vec<_>, Vec<_>) = sessions.partition(|line| line.contains("TLSv1"));
        assert_eq!((encrypted.len(), plain.len()), (1, 1), "{runtime}: {log}");
        assert!(encrypted[0].contains(&format!("{version:?} {suite:?}")), "{runtime}: {log}");
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

// 8314-3.02: the connection ended regularly.
#[test]
fn tls_ends_with_close_notify() {
    let house = House::new();
    for runtime in RUNTIMES {
        let server = house.serve(&["--runtime", runtime]);
        let mut stream = tls_session(&house, server.tls);
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
            // Closing with unread octets causes a reset.
            let _ = stream.read_to_string(&mut said);
            said
        };
        // From elsewhere no password is accepted without TLS, whatever the proxy's address.
        let far = begin(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 110\r\nUSER alice\r\nQUIT\r\n");
        assert!(far.contains("\r\n-ERR TLS is required\r\n"), "{far}");
        // A proxy that terminates TLS says so in version 2.
        let tls = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x08\xc6\x33\x64\x01\x12\x67\0\x6e\x20\0\x05\x01\0\0\0\0";
        let safe = begin(&[&tls[..], b"USER alice\r\nQUIT\r\n"].concat());
        assert!(safe.contains("\r\n+OK password required\r\n"), "{safe}");
        assert_eq!(begin(b"USER alice\r\nPASS x\r\nQUIT\r\n"), "");
        server.signal("-TERM");
        server.child.wait().unwrap();
        let log = house.log();
        for known in ["peer=192.0.2.7:4711", "peer=192.0.2.8:4711", "PROXY header: ", "proxy=\"127.0.0.1:"] {
            assert!(log.contains(known), "{known} is not in {log}");
        }
    }
}

#[test]
fn a_trusted_proxy_may_tell_by_xclient_too() {
    let house = House::new();
    for (options, taken) in [(&["--xclient-from", "127.0.0.1"][..], true), (&[], false)] {
        let mut server = house.serve(options);
        let mut session = server.connect();
        let reply = session.say("XCLIENT ADDR=192.0.2.7 PORT=4711");
        assert_eq!(reply.starts_with("+OK"), taken, "{reply}");
        assert!(session.log_in().starts_with("+OK"));
        session.say("QUIT");
        server.signal("-TERM");
        server.child.wait().unwrap();
        assert_eq!(house.log().contains("peer=192.0.2.7:4711"), taken, "{}", house.log());
    }
}
