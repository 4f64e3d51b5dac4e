//! Deadlines, and shutting down.

use core::time::Duration;
use std::io::{BufRead as _, Read as _};
use std::time::Instant;

use pop3_driver::Stop;
use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_proto::client::{ClientConfig, ProtocolError};
use pop3_proto::server::{Close, Limits};
use pop3_tests::configured;

use crate::certificates::Certificates;
use crate::runtime::Runtime;
use crate::server::{Mode, PATIENCE, Raw, Server, script};
use crate::{everywhere, on_each_runtime};

everywhere!(an_idle_session_is_stopped);
on_each_runtime!(
    silent_servers,
    silent_handshakes,
    a_client_that_is_told_to_end_gives_up_a_handshake,
    silence_before_the_login,
    an_idle_session_is_closed_in_silence,
    a_busy_session_is_not_stopped,
    a_session_that_never_reads_up,
    an_address_without_server,
    a_refusal_holds_up_nobody_else,
);

/// Long enough for the work to be done, and short enough to wait for.
const SHORT: Duration = Duration::from_millis(100);

async fn silent_servers<R: Runtime>() {
    let begun = Instant::now();
    let options = || ClientOptions::new().with_connect_timeout(SHORT);
    let connector = Certificates::good().client("localhost");
    // It sends nothing at all.
    let (port, first) = script(|mut raw| raw.rest());
    let late = R::connect(port, Security::TrustedPlaintext, options()).await.map(drop);
    assert!(matches!(late, Err(ClientError::Protocol(ProtocolError::TimedOut { during: None }))), "{late:?}");
    // It sends nothing in the handshake.
    let (port, second) = script(|mut raw| raw.rest().len());
    let late = R::connect(port, Security::Implicit(connector.clone()), options()).await.map(drop);
    assert!(
        matches!(&late, Err(ClientError::Tls(error)) if error.kind() == std::io::ErrorKind::TimedOut),
        "{late:?}"
    );
    // It does not answer STLS. The limit applies to everything before the first call.
    let (port, third) = script(|mut raw| {
        raw.send("+OK ready\r\n");
        raw.rest()
    });
    let late = R::connect(port, Security::StartTls(connector), options()).await.map(drop);
    assert!(
        matches!(&late, Err(ClientError::Network(error)) if error.kind() == std::io::ErrorKind::TimedOut),
        "{late:?}"
    );
    // It greets, and answers nothing afterwards.
    let (port, fourth) = script(|mut raw| {
        raw.send("+OK ready\r\n");
        raw.rest()
    });
    let options = ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.reply_timeout = SHORT));
    let mut client = R::connect(port, Security::TrustedPlaintext, options).await.expect("a greeting");
    let late = client.login(b"mrose", b"tanstaaf").await;
    assert!(
        matches!(late, Err(ClientError::Protocol(ProtocolError::TimedOut { during: Some(_) }))),
        "{late:?}"
    );
    assert!(matches!(client.noop().await, Err(ClientError::Interrupted)), "it can't be used any more");
    drop(client);
    assert!(begun.elapsed() >= 4 * SHORT);
    assert_eq!(first.join().expect("no panic"), b"");
    assert!(second.join().expect("no panic") > 0);
    assert_eq!(third.join().expect("no panic"), b"STLS\r\n");
    assert_eq!(fourth.join().expect("no panic"), b"USER mrose\r\n");
}

async fn a_client_that_is_told_to_end_gives_up_a_handshake<R: Runtime>() {
    let connector = Certificates::good().client("localhost");
    for security in [Security::Implicit(connector.clone()), Security::StartTls(connector)] {
        let stop = Stop::new();
        let (switch, stls) = (stop.clone(), matches!(security, Security::StartTls(_)));
        let (port, server) = script(move |mut raw| {
            if stls {
                raw.send("+OK ready\r\n");
                assert_eq!(raw.line(), "STLS\r\n");
                raw.send("+OK go on\r\n");
            }
            // The client waits for the reply to its first command.
            raw.bare().fill_buf().expect("a handshake");
            switch.stop();
            // It leaves, with or without a message.
            let _ = raw.bare().read_to_end(&mut Vec::new());
        });
        // Longer than the script waits.
        let options = ClientOptions::new().with_stop(stop).with_connect_timeout(4 * PATIENCE);
        let ended = R::connect(port, security, options).await.map(drop);
        assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
        server.join().expect("the client has left");
    }
}

// SEC-10
async fn silent_handshakes<R: Runtime>() {
    let mut limits = Limits::default();
    limits.login_timeout = SHORT;
    for mode in [Mode::Implicit, Mode::Stls] {
        let server = Server::<R>::start_with(mode, limits, Certificates::good().server());
        let mut raw = Raw::connect(server.port);
        if mode == Mode::Stls {
            assert!(raw.line().starts_with("+OK"));
            assert!(raw.say("STLS\r\n").starts_with("+OK"));
        } else {
            // No greeting is expected in plain text.
            raw.bare();
        }
        assert_eq!(raw.rest(), b"");
        let ended = server.report();
        assert_eq!(ended.close, Close::Handshake);
        assert_eq!(ended.error.as_deref(), Some("TLS handshake: timed out"));
    }
}

async fn silence_before_the_login<R: Runtime>() {
    let mut limits = Limits::default();
    limits.login_timeout = SHORT;
    let server = Server::<R>::start_with(Mode::Trusted, limits, Certificates::good().server());
    let mut raw = server.raw();
    assert!(raw.say("USER mrose\r\n").starts_with("+OK"));
    assert_eq!(raw.rest(), b"", "nothing is said");
    assert_eq!(server.report().close, Close::TimedOut);
}

