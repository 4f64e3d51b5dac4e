//! POP3 over the futures-io traits, for async-std and smol: a client that connects, a server that
//! listens, both with rustls.
//!
//! All is written once against [`futures_io`]; a [`Runtime`] adds what those traits do not have:
//! connecting, listening, sleeping, spawning. The features `async-std` (default) and `smol` bring
//! one each. async-std itself is discontinued; its users are served, others better take smol.
//!
//! ```no_run
//! # #[cfg(feature = "async-std")]
//! # async fn example() -> Result<(), pop3_async_std::Error> {
//! use pop3_async_std::{AsyncStd, Options, Security, connect};
//!
//! let mut client = connect::<AsyncStd>("127.0.0.1", 1110, Security::TrustedPlaintext, Options::new()).await?;
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
//! All are on by default, but for `smol`. `rustls`, `ring`, `proxy` and `md5` are those of [`pop3_driver`](pop3_driver#features).

#[cfg(feature = "async-std")]
mod async_std;
mod listen;
mod over;
mod runtime;
#[cfg(feature = "smol")]
mod smol;
mod socket;
mod writer;

#[cfg(feature = "async-std")]
pub use self::async_std::AsyncStd;
#[cfg(feature = "smol")]
pub use self::smol::{Smol, SmolTask};
pub use listen::{Pool, serve, serve_or_hand_over};
pub use over::{client, client_in_tls, serve_connection};
pub use pop3_driver::client::{Error, Options, Security};
pub use runtime::Runtime;
pub use socket::Socket;
pub use writer::Writer;

use pop3_driver::client::Client;

/// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
///
/// # Errors
/// See [`Error`]. No name and no password was sent.
pub async fn connect<R: Runtime>(
    host: &str,
    port: u16,
    security: Security,
    options: Options,
) -> Result<Client<Socket<R>>, Error> {
    let clock = pop3_driver::Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream =
        runtime::within::<R, _>(clock, deadline, R::connect(host, port)).await.map_err(Error::Network)?;
    let socket = Socket::over(stream, security.role(), clock);
    Client::open(socket, &security, options, deadline).await
}
