//! Connections through a proxy, which sends the address of its client.

use core::net::SocketAddr;
use core::pin::pin;
use core::task::{Context, Waker};
use std::sync::{Arc, Mutex};

use pop3_driver::Stop;
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_proto::Rejection;
use pop3_proto::server::{Close, ServerConfig};
use pop3_tests::configured;
use pop3_tests::store::Store;
use proptest::prelude::*;

use crate::store::{Policy, Session, peer};
use crate::wire::{Incoming, Wire};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 110\r\n";

/// A policy whose only peer is a proxy.
struct Behind {
    policy: Policy,
    /// Whether the proxy sends a header. If not, it may send XCLIENT.
    header: bool,
    /// How many connections are admitted.
    most: usize,
    /// Whether the next one gets no answer instead of a refusal.
    hangs: bool,
    welcomed: Arc<Mutex<Vec<Peer>>>,
}

impl Service for Behind {
    type Backend = Session;

    fn expects_proxy(&self, peer: &Peer) -> bool {
        self.header && peer.ip().is_some_and(|ip| ip.is_loopback())
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Session>, Rejection> {
        let full = self.welcomed.lock().unwrap().len() == self.most;
        if full && self.hangs {
            core::future::pending::<()>().await;
        }
        if full {
            return Err(Rejection::temporary("too many"));
        }
        self.welcomed.lock().unwrap().push(peer.clone());
        Ok(self.policy.connect(peer).await?.with_trusted_proxy(!self.header))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        self.policy.ended(peer, report);
    }
}

impl Behind {
    fn new() -> Self {
        Self {
            policy: Policy::new(Store::fixture()),
            header: true,
            most: 2,
            hangs: false,
            welcomed: Arc::default(),
        }
    }

