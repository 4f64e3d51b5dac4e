//! POP3 over tokio: a client that connects, a server that listens, both with rustls.
//!
//! # A client
//!
//! The builder connects to port 995 in TLS, believes the certificate authorities that the system trusts, and logs in by
//! the strongest way that the server offers. This fetches all messages into files:
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
//! The [`Builder`] has the rest: other ports, STLS, certificates, tokens, timeouts, streams of your own. Passwords go
//! out in clear only where you say so by name. What can be done with the client is told at
//! [`client::Client`].
//!
//! # A server
//!
//! A [`Service`](server::Service) decides who is let in, and gives each session its store. This one has its mail in
//! memory, and takes passwords in clear from this machine only. [`store::Store`] and [`backend::Backend`] say how to
//! serve mail from elsewhere.
//!
//! ```no_run
//! # mod example {
//! use std::sync::Arc;
//! use pop3_tokio::memory::MemoryStore;
//! use pop3_tokio::proto::{Rejection, server::ServerConfig};
//! use pop3_tokio::server::{Entrance, Peer, SessionReport, Service, Welcome};
//! use pop3_tokio::{Pool, Stop, store::Blocking, tls::Role};
//!
//! struct Mail(MemoryStore);
//!
//! impl Service for Mail {
//!     type Backend = Blocking<MemoryStore, Pool>;
//!
//!     async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
//!         let backend = Blocking::new(self.0.clone().into(), Pool::default(), peer.clone());
//!         let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
//!         Ok(Welcome::new(ServerConfig::new().into(), backend).with_trusted(trusted))
//!     }
//!
//!     fn ended(&self, peer: &Peer, report: &SessionReport) {
//!         println!("{peer}: {:?}, {}", report.user, report.close);
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let store = MemoryStore::new();
//!     store.add_user("mrose", "tanstaaf");
//!     store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:1110").await?;
//!     let service = Arc::new(Mail(store));
//!     pop3_tokio::serve(listener, Entrance::Plain, Role::None, service, Stop::new()).await;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! For TLS, give [`tls::Role::Server`] a [`tls::server_config`].
//!
//! # One dependency
//!
//! A program needs no other crate of this workspace for a client or a server:
//!
//! | here | what it is |
//! |---|---|
//! | [`Client`], [`Builder`], [`connect`], [`connect_over`], [`serve`], [`serve_connection`], [`Socket`], [`Pool`], [`Writer`] | what this crate adds to the driver |
//! | [`client`], [`server`], [`backend`], [`store`], [`memory`], [`tls`], [`Stop`], [`LoginMethod`], [`Transport`], [`Clock`] | all of [`pop3_driver`], under the same names |
//! | [`proto`] | [`pop3_proto`]: message numbers, unique-ids, snapshots, capabilities, rejections, the settings of a server |
//! | [`sasl`] | [`pop3_sasl`]: mechanisms, SCRAM keys |
//! | `trust`, `certificates` | `pop3_trust` and `pop3_certificates`, with the feature `trust`: certificate authorities, fingerprints, PEM files |
//!
//! # Features
//!
//! All are on by default.
//!
//! - `trust`: the builder believes the authorities that the system trusts, and takes PEM files and fingerprints. It
//!   turns `ring` on.
//! - `rustls`, `ring`, `proxy` and `md5` are those of [`pop3_driver`](pop3_driver#features). With `rustls` and without
//!   `trust`, give the builder a rustls configuration; without `rustls` it offers no TLS.

mod builder;
mod listen;
mod over;
mod socket;
mod writer;

pub use builder::{Builder, Client};
pub use listen::{Pool, serve, serve_or_hand_over};
pub use over::{connect_in_tls, connect_over, serve_connection};
pub use pop3_builder::Connecting;
#[cfg(feature = "trust")]
pub use pop3_builder::{certificates, trust};
pub use pop3_driver::client::{ClientError, ClientOptions, Security};
pub use pop3_driver::{
    Clock, LoginMethod, OnStop, Stop, Transport, backend, client, memory, server, store, timed_out, tls,
};
pub use pop3_proto as proto;
pub use pop3_sasl as sasl;
pub use socket::Socket;
pub use writer::Writer;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
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
