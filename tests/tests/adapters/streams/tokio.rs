//! Streams of tokio.

use pop3_driver::Clock;
use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_proto::Channel;
use pop3_tokio::{Socket, connect_in_tls, connect_over, serve_connection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::UnixStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Served, talk, unix};
use crate::certificates::Certificates;
use crate::runtime::{Runtime as _, Tokio};

#[test]
fn memory() {
    let (own, other) = duplex(1000);
    let served = Served::start::<Tokio>(true, move |house, stop| {
        let peer = Peer::without_address();
        Tokio::run(serve_connection(other, peer, Entrance::Plain, Role::None, house, stop));
    });
    Tokio::run(async {
        let client =
            connect_over(own, Security::TrustedPlaintext, ClientOptions::new()).await.expect("a greeting");
        talk(client, Channel::TrustedPlaintext).await;
    });
    served.ended(None);
}

#[test]
fn memory_with_stls_and_with_implicit_tls() {
    for entrance in [Entrance::Plain, Entrance::Implicit] {
        let (own, other) = duplex(1000);
        let served = Served::start::<Tokio>(false, move |house, stop| {
            let role = Certificates::good().server();
            Tokio::run(serve_connection(other, Peer::without_address(), entrance, role, house, stop));
        });
        let connector = Certificates::good().client("localhost");
        let security = match entrance {
            Entrance::Plain => Security::StartTls(connector),
            Entrance::Implicit => Security::Implicit(connector),
        };
        Tokio::run(async {
            talk(connect_over(own, security, ClientOptions::new()).await.expect("a greeting"), Channel::Tls)
                .await;
        });
        served.ended(Some("TLSv1_3"));
    }
}

#[test]
fn unix_sockets() {
    let (_folder, listener, connect) = unix();
    let served = Served::start::<Tokio>(true, move |house, stop| {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nonblocking(true).expect("a socket");
        Tokio::run(async {
            let stream = UnixStream::from_std(stream).expect("a socket");
            let peer = Peer::without_address();
            serve_connection(stream, peer, Entrance::Plain, Role::None, house, stop).await;
        });
    });
    let stream = connect();
    stream.set_nonblocking(true).expect("a socket");
    Tokio::run(async {
        let stream = UnixStream::from_std(stream).expect("a socket");
        let client =
            connect_over(stream, Security::TrustedPlaintext, ClientOptions::new()).await.expect("a greeting");
        talk(client, Channel::TrustedPlaintext).await;
    });
    served.ended(None);
}

#[test]
fn the_tls_of_another_library() {
    let (own, other) = duplex(1000);
    let served = Served::start::<Tokio>(false, move |house, stop| {
        Tokio::run(async {
            let Role::Server(config) = Certificates::good().server() else { unreachable!() };
            let stream = TlsAcceptor::from(config).accept(other).await.expect("a handshake");
            let socket = Socket::in_tls(stream, Some(TlsInfo::new("TLS of theirs", "x")), Clock::start());
            let peer = Peer::without_address();
            pop3_driver::server::serve(socket, Entrance::Implicit, peer, house, stop).await;
        });
    });
    Tokio::run(async {
        let connector = Certificates::good().client("localhost");
        let handshake = TlsConnector::from(connector.config()).connect(connector.name(), own);
        let stream = handshake.await.expect("a handshake");
        talk(connect_in_tls(stream, None, ClientOptions::new()).await.expect("a greeting"), Channel::Tls)
            .await;
    });
    served.ended(Some("TLS of theirs"));
}

// TLS is assumed only if the caller says so, and never begins inside TLS.
#[test]
fn tls_is_not_begun_twice_and_not_taken_for_granted() {
    Tokio::run(async {
        let (own, mut other) = duplex(1000);
        other.write_all(b"+OK ready\r\n").await.expect("room");
        let mut client =
            connect_over(own, Security::Plaintext, ClientOptions::new()).await.expect("a greeting");
        assert_eq!((client.channel(), client.tls()), (Channel::Plaintext, None));
        assert!(matches!(client.login(b"mrose", b"tanstaaf").await, Err(ClientError::Unsendable(_))));

        let (own, mut other) = duplex(1000);
        let socket = Socket::in_tls(own, None, Clock::start());
        let connector = Certificates::good().client("localhost");
        let deadline = pop3_driver::Transport::now(&socket).after(ClientOptions::new().connect_timeout);
        let security = Security::Implicit(connector);
        let twice =
            pop3_driver::client::Client::open(socket, &security, ClientOptions::new(), deadline).await;
        assert!(matches!(twice.map(drop), Err(ClientError::Tls(_))));
        let mut sent = Vec::new();
        other.read_to_end(&mut sent).await.expect("the end");
        assert_eq!(sent, b"", "nothing was sent");
    });
}

// After the handshake with a SOCKS proxy, the stream is like any other.
#[test]
fn behind_a_proxy_that_was_talked_to_before() {
    let (mut own, mut other) = duplex(1000);
    let served = Served::start::<Tokio>(true, move |house, stop| {
        Tokio::run(async {
            let mut asked = [0; 3];
            other.read_exact(&mut asked).await.expect("the proxy is asked");
            other.write_all(b"\x05\x00").await.expect("room");
            let peer = Peer::without_address();
            serve_connection(other, peer, Entrance::Plain, Role::None, house, stop).await;
        });
    });
    Tokio::run(async {
        own.write_all(b"\x05\x01\x00").await.expect("room");
        own.read_exact(&mut [0; 2]).await.expect("an answer");
        let client =
            connect_over(own, Security::TrustedPlaintext, ClientOptions::new()).await.expect("a greeting");
        talk(client, Channel::TrustedPlaintext).await;
    });
    served.ended(None);
}

#[test]
fn the_end_of_the_server() {
    let (mut own, other) = duplex(1000);
    let served = Served::start::<Tokio>(true, move |house, stop| {
        let peer = Peer::without_address();
        Tokio::run(serve_connection(other, peer, Entrance::Plain, Role::None, house, stop));
    });
    Tokio::run(async { own.read_exact(&mut [0; 3]).await.expect("a greeting") });
    served.stopped();
}