    fn serve(&self, incoming: impl IntoIterator<Item = Incoming>, entrance: Entrance) -> Wire {
        let wire = Wire::new(incoming);
        let stop = Stop::new();
        let mut session = pin!(serve(wire.clone(), entrance, peer(), self, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_ready(), "nothing is waited for");
        wire
    }

    fn welcomed(&self) -> Vec<(SocketAddr, SocketAddr, bool)> {
        let peers = self.welcomed.lock().unwrap();
        peers
            .iter()
            .map(|peer| {
                let proxy = peer.proxy.expect("it came through one");
                assert_eq!(proxy.address, crate::store::peer().address);
                (peer.address.unwrap(), peer.local.unwrap(), proxy.tls)
            })
            .collect()
    }
}

/// Version 2: the addresses of the client and the server, and that the client uses TLS to the proxy.
fn binary() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14".to_vec();
    header.extend([192, 0, 2, 7, 198, 51, 100, 1]);
    header.extend([56324_u16.to_be_bytes(), 110_u16.to_be_bytes()].concat());
    header.extend(b"\x20\0\x05\x01\0\0\0\0");
    header
}

fn real() -> (SocketAddr, SocketAddr) {
    (([192, 0, 2, 7], 56324).into(), ([198, 51, 100, 1], 110).into())
}

#[test]
fn the_session_is_the_clients_whatever_the_split() {
    for (header, tls) in [(LINE.to_vec(), false), (binary(), true)] {
        let all = [&header[..], b"USER mrose\r\nPASS tanstaaf\r\nSTAT\r\nQUIT\r\n"].concat();
        for split in [1, 2, 7, 16, header.len(), all.len()] {
            let behind = Behind::new();
            let pieces = all.chunks(split).map(|piece| Incoming::Octets(piece.to_vec()));
            let wire = behind.serve(pieces, Entrance::Plain);
            assert!(wire.sent().contains("+OK 3 67\r\n"), "{}", wire.sent());
            assert_eq!(behind.welcomed(), [(real().0, real().1, tls)]);
            assert_eq!(behind.policy.report().1, Close::Quit);
        }
    }
}

#[test]
fn the_handshake_finds_its_octets_behind_the_header() {
    for header in [LINE.to_vec(), binary()] {
        let behind = Behind::new();
        // The transport in memory treats these octets as the handshake.
        let handshake = [&header[..], b"ClientHello"].concat();
        let wire = behind.serve([Incoming::Octets(handshake), "QUIT\r\n".into()], Entrance::Implicit);
        assert!(wire.state().tls);
        assert!(wire.sent().ends_with("+OK bye\r\n"), "{}", wire.sent());
    }
}

#[test]
fn a_header_is_read_no_further_than_it_may_be_long() {
    const OCTETS: usize = 100_000;
    let behind = Behind::new();
    let endless = [b"PROXY UNKNOWN ", &[b'x'; OCTETS][..]].concat();
    let wire = behind.serve([Incoming::Octets(endless)], Entrance::Plain);
    let state = wire.state();
    let Some(Incoming::Octets(left)) = state.incoming.front() else { panic!("all of it was read") };
    assert!(left.len() > OCTETS - 107, "{} octets are left", left.len());
}

#[test]
fn without_a_header_there_is_no_session() {
    let long = [b"PROXY UNKNOWN ", &[b'x'; 200][..], b"\r\n"].concat();
    let mut huge = binary();
    huge[14..16].copy_from_slice(&[0xff, 0xff]);
    for (what, close) in [
        (b"USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n".to_vec(), Close::PeerClosed),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03................".to_vec(), Close::PeerClosed),
        (LINE[..20].to_vec(), Close::PeerClosed),
        (binary()[..20].to_vec(), Close::PeerClosed),
        (b"PROXY TCP4 1.2.3.4 nowhere 1 2\r\nUSER mrose\r\n".to_vec(), Close::PeerClosed),
        (long, Close::PeerClosed),
        (huge, Close::PeerClosed),
        (Vec::new(), Close::PeerClosed),
    ] {
        let behind = Behind::new();
        let wire = behind.serve([Incoming::Octets(what)], Entrance::Plain);
        assert_eq!((wire.sent().as_str(), behind.welcomed().len()), ("", 0));
        let (user, ended, error, _) = behind.policy.report();
        assert_eq!((user, ended), (None, close));
        assert!(error.unwrap().starts_with("PROXY header: "));
    }
    let behind = Behind::new();
    behind.serve([Incoming::Octets(LINE[..20].to_vec()), Incoming::Silence], Entrance::Plain);
    assert_eq!(behind.policy.report().1, Close::TimedOut);
}

#[test]
fn a_server_without_proxies_takes_the_header_for_a_command() {
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new([Incoming::Octets(LINE.to_vec()), "QUIT\r\n".into()]);
    policy.serve(&wire);
    assert!(wire.sent().contains("\r\n-ERR unknown command\r\n+OK"), "{}", wire.sent());
}

proptest! {
    #[test]
    fn any_octets_end_well(
        begin in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ::1 ", b"\r\n\r\n\0\r\nQUIT\n", b"\r\n\r\n\0\r\nQUIT\n\x21"]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let behind = Behind::new();
        let octets = [begin, &rest[..]].concat();
        let wire = behind.serve([Incoming::Octets(octets)], Entrance::Plain);
        prop_assert!(wire.sent().is_empty() || behind.welcomed().len() == 1);
        behind.policy.report();
    }
}

// PRS-13
#[test]
fn a_trusted_proxy_says_by_xclient_whom_it_speaks_for() {
    let commands = "XCLIENT ADDR=192.0.2.7 PORT=56324 SESSION=x TTL=4\r\nUSER mrose\r\nPASS tanstaaf\r\nSTAT\r\nQUIT\r\n";
    let behind = Behind { header: false, ..Behind::new() };
    let wire = behind.serve([commands.into()], Entrance::Plain);
    assert!(wire.sent().starts_with("+OK [XCLIENT] "), "{}", wire.sent());
    assert!(wire.sent().contains("+OK 3 67\r\n"), "{}", wire.sent());
    // The policy was called twice, and the backend for the proxy itself was returned.
    let welcomed = behind.welcomed.lock().unwrap().clone();
    assert_eq!((welcomed[0].address, welcomed[0].proxy), (peer().address, None));
    assert_eq!((welcomed[1].address, welcomed.len()), (Some(real().0), 2));
    assert_eq!(welcomed[0].session, welcomed[1].session);
    assert_eq!(welcomed[1].proxy.map(|proxy| proxy.address), Some(peer().address));
    assert_eq!(behind.policy.report().1, Close::Quit);
}

// PRS-13, 2595-4.16: what was sent in plain text is discarded, whoever sent it.
#[test]
fn what_xclient_said_is_forgotten_with_stls() {
    let mut behind = Behind { header: false, most: 3, ..Behind::new() };
    behind.policy = behind.policy.with_config(configured::<ServerConfig>(|it| it.starttls = true));
    let login = "XCLIENT ADDR=192.0.2.8\r\nUSER mrose\r\nPASS tanstaaf\r\nQUIT\r\n";
    let wire = behind.serve(
        ["XCLIENT ADDR=192.0.2.7\r\nSTLS\r\n".into(), "ClientHello".into(), login.into()],
        Entrance::Plain,
    );
    let sent = wire.sent();
    assert!(sent.contains("-ERR unknown command\r\n") && sent.ends_with("+OK bye\r\n"), "{sent}");
    let welcomed = behind.welcomed.lock().unwrap().clone();
    let addresses: Vec<_> = welcomed.iter().map(|peer| (peer.address, peer.proxy.is_some())).collect();
    let client = Some(SocketAddr::new(real().0.ip(), 0));
    assert_eq!(addresses, [(peer().address, false), (client, true), (peer().address, false)]);
    assert_eq!(behind.policy.report().0.as_deref(), Some("mrose"));

    // XCLIENT is still allowed under TLS, if it was not sent before.
    let mut behind = Behind { header: false, ..Behind::new() };
    behind.policy = behind.policy.with_config(configured::<ServerConfig>(|it| it.starttls = true));
    let wire = behind.serve(["STLS\r\n".into(), "ClientHello".into(), login.into()], Entrance::Plain);
    assert!(wire.sent().ends_with("+OK bye\r\n"), "{}", wire.sent());
    assert_eq!(behind.welcomed.lock().unwrap().len(), 2);

    // If there is no place for the proxy itself, the connection ends with the reason.
    let mut behind = Behind { header: false, most: 2, ..Behind::new() };
    behind.policy = behind.policy.with_config(configured::<ServerConfig>(|it| it.starttls = true));
    let wire = behind.serve(
        ["XCLIENT ADDR=192.0.2.7\r\nSTLS\r\n".into(), "ClientHello".into(), login.into()],
        Entrance::Plain,
    );
    assert!(wire.sent().ends_with("-ERR [SYS/TEMP] too many\r\n"), "{}", wire.sent());
    assert_eq!(behind.policy.report().1, Close::Refused);
}

#[test]
fn a_client_that_is_turned_away_behind_a_proxy_gets_no_session() {
    let behind = Behind { header: false, most: 1, ..Behind::new() };
    let commands = "XCLIENT ADDR=192.0.2.7 PORT=1\r\nUSER mrose\r\nPASS tanstaaf\r\nSTAT\r\n";
    let wire = behind.serve([commands.into()], Entrance::Plain);
    assert!(wire.sent().ends_with("-ERR [SYS/TEMP] too many\r\n"), "{}", wire.sent());
    let (user, close, ..) = behind.policy.report();
    assert_eq!((user, close), (None, Close::Refused));
}

#[test]
fn the_report_tells_that_the_service_took_too_long_for_the_client_of_a_proxy() {
    for (most, commands) in [(1, "XCLIENT ADDR=192.0.2.7\r\n"), (2, "XCLIENT ADDR=192.0.2.7\r\nSTLS\r\n")] {
        let mut behind = Behind { header: false, most, hangs: true, ..Behind::new() };
        behind.policy = behind.policy.with_config(configured::<ServerConfig>(|it| it.starttls = true));
        let wire = behind.serve([commands.into(), "ClientHello".into()], Entrance::Plain);
        assert!(
            wire.sent().ends_with("-ERR [SYS/TEMP] the server is not ready, try again later\r\n"),
            "{}",
            wire.sent()
        );
        let (_, close, error, _) = behind.policy.report();
        assert_eq!(close, Close::Refused);
        assert_eq!(error.as_deref(), Some("the service took too long to admit a client"));
    }
}

// PRS-13
#[test]
fn nobody_else_may_say_xclient() {
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new(["XCLIENT ADDR=192.0.2.7\r\nQUIT\r\n".into()]);
    policy.serve(&wire);
    assert!(wire.sent().ends_with("\r\n-ERR unknown command\r\n+OK bye\r\n"), "{}", wire.sent());
    assert!(!wire.sent().contains('['));
}
