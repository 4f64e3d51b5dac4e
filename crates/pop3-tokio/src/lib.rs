//! POP3 over tokio: a client that connects, a server that listens, both with rustls.
//!
//! This crate is one [`Transport`](pop3_driver::Transport), a [`connect`] and a [`serve`]. What can
//! be done with a connection is in [`pop3_driver`].
//!
//! ```no_run
//! use pop3_tokio::{Options, Security, connect};
//!
//! # async fn example() -> Result<(), pop3_tokio::Error> {
//! let mut client = connect("127.0.0.1", 1110, Security::TrustedPlaintext, Options::new()).await?;
//! client.login(b"mrose", b"tanstaaf").await?;
//! for (message, octets) in client.list().await? {
//!     println!("{message}: {octets} octets");
//! }
//! client.quit().await
//! # }
//! ```
//!
//! # Features
//!
//! All are on by default. `rustls`, `ring`, `proxy` and `md5` are those of [`pop3_driver`](pop3_driver#features).

mod listen;
mod over;
mod socket;
mod writer;

pub use listen::{Pool, serve, serve_or_hand_over};
pub use over::{client, client_in_tls, serve_connection};
pub use pop3_driver::client::{Error, Options, Security};
pub use socket::Socket;
pub use writer::Writer;

use pop3_driver::client::Client;
use pop3_driver::timed_out;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
///
/// # Errors
/// See [`Error`]. No name and no password was sent.
pub async fn connect(
    host: &str,
    port: u16,
    security: Security,
    options: Options,
) -> Result<Client<Socket>, Error> {
    let clock = pop3_driver::Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = timeout(options.connect_timeout, TcpStream::connect((host, port)))
        .await
        .map_err(|_| Error::Network(timed_out()))?
        .map_err(Error::Network)?;
    let socket = Socket::new(stream, security.role(), clock).map_err(Error::Network)?;
    Client::open(socket, &security, options, deadline).await
}
