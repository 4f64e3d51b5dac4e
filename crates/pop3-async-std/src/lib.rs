//! POP3 on async-std and smol: a client and a server, both with rustls.
//!
//! The code is written once against the traits of [`futures_io`]. A [`Runtime`] adds what these traits lack:
//! connecting, listening, sleeping and spawning. The features `async-std` (on by default) and `smol` provide one
//! runtime each. async-std is discontinued. This crate still supports it, but prefer smol for new programs.
//!
//! # A client
//!
//! The builder connects to port 995 with TLS, trusts the certificate authorities of the system, and logs in with the
//! strongest method that the server offers. This program saves all messages to files. With smol, write
//! `Client::<Smol>`:
//!
//! ```no_run
//! # #[cfg(all(feature = "async-std", feature = "trust"))]
//! # mod example {
//! use pop3_async_std::{AsyncStd, Client};
//!
//! #[async_std::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let builder = Client::<AsyncStd>::builder("pop.example.org");
//!     let mut client = builder.login("mrose", "tanstaaf").connect().await?;
//!     for (number, _) in client.list().await? {
//!         let mut content = Vec::new();
//!         client.retr(number, &mut content).await?;
//!         async_std::fs::write(format!("{number}.eml"), content).await?;
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
//! # #[cfg(feature = "async-std")]
//! # mod example {
//! use pop3_async_std::memory::MemoryStore;
//! use pop3_async_std::server::Entrance;
//! use pop3_async_std::store::StoreService;
//! use pop3_async_std::{AsyncStd, Pool, Stop, serve, tls::Role};
//!
//! #[async_std::main]
//! async fn main() -> std::io::Result<()> {
//!     let store = MemoryStore::new();
//!     store.add_user("mrose", "tanstaaf");
//!     store.deliver("mrose", b"Subject: hello\n\nThe first message.\n");
//!     let service = StoreService::new(store, Pool::<AsyncStd>::new())
//!         .trust_loopback()
//!         .on_end(|peer, report| println!("{peer}: {:?}, {}", report.user, report.close));
//!     let listener = async_std::net::TcpListener::bind("127.0.0.1:1110").await?;
//!     serve::<AsyncStd, _>(listener, Entrance::Plain, Role::None, service.into(), Stop::new()).await;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! For TLS, pass a [`tls::Role::Server`]. `certificates::server_config_from_pem` reads its certificate and key from
//! files. The front page of `pop3-tokio` has a complete server with a store of its own. Its store works here as well.
//!
//! # One dependency
//!
//! A program needs no other crate of this workspace for a client or a server. This crate re-exports what you need:
//!
//! | here | contents |
//! |---|---|
//! | [`Runtime`], `AsyncStd`, `Smol`, [`Client`], [`Builder`], [`connect`], [`connect_over`], [`connect_in_tls`], [`Connecting`], [`serve`], [`serve_or_hand_over`], [`serve_connection`], [`Socket`], [`Pool`], [`Writer`] | what this crate adds to the driver |
//! | [`ClientError`], [`ClientOptions`], [`Security`] | the words of [`client`] that most programs need |
//! | [`client`], [`server`], [`backend`], [`store`], [`memory`], [`tls`], [`Stop`], [`LoginMethod`], [`Transport`], [`Room`], [`Clock`] | all of [`pop3_driver`], under the same names |
//! | [`proto`] | [`pop3_proto`]: message numbers, unique-ids, snapshots, capabilities, rejections, the settings of a server |
//! | [`sasl`] | [`pop3_sasl`]: mechanisms, SCRAM keys |
//! | [`reasons`] | shows any error with its causes |
//! | `trust`, `certificates` | `pop3_trust` and `pop3_certificates`, with the feature `trust`: certificate authorities, fingerprints, PEM files |
//!
//! # Features
//!
//! All except `smol` are on by default.
//!
//! - `trust`: the builder trusts the certificate authorities of the system, and accepts PEM files and fingerprints.
//!   It enables `ring`.
//! - `rustls`, `ring`, `proxy` and `md5`: see [`pop3_driver`](pop3_driver#features). With `rustls` but without
//!   `trust`, pass a rustls configuration to the builder. Without `rustls`, the builder offers no TLS.

#[cfg(feature = "async-std")]
mod async_std;
mod builder;
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
pub use runtime::Runtime;
pub use socket::Socket;
pub use writer::Writer;

/// Connects to a server, does the TLS handshake as requested, and waits for the greeting.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub async fn connect<R: Runtime>(
    host: &str,
    port: u16,
    security: Security,
    options: ClientOptions,
) -> Result<Client<R>, ClientError> {
    let clock = Clock::start();
    let deadline = clock.now().after(options.connect_timeout);
    let stream = runtime::within::<R, _>(clock, deadline, R::connect(host, port))
        .await
        .map_err(ClientError::Network)?;
    let socket = Socket::over(stream, security.role(), clock);
    Client::open(socket, &security, options, deadline).await
}
