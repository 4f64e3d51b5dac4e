//! Names and passwords are sent only under TLS, and only to the right server.

use core::time::Duration;

use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_driver::tls::Role;
use pop3_observer::Side;
use pop3_proto::client::{ProtocolError, SendError};
use pop3_proto::server::{Close, Limits};
use pop3_proto::{Channel, Keyword, encode_base64};

use crate::certificates::Certificates;
use crate::on_each_runtime;
use crate::runtime::Runtime;
use crate::server::{Mode, Raw, Server, script};

on_each_runtime!(
    nothing_in_clear,
    no_login_in_clear_at_the_server,
    a_server_without_stls,
    certificates_that_are_not_believed,
    other_protocols,
    pop3_is_named_in_both_ways,
    a_handshake_that_is_none,
    refusals_before_a_failed_handshake,
    a_line_without_an_end,
    old_versions,
    the_versions_that_are_offered,
    commands_injected_before_tls,
    replies_injected_before_tls,
    a_reply_that_was_not_asked_for,
);

// 2595-2.10
async fn nothing_in_clear<R: Runtime>() {
    let (port, scripted) = script(|mut raw| {
        raw.send("+OK ready <1.2@localhost>\r\n");
        raw.rest()
    });
    let mut client = R::connect(port, Security::Plaintext, ClientOptions::new()).await.expect("a greeting");
    assert_eq!(client.channel(), Channel::Plaintext);
    for refused in [client.login(b"mrose", b"tanstaaf").await, client.login_apop(b"mrose", b"tanstaaf").await]
    {
        assert!(matches!(refused, Err(ClientError::Unsendable(SendError::Plaintext))), "{refused:?}");
    }
    drop(client);
    assert_eq!(scripted.join().expect("no panic"), b"", "not one octet");
}

// 2595-2.10
async fn no_login_in_clear_at_the_server<R: Runtime>() {
    // STLS is offered, and the peer is not trusted.
    let server = Server::<R>::start(Mode::Stls);
    let mut raw = server.raw();
    assert!(raw.say("USER mrose\r\n").starts_with("-ERR"));
    assert!(raw.say("PASS tanstaaf\r\n").starts_with("-ERR"));
    assert!(raw.say("STAT\r\n").starts_with("-ERR"));
}

// 2595-4.21
async fn a_server_without_stls<R: Runtime>() {
    for reply in ["-ERR unknown command\r\n", "-ERR [SYS/TEMP] not now\r\n"] {
        let (port, scripted) = script(move |mut raw| {
            raw.send("+OK ready\r\n");
            let line = raw.line();
            raw.send(reply);
            (line, raw.rest())
        });
        let security = Security::StartTls(Certificates::good().client("localhost"));
        let refused = R::connect(port, security, ClientOptions::new()).await.map(drop);
        assert!(
            matches!(refused, Err(ClientError::Refused(refusal)) if refusal.keyword == Some(Keyword::Stls))
        );
        assert_eq!(scripted.join().expect("no panic"), ("STLS\r\n".to_owned(), Vec::new()));
    }
}

// 8314-5.01, 7817-3.01
async fn certificates_that_are_not_believed<R: Runtime>() {
    let good = Certificates::good();
    let expired = Certificates::make(true);
    for mode in [Mode::Implicit, Mode::Stls] {
        for (server, connector) in [
            (good.server(), good.client("mail.example.com")),
            (good.server(), good.client("127.0.0.1")),
            (good.server(), Certificates::make(false).client("localhost")),
            (expired.server(), expired.client("localhost")),
        ] {
            let server = Server::<R>::start_with(mode, Limits::default(), server);
            let security = match mode {
                Mode::Implicit => Security::Implicit(connector),
                Mode::Stls | Mode::Trusted => Security::StartTls(connector),
            };
            let refused = server.try_connect(security).await.map(drop);
            assert!(matches!(refused, Err(ClientError::Tls(_))), "{refused:?}");
            // The handshake did not complete, so no command can have arrived.
            let ended = server.report();
            assert_eq!((ended.close, ended.user), (Close::Handshake, None));
            assert!(ended.error.is_some_and(|error| error.starts_with("TLS handshake: ")));
        }
    }
}

