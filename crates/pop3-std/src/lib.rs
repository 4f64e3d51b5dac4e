//! POP3 over blocking std sockets: a client that connects, a server with a thread for each
//! connection, both with rustls.
//!
//! No runtime is needed: the futures of [`pop3_driver`] are run by its
//! [`wait`], on sockets that block.
//!
//! ```no_run
//! use pop3_std::{Options, Security, connect, wait};
//!
//! # fn example() -> Result<(), pop3_std::Error> {
//! let mut client = connect("127.0.0.1", 1110, Security::TrustedPlaintext, Options::new())?;
//! wait(client.login(b"mrose", b"tanstaaf"))?;
//! for (message, octets) in wait(client.list())? {
//!     println!("{message}: {octets} octets");
//! }
//! wait(client.quit())
//! # }
//! ```

mod listen;
mod socket;
mod threads;

pub use listen::{serve, serve_or_hand_over};
pub use pop3_driver::client::{Error, Options, Security};
pub use pop3_driver::store::Inline as Pool;
pub use pop3_driver::wait;
pub use socket::Socket;
pub use threads::Threads;

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};

use pop3_driver::client::Client;
use pop3_driver::{Clock, timed_out};
use pop3_proto::Instant;

/// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
///
/// # Errors
/// See [`Error`]. No name and no password was sent.
pub fn connect(host: &str, port: u16, security: Security, options: Options) -> Result<Client<Socket>, Error> {
    let clock = Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = dial(host, port, clock, deadline).map_err(Error::Network)?;
    let socket = Socket::new(stream, security.role(), clock).map_err(Error::Network)?;
    let socket = socket.with_stop(options.stop.clone());
    wait(Client::open(socket, &security, options, deadline))
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
