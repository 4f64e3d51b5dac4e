//! What a client sends is acknowledged at once where the driver asks for it.
//!
//! How long a client really waits depends on the load of the machine. So the test looks at the option of the socket.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::TcpStreamExt as _;

use pop3_async_std::{AsyncStd, Smol};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Transport as _};

use crate::on_each_runtime;
use crate::runtime::{Runtime, Std, Tokio};

on_each_runtime!(a_socket_acknowledges_at_once);

/// An adapter that makes sockets of connections as its listeners do.
trait Accepting: Runtime {
    fn socket(stream: TcpStream) -> io::Result<Self::Socket>;
}

impl Accepting for Tokio {
    fn socket(stream: TcpStream) -> io::Result<Self::Socket> {
        stream.set_nonblocking(true)?;
        pop3_tokio::Socket::new(tokio::net::TcpStream::from_std(stream)?, Role::None, Clock::start())
    }
}

impl Accepting for AsyncStd {
    fn socket(stream: TcpStream) -> io::Result<Self::Socket> {
        stream.set_nonblocking(true)?;
        let stream = async_std::net::TcpStream::from(stream);
        Ok(pop3_async_std::Socket::new(stream, Role::None, Clock::start()))
    }
}

impl Accepting for Smol {
    fn socket(stream: TcpStream) -> io::Result<Self::Socket> {
        let stream = smol::net::TcpStream::try_from(stream)?;
        Ok(pop3_async_std::Socket::new(stream, Role::None, Clock::start()))
    }
}

impl Accepting for Std {
    fn socket(stream: TcpStream) -> io::Result<Self::Socket> {
        pop3_std::Socket::new(stream, Role::None, Clock::start())
    }
}

async fn a_socket_acknowledges_at_once<R: Accepting>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let _client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (stream, _) = listener.accept().expect("a connection");
    let seen = stream.try_clone().expect("a descriptor");
    let mut socket = R::socket(stream).expect("a socket");
    for _ in 0..2 {
        // The system does the same when a session has replied a few times.
        seen.set_quickack(false).expect("the option");
        assert!(!seen.quickack().expect("the option"));
        socket.acknowledge();
        assert!(seen.quickack().expect("the option"));
    }
}
