//! POP3 on blocking sockets of the standard library: a client, and a server with one thread for each connection, both
//! with rustls.
//!
//! This needs no runtime: [`wait`] runs the futures of [`pop3_driver`] on sockets that block.
//!
//! # A client
//!
//! The builder connects to port 995 with TLS, trusts the certificate authorities of the system, and logs in with the
//! strongest method that the server offers. This program saves all messages to files:
//!
//! ```no_run
//! # #[cfg(feature = "trust")]
//! # mod example {
//! use std::fs::File;
//! use pop3_std::Client;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = Client::builder("pop.example.org").login("mrose", "tanstaaf").connect()?;
//!     for (number, _) in client.list()? {
//!         let mut file = File::create(format!("{number}.eml"))?;
//!         client.retr(number, &mut file)?;
//!     }
//!     client.quit()?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! Use the [`Builder`] to set everything else: other ports, STLS, certificates, tokens, timeouts, streams of your
//! own. The client sends a password without TLS only if you call [`trusted_plaintext`](Builder::trusted_plaintext) or
//! choose [`Security::TrustedPlaintext`]. [`Client`] is [`client::Client`] with blocking calls.
//!
//! To save each message once, although the program runs often or is killed, use the crate `pop3-fetch` with this client.
//!
//! # A server
//!
//! A [`StoreService`](store::StoreService) serves a [`Store`](store::Store) to everybody who can log in. This one keeps
//! its mail in memory and accepts passwords without TLS only from the local machine. To serve mail from elsewhere,
//! implement [`store::Store`], or [`backend::Backend`] if your calls are `async`. To decide which clients to serve,
//! implement [`server::Service`].
//!
//! ```no_run
//! # mod example {
//! use pop3_std::memory::MemoryStore;
//! use pop3_std::server::Entrance;
//! use pop3_std::store::StoreService;
//! use pop3_std::{Pool, Stop, serve, tls::Role};
//!
//! fn main() -> std::io::Result<()> {
//!     let store = MemoryStore::new();
//!     store.add_user("mrose", "tanstaaf");
//!     store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
//!     let service = StoreService::new(store, Pool::default())
//!         .trust_loopback()
//!         .on_end(|peer, report| println!("{peer}: {:?}, {}", report.user, report.close));
//!     let listener = std::net::TcpListener::bind("127.0.0.1:1110")?;
//!     serve(listener, Entrance::Plain, &Role::None, &service.into(), &Stop::new())
//! }
//! # }
//! ```
//!
//! For TLS, pass a [`tls::Role::Server`]. `certificates::server_config_from_pem` reads its certificate and key from
//! files. The front page of `pop3-tokio` has a complete server with a store of its own. Its store works here as well.
//!
//! [`Pool`] runs each call of the store on the thread of its session, which is right for a store in memory. If a call may
//! hang, as on a disk or in a database, use [`Threads`] in its place: with [`Pool`], a call that hangs also holds its
//! session, and neither its deadline nor a stop of the server can end it.
//!
//! # One dependency
//!
//! A program needs no other crate of this workspace for a client or a server. This crate re-exports what you need:
//!
//! | here | contents |
//! |---|---|
//! | [`Client`], [`Builder`], [`IncomingMessage`], [`connect`], [`connect_over`], [`connect_in_tls`], [`serve`], [`serve_or_hand_over`], [`serve_connection`], [`serve_connection_in_tls`], [`Socket`], [`Stream`], [`Pool`], [`Threads`] | what this crate adds to the driver |
//! | [`ClientError`], [`ClientOptions`], [`Security`] | the words of [`client`] that most programs need |
//! | [`client`], [`server`], [`backend`], [`store`], [`memory`], [`tls`], [`Stop`], [`LoginMethod`], [`Transport`], [`Room`], [`Clock`] | all of [`pop3_driver`], under the same names |
//! | [`proto`] | [`pop3_proto`]: message numbers, unique-ids, snapshots, capabilities, rejections, the settings of a server |
//! | [`sasl`] | [`pop3_sasl`]: mechanisms, SCRAM keys |
//! | [`reasons`] | shows any error with its causes |
//! | `trust`, `certificates` | `pop3_trust` and `pop3_certificates`, with the feature `trust`: certificate authorities, fingerprints, PEM files |
//!
//! # Features
//!
//! All are on by default.
//!
//! - `trust`: the builder trusts the certificate authorities of the system, and accepts PEM files and fingerprints.
//!   It enables `ring`.
//! - `rustls`, `ring`, `proxy` and `md5`: see [`pop3_driver`](pop3_driver#features). With `rustls` but without
//!   `trust`, pass a rustls configuration to the builder. Without `rustls`, the builder offers no TLS.

mod builder;
mod calls;
mod crew;
mod listen;
mod message;
mod over;
mod socket;
mod stream;
mod sync;
mod threads;

pub use builder::Builder;
pub use calls::Client;
pub use listen::{serve, serve_or_hand_over};
pub use message::IncomingMessage;
pub use over::{connect_in_tls, connect_over, serve_connection, serve_connection_in_tls};
pub use pop3_builder::reasons;
#[cfg(feature = "trust")]
pub use pop3_builder::{certificates, trust};
pub use pop3_driver::client::{ClientError, ClientOptions, Security};
pub use pop3_driver::store::Inline as Pool;
pub use pop3_driver::{
    Clock, LoginMethod, OnStop, Room, Stop, Transport, backend, client, memory, pause, server, store,
    timed_out, tls, wait,
};
pub use pop3_proto as proto;
pub use pop3_sasl as sasl;
pub use socket::Socket;
pub use stream::{Carried, Stream, Tcp, Unblock, Untimed};
pub use threads::Threads;

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};

use pop3_driver::client::Client as Calls;
use pop3_proto::Instant;

/// Connects to a server, does the TLS handshake as requested, and waits for the greeting.
///
/// Returns the client of the driver, whose futures you run with [`wait`]. It is meant for code that works with
/// several runtimes. [`Client::connect`] returns a client with blocking calls.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub fn connect(
    host: &str,
    port: u16,
    security: Security,
    options: ClientOptions,
) -> Result<Calls<Socket>, ClientError> {
    let clock = Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = dial(host, port, clock, deadline).map_err(ClientError::Network)?;
    let socket = Socket::new(stream, security.role(), clock).map_err(ClientError::Network)?;
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