// 9325-3.02
async fn other_protocols<R: Runtime>() {
    let good = Certificates::good();
    // The client offers a protocol other than POP3.
    let server = Server::<R>::start(Mode::Implicit);
    let security = Security::Implicit(good.client_with_alpn(&[b"imap"]));
    let refused = server.try_connect(security).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Tls(_))), "{refused:?}");
    assert!(server.report().error.is_some());
    // It offers none, or several.
    for protocols in [&[][..], &[&b"imap"[..], b"pop3"]] {
        let security = Security::Implicit(good.client_with_alpn(protocols));
        let mut client = server.try_connect(security).await.expect("it is served");
        client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
        client.quit().await.expect("the end");
    }
    // The server supports a different one.
    let server = Server::<R>::start_with(Mode::Implicit, Limits::default(), good.server_with_alpn(b"imap"));
    let refused = server.try_connect(server.security()).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Tls(_))), "{refused:?}");
}

// 9325-3.01: pop3 is negotiated, even if the server supports other protocols.
async fn pop3_is_named_in_both_ways<R: Runtime>() {
    let good = Certificates::good();
    for (mode, protocols, agreed) in [
        (Mode::Implicit, &[&b"imap"[..], b"pop3"][..], true),
        (Mode::Stls, &[b"imap", b"pop3"], true),
        (Mode::Implicit, &[b"imap"], false),
        (Mode::Stls, &[b"imap"], false),
        (Mode::Implicit, &[], true),
        (Mode::Stls, &[], true),
    ] {
        // Our server and any client.
        let server = Server::<R>::start(mode);
        let connector = good.client_with_alpn(protocols);
        let security = |connector| match mode {
            Mode::Implicit => Security::Implicit(connector),
            Mode::Stls | Mode::Trusted => Security::StartTls(connector),
        };
        let connected = server.try_connect(security(connector)).await.map(drop);
        assert_eq!(connected.is_ok(), agreed, "{mode:?} {protocols:?}: {connected:?}");
        // Our client and any server.
        let server = Server::<R>::start_with(mode, Limits::default(), good.server_with_alpns(protocols));
        let connected = server.try_connect(security(good.client("localhost"))).await.map(drop);
        assert_eq!(connected.is_ok(), agreed, "{mode:?} {protocols:?}: {connected:?}");
    }
    // The words on the wire, with a server that is not ours.
    for mode in [Mode::Implicit, Mode::Stls] {
        let Role::Server(config) = good.server_with_alpns(&[b"imap", b"pop3"]) else { unreachable!() };
        let (port, scripted) = script(move |mut raw| {
            if mode == Mode::Stls {
                raw.send("+OK ready\r\n");
                assert_eq!(raw.line(), "STLS\r\n");
                raw.send("+OK begin\r\n");
            }
            let mut tls = rustls::ServerConnection::new(config).expect("good settings");
            let (mut stream, _) = raw.into_parts();
            while tls.is_handshaking() {
                tls.complete_io(&mut stream).expect("a handshake");
            }
            tls.alpn_protocol().map(<[u8]>::to_vec)
        });
        let connector = good.client("localhost");
        let security =
            if mode == Mode::Stls { Security::StartTls(connector) } else { Security::Implicit(connector) };
        let _ = R::connect(port, security, ClientOptions::new()).await.map(drop);
        assert_eq!(scripted.join().expect("no panic").as_deref(), Some(&b"pop3"[..]), "{mode:?}");
    }
}

// 2595-4.20: the server answers an invalid handshake with an alert at most, and the connection ends.
async fn a_handshake_that_is_none<R: Runtime>() {
    for mode in [Mode::Implicit, Mode::Stls] {
        for octets in
            [&b"USER mrose\r\nPASS tanstaaf\r\nSTAT\r\n"[..], &[0x16, 3, 1, 0, 4, 1, 0, 0, 0], &[0; 100]]
        {
            let server = Server::<R>::start(mode);
            let mut raw = Raw::connect(server.port);
            if mode == Mode::Stls {
                assert!(raw.line().starts_with("+OK"));
                assert!(raw.say("STLS\r\n").starts_with("+OK"));
            }
            raw.send(octets);
            let mut answer = Vec::new();
            // It does not matter whether the connection is closed or reset.
            let _ = std::io::Read::read_to_end(raw.bare(), &mut answer);
            assert!(answer.is_empty() || (answer[0] == 21 && answer.len() == 7), "{}", answer.escape_ascii());
            let ended = server.report();
            assert_eq!((ended.close, ended.user), (Close::Handshake, None));
            assert!(ended.error.is_some_and(|error| error.starts_with("TLS handshake: ")));
        }
    }
}

