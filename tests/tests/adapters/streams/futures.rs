//! Streams with the traits of futures-io, on async-std and smol.

use futures_rustls::{TlsAcceptor, TlsConnector};
use pop3_async_std::{Socket, connect_in_tls, connect_over, serve_connection};
use pop3_driver::Clock;
use pop3_driver::client::{ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_proto::Channel;
use smol::Async;
use smol::io::AsyncReadExt as _;

use super::memory::pair;
use super::{Served, talk, unix};
use crate::certificates::Certificates;
use crate::runtime::Runtime;

/// Tests that run on both.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            #[test]
            fn async_std() {
                super::$scenario::<pop3_async_std::AsyncStd>();
            }

            #[test]
            fn smol() {
                super::$scenario::<pop3_async_std::Smol>();
            }
        }
    )*};
}

on_both!(
    memory,
    memory_with_stls_and_with_implicit_tls,
    unix_sockets,
    the_tls_of_another_library,
    the_end_of_the_server,
);

fn memory<R: Runtime + pop3_async_std::Runtime>() {
    let (own, other) = pair();
    let served = Served::start::<R>(true, move |house, stop| {
        let peer = Peer::without_address();
        R::run(serve_connection::<R, _, _>(other, peer, Entrance::Plain, Role::None, house, stop));
    });
    R::run(async {
        let client = connect_over::<R, _>(own, Security::TrustedPlaintext, ClientOptions::new());
        talk(client.await.expect("a greeting"), Channel::TrustedPlaintext).await;
    });
    served.ended(None);
}

fn memory_with_stls_and_with_implicit_tls<R: Runtime + pop3_async_std::Runtime>() {
    for entrance in [Entrance::Plain, Entrance::Implicit] {
        let (own, other) = pair();
        let served = Served::start::<R>(false, move |house, stop| {
            let (peer, role) = (Peer::without_address(), Certificates::good().server());
            R::run(serve_connection::<R, _, _>(other, peer, entrance, role, house, stop));
        });
        let connector = Certificates::good().client("localhost");
        let security = match entrance {
            Entrance::Plain => Security::StartTls(connector),
            Entrance::Implicit => Security::Implicit(connector),
        };
        R::run(async {
            let client = connect_over::<R, _>(own, security, ClientOptions::new()).await.expect("a greeting");
            talk(client, Channel::Tls).await;
        });
        served.ended(Some("TLSv1_3"));
    }
}

fn unix_sockets<R: Runtime + pop3_async_std::Runtime>() {
    let (_folder, listener, connect) = unix();
    let served = Served::start::<R>(true, move |house, stop| {
        let (stream, _) = listener.accept().expect("a client");
        let (stream, peer) = (Async::new(stream).expect("a socket"), Peer::without_address());
        R::run(serve_connection::<R, _, _>(stream, peer, Entrance::Plain, Role::None, house, stop));
    });
    R::run(async {
        let stream = Async::new(connect()).expect("a socket");
        let client = connect_over::<R, _>(stream, Security::TrustedPlaintext, ClientOptions::new());
        talk(client.await.expect("a greeting"), Channel::TrustedPlaintext).await;
    });
    served.ended(None);
}

fn the_tls_of_another_library<R: Runtime + pop3_async_std::Runtime>() {
    let (own, other) = pair();
    let served = Served::start::<R>(false, move |house, stop| {
        R::run(async {
            let Role::Server(config) = Certificates::good().server() else { unreachable!() };
            // Boxed, because futures reserve space for a stream more than once.
            let stream = Box::new(TlsAcceptor::from(config).accept(other).await.expect("a handshake"));
            let info = TlsInfo::new("TLS of theirs", "x");
            let socket = Socket::<R, _>::in_tls(stream, Some(info), Clock::start());
            let peer = Peer::without_address();
            pop3_driver::server::serve(socket, Entrance::Implicit, peer, house, stop).await;
        });
    });
    R::run(async {
        let connector = Certificates::good().client("localhost");
        let handshake = TlsConnector::from(connector.config()).connect(connector.name(), own);
        let stream = handshake.await.expect("a handshake");
        let client = connect_in_tls::<R, _>(stream, None, ClientOptions::new()).await.expect("a greeting");
        talk(client, Channel::Tls).await;
    });
    served.ended(Some("TLS of theirs"));
}

fn the_end_of_the_server<R: Runtime + pop3_async_std::Runtime>() {
    let (mut own, other) = pair();
    let served = Served::start::<R>(true, move |house, stop| {
        let peer = Peer::without_address();
        R::run(serve_connection::<R, _, _>(other, peer, Entrance::Plain, Role::None, house, stop));
    });
    R::run(async { own.read_exact(&mut [0; 3]).await.expect("a greeting") });
    served.stopped();
}
