//! A relay between a program and a server that reports everything that passes.

use core::net::SocketAddr;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to a server while the test runs.
pub(crate) struct Relay {
    address: SocketAddr,
}

impl Relay {
    /// `pass` receives the number of octets from each side so far, and returns whether they may pass. If not, both
    /// connections are cut.
    pub(crate) fn new(server: SocketAddr, pass: impl FnMut(usize) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pass = Arc::new(Mutex::new(pass));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let ways = [(&client, &server), (&server, &client)];
                for (from, to) in ways.map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
                {
                    let pass = Arc::clone(&pass);
                    thread::spawn(move || forward(from, to, &pass));
                }
            }
        });
        Self { address }
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }
}

/// A process that is killed resets its connection. An error is an end like any other.
fn forward(mut from: TcpStream, mut to: TcpStream, pass: &Mutex<impl FnMut(usize) -> bool>) {
    let mut buffer = [0; 4096];
    while let Ok(octets @ 1..) = from.read(&mut buffer) {
        let may_pass = (*pass.lock().unwrap())(octets);
        if !may_pass || to.write_all(&buffer[..octets]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
