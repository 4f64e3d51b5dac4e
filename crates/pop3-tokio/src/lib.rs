//! POP3 on tokio: a client and a server, both with rustls.
//!
//! # A client
//!
//! The builder connects to port 995 with TLS, trusts the certificate authorities of the system, and logs in with the
//! strongest method that the server offers. This program saves all messages to files:
//!
//! ```no_run
//! # #[cfg(feature = "trust")]
//! # mod example {
//! use pop3_tokio::Client;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client =
//!         Client::builder("pop.example.org").login("mrose", "tanstaaf").connect().await?;
//!     for (number, _) in client.list().await? {
//!         let mut content = Vec::new();
//!         client.retr(number, &mut content).await?;
//!         tokio::fs::write(format!("{number}.eml"), content).await?;
//!     }
//!     client.quit().await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! Use the [`Builder`] to set everything else: other ports, STLS, certificates, tokens, timeouts, streams of your
//! own. The client sends a password without TLS only if you call [`trusted_plaintext`](Builder::trusted_plaintext) or
//! choose [`Security::TrustedPlaintext`]. [`client::Client`] documents the methods of the client.
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
//! use pop3_tokio::memory::MemoryStore;
//! use pop3_tokio::server::Entrance;
//! use pop3_tokio::store::StoreService;
//! use pop3_tokio::{Pool, Stop, serve, tls::Role};
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let store = MemoryStore::new();
//!     store.add_user("mrose", "tanstaaf");
//!     store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
//!     let service = StoreService::new(store, Pool::new())
//!         .trust_loopback()
//!         .on_end(|peer, report| println!("{peer}: {:?}, {}", report.user, report.close));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:1110").await?;
//!     serve(listener, Entrance::Plain, Role::None, service.into(), Stop::new()).await;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! For TLS, pass a [`tls::Role::Server`]. `certificates::server_config_from_pem` reads its certificate and key from
//! files.
//!
//! # A server with a store of its own
//!
//! This is a complete server: a folder of messages for each user, passwords, TLS from PEM files, and a shutdown on
//! Ctrl-C. Besides this crate, it needs tokio with the features `macros`, `net`, `rt-multi-thread` and `signal`.
//!
//! ```no_run
//! # #[cfg(feature = "trust")]
//! # mod example {
#![doc = include_str!("../guide/server.rs")]
//! # }
//! ```
//!
//! [`LoginAttempt::verify`](backend::LoginAttempt::verify) checks the password, [`Locks`](store::Locks) gives each
//! maildrop to one session, and only [`commit`](store::Maildrop::commit) removes messages, at QUIT.
//!
//! # One dependency
//!
//! A program needs no other crate of this workspace for a client or a server. This crate re-exports what you need:
//!
//! | here | contents |
//! |---|---|
//! | [`Client`], [`Builder`], [`connect`], [`connect_over`], [`connect_in_tls`], [`Connecting`], [`serve`], [`serve_or_hand_over`], [`serve_connection`], [`Socket`], [`Pool`], [`Writer`] | what this crate adds to the driver |
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
mod listen;
mod over;
mod socket;
mod writer;

pub use builder::{Builder, Client};
pub use listen::{Pool, serve, serve_or_hand_over};
pub use over::{connect_in_tls, connect_over, serve_connection};
pub use pop3_builder::{Connecting, reasons};
#[cfg(feature = "trust")]
pub use pop3_builder::{certificates, trust};
pub use pop3_driver::client::{ClientError, ClientOptions, Security};
pub use pop3_driver::{
    Clock, LoginMethod, OnStop, Room, Stop, Transport, backend, client, memory, server, store, timed_out, tls,
};
pub use pop3_proto as proto;
pub use pop3_sasl as sasl;
pub use socket::Socket;
pub use writer::Writer;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to a server, does the TLS handshake as requested, and waits for the greeting.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub async fn connect(
    host: &str,
    port: u16,
    security: Security,
    options: ClientOptions,
) -> Result<Client, ClientError> {
    let clock = Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = timeout(options.connect_timeout, TcpStream::connect((host, port)))
        .await
        .map_err(|_| ClientError::Network(timed_out()))?
        .map_err(ClientError::Network)?;
    let socket = Socket::new(stream, security.role(), clock).map_err(ClientError::Network)?;
    Client::open(socket, &security, options, deadline).await
}
