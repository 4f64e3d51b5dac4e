//! Blocking streams.

use core::time::Duration;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_proto::Channel;
use pop3_std::{
    Carried, Untimed, connect_in_tls, connect_over, serve_connection, serve_connection_in_tls, wait,
};
use rustls::{ClientConnection, ServerConnection, StreamOwned};

use super::memory::blocking_pair;
use super::{Served, talk, unix};
use crate::certificates::Certificates;
use crate::runtime::Std;

#[test]
fn memory() {
    let (own, other, _unblock) = blocking_pair();
    let served = Served::start::<Std>(true, move |house, stop| {
        let (stream, peer) = (Untimed::new(other), Peer::without_address());
        serve_connection(stream, peer, Entrance::Plain, Role::None, house, stop).expect("a stream");
    });
    let client = connect_over(Untimed::new(own), Security::TrustedPlaintext, ClientOptions::new());
    wait(talk(client.expect("a greeting"), Channel::TrustedPlaintext));
    served.ended(None);
}

#[test]
fn memory_with_stls_and_with_implicit_tls() {
    for entrance in [Entrance::Plain, Entrance::Implicit] {
        let (own, other, _unblock) = blocking_pair();
        let served = Served::start::<Std>(false, move |house, stop| {
            let (stream, peer) = (Untimed::new(other), Peer::without_address());
            let role = Certificates::good().server();
            serve_connection(stream, peer, entrance, role, house, stop).expect("a stream");
        });
        let connector = Certificates::good().client("localhost");
        let security = match entrance {
            Entrance::Plain => Security::StartTls(connector),
            Entrance::Implicit => Security::Implicit(connector),
        };
        let client = connect_over(Untimed::new(own), security, ClientOptions::new()).expect("a greeting");
        wait(talk(client, Channel::Tls));
        served.ended(Some("TLSv1_3"));
    }
}

#[test]
fn unix_sockets() {
    let (_folder, listener, connect) = unix();
    let served = Served::start::<Std>(true, move |house, stop| {
        let (stream, _) = listener.accept().expect("a client");
        let peer = Peer::without_address();
        serve_connection(stream, peer, Entrance::Plain, Role::None, house, stop).expect("a socket");
    });
    let client =
        connect_over(connect(), Security::TrustedPlaintext, ClientOptions::new()).expect("a greeting");
    wait(talk(client, Channel::TrustedPlaintext));
    served.ended(None);
}

#[test]
fn the_tls_of_another_library() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let served = Served::start::<Std>(false, move |house, stop| {
        let (tcp, _) = listener.accept().expect("a client");
        let Role::Server(config) = Certificates::good().server() else { unreachable!() };
        let tls = ServerConnection::new(config).expect("good settings");
        let stream = Carried::new(StreamOwned::new(tls, tcp.try_clone().expect("a handle")), tcp);
        let info = Some(TlsInfo::new("TLS of theirs", "x"));
        serve_connection_in_tls(stream, info, Peer::without_address(), house, stop).expect("a stream");
    });
    let tcp = TcpStream::connect(address).expect("it listens");
    let connector = Certificates::good().client("localhost");
    let tls = ClientConnection::new(connector.config(), connector.name()).expect("good settings");
    let stream = Carried::new(StreamOwned::new(tls, tcp.try_clone().expect("a handle")), tcp);
    let client = connect_in_tls(stream, None, ClientOptions::new()).expect("a greeting");
    wait(talk(client, Channel::Tls));
    served.ended(Some("TLS of theirs"));
}

// The deadline applies to the stream itself: a Unix socket, or the TLS of another library.
#[test]
fn deadlines_hold_where_the_stream_has_time_outs() {
    let options = || ClientOptions::new().with_connect_timeout(Duration::from_millis(300));
    let (own, _silent) = UnixStream::pair().expect("a pair");
    let late = connect_over(own, Security::TrustedPlaintext, options()).map(drop);
    assert!(late.is_err());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let tcp = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    let (_silent, _) = listener.accept().expect("a client");
    let stream = Carried::new(tcp.try_clone().expect("a handle"), tcp);
    let late = connect_in_tls(stream, None, options()).map(drop);
    assert!(matches!(late, Err(ClientError::Protocol(_) | ClientError::Network(_))), "{late:?}");
}

#[test]
fn the_end_of_the_server() {
    // A Unix socket, and a stream in memory that can be unblocked.
    let (_folder, listener, connect) = unix();
    let served = Served::start::<Std>(true, move |house, stop| {
        let (stream, _) = listener.accept().expect("a client");
        let peer = Peer::without_address();
        serve_connection(stream, peer, Entrance::Plain, Role::None, house, stop).expect("a socket");
    });
    let mut own = connect();
    own.read_exact(&mut [0; 3]).expect("a greeting");
    served.stopped();

    let (other, mut own, unblock) = blocking_pair();
    let served = Served::start::<Std>(true, move |house, stop| {
        let stream = Untimed::new(other).with_unblock(unblock);
        let peer = Peer::without_address();
        serve_connection(stream, peer, Entrance::Plain, Role::None, house, stop).expect("a stream");
    });
    own.read_exact(&mut [0; 3]).expect("a greeting");
    served.stopped();
}