// 1939-3.43, 1939-3.44, 1939-4.05
async fn an_idle_session_is_closed_in_silence<R: Runtime>() {
    let mut limits = Limits::default();
    limits.idle_timeout = SHORT;
    let server = Server::<R>::start_with(Mode::Trusted, limits, Certificates::good().server());
    let server = server.deliver([b"Subject: a\n\n"]);
    let mut raw = server.raw_logged_in();
    assert!(raw.say("DELE 1\r\n").starts_with("+OK"));
    let begun = Instant::now();
    assert_eq!(raw.rest(), b"", "nothing is said");
    assert!(begun.elapsed() >= SHORT / 2, "not before the time");
    let ended = server.report();
    assert_eq!((ended.close, ended.error, server.left()), (Close::TimedOut, None, 1));
    // The maildrop is unlocked.
    let mut raw = server.raw_logged_in();
    assert!(raw.say("STAT\r\n").starts_with("+OK 1 "));
}

/// 1939-3.45:
/// The client reads nothing of a large message, so writing must end at a deadline.
async fn a_session_that_never_reads_up<R: Runtime>() {
    let mut limits = Limits::default();
    limits.idle_timeout = SHORT;
    let server = Server::<R>::start_with(Mode::Trusted, limits, Certificates::good().server());
    let server = server.deliver([vec![b'x'; 20_000_000]]);
    let mut raw = server.raw_logged_in();
    raw.send("RETR 1\r\n");
    let ended = server.report();
    assert_eq!((ended.close, ended.totals.retrieved), (Close::TimedOut, 0));
    // The connection is closed, and the message is incomplete.
    let mut came = Vec::new();
    let _ = raw.bare().read_to_end(&mut came);
    assert!(came.len() < 20_000_000 && !came.ends_with(b"\r\n.\r\n"));
}

// PRS-14
async fn an_idle_session_is_stopped<R: Runtime>(mode: Mode) {
    let server = Server::<R>::start(mode).deliver([b"Subject: a\n\n"]);
    let mut client = server.log_in().await;
    client.dele(pop3_proto::MessageNumber::FIRST).await.expect("a mark");
    let mut other = (mode != Mode::Implicit).then(|| server.raw());
    server.stop.stop();
    for _ in 0..1 + usize::from(other.is_some()) {
        let ended = server.report();
        assert_eq!((ended.close, ended.error), (Close::Stopped, None));
    }
    if let Some(other) = &mut other {
        assert_eq!(other.rest(), b"");
    }
    assert!(client.noop().await.is_err());
    assert_eq!(server.left(), 1, "nothing is removed");
}

// PRS-14
async fn a_busy_session_is_not_stopped<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted).deliver([vec![b'x'; 8_000_000]]);
    let mut raw = server.raw_logged_in();
    assert_eq!(raw.say("DELE 1\r\n").get(..3), Some("+OK"));
    assert_eq!(raw.say("RSET\r\n").get(..3), Some("+OK"));
    // More commands, which wait while the message is being sent and are never started. They arrive in the same
    // packet, because closing a socket with unread octets discards what it has sent.
    assert_eq!(raw.say("RETR 1\r\nDELE 1\r\nQUIT\r\n"), "+OK 8000002 octets\r\n");
    server.stop.stop();
    // Meanwhile, clients are refused and may try another server, and another server may take the address.
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the listener is still open");
        std::thread::yield_now();
    }
    std::net::TcpListener::bind(("127.0.0.1", server.port)).expect("the address is free");
    let mut came = vec![0; 8_000_002 + 3];
    raw.bare().read_exact(&mut came).expect("the whole message");
    assert!(came.ends_with(b"x\r\n.\r\n"));
    let mut more = Vec::new();
    let _ = raw.bare().read_to_end(&mut more);
    assert_eq!(more, b"");
    // A connection of the loop may have come in time for a greeting.
    let ended =
        core::iter::repeat_with(|| server.report()).find(|ended| ended.user.is_some()).expect("no end");
    assert_eq!((ended.close, ended.totals.retrieved, server.left()), (Close::Stopped, 1, 1));
}

async fn an_address_without_server<R: Runtime>() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let lost = R::connect(port, Security::TrustedPlaintext, ClientOptions::new()).await.map(drop);
    assert!(matches!(lost, Err(ClientError::Network(_))), "{lost:?}");
}

// SEC-02
async fn a_refusal_holds_up_nobody_else<R: Runtime>() {
    let delay = Duration::from_secs(10);
    let mut limits = Limits::default();
    limits.failure_delay = delay;
    let server = Server::<R>::start_with(Mode::Trusted, limits, Certificates::good().server());
    let begun = Instant::now();
    let mut refused: Vec<Raw> = (0..8).map(|_| server.raw()).collect();
    for raw in &mut refused {
        assert!(raw.say("USER mrose\r\n").starts_with("+OK"));
        raw.send("PASS wrong\r\n");
    }
    let client = server.log_in().await;
    client.quit().await.expect("the end");
    assert!(begun.elapsed() < delay, "another session ran meanwhile");
    // The others have not received anything yet, so the stop finds them waiting.
    server.stop.stop();
    for mut raw in refused {
        assert_eq!(raw.rest(), b"");
    }
}
