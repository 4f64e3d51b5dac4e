//! POP3 over blocking std sockets: a client that connects, a server with a thread for each
//! connection, both with rustls.
//!
//! No runtime is needed: the futures of [`pop3_driver`] are run by its
//! [`wait`], on sockets that block.
//!
//! ```no_run
//! use pop3_std::{Client, Options, Security};
//!
//! # fn example() -> Result<(), pop3_std::Error> {
//! let mut client = Client::connect("127.0.0.1", 1110, Security::TrustedPlaintext, Options::new())?;
//! client.login(b"mrose", b"tanstaaf")?;
//! for (message, octets) in client.list()? {
//!     println!("{message}: {octets} octets");
//! }
//! client.quit()
//! # }
//! ```
//!
//! # Features
//!
//! All are on by default. `rustls`, `ring`, `proxy` and `md5` are those of [`pop3_driver`](pop3_driver#features).

mod client;
mod listen;
mod message;
mod over;
mod socket;
mod stream;
mod threads;

pub use client::Client;
pub use listen::{serve, serve_or_hand_over};
pub use message::Message;
pub use over::{client, client_in_tls, serve_connection, serve_connection_in_tls};
pub use pop3_driver::client::{Error, Options, Security};
pub use pop3_driver::store::Inline as Pool;
pub use pop3_driver::wait;
pub use socket::Socket;
pub use stream::{Carried, Stream, Tcp, Unblock, Untimed};
pub use threads::Threads;

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};

use pop3_driver::client::Client as Calls;
use pop3_driver::{Clock, timed_out};
use pop3_proto::Instant;

/// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
///
/// The client is that of the driver, whose futures [`wait`] runs: for code that is written once for several
/// runtimes. [`Client::connect`] makes one whose calls block.
///
/// # Errors
/// See [`Error`]. No name and no password was sent.
pub fn connect(host: &str, port: u16, security: Security, options: Options) -> Result<Calls<Socket>, Error> {
    let clock = Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = dial(host, port, clock, deadline).map_err(Error::Network)?;
    let socket = Socket::new(stream, security.role(), clock).map_err(Error::Network)?;
    let socket = socket.with_stop(options.stop.clone());
    wait(Calls::open(socket, &security, options, deadline))
}

/// Tries all addresses of the host, in the order that the system gives them.
fn dial(host: &str, port: u16, clock: Clock, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = clock.until(deadline);
        if left.is_zero() {
            return Err(timed_out());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