// SEC-02: the report counts what was refused before STLS, however the handshake ends.
async fn refusals_before_a_failed_handshake<R: Runtime>() {
    let mut limits = Limits::default();
    limits.failure_delay = Duration::ZERO;
    limits.login_timeout = Duration::from_secs(5);
    for silent in [false, true] {
        let server = Server::<R>::start_with(Mode::Stls, limits, Certificates::good().server());
        let mut raw = server.raw();
        for _ in 0..2 {
            assert!(raw.say("AUTH CRAM-MD5\r\n").starts_with("+ "));
            let response = encode_base64(b"mrose 0123456789abcdef0123456789abcdef");
            let response = [response.expose().as_slice(), b"\r\n"].concat();
            assert!(raw.say(response).starts_with("-ERR [AUTH] "));
        }
        assert!(raw.say("STLS\r\n").starts_with("+OK"));
        if !silent {
            raw.send("NOOP\r\n");
        }
        let _ = std::io::Read::read_to_end(raw.bare(), &mut Vec::new());
        let ended = server.report();
        assert_eq!((ended.totals.failed_logins, ended.user), (2, None));
        assert_eq!(ended.close, Close::Handshake);
        let error = ended.error.expect("a fault");
        assert!(error.starts_with("TLS handshake: ") && silent == error.ends_with("timed out"), "{error}");
    }
}

// 2449-4.03, SEC-04
async fn a_line_without_an_end<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted);
    for logged_in in [false, true] {
        let mut raw = if logged_in { server.raw_logged_in() } else { server.raw() };
        // Not one octet more than the limit, and no line end.
        let limits = Limits::default();
        assert_eq!(raw.say(vec![b'x'; limits.command_line]), "-ERR command line too long\r\n");
        raw.send(vec![b'x'; limits.discarded_line - 2]);
        raw.send("\r\nXYZZ\r\n");
        assert_eq!(raw.line(), "-ERR unknown command\r\n");
        assert_eq!(raw.say(vec![b'x'; limits.command_line]), "-ERR command line too long\r\n");
        raw.send(vec![b'x'; limits.discarded_line]);
        assert_eq!(raw.rest(), b"");
        assert_eq!(server.report().close, Close::EndlessLine);
    }
}

// 8314-4.01
async fn old_versions<R: Runtime>() {
    // A ClientHello of TLS 1.1 with everything that TLS 1.1 supports.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 6, 0xc0, 0x13, 0xc0, 0x14, 0, 0x2f, 1, 0, 0, 18]);
    hello.extend([0, 10, 0, 6, 0, 4, 0, 23, 0, 24, 0, 13, 0, 4, 0, 2, 4, 3]);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    let server = Server::<R>::start(Mode::Implicit);
    let mut raw = Raw::connect(server.port);
    raw.send(&record);
    let answer = raw.rest();
    // A fatal alert, protocol_version (RFC 8446 section 6.2).
    assert_eq!((answer[0], &answer[3..]), (21, &[0, 2, 2, 70][..]), "{answer:?}");
}

// 8314-4.01, 2595-2.12
async fn the_versions_that_are_offered<R: Runtime>() {
    let (port, scripted) = script(|mut raw| {
        let mut header = [0; 5];
        std::io::Read::read_exact(raw.bare(), &mut header).expect("a record");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        std::io::Read::read_exact(raw.bare(), &mut hello).expect("a ClientHello");
        hello
    });
    let security = Security::Implicit(Certificates::good().client("localhost"));
    let lost = R::connect(port, security, ClientOptions::new()).await.map(drop);
    assert!(matches!(lost, Err(ClientError::Tls(_))), "{lost:?}");
    let hello = scripted.join().expect("no panic");
    let has = |octets: &[u8]| hello.windows(octets.len()).any(|window| window == octets);
    // supported_versions (43): only TLS 1.3 and TLS 1.2; ALPN: pop3; no early_data (42).
    assert!(has(&[0, 43, 0, 5, 4, 3, 4, 3, 3]), "{hello:x?}");
    assert!(has(b"\x00\x10\x00\x07\x00\x05\x04pop3"), "{hello:x?}");
    assert!(!has(&[0, 42, 0, 0]), "{hello:x?}");
    // After type, length, version, random octets and session: the cipher suites, without 3DES with DSS (0x0013).
    let suites = &hello[4 + 2 + 32 + 1 + usize::from(hello[38])..];
    let (length, suites) = suites.split_at(2);
    let suites = &suites[..usize::from(u16::from_be_bytes([length[0], length[1]]))];
    assert!(suites.chunks(2).any(|suite| suite == [0x13, 0x01]), "{suites:x?}");
    assert!(!suites.chunks(2).any(|suite| suite == [0, 0x13]), "{suites:x?}");
}

// 2595-4.12, 2595-4.11
async fn commands_injected_before_tls<R: Runtime>() {
    let server = Server::<R>::start(Mode::Stls).deliver([b"Subject: a\n\n"]);
    let mut raw = server.raw();
    // One segment: the octets after STLS arrived in plain text, from an unknown sender.
    raw.send("STLS\r\nUSER mrose\r\nCAPA\r\n");
    assert!(raw.line().starts_with("+OK"));
    let connector = Certificates::good().client("localhost");
    let tls = rustls::ClientConnection::new(connector.config(), connector.name()).expect("good settings");
    let (stream, mut watch) = raw.into_parts();
    let mut tls = rustls::StreamOwned::new(tls, stream);
    watch.encrypted();
    let mut say = |command: &str| {
        watch.sent(Side::Client, command.as_bytes());
        std::io::Write::write_all(&mut tls, command.as_bytes()).expect("the server reads");
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut octet = [0];
            std::io::Read::read_exact(&mut tls, &mut octet).expect("a line");
            line.push(octet[0]);
        }
        watch.sent(Side::Server, &line);
        String::from_utf8(line).expect("text")
    };
    // The first line is the reply to the first command under TLS. No earlier USER counts.
    assert!(say("PASS tanstaaf\r\n").starts_with("-ERR"));
    assert!(say("USER mrose\r\n").starts_with("+OK"));
    assert!(say("PASS tanstaaf\r\n").starts_with("+OK"));
    assert!(say("STAT\r\n").starts_with("+OK 1 "));
}

// 2595-4.13
async fn replies_injected_before_tls<R: Runtime>() {
    let (port, scripted) = script(|mut raw| {
        raw.send("+OK ready\r\n");
        assert_eq!(raw.line(), "STLS\r\n");
        raw.send("+OK begin\r\n+OK injected\r\n");
        raw.rest()
    });
    let security = Security::StartTls(Certificates::good().client("localhost"));
    let refused = R::connect(port, security, ClientOptions::new()).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Protocol(ProtocolError::Injected))), "{refused:?}");
    assert_eq!(scripted.join().expect("no panic"), b"", "no handshake was begun");
}

// SEC-07
async fn a_reply_that_was_not_asked_for<R: Runtime>() {
    let (port, scripted) = script(|mut raw| {
        raw.send("+OK ready\r\n");
        let first = raw.line();
        raw.send("-ERR no\r\n+OK for nothing\r\n");
        (first, raw.rest())
    });
    let mut client =
        R::connect(port, Security::TrustedPlaintext, ClientOptions::new()).await.expect("a greeting");
    assert!(client.capabilities().await.expect("a refusal").is_none());
    let out_of_step = client.login(b"mrose", b"tanstaaf").await;
    assert!(
        matches!(out_of_step, Err(ClientError::Protocol(ProtocolError::Unsolicited(_)))),
        "{out_of_step:?}"
    );
    drop(client);
    assert_eq!(scripted.join().expect("no panic"), ("CAPA\r\n".to_owned(), Vec::new()));
}
